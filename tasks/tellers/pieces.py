"""Sound that came in pieces, as it was told, becomes the sound of passages: joined, and cut where one ends within a piece."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tasks.audio.alignment import aligned
from tasks.audio.silence import segment_of, silent_ends
from tasks.errors import BadAudio
from tasks.model import Audio

_BYTES_A_SAMPLE = 2
_ENDS = tuple(".!?…。！？")
_RESTS = tuple(",;:–—、，；")
# Closing marks behind an end: quotation marks and brackets.
_CLOSING = "\"'”’»«)]}*_"
# Of the silence between two pieces of one sentence, what is left at either side of their joint: words run on, and there is a
# short rest behind a comma. A voice that is given half a sentence falls silent for half a second behind it.
_ON_SECONDS, _REST_SECONDS = 0.02, 0.1


@dataclass(frozen=True, slots=True)
class Piece:
    """A sound that came: its file, and the words that it speaks, which may end in the middle of a sentence or of a word."""

    path: Path
    words: str

    @property
    def letters(self) -> int:
        """How many letters and digits it speaks."""
        return sum(char.isalnum() for char in self.words)

    @property
    def silence_seconds(self) -> float | None:
        """How much silence there may be behind its speech, and before the next one's; None: as much as there is."""
        said = self.words.rstrip().rstrip(_CLOSING)
        if said.endswith(_ENDS) or self.words.endswith("\n\n"):
            return None
        return _REST_SECONDS if said.endswith(_RESTS) else _ON_SECONDS


def passages(pieces: Iterable[Piece], lengths: Sequence[int], audio_of: Callable[[Piece], Audio]) -> Iterator[Audio]:
    """Give the sound of each passage in turn; `lengths` are theirs in letters and digits, as many as the pieces speak.

    Where a sentence goes on from one piece to the next, so does its sound. No more than one piece and one passage are held at
    a time. Raises `BadAudio` where the pieces differ in their rate.
    """
    missing = list(reversed(lengths))
    sound = bytearray()
    rate = 0
    before: float | None = None
    for piece in pieces:
        audio = audio_of(piece)
        if rate not in {0, audio.sample_rate}:
            raise BadAudio(f"one sound of a stream has {rate} Hz, another {audio.sample_rate} Hz")
        rate = audio.sample_rate
        audio = _closed_up(audio, before, piece.silence_seconds)
        before = piece.silence_seconds
        counts = _shares(piece.letters, missing)
        for count, (begin, end) in zip(counts, _cuts(audio, counts), strict=True):
            sound += audio.pcm[begin:end]
            missing[-1] -= count
            if not missing[-1]:
                yield Audio(bytes(sound), rate)
                sound.clear()
                missing.pop()


def _closed_up(audio: Audio, before: float | None, behind: float | None) -> Audio:
    """Leave so many seconds of the silence before the speech in a sound, and behind it; None: all of it."""
    silent = silent_ends(segment_of(audio.pcm, audio.sample_rate))
    begin, end = (
        0 if allowed is None else max(round((milliseconds / 1000 - allowed) * audio.sample_rate), 0) * _BYTES_A_SAMPLE
        for milliseconds, allowed in zip(silent, (before, behind), strict=True)
    )
    return Audio(audio.pcm[begin : len(audio.pcm) - end], audio.sample_rate)


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
