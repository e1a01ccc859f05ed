import math
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import APIC, ID3, PictureType

from tasks.audio.encode import encoding
from tasks.audio.loudness import short_term
from tasks.audio.meter import MOST_PARTS, Meter, measured
from tasks.audio.presets import PRESETS
from tasks.errors import AudioError
from tasks.model import Curve
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


def heard_in_pieces(samples: Samples, piece: int) -> Curve:
    meter = Meter()
    for begin in range(0, len(samples), piece):
        meter.add(samples[begin : begin + piece].astype(np.float32) / np.float32(32_768))
    heard = meter.measured()
    assert heard is not None
    assert max(heard.curve.peaks) == pytest.approx(10 ** ((heard.levels.peak_db or 0) / 20), abs=1e-3)
    return heard.curve


@given(st.integers(5_000, 200_000), st.integers(0, 30_000), st.sampled_from([1_777, RATE, 1_000_000]))
def test_the_highest_peak_of_a_curve_is_that_of_the_levels_wherever_it_lies(rest: int, place: int, piece: int) -> None:
    samples = np.concatenate((syllables(1, RATE, 9_000), np.full(rest, 20, np.int16)))
    samples[-1 - place % rest] = 30_000
    curve = heard_in_pieces(samples, piece)
    assert len(curve.peaks) == len(curve.loudness) <= MOST_PARTS
    assert (len(curve.peaks) - 1) * curve.seconds < len(samples) / RATE < (len(curve.peaks) + 1) * curve.seconds
    expected = min(int((len(samples) - 1 - place % rest) / RATE / curve.seconds), len(curve.peaks) - 1)
    assert int(np.argmax(curve.peaks)) == expected


def test_a_curve_of_many_minutes_is_no_longer_than_one_of_few() -> None:
    meter, minute = Meter(), syllables(60, RATE, 9_000).astype(np.float32) / np.float32(32_768)
    for _ in range(11):
        meter.add(minute)
    heard = meter.measured()
    assert heard is not None
    assert MOST_PARTS / 2 <= len(heard.curve.peaks) <= MOST_PARTS
    assert heard.curve.seconds == pytest.approx(1.1)


def test_the_short_term_loudness_is_of_the_three_seconds_around_a_place() -> None:
    """BS.1770 gives a full-scale sine of 997 Hz -3.01 LUFS; this one is 20 dB softer, and in its middle silent for ten seconds."""
    tone = 3_276.8 * np.sin(2 * np.pi * 997 * np.arange(RATE * 10) / RATE)
    samples = np.round(np.concatenate((tone, np.zeros(RATE * 10), tone))).astype("<i2")
    curve = heard_in_pieces(samples, RATE)
    at = {second: curve.loudness[round(second / curve.seconds)] for second in (0, 5, 10, 15, 25, 29)}
    assert at[0] == at[5] == at[25] == at[29] == pytest.approx(-23.0, abs=0.1)
    # Half of the window is silent, to a step of 0.1 s, and then all of it.
    assert at[10] == pytest.approx(-26.0, abs=0.4)
    assert at[15] is None


def test_a_sound_of_less_than_three_seconds_has_the_loudness_of_its_whole() -> None:
    loudness = short_term(np.array([0.01, 0.03]), np.array([0.5, 1.5]))
    assert loudness == pytest.approx([-0.691 + 10 * math.log10(0.02)] * 2)
