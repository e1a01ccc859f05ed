"""What is printed on the pages of a PDF beside the text: running heads, page numbers, footnotes, the printed contents."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.readers.pdf_lines import Line, Page, Type, folded
from tasks.readers.pdf_notes import with_notes

EDGE_LINES = 2
# The same line at the same height of so many pages, and of half of all, is a head even where no white space sets it off.
SURE_OF_A_HEAD = 4
# Running heads stand at the same height, in points, give or take this.
NEAR = 2.0
ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
PAGE_NUMBER = re.compile(
    # Large Roman figures are the headings of chapters.
    r"\W*(?:[Pp]age|[Ss]eite|[Pp]\.)?\s*(?P<number>\d{1,5}|[ivxlcdm]{1,8})(?:\s*(?:/|of|von)\s*\d+)?\W*"
)
# Its number counts chapters, not pages.
CHAPTER_NUMBER = re.compile(
    r"(?:chapter|kapitel|chapitre|capítulo|capitolo|hoofdstuk|part|teil|partie|parte)\W+\d+\W*", re.IGNORECASE
)
HEAD_WITH_NUMBER = re.compile(r"(?P<first>\d{1,5})\W+(?P<after>\D.*)|(?P<before>.*\D)\W+(?P<last>\d{1,5})")
CONTENTS = re.compile(
    r"(table of )?contents|inhalt(sverzeichnis)?|table des matières|índice|indice|sommaire", re.IGNORECASE
)
ENDS_IN_PAGE_NUMBER = re.compile(r"(\d|\b[ivxlc]+)$")


@dataclass(frozen=True, slots=True)
class _Edge:
    """A line at the top or the foot of its page, and whether white space or its size sets it off from the text."""

    line: Line
    at_top: bool
    is_set_off: bool


def set_aside(pages: Sequence[Page], type_: Type) -> list[Line]:
    """Give the lines of all pages in order, those that are no text with `left_out` set, and without marks of notes.

    A mark that calls a footnote becomes a line of its own after the line that it stands in.
    """
    kinds = _running(pages, type_)
    for page in pages:
        text = [line for line in _told(page) if line not in kinds]
        kinds.update(dict.fromkeys(_contents(text), "toc"))
    return with_notes(pages, kinds, type_)


def _told(page: Page) -> list[Line]:
    """Give the lines of a page that are not known to be no text."""
    return [line for line in page.lines if not line.left_out]


def _running(pages: Sequence[Page], type_: Type) -> dict[Line, str]:
    edges = [edge for page in pages for edge in _edges(_told(page), type_) if not type_.is_large(edge.line)]
    offsets = _offsets(edges, len(pages))
    kinds: dict[Line, str] = {}
    repeated: defaultdict[tuple[str, bool], list[_Edge]] = defaultdict(list)
    for edge in edges:
        number = PAGE_NUMBER.fullmatch(edge.line.text)
        if number and _value(number["number"]) - edge.line.page in offsets:
            kinds[edge.line] = "page-number"
        else:
            repeated[_head(edge.line, offsets), edge.at_top].append(edge)
    heads = [edge for group in repeated.values() for edge in _heads(group, len(pages))]
    levels = {(edge.at_top, round(edge.line.y), round(edge.line.size)): edge for edge in heads}.values()
    # A head that names a short chapter may stand only once, but at the height of all other heads.
    for edge in edges:
        if edge.line not in kinds and edge.is_set_off and any(_is_level(edge, head) for head in levels):
            kinds[edge.line] = "running-head"
    kinds.update((edge.line, "running-head") for edge in heads)
    return kinds


def _edges(lines: Sequence[Line], type_: Type) -> Iterator[_Edge]:
    falling = sorted(lines, key=lambda line: -line.y)
    for at_top in (True, False):
        row: list[Line | None] = [*(falling if at_top else falling[::-1]), None, None, None]
        apart = [
            type_.is_apart(*((outer, inner) if at_top else (inner, outer)))
            for outer, inner in pairwise(row[: EDGE_LINES + 2])
        ]
        for place, line in enumerate(row[:EDGE_LINES]):
            if line is not None:
                yield _Edge(line, at_top, any(apart[place:EDGE_LINES]) or type_.is_small(line))


def _offsets(edges: Sequence[_Edge], pages: int) -> set[int]:
    """Find by how much the printed page numbers differ from the count of the pages."""
    seen: defaultdict[int, set[int]] = defaultdict(set)
    for edge in edges:
        page = edge.line.page
        number = PAGE_NUMBER.fullmatch(edge.line.text)
        if number:
            seen[_value(number["number"]) - page].add(page)
        elif edge.is_set_off and (head := _head_with_number(edge.line)):
            seen[int(head["first"] or head["last"]) - page].add(page)
    needed = 2
    return {offset for offset, places in seen.items() if len(places) >= needed or (pages <= needed and offset == 0)}


def _value(number: str) -> int:
    if number.isdecimal():
        return int(number)
    values = [ROMAN_DIGITS[digit] for digit in number]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))


def _head(line: Line, offsets: set[int]) -> str:
    """Give the text of a line without its page number."""
    head = _head_with_number(line)
    if head and int(head["first"] or head["last"]) - line.page in offsets:
        return folded(head["after"] or head["before"])
    return line.text


def _head_with_number(line: Line) -> re.Match[str] | None:
    return None if CHAPTER_NUMBER.fullmatch(line.text) else HEAD_WITH_NUMBER.fullmatch(line.text)


def _heads(group: Sequence[_Edge], pages: int) -> list[_Edge]:
    """Pick from lines of the same text those that stand at one height often enough to be running heads."""
    common = Counter(round(edge.line.y) for edge in group).most_common(1)[0][0]
    level = [edge for edge in group if abs(edge.line.y - common) <= NEAR]
    often = len({edge.line.page for edge in level})
    if often >= max(SURE_OF_A_HEAD, pages / 2):
        return level
    set_off = [edge for edge in level if edge.is_set_off]
    return set_off if len({edge.line.page for edge in set_off}) > 1 else []


def _is_level(edge: _Edge, head: _Edge) -> bool:
    return (
        edge.at_top == head.at_top
        and abs(edge.line.y - head.line.y) <= NEAR
        and abs(edge.line.size - head.line.size) <= NEAR / 4
    )


def _contents(lines: Sequence[Line]) -> list[Line]:
    """Find the printed table of contents on a page that is headed so: all lines down to the last with a page number."""
    if not lines or not CONTENTS.fullmatch(lines[0].text):
        return []
    end = 1
    # An entry may take two lines, of which only the second ends in its page number.
    for place in range(1, len(lines)):
        if ENDS_IN_PAGE_NUMBER.search(lines[place].text) and place - end <= 1:
            end = place + 1
    return list(lines[:end])
