import itertools
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.audio import limiting
from tasks.audio.envelope import Envelope, Outline
from tasks.audio.limiting import gain_for, gains, limited_powers
from tasks.audio.loudness import integrated
from tests.audio.sound import syllables

HEIGHTS = st.lists(st.floats(0, 1, width=16), min_size=5, max_size=600).filter(lambda heights: len(heights) % 5 == 0)


def of(peaks: list[float]) -> Envelope:
    heights = np.array(peaks, np.float16)
    return Envelope(22_050, np.zeros(len(peaks) // 5, np.float32), heights, heights)


@given(HEIGHTS, st.floats(-20, 30), st.floats(-20, 0))
def test_no_peak_passes_the_ceiling(peaks: list[float], gain: float, ceiling: float) -> None:
    (bounds,) = gains(of(peaks), gain, ceiling)
    assert len(bounds) == len(peaks) + 1
    highest = np.maximum(bounds[:-1], bounds[1:]) * np.array(peaks, np.float16).astype(np.float64)
    assert highest.max() <= 10 ** (ceiling / 20) * 1.0001


@given(HEIGHTS, st.floats(-20, 30))
def test_what_is_far_from_every_peak_has_the_whole_gain(peaks: list[float], gain: float) -> None:
    (bounds,) = gains(of([height * 0.01 for height in peaks]), gain, gain)
    assert bounds == pytest.approx(10 ** (gain / 20), rel=1e-5)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1, width=16), min_size=400, max_size=400), st.integers(1, 70))
def test_pieces_join_without_a_step(peaks: list[float], length: int) -> None:
    envelope = of(peaks)
    (whole,) = gains(envelope, 9.0, -3.0)
    with patch.object(limiting, "_PIECE_CELLS", length * 5):
        pieces = list(gains(envelope, 9.0, -3.0))
    assert all(before[-1] == after[0] for before, after in itertools.pairwise(pieces))
    assert np.array_equal(np.concatenate([piece[:-1] for piece in pieces]), whole[:-1])


@pytest.mark.parametrize(
    ("peak", "lufs", "ceiling"), [(3_000, -19, -3), (30_000, -19, -3), (600, -14, -1), (9_000, -23, -9)]
)
def test_the_gain_gives_the_loudness_that_was_asked_for(peak: int, lufs: float, ceiling: float) -> None:
    outline = Outline(22_050)
    outline.add(syllables(30, 22_050, peak))
    envelope = outline.drawn()
    gain = gain_for(envelope, lufs, ceiling)
    assert integrated(limited_powers(envelope, gain, ceiling)[0]) == pytest.approx(lufs, abs=0.01)


def test_more_loudness_than_the_ceiling_allows_is_not_waited_for() -> None:
    outline = Outline(22_050)
    outline.add(syllables(10, 22_050, 9_000))
    envelope = outline.drawn()
    assert gain_for(envelope, -5, -24) == pytest.approx(-5 - integrated(envelope.powers) + 12, abs=0.01)


def test_silence_has_no_gain() -> None:
    assert gain_for(of([0.0] * 50), -19, -3) == -np.inf
