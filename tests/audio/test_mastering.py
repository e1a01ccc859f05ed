import hashlib
import math
import re
import subprocess
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from tasks.audio import AudioSettings
from tasks.audio.mastering import master
from tasks.errors import AudioError
from tasks.model import Levels

RATE = 22_050
SECONDS = 12
Samples = np.ndarray[Any, np.dtype[np.float64]]


def speech(peak: float) -> Samples:
    """Make what is loud and soft by turns, as speech is: bursts of a tone with overtones, of differing strength."""
    chance = np.random.default_rng(7)
    time = np.arange(RATE * SECONDS) / RATE
    voice = sum(np.sin(2 * np.pi * 130 * order * time) / order for order in range(1, 12))
    syllables = (
        np.repeat(chance.uniform(0.1, 1, SECONDS * 5), RATE // 5)
        * np.hanning(RATE // 5).repeat(1)[np.arange(RATE * SECONDS) % (RATE // 5)]
    )
    sound = voice * syllables
    return np.asarray(sound / np.abs(sound).max() * peak + chance.standard_normal(len(sound)) * 3)


def written(samples: Samples, folder: Path) -> tuple[Path, float]:
    path = folder / "chapter.wav"
    whole = np.clip(np.round(samples), -32_768, 32_767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(whole.tobytes())
    power = float(np.square(whole.astype(np.float64)).mean())
    return path, 10 * math.log10(power / 32_768**2) if power else -math.inf


def mastered_to(path: Path, samples: Path, speech_dbfs: float, settings: AudioSettings) -> tuple[Levels, str]:
    """Master a chapter into a WAV file."""

    @contextmanager
    def taking() -> Iterator[Callable[[bytes], None]]:
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            yield file.writeframesraw

    return master(samples, speech_dbfs, settings, taking)


def read(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)


def figures(path: Path) -> tuple[float, float]:
    """Measure loudness and peak by ffmpeg's own meters, in another way than the code does."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-nostdin",
        "-hide_banner",
        "-i",
        str(path),
        "-af",
        "ebur128,astats",
        "-f",
        "null",
        "-",
    ]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stderr
    summary = said.rpartition("Summary:")[2]
    loudness = re.search(r"I:\s+(-?[\d.]+) LUFS", summary)
    peak = re.findall(r"Peak level dB: (-?[\d.]+)", said)
    assert loudness
    return float(loudness[1]), float(peak[-1])


@pytest.mark.parametrize("peak", [300, 3_000, 32_000])
@pytest.mark.parametrize(("lufs", "ceiling"), [(-19.0, -3.0), (-23.0, -6.0)])
def test_a_chapter_has_the_loudness_and_the_peak_of_the_profile(
    tmp_path: Path, peak: float, lufs: float, ceiling: float
) -> None:
    samples, speech_dbfs = written(speech(peak), tmp_path)
    mastered = tmp_path / "mastered.wav"
    settings = AudioSettings(loudness_lufs=lufs, peak_dbfs=ceiling)
    levels, _ = mastered_to(mastered, samples, speech_dbfs, settings)
    loudness, highest = figures(mastered)
    assert loudness == pytest.approx(lufs, abs=0.3)
    assert highest <= ceiling + 0.1
    assert levels.lufs == pytest.approx(loudness, abs=0.11)
    assert levels.peak_db == pytest.approx(highest, abs=0.02)


def test_nothing_is_moved_or_lost(tmp_path: Path) -> None:
    original = speech(8_000)
    samples, speech_dbfs = written(original, tmp_path)
    mastered = tmp_path / "mastered.wav"
    mastered_to(mastered, samples, speech_dbfs, AudioSettings())
    result = read(mastered)
    assert len(result) == len(original)
    # Where it is soft the limiter does nothing, so there it is the same sound at the same place, but for its gain.
    likeness = [np.corrcoef(result[RATE:-RATE], np.roll(original, shift)[RATE:-RATE])[0, 1] for shift in range(-40, 41)]
    assert int(np.argmax(likeness)) - 40 == 0
    assert max(likeness) > 0.95


def test_the_same_samples_are_mastered_to_the_same_bytes(tmp_path: Path) -> None:
    samples, speech_dbfs = written(speech(5_000), tmp_path)
    for name in ("one", "two"):
        mastered_to(tmp_path / name, samples, speech_dbfs, AudioSettings())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_levels_are_measured(tmp_path: Path) -> None:
    sound = speech(8_000)
    sound[RATE * 4 : RATE * 6] = np.random.default_rng(1).standard_normal(RATE * 2) * 6
    samples, speech_dbfs = written(sound, tmp_path)
    mastered = tmp_path / "mastered.wav"
    levels, digest = mastered_to(mastered, samples, speech_dbfs, AudioSettings())
    result = read(mastered)
    assert digest == hashlib.sha256(read(mastered).astype("<i2").tobytes()).hexdigest()
    assert levels.rms_db == pytest.approx(10 * math.log10(np.square(result).mean() / 32_768**2), abs=0.02)
    quiet = result[RATE * 9 // 2 : RATE * 5]
    assert levels.noise_floor_db == pytest.approx(10 * math.log10(np.square(quiet).mean() / 32_768**2), abs=0.5)


@pytest.mark.parametrize("sound", [np.zeros(RATE * 3), np.ones(100) * 5_000], ids=["silent", "too short"])
def test_a_chapter_without_sound_is_an_error(tmp_path: Path, sound: Samples) -> None:
    samples, speech_dbfs = written(sound, tmp_path)
    with pytest.raises(AudioError, match="silent or too short") as caught:
        mastered_to(tmp_path / "mastered.wav", samples, speech_dbfs, AudioSettings())
    assert "\n" not in str(caught.value)
