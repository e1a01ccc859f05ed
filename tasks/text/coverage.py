"""What of a book is spoken and what is left out: every character is one or the other, and that is checked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.model import Block, Book, Script


class TextLostError(RuntimeError):
    """Text of the source is neither spoken nor left out, or is spoken twice: a fault of Declaim's own."""


@dataclass(frozen=True, slots=True)
class Omission:
    """All that is left out for one reason: its characters, white space apart, and in how many passages they stand."""

    kind: str
    characters: int
    passages: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of how many characters, white space apart, so many are spoken; the rest by reason, the largest first."""

    characters: int
    spoken: int
    omissions: tuple[Omission, ...]

    @property
    def share(self) -> float:
        """The share that is spoken, 0 to 1."""
        return self.spoken / self.characters if self.characters else 1.0


def outside(book: Book, scripts: Iterable[Script]) -> tuple[Block, ...]:
    """List the blocks outside of the chapters that no script speaks: a note there may be read where it is called."""
    spoken = {chunk.anchor for script in scripts for chunk in script.chunks}
    return tuple(block for block in book.left_out if block.anchor not in spoken)


def coverage_of(book: Book, scripts: tuple[Script, ...]) -> Coverage:
    """Count what is spoken of a book, or of those of its chapters that have scripts."""
    spoken = sum(len(_solid(each.text)) for script in scripts for chunk in script.chunks for each in chunk.sentences)
    left_out = [*outside(book, scripts), *(block for script in scripts for block in script.left_out)]
    characters, passages = Counter[str](), Counter[str]()
    for block in left_out:
        characters[block.left_out] += len(_solid(block.text))
        passages[block.left_out] += 1
    omissions = tuple(Omission(kind, count, passages[kind]) for kind, count in characters.most_common() if count)
    return Coverage(spoken + sum(characters.values()), spoken, omissions)


def check_whole(book: Book, scripts: tuple[Script, ...]) -> None:
    """Check that each block's text is spoken or left out, in order and once; raises `TextLostError` that names the place."""
    told: dict[str, str] = {}
    for script in scripts:
        for chunk in script.chunks:
            told[chunk.anchor] = told.get(chunk.anchor, "") + "".join(each.text for each in chunk.sentences)
        for block in script.left_out:
            told[block.anchor] = told.get(block.anchor, "") + block.text
    for chapter in book.chapters:
        for block in chapter.blocks:
            _check(block, told)
    for block in book.left_out:
        if block.anchor in told:
            _check(block, told)


def _check(block: Block, told: Mapping[str, str]) -> None:
    if _solid(told.get(block.anchor, "")) != _solid(block.text):
        raise TextLostError(f"{block.anchor}: {block.text[:60]!r} is neither spoken as it stands nor left out")


def _solid(text: str) -> str:
    return "".join(text.split())
