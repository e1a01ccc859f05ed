"""A chapter is joined, mastered and encoded as in a run; what is said of it is heard from the files."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tasks.audio import AudioSettings
from tasks.audio.encode import CODECS, Encoders, encoding, whole_packets
from tasks.audio.envelope import Envelope, Outline
from tasks.audio.mastering import master
from tasks.audio.meter import measured
from tasks.audio.presets import PRESETS
from tasks.errors import AudioError
from tasks.model import Levels
from tests.audio.sound import Samples, syllables

RATE = 22_050
SECONDS = 20
CODECS_USED = ("mp3", "aac")


def outlined(samples: Samples, folder: Path) -> tuple[Path, Envelope]:
    path = folder / "samples"
    path.write_bytes(samples.astype("<i2").tobytes())
    outline = Outline(RATE)
    outline.add(samples)
    return path, outline.drawn()


def mastered(
    samples: Samples, folder: Path, settings: AudioSettings, codecs: tuple[str, ...] = CODECS_USED
) -> tuple[Levels, dict[str, Path]]:
    """Master and encode a chapter as a run does."""
    path, envelope = outlined(samples, folder)
    preset = PRESETS[settings.preset]
    files = {codec: folder / f"track.{CODECS[codec].suffix}" for codec in codecs}
    length = whole_packets(len(samples) / RATE, preset)
    heard, _ = master(path, envelope, settings, partial(encoding, RATE, length, preset, files))
    return heard.levels, files


def mastered_samples(samples: Samples, folder: Path, settings: AudioSettings) -> tuple[Samples, str]:
    """Take the samples as the encoders do; they are encoded too, for the levels are heard from a file."""
    path, envelope = outlined(samples, folder)
    files = {"flac": folder / "track.flac"}
    length = whole_packets(len(samples) / RATE, PRESETS["acx"])
    taken: list[bytes] = []

    class Overheard(Encoders):
        def take(self, block: bytes) -> None:
            taken.append(block)
            super().take(block)

    @contextmanager
    def overheard() -> Iterator[Encoders]:
        taken.clear()
        with encoding(RATE, length, PRESETS["acx"], files) as encoders:
            encoders.__class__ = Overheard
            yield encoders

    _, digest = master(path, envelope, settings, overheard)
    return np.frombuffer(b"".join(taken), "<i2"), digest


@pytest.mark.parametrize("peak", [300, 3_000, 32_000])
@pytest.mark.parametrize(
    "settings", [AudioSettings(), AudioSettings(preset="streaming"), AudioSettings(loudness_lufs=-21, peak_dbfs=-6)]
)
def test_every_file_has_the_loudness_and_the_peak_of_the_profile(
    tmp_path: Path, peak: float, settings: AudioSettings
) -> None:
    pause = np.zeros(RATE, np.int16)
    samples = np.concatenate([part for seed in range(4) for part in (syllables(SECONDS / 4, RATE, peak, seed), pause)])
    levels, files = mastered(samples, tmp_path, settings)
    heard = {codec: measured(file).levels for codec, file in files.items()}
    for of in heard.values():
        assert of.lufs == pytest.approx(settings.loudness_lufs, abs=0.3)
        assert of.peak_db is not None
        assert of.peak_db <= settings.peak_dbfs
    assert levels == heard["mp3"]


def test_an_rms_outside_of_the_preset_is_met_at_its_bound(tmp_path: Path) -> None:
    """Words so far apart that the RMS of the whole is far below that of what is loud."""
    samples = np.concatenate(
        [np.append(syllables(2, RATE, 9_000, seed), np.zeros(RATE * 7, np.int16)) for seed in range(4)]
    )
    levels, _ = mastered(samples, tmp_path, AudioSettings())
    assert levels.rms_db == pytest.approx(-22.7, abs=0.2)
    assert levels.lufs is not None
    assert levels.lufs > -19


def test_nothing_is_moved_or_lost(tmp_path: Path) -> None:
    original = syllables(SECONDS, RATE, 8_000)
    result, _ = mastered_samples(original, tmp_path, AudioSettings())
    assert len(result) == len(original)
    # Where it is soft the limiter does nothing, so there it is the same sound at the same place, but for its gain.
    inside = slice(RATE, -RATE)
    likeness = [np.corrcoef(result[inside], np.roll(original, shift)[inside])[0, 1] for shift in range(-40, 41)]
    assert int(np.argmax(likeness)) - 40 == 0
    assert max(likeness) > 0.95


def test_the_limiter_makes_no_clicks(tmp_path: Path) -> None:
    """What a factor on straight lines of 20 ms adds to a tone lies beside it, not all over the spectrum."""
    tone = 8_000 * np.sin(2 * np.pi * 300 * np.arange(RATE * 6) / RATE)
    swell = np.ones(len(tone))
    swell[RATE * 3 : RATE * 3 + RATE // 4] = 4
    result, _ = mastered_samples(np.round(tone * swell).astype("<i2"), tmp_path, AudioSettings())
    part = result[RATE * 2 : RATE * 4] * np.hanning(RATE * 2)
    spectrum = np.abs(np.fft.rfft(part))
    bins = np.fft.rfftfreq(len(part), 1 / RATE)
    far = spectrum[bins > 3_000]
    # The step of the tone itself spreads as far: it is what the original does.
    original = np.abs(np.fft.rfft((tone * swell)[RATE * 2 : RATE * 4] * np.hanning(RATE * 2)))
    assert far.max() / spectrum.max() < 2 * original[bins > 3_000].max() / original.max() + 1e-3


def test_the_same_samples_are_mastered_to_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        mastered(syllables(SECONDS, RATE, 5_000), tmp_path / name, AudioSettings())
    for codec in CODECS_USED:
        one, two = (tmp_path / name / f"track.{codec}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_room_tone_lies_under_all_whatever_the_gain(tmp_path: Path) -> None:
    for peak in (200, 20_000):
        samples = np.concatenate((syllables(4, RATE, peak), np.zeros(RATE * 2, np.int16), syllables(4, RATE, peak)))
        result, digest = mastered_samples(samples, tmp_path, AudioSettings())
        assert digest == hashlib.sha256(result.tobytes()).hexdigest()
        quiet = result[RATE * 9 // 2 : RATE * 11 // 2]
        # Half of the samples of so quiet a noise are none; a run of them is what an ear or a meter would find.
        assert longest_run_of_zeros(quiet) < 200
        assert -77 < 10 * np.log10(np.square(quiet.astype(np.float64)).mean() / 32_768**2) < -73


def longest_run_of_zeros(samples: Samples) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (samples == 0).astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


@pytest.mark.parametrize("sound", [np.zeros(RATE * 3), np.ones(100) * 5_000], ids=["silent", "too short"])
def test_a_chapter_without_sound_is_an_error(tmp_path: Path, sound: Samples) -> None:
    with pytest.raises(AudioError, match="silent or too short") as caught:
        mastered(sound.astype(np.int16), tmp_path, AudioSettings())
    assert "\n" not in str(caught.value)


def test_memory_does_not_grow_with_the_chapter() -> None:
    """Ten hours are 360,000 steps: what is kept of them is 13 MB."""
    outline = Outline(RATE)
    minute = syllables(60, RATE, 9_000)
    for _ in range(10):
        outline.add(minute)
    envelope = outline.drawn()
    kept = envelope.powers.nbytes + envelope.peaks.nbytes + envelope.levels.nbytes
    assert kept / 600 * 36_000 < 13_000_000
