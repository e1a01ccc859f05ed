"""What those who sell audiobooks ask of a file, as rows of figures."""

from dataclasses import dataclass
from typing import Literal

PresetName = Literal["acx", "streaming", "archive"]


@dataclass(frozen=True, slots=True)
class Preset:
    """The levels that a chapter is brought to, and the bounds that its files are checked against.

    `loudness_lufs` and `peak_dbfs` hold where the profile gives none. `rms_db` is the least and the most RMS of a file in
    dBFS, `floor_db` the loudest noise floor, `head` and `tail` the least and the most seconds of room tone before and behind
    the speech, `longest_seconds` the longest file; None where nothing is asked. `sample_rate` is in Hz.
    """

    loudness_lufs: float
    peak_dbfs: float
    mp3_kbps: int
    aac_kbps: int
    sample_rate: int = 44_100
    rms_db: tuple[float, float] | None = None
    floor_db: float | None = None
    head: tuple[float, float] | None = None
    tail: tuple[float, float] | None = None
    longest_seconds: float | None = None


PRESETS: dict[PresetName, Preset] = {
    # ACX's audio submission requirements; -19 LUFS of speech lies near the middle of its range of RMS.
    "acx": Preset(
        -19.0,
        -3.0,
        mp3_kbps=192,
        aac_kbps=144,
        rms_db=(-23.0, -18.0),
        floor_db=-60.0,
        head=(0.5, 1.0),
        tail=(1.0, 5.0),
        longest_seconds=7_200,
    ),
    # Mono speech for players that level to -16 LUFS; -1 dB of true peak leaves room for what an encoder adds.
    "streaming": Preset(-16.0, -1.0, mp3_kbps=128, aac_kbps=144),
    "archive": Preset(-19.0, -3.0, mp3_kbps=192, aac_kbps=144, floor_db=-60.0),
}
