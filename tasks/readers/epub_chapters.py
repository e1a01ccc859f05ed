"""Where chapters begin: the table of contents laid over the spine's passages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from tasks.model import Block, BlockKind, Chapter
from tasks.readers.xhtml import Passage, left_apart
from tasks.readers.xhtml_joints import sewn

# Fewer characters than this under a part's own heading are a motto, not a chapter that has sections.
_PART_CHARACTERS = 600
# As much text as this before the first entry is a chapter that the contents forgot, not front matter.
_FORGOTTEN_CHARACTERS = 1500
_PART = re.compile(r"^(part|book|volume|teil|buch|band|partie|livre|tome|parte|libro|tomo)\b", re.IGNORECASE)
# Titles of what is printed around a book and not read aloud, in the languages of the rules: en, de, fr, es, it.
_APART = {
    "toc": "contents|table of contents|inhalt|inhaltsverzeichnis|table des matières|sommaire|índice|contenido|indice|sommario",
    "copyright-page": "copyright|copyright page|copyright notice|imprint|impressum|uncopyright|legal notice|mentions légales|"
    "créditos|colophon",
    "titlepage": "title page|titlepage|half title|halftitle|titelseite|page de titre|portada|frontespizio",
    "cover": "cover|cover page|umschlag|couverture|cubierta|copertina",
    "endnotes": "notes|endnotes|footnotes|anmerkungen|fußnoten|endnoten|notas|note",
    "index": "index|register|personenregister|sachregister|índice alfabético|indice analitico",
    "bibliography": "bibliography|works cited|references|literaturverzeichnis|bibliographie|bibliografía|bibliografia",
}
_APART_TITLES = {title: reason for reason, titles in _APART.items() for title in titles.split("|")}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the table of contents: where it points, how deep it stands, whether others stand under it."""

    title: str
    document: str
    fragment: str
    depth: int
    has_children: bool


@dataclass(frozen=True, slots=True)
class Division:
    """A book divided: its chapters, and the blocks that belong to none."""

    chapters: tuple[Chapter, ...]
    left_out: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class _Segment:
    """The blocks from one entry of the contents to the next."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def spoken(self) -> list[Block]:
        return [block for block in self.blocks if block.text and not block.left_out]

    @property
    def is_only_headings(self) -> bool:
        return all(block.kind is BlockKind.HEADING for block in self.spoken)


def divide(passages: tuple[tuple[str, Passage], ...], contents: tuple[Entry, ...], title: str) -> Division:
    """Divide the spine's passages (each with its document's name) by the contents.

    A chapter goes on over documents until the next entry. Parts are no chapters: their headings open the chapter that
    follows. Without contents, each document is a chapter, titled by its first heading or else by the book's `title`.
    """
    segments = [_judged(segment) for segment in _segments(passages, contents, title)]
    chapters: list[Chapter] = []
    left_out: list[Block] = []
    announced: list[Block] = []
    for segment in segments:
        if not segment.spoken:
            # Between a part's heading and its first chapter it keeps its place; elsewhere it belongs to no chapter.
            (announced or left_out).extend(segment.blocks)
        elif segment.is_only_headings:
            announced += segment.blocks
        else:
            blocks = (*announced, *_titled(segment, len(chapters) + 1))
            chapters.append(Chapter(len(chapters) + 1, segment.title, blocks))
            announced = []
    if announced and chapters:
        last = chapters[-1]
        chapters[-1] = replace(last, blocks=(*last.blocks, *announced))
    elif announced:
        chapters.append(Chapter(1, segments[-1].title or title, tuple(announced)))
    return Division(tuple(chapters), tuple(left_out))


def _titled(segment: _Segment, number: int) -> tuple[Block, ...]:
    """Announce a chapter by its title in the contents where its own pages have no heading."""
    if segment.spoken[0].kind is BlockKind.HEADING or not segment.title:
        return segment.blocks
    if any(block.kind is BlockKind.HEADING for block in segment.spoken[:3]):
        return segment.blocks
    return (Block(BlockKind.HEADING, segment.title, f"contents#{number}", 1), *segment.blocks)


def _judged(segment: _Segment) -> _Segment:
    """Leave a segment out whose title says that it is not part of the narration."""
    reason = _APART_TITLES.get(segment.title.casefold().strip(" .:"))
    if not reason:
        return segment
    blocks = tuple(block if block.left_out else replace(block, left_out=reason) for block in segment.blocks)
    return _Segment(segment.title, blocks)


def _segments(passages: tuple[tuple[str, Passage], ...], contents: tuple[Entry, ...], title: str) -> Iterator[_Segment]:
    starts = _starts(passages, contents)
    if not starts:
        starts = _document_starts(passages, title)
    first = starts[0][0] if starts else len(passages)
    if before := passages[:first]:
        yield _before(before, title)
    for (start, name), (end, _) in pairwise([*starts, (len(passages), "")]):
        yield _Segment(name, sewn(passages[start:end]))


def _before(passages: tuple[tuple[str, Passage], ...], title: str) -> _Segment:
    """Judge what stands before the first entry: long text is a forgotten chapter, and a dedication is read as well."""
    segment = _Segment(title, sewn(passages))
    if sum(len(block.text) for block in segment.spoken) >= _FORGOTTEN_CHARACTERS:
        return segment
    kept = [
        (document, passage if passage.context.section else left_apart(passage, "frontmatter"))
        for document, passage in passages
    ]
    return _Segment(title, sewn(kept))


def _document_starts(passages: tuple[tuple[str, Passage], ...], title: str) -> list[tuple[int, str]]:
    starts: list[tuple[int, str]] = []
    last = None
    for place, (document, _) in enumerate(passages):
        if document != last:
            inside = (passage.block for name, passage in passages[place:] if name == document)
            heading = next(
                (block.text for block in inside if block.kind is BlockKind.HEADING and not block.left_out), title
            )
            starts.append((place, heading))
        last = document
    return starts


def _starts(passages: tuple[tuple[str, Passage], ...], contents: tuple[Entry, ...]) -> list[tuple[int, str]]:
    """Say at which passage each chapter of the contents begins, in the order of reading; each place once."""
    places = _places(passages)
    found = [
        (places.get((entry.document, entry.fragment), places.get((entry.document, ""))), entry) for entry in contents
    ]
    located = [(place, entry) for place, entry in found if place is not None]
    starts: dict[int, Entry] = {}
    inside: int | None = None
    for number, (place, entry) in enumerate(located):
        if inside is not None and entry.depth > inside:
            continue
        following = located[number + 1][0] if number + 1 < len(located) else len(passages)
        # What stands under an entry with a text of its own are its sections.
        inside = entry.depth if entry.has_children and not _is_part(entry, passages[place:following]) else None
        # A part that leads to the place of its first chapter gives way to it.
        if entry.depth > starts.setdefault(place, entry).depth:
            starts[place] = entry
    return sorted((place, entry.title) for place, entry in starts.items())


def _is_part(entry: Entry, own: tuple[tuple[str, Passage], ...]) -> bool:
    spoken = [passage.block for _, passage in own if not passage.block.left_out]
    characters = sum(len(block.text) for block in spoken if block.kind is not BlockKind.HEADING)
    return bool(_PART.match(entry.title)) or characters < _PART_CHARACTERS


def _places(passages: tuple[tuple[str, Passage], ...]) -> dict[tuple[str, str], int]:
    places: dict[tuple[str, str], int] = {}
    for place, (document, passage) in enumerate(passages):
        places.setdefault((document, ""), place)
        for name in passage.ids:
            places.setdefault((document, name), place)
    return places
