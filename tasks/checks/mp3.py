"""An MP3 of a chapter: its stream, its tags, its levels."""

from collections.abc import Iterator
from pathlib import Path

from mutagen import MutagenError
from mutagen.mp3 import MP3, BitrateMode

from tasks.audio import AudioSettings
from tasks.audio.meter import measured
from tasks.audio.presets import PRESETS
from tasks.checks import Finding
from tasks.checks.levels import level_findings
from tasks.errors import AudioError

_TAGS = {"TIT2": "title", "TALB": "book", "TRCK": "number", "COMM": "disclosure"}


def mp3_findings(folder: Path, file: str, chapter: int | None, settings: AudioSettings) -> Iterator[Finding]:
    """Measure an MP3 below a folder."""
    try:
        yield from _stream_and_tags(MP3(folder / file), file, chapter, settings)
        yield from level_findings(file, chapter, measured(folder / file), settings)
    except (AudioError, MutagenError, OSError) as error:
        yield Finding(file, chapter, "file", str(error), "an MP3 that can be read", passes=False)


def _stream_and_tags(mp3: MP3, file: str, chapter: int | None, settings: AudioSettings) -> Iterator[Finding]:
    preset, stream = PRESETS[settings.preset], mp3.info
    is_constant = stream.bitrate_mode == BitrateMode.CBR
    # mutagen divides bytes by seconds: some bits are rounded away.
    kbps = round(stream.bitrate / 1000)
    yield Finding(
        file,
        chapter,
        "stream",
        f"{stream.sample_rate} Hz, {stream.channels} channel, {'constant' if is_constant else 'variable'} {kbps} kbit/s",
        f"{preset.sample_rate} Hz, 1 channel, constant {preset.mp3_kbps} kbit/s or more",
        passes=(stream.sample_rate, stream.channels, is_constant) == (preset.sample_rate, 1, True)
        and kbps >= preset.mp3_kbps,
    )
    names = {frame[:4] for frame in mp3.tags or {}}
    missing = [meaning for frame, meaning in _TAGS.items() if frame not in names]
    found = f"without {', '.join(missing)}" if missing else "all tags"
    yield Finding(file, chapter, "tags", found, ", ".join(_TAGS.values()), not missing)
