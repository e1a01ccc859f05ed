"""The outline of a PDF: where its entries lead, which lines are their headings, and whether it is to be trusted."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pypdf import PdfReader
from pypdf.generic import Destination

from tasks.readers.pdf_headings import LEADING_NUMBER, MAXIMUM_HEADING_LINES, PART, Heading
from tasks.readers.pdf_lines import Line, folded

# So many chapters on one page may be; more are a fault of whoever made the outline.
MANY_ON_A_PAGE = 2
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
class Entry:
    """An entry of the outline: `page` counts from 1 (0: it leads to none), `top` is the height on it, where the outline tells."""

    title: str
    page: int
    top: float | None
    depth: int
    has_children: bool


def outline_entries(reader: PdfReader) -> tuple[list[Entry], int]:
    """Read the outline, flattened, and count the entries that lead to no page; they are dropped. Raise what pypdf raises."""
    entries = list(_entries(reader, reader.outline, 0))
    return [entry for entry in entries if entry.page], sum(not entry.page for entry in entries)


def fault_of_outline(entries: Sequence[Entry], lost: int, headings: Sequence[Heading], text: Sequence[Line]) -> str:
    """Say why an outline is not to be trusted; empty where it is."""
    if lost > len(entries):
        return "leads to pages that are not there"
    if not headings:
        return ""
    first = next((heading.start for heading in headings if heading.is_chapter), len(text))
    if first > len(text) / 2:
        return "leaves out half of the book"
    chapters = [heading for heading in headings if heading.is_chapter and not heading.left_out]
    astray = [heading for heading in chapters if heading.start == heading.end]
    if len(astray) * 2 <= len(chapters):
        return ""
    if (
        len(chapters) > MANY_ON_A_PAGE
        and len({entry.page for entry in entries}) == 1
        and len({line.page for line in text}) > 1
    ):
        return "leads to one page alone"
    # Titles that are printed nowhere may be pictures; those that stand on other pages tell that the outline is wrong.
    printed = {_letters(line.text) for line in text}
    elsewhere = sum(bool(_wordings(heading.title) & printed) for heading in astray)
    return "leads to pages that its titles do not stand on" if elsewhere * 2 > len(astray) else ""


def _entries(reader: PdfReader, outline: Sequence[object], depth: int) -> Iterator[Entry]:
    count = len(reader.pages)
    for place, each in enumerate(outline):
        if isinstance(each, Destination):
            page = reader.get_destination_page_number(each)
            has_children = place + 1 < len(outline) and isinstance(outline[place + 1], list)
            number = page + 1 if page is not None and 0 <= page < count else 0
            top = float(each.top) if isinstance(each.top, (int, float)) else None
            yield Entry(folded(each.title or ""), number, top, depth, has_children)
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
