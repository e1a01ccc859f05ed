"""Sound that came in pieces becomes the sound of passages: no sample is lost, and each word is in its passage."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import BadAudio
from tasks.model import Audio
from tasks.tellers.pieces import Piece, passages
from tests.services.chat import words as worded
from tests.services.sounds import frequency_of, heard, tone

RATE = 24_000
LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=8)


def sound(piece: Piece) -> Audio:
    """As many samples as it has letters, each of them its place among all."""
    begin, end = (int(number) for number in piece.path.name.split("-"))
    return Audio(np.arange(begin, end, dtype="<i2").tobytes(), RATE)


@given(LENGTHS, st.data())
def test_no_sample_is_lost(lengths: list[int], data: st.DataObject) -> None:
    total = sum(lengths)
    cuts = sorted(data.draw(st.sets(st.integers(1, total - 1), max_size=5))) if total > 1 else []
    ends = [0, *cuts, total]
    pieces = [Piece(Path(f"{begin}-{end}"), "x" * (end - begin)) for begin, end in pairwise(ends)]
    found = list(passages(pieces, lengths, sound))
    assert len(found) == len(lengths)
    assert b"".join(audio.pcm for audio in found) == np.arange(total, dtype="<i2").tobytes()


def test_each_word_is_in_its_passage() -> None:
    told = [
        "It rained all day and nobody went out.",
        "Anna sat in the window.",
        "Then she saw the lamp; it was lit, and she ran.",
    ]
    everything = " ".join(told).split()
    # Sounds of seven words each: passages begin and end in the middle of them.
    groups = [everything[begin : begin + 7] for begin in range(0, len(everything), 7)]
    sounds = {
        Path(str(place)): Audio(worded(" ".join(group)).astype("<i2").tobytes(), RATE)
        for place, group in enumerate(groups)
    }
    pieces = [Piece(path, " ".join(group)) for path, group in zip(sounds, groups, strict=True)]
    lengths = [sum(char.isalnum() for char in text) for text in told]
    for text, audio in zip(told, passages(pieces, lengths, lambda piece: sounds[piece.path]), strict=True):
        samples = np.frombuffer(audio.pcm, "<i2")
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 50)
        runs = np.split(loud, np.flatnonzero(np.diff(loud) > 0.01 * RATE) + 1)
        assert [heard(samples[run[0] : run[-1] + 1], RATE) for run in runs] == [frequency_of(it) for it in text.split()]


def test_pieces_of_two_rates_are_refused() -> None:
    rates = iter((24_000, 22_050))
    pieces = [Piece(Path("a"), "xx"), Piece(Path("b"), "xx")]
    with pytest.raises(BadAudio, match="24000 Hz, another 22050 Hz"):
        list(passages(pieces, [4], lambda _: Audio(bytes(8), next(rates))))


def test_no_more_than_one_piece_is_read_ahead() -> None:
    read: list[int] = []

    def pieces() -> Iterator[Piece]:
        for place in range(3):
            read.append(place)
            yield Piece(Path(f"{3 * place}-{3 * place + 3}"), "xxx")

    next(passages(pieces(), [3, 3, 3], sound))
    assert read == [0]


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        ("She saw the", " lamp, and ran.", 0.04),
        ("She saw the lamp,", " and ran.", 0.2),
        ("She saw “the lamp,”", " and ran.", 0.2),
        ("She saw the lamp.", " She ran.", 1.0),
        ("“Did she?”", " She ran.", 1.0),
        ("The lamp\n\n", "She ran.", 1.0),
    ],
)
def test_a_sentence_goes_on_from_one_piece_to_the_next(first: str, second: str, seconds: float) -> None:
    """A voice that is given a part of a sentence is silent behind it and before it, as at a sentence's end."""
    silence = np.zeros(RATE // 2, np.int16)
    spoken = tone("lamp", 0.5, RATE)
    audio = Audio(np.concatenate([silence, spoken, silence]).astype("<i2").tobytes(), RATE)
    pieces = [Piece(Path("a"), first), Piece(Path("b"), second)]
    (joined,) = passages(pieces, [sum(piece.letters for piece in pieces)], lambda _: audio)
    loud = np.flatnonzero(np.abs(np.frombuffer(joined.pcm, "<i2").astype(np.int32)) > 50)
    assert np.diff(loud).max() / RATE == pytest.approx(seconds, abs=0.02)
    # At the ends of a passage, its silence is the narration's to cut.
    assert loud[0] / RATE == pytest.approx(0.5, abs=0.011)
