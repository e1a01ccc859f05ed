import wave
from pathlib import Path

import numpy as np
import pytest
from mutagen.id3 import APIC, ID3, PictureType

from tasks.audio.encode import encoding
from tasks.audio.meter import measured
from tasks.audio.presets import PRESETS
from tasks.errors import AudioError
from tests.audio.sound import Samples, syllables, told_by_ffmpeg

RATE = 44_100


def written(samples: Samples, file: Path) -> Path:
    with encoding(RATE, len(samples), PRESETS["acx"], {file.suffix[1:]: file}) as encoders:
        encoders.take(samples.astype("<i2").tobytes())
    return file


def spoken(head: float, tail: float) -> Samples:
    hiss = np.random.default_rng(2).standard_normal(RATE * 30) * 6
    parts = (hiss[: round(head * RATE)], syllables(10, RATE, 20_000), hiss[: round(tail * RATE)])
    return np.round(np.concatenate(parts)).astype("<i2")


@pytest.mark.parametrize("suffix", ["mp3", "flac", "aac"])
def test_a_file_is_heard_as_another_meter_hears_its_samples(tmp_path: Path, suffix: str) -> None:
    samples = spoken(0.7, 2.5)
    told = told_by_ffmpeg(samples, RATE)
    heard = measured(written(samples, tmp_path / f"a.{suffix}"))
    assert heard.levels.lufs == pytest.approx(told.lufs, abs=0.16)
    assert heard.levels.peak_db == pytest.approx(told.peak, abs=0.02 if suffix == "flac" else 0.5)
    power = np.square(samples.astype(np.float64) / 32_768).mean()
    assert heard.levels.rms_db == pytest.approx(10 * np.log10(power), abs=0.05)
    assert heard.levels.noise_floor_db == pytest.approx(20 * np.log10(6 / 32_768), abs=1)
    # AAC has a packet before its first sample.
    delay = 1024 / RATE if suffix == "aac" else 0
    assert heard.seconds == pytest.approx(len(samples) / RATE + delay, abs=1024 / RATE if suffix == "aac" else 1e-6)
    assert heard.head == pytest.approx(0.7 + delay, abs=0.03)
    assert heard.tail == pytest.approx(2.5, abs=0.05)


def test_stereo_at_another_rate_is_heard_too(tmp_path: Path) -> None:
    both = np.repeat(spoken(0.5, 1.5), 2)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, 2, 22_050, 0, "NONE", ""))
        file.writeframes(both.tobytes())
    assert measured(tmp_path / "a.wav").seconds == pytest.approx(24, abs=0.001)


def test_a_cover_is_no_sound(tmp_path: Path) -> None:
    file = written(spoken(0.7, 2.5), tmp_path / "a.mp3")
    before = measured(file)
    tags = ID3()
    tags.add(APIC(mime="image/png", type=PictureType.COVER_FRONT, data=(Path("samples") / "cover.png").read_bytes()))
    tags.save(file, v2_version=3)
    assert measured(file) == before


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 100])
def test_what_is_no_sound_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.mp3"
    file.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.mp3"):
        measured(file)


def test_silence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="silent"):
        measured(written(np.zeros(RATE * 3, np.int16), tmp_path / "a.flac"))
