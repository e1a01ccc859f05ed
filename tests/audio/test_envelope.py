import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.audio.envelope import CELLS_A_SECOND, RATES, Envelope, Outline
from tasks.audio.loudness import integrated
from tests.audio.sound import Samples, syllables, told_by_ffmpeg


def drawn(samples: Samples, rate: int, piece: int = 50_000) -> Envelope:
    outline = Outline(rate)
    for begin in range(0, len(samples), piece):
        outline.add(samples[begin : begin + piece])
    return outline.drawn()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("peak", [500, 30_000])
def test_loudness_is_what_another_meter_says(rate: int, peak: int) -> None:
    loud, soft = syllables(8, rate, peak), syllables(9, rate, peak / 6, seed=3)
    samples = np.concatenate((loud, np.zeros(rate * 4, np.int16), soft, loud))
    assert integrated(drawn(samples, rate).powers) == pytest.approx(told_by_ffmpeg(samples, rate).lufs, abs=0.2)


@pytest.mark.parametrize("rate", [22_050, 44_100])
@pytest.mark.parametrize("hertz", [40, 100, 1_000, 3_000, 8_000])
def test_every_frequency_is_weighted_as_the_standard_says(rate: int, hertz: int) -> None:
    samples = np.round(9_000 * np.sin(2 * np.pi * hertz * np.arange(rate * 5) / rate)).astype("<i2")
    assert integrated(drawn(samples, rate).powers) == pytest.approx(told_by_ffmpeg(samples, rate).lufs, abs=0.2)


@pytest.mark.parametrize(
    "samples", [np.zeros(44_100, np.int16), np.full(8_000, 9_000, np.int16)], ids=["silent", "short"]
)
def test_what_has_no_loudness_is_infinitely_soft(samples: Samples) -> None:
    assert integrated(drawn(samples[: 44_100 * 3 // 10], 44_100).powers) == -np.inf


@pytest.mark.parametrize("rate", [22_050, 24_000, 44_100])
def test_true_peaks_are_between_the_samples_too(rate: int) -> None:
    """A quarter of the rate, begun between its crests: no sample is higher than 0.71 of them."""
    samples = np.round(20_000 * np.sin(np.pi / 2 * np.arange(rate * 2) + np.pi / 4)).astype("<i2")
    assert int(np.abs(samples).max()) < 14_200
    highest = float(drawn(samples, rate).peaks[5:-5].max())
    assert 20 * np.log10(highest) == pytest.approx(20 * np.log10(20_000 / 32_768), abs=0.1)


def test_the_highest_peak_is_what_another_meter_says() -> None:
    samples = syllables(10, 44_100, 25_000)
    highest = 20 * np.log10(float(drawn(samples, 44_100).peaks.max()))
    assert highest == pytest.approx(told_by_ffmpeg(samples, 44_100).true_peak, abs=0.15)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30_000), st.lists(st.integers(1, 9_000), min_size=1, max_size=20), st.sampled_from(RATES))
def test_an_envelope_does_not_depend_on_how_the_samples_come(length: int, pieces: list[int], rate: int) -> None:
    samples = syllables(1, rate, 20_000)[:length] if length <= rate else syllables(length / rate, rate, 20_000)
    outline, begin = Outline(rate), 0
    for piece in pieces:
        outline.add(samples[begin : begin + piece])
        begin += piece
    outline.add(samples[begin:])
    one, other = outline.drawn(), drawn(samples, rate, max(len(samples), 1))
    assert np.array_equal(one.peaks, other.peaks)
    assert np.array_equal(one.levels, other.levels)
    assert one.powers == pytest.approx(other.powers, rel=1e-4)
    # Every sample is in a cell, and no cell is more than a step behind the last.
    cells = len(samples) / rate * CELLS_A_SECOND
    assert cells <= len(one.peaks) < cells + CELLS_A_SECOND / 10
    for place in range(len(samples) // one.cell_samples):
        cell = samples[place * one.cell_samples : (place + 1) * one.cell_samples].astype(np.float64) / 32_768
        assert one.peaks[place] >= np.abs(cell).max()
        assert one.levels[place] == pytest.approx(np.sqrt(np.square(cell).mean()), rel=0.01, abs=1e-5)
