"""Sound that came in pieces, as it was told, becomes the sound of passages: joined, and cut where one ends within a piece."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tasks.audio.alignment import aligned
from tasks.errors import BadAudio
from tasks.model import Audio

_BYTES_A_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A sound that came: its file, and how many letters and digits it speaks."""

    path: Path
    letters: int


def passages(pieces: Iterable[Piece], lengths: Sequence[int], audio_of: Callable[[Piece], Audio]) -> Iterator[Audio]:
    """Give the sound of each passage in turn; `lengths` are theirs in letters and digits, as many as the pieces speak.

    No more than one piece and one passage are held at a time. Raises `BadAudio` where the pieces differ in their rate.
    """
    missing = list(reversed(lengths))
    sound = bytearray()
    rate = 0
    for piece in pieces:
        audio = audio_of(piece)
        if rate not in {0, audio.sample_rate}:
            raise BadAudio(f"one sound of a stream has {rate} Hz, another {audio.sample_rate} Hz")
        rate = audio.sample_rate
        counts = _shares(piece.letters, missing)
        for count, (begin, end) in zip(counts, _cuts(audio, counts), strict=True):
            sound += audio.pcm[begin:end]
            missing[-1] -= count
            if not missing[-1]:
                yield Audio(bytes(sound), rate)
                sound.clear()
                missing.pop()


def _shares(letters: int, missing: Sequence[int]) -> list[int]:
    """Share a piece's letters among the passages that are still missing, the next of which is the last."""
    shares: list[int] = []
    for length in reversed(missing):
        shares.append(min(length, letters - sum(shares)))
        if sum(shares) == letters:
            break
    return shares


def _cuts(audio: Audio, counts: list[int]) -> list[tuple[int, int]]:
    """Cut a piece, in bytes, in the middle of the pauses between its shares."""
    times = aligned(audio, counts) if len(counts) > 1 else []
    middles = [round((before + after) / 2 * audio.sample_rate) for (_, before), (after, _) in pairwise(times)]
    places = [0, *(_BYTES_A_SAMPLE * middle for middle in middles), len(audio.pcm)]
    return list(pairwise(places))
