"""Where the headings of a PDF stand, by the words and the type of its lines."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tasks.readers.pdf_lines import Line, Type

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
