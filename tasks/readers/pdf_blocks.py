"""Blocks and chapters made of the lines of a PDF, once it is known which of them are headings."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.model import Block, BlockKind, Call, Chapter
from tasks.readers.pdf_headings import Heading
from tasks.readers.pdf_lines import Line, solid
from tasks.readers.pdf_paragraphs import SENTENCE_END, Hyphens, Layout

SCENE_BREAK = re.compile(r"(?:[*#~•·⁂⁕❦❧☙◆◊✻✽✦—\u2013_-]\s*)+")
LEGAL_WORDS = re.compile(r"©|\bcopyright\b|\ball rights reserved\b|\bISBN\b", re.IGNORECASE)
# A title page and a dedication have no sentence of this length; an opening paragraph has.
WORDS_OF_PROSE = 12


@dataclass(frozen=True, slots=True)
class Placed:
    """A block, and the place in the text of the last line that was read when it began; -1 before all text."""

    place: int
    block: Block


class Composer:
    """Puts the lines of a book together to blocks: headings, scene breaks, paragraphs, and all that is left out.

    What is left out amid a paragraph (a page number, a footnote) follows it.
    """

    def __init__(self, headings: Sequence[Heading], layout: Layout, hyphens: Hyphens) -> None:
        self._headings = {heading.start: heading for heading in headings if heading.end > heading.start}
        self._bounds = {heading.start for heading in headings}
        self._layout = layout
        self._hyphens = hyphens
        self._open: list[Line] = []
        self._aside: list[Line] = []

    def compose(self, lines: Sequence[Line]) -> Iterator[Placed]:
        """Give the blocks of all lines, in order."""
        place = 0
        heading: Heading | None = None
        for line in lines:
            if line.left_out:
                self._aside.append(line)
                continue
            if place in self._bounds or (heading and place == heading.end) or self._parts_from_open(line, heading):
                yield from self._close(place, heading)
                heading = self._headings.get(place)
            if heading is None and SCENE_BREAK.fullmatch(line.text):
                yield from self._close(place, None)
                yield Placed(place, Block(BlockKind.BREAK, "", line.anchor))
            else:
                self._open.append(line)
            place += 1
        yield from self._close(place, heading)

    def _parts_from_open(self, line: Line, heading: Heading | None) -> bool:
        if not self._open:
            return True
        return heading is None and self._layout.begins(self._open, line)

    def _close(self, place: int, heading: Heading | None) -> Iterator[Placed]:
        """End the open block before the line at `place`, and give what was put aside meanwhile after it."""
        if self._open:
            kind, level = (BlockKind.HEADING, heading.level) if heading else (BlockKind.PARAGRAPH, 0)
            text = self._hyphens.join(self._open)
            block = Block(kind, text, self._open[0].anchor, level, calls=_calls(self._open, text))
            yield Placed(place - len(self._open), block)
        for group in _groups(self._aside):
            first, text = group[0], self._hyphens.join(group)
            yield Placed(place - 1, Block(BlockKind.PARAGRAPH, text, first.anchor, 0, first.left_out, note=first.note))
        self._open, self._aside = [], []


def _groups(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Part what is left out into blocks: a footnote is one, of everything else each line."""
    group: list[Line] = []
    for line in lines:
        if group and not (line.note and line.note == group[0].note):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _calls(lines: Sequence[Line], text: str) -> tuple[Call, ...]:
    """Find the places in a joined text at which its lines call notes, by the characters that joining leaves alone."""
    before = 0
    wanted: list[tuple[int, str]] = []
    for line in lines:
        wanted += [(before + count, note) for count, note in line.calls]
        before += solid(line.text)
    if not wanted:
        return ()
    ends = [0, *(place for place, character in enumerate(text, 1) if solid(character))]
    return tuple(Call(ends[min(count, len(ends) - 1)], note) for count, note in wanted)


@dataclass(slots=True)
class Division:
    """A book parted: its chapters, the blocks that belong to none, and what was odd about it."""

    chapters: list[Chapter]
    left_out: list[Block]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class _Section:
    start: int
    title: str
    left_out: str


def divide(placed: Sequence[Placed], headings: Sequence[Heading], title: str, *, keep_opening: bool) -> Division:
    """Part the blocks of a book into chapters at its headings.

    What stands before the first chapter is front matter; with `keep_opening`, where it holds a paragraph of prose, it is
    a chapter with the title of the book.
    """
    sections = list(_sections(headings))
    if not sections:
        sections = [_Section(-1, title, "")]
    division = Division([], [], [])
    first = sections[0].start
    opening = [each.block for each in placed if each.place < first]
    if keep_opening and any(_is_prose(block) for block in opening):
        _add_chapter(division, title, opening)
    else:
        _leave_out(division, opening, "frontmatter")
    ends = [section.start for section in sections[1:]]
    for section, end in zip(sections, [*ends, None], strict=True):
        blocks = [each.block for each in placed if section.start <= each.place and (end is None or each.place < end)]
        if section.left_out:
            _leave_out(division, blocks, section.left_out)
        elif any(block.text and not block.left_out for block in blocks):
            _add_chapter(division, section.title, blocks)
        else:
            _leave_out(division, blocks, "frontmatter")
            division.warnings.append(
                f"the outline's entry {section.title!r} leads to no text of its own and is no chapter"
            )
    return division


def _sections(headings: Sequence[Heading]) -> Iterator[_Section]:
    part: Heading | None = None
    for heading in headings:
        if heading.is_part:
            part = part or heading
        elif heading.is_chapter:
            yield _Section(part.start if part else heading.start, heading.title, heading.left_out)
            part = None
    if part:
        yield _Section(part.start, part.title, "")


def _add_chapter(division: Division, title: str, blocks: Sequence[Block]) -> None:
    division.chapters.append(Chapter(len(division.chapters) + 1, title, tuple(blocks)))


def _leave_out(division: Division, blocks: Sequence[Block], kind: str) -> None:
    division.left_out += [replace(block, left_out=block.left_out or kind) for block in blocks if block.text]


def _is_prose(block: Block) -> bool:
    return (
        block.kind == BlockKind.PARAGRAPH
        and not block.left_out
        and len(block.text.split()) >= WORDS_OF_PROSE
        and SENTENCE_END.search(block.text) is not None
        and LEGAL_WORDS.search(block.text) is None
    )
