"""A block's text as it is gathered: folded white space, and the places in it of what is no text.

A place is always in the folded text. A mark stands directly behind the word before it: white space on both sides of a mark
folds into one space, which belongs to what follows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from tasks.model import Block, Call, LanguageSpan, PhoneticSpan


@dataclass(slots=True)
class Gathering:
    """The pieces of a block's text in order, the language of each (None for white space), the marks between them."""

    pieces: list[str] = field(default_factory=list)
    languages: list[str | None] = field(default_factory=list)
    calls: list[tuple[int, str]] = field(default_factory=list)
    spans: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, text: str, language: str) -> None:
        """Add a piece, which is in a language (a BCP 47 tag, or empty for the book's)."""
        if text:
            self.pieces.append(text)
            self.languages.append(None if text.isspace() else language)

    def call(self, note: str) -> None:
        """Note that the text calls a note here."""
        self.calls.append((len(self.pieces), note))

    def sound(self, start: int, phonemes: str) -> None:
        """Note how the pieces from the place `start` to here sound; what was said of pieces inside is void."""
        while self.spans and self.spans[-1][0] >= start:
            self.spans.pop()
        self.spans.append((start, len(self.pieces), phonemes))

    def language(self, around: str) -> str:
        """Name the one language of all the words, else the language `around` the block."""
        named = {language for language in self.languages if language is not None}
        return next(iter(named)) if len(named) == 1 else around

    def block(self, block: Block) -> Block:
        """Give a block its marks, their places found in the folded text."""
        foreign = list(self._foreign(block.language))
        if not (self.calls or self.spans or foreign):
            return block
        begins, ends = _places(self.pieces)
        calls = tuple(Call(ends[place], note) for place, note in self.calls)
        spans = (
            PhoneticSpan(begins[start], ends[end], phonemes)
            for start, end, phonemes in self.spans
            if begins[start] < ends[end]
        )
        languages = (LanguageSpan(begins[start], ends[end], language) for start, end, language in foreign)
        return replace(block, calls=calls, phonetic=tuple(spans), languages=tuple(languages))

    def _foreign(self, own: str) -> Iterator[tuple[int, int, str]]:
        """Give the runs of pieces in one language that is not the block's own: from which piece, up to which, and the language."""
        worded = [(number, language) for number, language in enumerate(self.languages) if language is not None]
        for language, run in groupby(worded, key=lambda piece: piece[1]):
            numbers = [number for number, _ in run]
            if language is not None and language != own:
                yield numbers[0], numbers[-1] + 1, language


def folded(parts: Iterable[str | bytes]) -> str:
    """Join texts and fold their white space."""
    return " ".join("".join(map(str, parts)).split())


def joined(blocks: Sequence[Block]) -> Block:
    """Join blocks to one with spaces between their texts; kind, anchor and all else are the first one's."""
    calls: list[Call] = []
    spans: list[PhoneticSpan] = []
    languages: list[LanguageSpan] = []
    length = 0
    for block in blocks:
        start = length + bool(length)
        calls += [Call(start + call.place, call.note) for call in block.calls]
        spans += [PhoneticSpan(start + span.start, start + span.end, span.phonemes) for span in block.phonetic]
        length = start + len(block.text)
        if block.language != blocks[0].language:
            languages.append(LanguageSpan(start, length, block.language))
        else:
            languages += [LanguageSpan(start + span.start, start + span.end, span.language) for span in block.languages]
    text = " ".join(block.text for block in blocks)
    return replace(blocks[0], text=text, calls=tuple(calls), phonetic=tuple(spans), languages=tuple(languages))


def _places(pieces: list[str]) -> tuple[list[int], list[int]]:
    """Say for each boundary of pieces where the next word behind it begins, and where the last one before it ends."""
    begins: list[int | None] = []
    ends = [0]
    gap = False
    for piece in pieces:
        words = " ".join(piece.split())
        if words:
            start = ends[-1] + (1 if ends[-1] and (gap or piece[0].isspace()) else 0)
            begins.append(start)
            ends.append(start + len(words))
            gap = piece[-1].isspace()
        else:
            begins.append(None)
            ends.append(ends[-1])
            gap = gap or bool(piece)
    following = ends[-1]
    settled = [following]
    for begin in reversed(begins):
        following = following if begin is None else begin
        settled.append(following)
    return settled[::-1], ends
