"""Where the headings of a PDF stand: from its outline, or from the words and the type of its lines."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pypdf import PdfReader
from pypdf.generic import Destination

from tasks.readers.pdf_lines import Line, Type, folded

MAXIMUM_HEADING_LINES = 4
MAXIMUM_HEADING_LETTERS = 150
_NUMBER = (
    r"(?:\d+(?:\.\d+)*|[ivxlcdm]+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|(?:twenty|thirty|forty|fifty)(?:[- ]\w+)?|(?:the )?(?:first|second|third|last))"
)
_CHAPTER = r"(?:chapter|kapitel|chapitre|capítulo|capitolo|hoofdstuk|book|part|teil|partie|parte)"
NUMBERED = re.compile(rf"{_CHAPTER}\s+{_NUMBER}(?:[\s.:\u2013—-]+\S.{{0,80}})?[.:]?", re.IGNORECASE)
NAMED = re.compile(
    r"(?:prologue|epilogue|preface|foreword|introduction|afterword|prolog|epilog|vorwort|nachwort)", re.IGNORECASE
)
BARE_NUMBER = re.compile(r"(?:[IVXLC]+|\d{1,3})\.?")
PART = re.compile(rf"(?:book|part|teil|partie|parte|volume|band)\s+{_NUMBER}\b", re.IGNORECASE)
LEADING_NUMBER = re.compile(rf"(?:{_CHAPTER}\s+)?{_NUMBER}[\s.:)\u2013—-]+", re.IGNORECASE)
# Entries of an outline that are no chapters, and the kinds under which what they lead to is left out.
NOT_SPOKEN = {
    "contents": "toc",
    "tableofcontents": "toc",
    "cover": "titlepage",
    "titlepage": "titlepage",
    "halftitle": "titlepage",
    "copyright": "copyright-page",
    "copyrightpage": "copyright-page",
    "imprint": "copyright-page",
    "index": "index",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that takes the lines of the text from `start` to before `end`; none where its words are not printed.

    `level` counts from 1. What follows a chapter with `left_out` is left out as that kind. A part is spoken with the
    chapter that it opens.
    """

    start: int
    end: int
    title: str
    level: int = 1
    is_chapter: bool = False
    is_part: bool = False
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the outline: `page` counts from 1, `top` is the height on it, where the outline tells."""

    title: str
    page: int
    top: float | None
    depth: int
    has_children: bool


def outline_entries(reader: PdfReader) -> list[Entry]:
    """Read the outline, flattened; entries that lead to no page are dropped. Raise what pypdf raises."""
    return list(_entries(reader, reader.outline, 0))


def _entries(reader: PdfReader, outline: Sequence[object], depth: int) -> Iterator[Entry]:
    for place, each in enumerate(outline):
        if isinstance(each, Destination):
            page = reader.get_destination_page_number(each)
            has_children = place + 1 < len(outline) and isinstance(outline[place + 1], list)
            if page is not None and page >= 0:
                top = float(each.top) if isinstance(each.top, (int, float)) else None
                yield Entry(folded(each.title or ""), page + 1, top, depth, has_children)
        elif isinstance(each, list):
            yield from _entries(reader, each, depth + 1)


def from_outline(entries: Sequence[Entry], text: Sequence[Line]) -> list[Heading]:
    """Find the lines of the text at which the entries of an outline stand, in the order of the text."""
    roots = [entry for entry in entries if entry.depth == 0]
    # A book that is the only root of its outline has its chapters one level below.
    chapter_depth = 1 if len(roots) == 1 and sum(entry.depth == 1 for entry in entries) > 1 else 0
    pages: defaultdict[int, list[int]] = defaultdict(list)
    for place, line in enumerate(text):
        pages[line.page].append(place)
    in_part = False
    headings: list[Heading] = []
    for entry in entries:
        if entry.depth <= chapter_depth:
            in_part = entry.depth == chapter_depth and entry.has_children and PART.match(entry.title) is not None
        is_chapter = entry.depth == chapter_depth + 1 if in_part else entry.depth == chapter_depth
        is_part = in_part and entry.depth == chapter_depth
        kind = NOT_SPOKEN.get(_letters(entry.title), "") if is_chapter and not is_part else ""
        if entry.depth < chapter_depth or not entry.title:
            continue
        start, end = _place(entry, text, pages[entry.page], headings[-1].end if headings else 0)
        level = entry.depth - chapter_depth + 1
        headings.append(Heading(start, end, entry.title, level, is_chapter and not is_part, is_part, kind))
    # Two entries that found the same lines are one heading; a place without lines can hold any number of them.
    headings.sort(key=lambda heading: (heading.start, heading.end))
    return [
        replace(heading, end=heading.start) if before and heading.start < before.end else heading
        for before, heading in zip([None, *headings], headings, strict=False)
    ]


def _place(entry: Entry, text: Sequence[Line], places: Sequence[int], after: int) -> tuple[int, int]:
    if not places:
        following = next((place for place, line in enumerate(text) if line.page > entry.page), len(text))
        return following, following
    wanted = _wordings(entry.title)
    spans = [
        (start, end)
        for start in places
        for end in range(start + 1, min(start + MAXIMUM_HEADING_LINES, places[-1] + 1) + 1)
        if _wordings(" ".join(line.text for line in text[start:end])) & wanted
    ]
    if spans and entry.top is not None:
        top = entry.top
        return min(spans, key=lambda span: (abs(top - text[span[0]].y), -span[1]))
    if spans:
        return min(spans, key=lambda span: (span[0] < after, span[0], -span[1]))
    under = [place for place in places if entry.top is None or text[place].y < entry.top]
    start = under[0] if under else places[-1] + 1
    return start, start


def _wordings(title: str) -> set[str]:
    """Give the letters of a title, with its number and without."""
    return {_letters(title), _letters(LEADING_NUMBER.sub("", title, count=1))} - {""}


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def from_type(text: Sequence[Line], type_: Type) -> list[Heading]:
    """Find headings by their words ("Chapter 1", "II", "Prologue") and by the size of their type.

    Where words tell, they and all headings in their size make chapters; else the largest size that comes more than once
    does, or the only one there is.
    """
    large = large_headings(text, type_)
    worded = [heading for heading in _worded(text, type_) if not any(_overlap(heading, each) for each in large)]
    worded += [heading for heading in large if _is_worded(text[heading.start].text)]
    sizes = {round(text[heading.start].size, 1) for heading in worded if heading in large}
    if not worded:
        counted = Counter(round(text[heading.start].size, 1) for heading in large)
        repeated = [size for size, count in counted.items() if count > 1] or list(counted)
        sizes = {max(repeated)} if repeated else set()
    headings = [replace(each, is_chapter=True) for each in worded if each not in large]
    for heading in large:
        is_chapter = round(text[heading.start].size, 1) in sizes
        headings.append(replace(heading, is_chapter=is_chapter, level=1 if is_chapter else 2))
    headings.sort(key=lambda heading: heading.start)
    return [_as_part(heading, following) for heading, following in pairwise([*headings, None]) if heading]


def _as_part(heading: Heading, following: Heading | None) -> Heading:
    """Make of a part that another heading follows at once, no text between, the opening of what follows."""
    at_once = following is not None and following.start == heading.end
    if at_once and PART.match(heading.title):
        return replace(heading, is_chapter=False, is_part=True)
    return heading


def large_headings(text: Sequence[Line], type_: Type) -> list[Heading]:
    """Find the runs of lines in one size, distinctly larger than the text, that can be headings."""
    runs: list[list[int]] = []
    for place, line in enumerate(text):
        if not type_.is_large(line) or not any(character.isalnum() for character in line.text):
            continue
        above = text[runs[-1][-1]] if runs else None
        joins = runs and runs[-1][-1] == place - 1 and above is not None and above.page == line.page
        if joins and above is not None and _is_same_size(above, line) and above.y - line.y < 2 * line.size:
            runs[-1].append(place)
        else:
            runs.append([place])
    headings = [Heading(run[0], run[-1] + 1, " ".join(text[place].text for place in run), 2) for run in runs]
    return [
        heading
        for heading in headings
        if heading.end - heading.start <= MAXIMUM_HEADING_LINES and len(heading.title) <= MAXIMUM_HEADING_LETTERS
    ]


def _is_same_size(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) <= 0.05 * one.size


def _is_worded(line: str) -> bool:
    return any(pattern.fullmatch(line) for pattern in (NUMBERED, NAMED, BARE_NUMBER))


def _worded(text: Sequence[Line], type_: Type) -> Iterator[Heading]:
    for place, line in enumerate(text):
        above = text[place - 1] if place else None
        below = text[place + 1] if place + 1 < len(text) else None
        set_off = type_.is_apart(above, line) and type_.is_apart(line, below)
        if _is_worded(line.text) and set_off and below is not None:
            yield Heading(place, place + 1, line.text)


def _overlap(one: Heading, other: Heading) -> bool:
    return one.start < other.end and other.start < one.end
