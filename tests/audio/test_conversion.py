"""Samples at another rate."""

import numpy as np
import pytest

from tasks.audio.conversion import Converter, Samples, converted

TARGET = 44_100
# What a track is handed on in.
BLOCK_SECONDS = 4


def noise(samples: int, loudest: int = 3_000) -> Samples:
    return np.random.default_rng(samples).integers(-loudest, loudest, samples).astype(np.int16)


def streamed(samples: Samples, rate: int) -> Samples:
    converter, size = Converter(rate, TARGET), BLOCK_SECONDS * rate
    blocks = [converter.take(samples[first : first + size]) for first in range(0, len(samples), size)]
    return np.concatenate([*blocks, converter.take(noise(0), is_last=True)])


# Of these, the last block of some used to be rounded by chance.
@pytest.mark.parametrize("length", [1, 30, 384_010, 410_656, 410_713])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 48_000])
def test_what_is_converted_again_is_the_same(length: int, rate: int) -> None:
    samples = noise(length)
    once = streamed(samples, rate)
    for _ in range(4):
        assert np.array_equal(streamed(samples, rate), once)
    whole = converted(samples, rate, TARGET)
    assert np.array_equal(converted(samples, rate, TARGET), whole)
    assert abs(len(whole) - length * TARGET / rate) <= 1
    common = min(len(whole), len(once))
    assert np.abs(whole[:common].astype(int) - once[:common]).max() <= 1


def test_a_tone_stays_what_it_is() -> None:
    seconds = np.arange(24_000) / 24_000
    tone = (9_000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
    expected = 9_000 * np.sin(2 * np.pi * 440 * np.arange(TARGET) / TARGET)
    # Its ends are cut from nothing.
    assert np.abs(converted(tone, 24_000, TARGET) - expected)[1_000:-1_000].max() < 3


def test_what_is_louder_than_full_scale_is_cut_not_turned_over() -> None:
    square = np.where(np.arange(24_000) % 48 < 24, 32_767, -32_768).astype(np.int16)
    heard = converted(square, 24_000, TARGET).astype(int)
    middle = (np.arange(TARGET) * 24_000 / TARGET) % 24
    inside = (middle > 8) & (middle < 16)
    assert np.abs(heard[1_000:-1_000][inside[1_000:-1_000]]).min() > 25_000
