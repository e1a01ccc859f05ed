"""Sentences of bursts with pauses between them, and within them where a reader takes a breath."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.audio.alignment import aligned
from tasks.model import Audio

RATE = 16_000
# A reader of 15 characters a second.
CHARACTER_SECONDS = 1 / 15


def said(parts: list[tuple[float, float]], seed: int = 1) -> Audio:
    """Say parts of so many seconds, each with so many of silence behind it."""
    chance = np.random.default_rng(seed)
    sound = [
        piece
        for speech, pause in parts
        for piece in (chance.integers(-9_000, 9_000, round(speech * RATE)), np.zeros(round(pause * RATE)))
    ]
    return Audio(np.concatenate(sound).astype("<i2").tobytes(), RATE)


def heard(parts: list[tuple[float, float]]) -> list[tuple[float, float]]:
    ends = np.cumsum([speech + pause for speech, pause in parts]).tolist()
    return [(end - speech - pause, end - pause) for end, (speech, pause) in zip(ends, parts, strict=True)]


@pytest.mark.parametrize(
    ("parts", "sentences"),
    [
        ([(2.0, 0.5), (3.0, 0.5), (1.0, 0.4)], [[0], [1], [2]]),
        # Breath within the second sentence, shorter than what lies between sentences.
        ([(2.0, 0.5), (2.0, 0.2), (2.5, 0.5), (1.0, 0.0)], [[0], [1, 2], [3]]),
        # A pause as long as one between sentences stands at a comma, far from where one could end.
        ([(3.0, 0.45), (3.0, 0.5), (3.0, 0.5), (3.0, 0.0)], [[0, 1], [2, 3]]),
        ([(0.4, 0.6), (6.0, 0.3), (0.5, 0.6), (0.5, 0.0)], [[0], [1], [2], [3]]),
    ],
)
def test_a_sentence_ends_at_the_pause_behind_it(parts: list[tuple[float, float]], sentences: list[list[int]]) -> None:
    lengths = [round(sum(parts[part][0] for part in each) / CHARACTER_SECONDS) for each in sentences]
    times = heard(parts)
    expected = [(times[each[0]][0], times[each[-1]][1]) for each in sentences]
    found = aligned(said(parts), lengths)
    assert [time for pair in found for time in pair] == pytest.approx(
        [it for pair in expected for it in pair], abs=0.02
    )


@pytest.mark.parametrize("wrong", [0.8, 0.9, 1.15, 1.3])
def test_a_reader_who_is_slower_in_one_sentence_is_followed(wrong: float) -> None:
    parts = [(2.5 * wrong, 0.45), (4.0, 0.5), (1.5, 0.4), (3.0, 0.0)]
    lengths = [round(speech / CHARACTER_SECONDS) for speech in (2.5, 4.0, 1.5, 3.0)]
    found = aligned(said(parts), lengths)
    assert [time for pair in found for time in pair] == pytest.approx(
        [it for pair in heard(parts) for it in pair], abs=0.02
    )


def test_without_a_pause_the_letters_say_where() -> None:
    found = aligned(said([(5.0, 0.0)]), [40, 20, 40])
    assert [end for _, end in found] == pytest.approx([2, 3, 5], abs=0.02)


def test_silence_is_shared_by_the_letters() -> None:
    assert aligned(Audio(bytes(RATE * 4), RATE), [1, 1]) == [(0.0, 1.0), (1.0, 2.0)]


PARTS = st.lists(st.tuples(st.floats(0.05, 3), st.floats(0, 0.8)), min_size=1, max_size=8)


@given(PARTS, st.lists(st.integers(0, 90), min_size=1, max_size=9))
def test_sentences_are_ordered_and_within_the_clip(parts: list[tuple[float, float]], lengths: list[int]) -> None:
    audio = said(parts)
    found = aligned(audio, lengths)
    assert len(found) == len(lengths)
    times = [0.0, *(time for pair in found for time in pair), audio.seconds]
    assert all(before <= after + 1e-6 for before, after in pairwise(times))
