"""Footnotes of a PDF: which lines at the foot of a page they are, and the marks in the text that call them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.readers.pdf_lines import Line, Page, Type, folded, solid

SUPERSCRIPTS = {ord(raised): digit for raised, digit in zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)}
_SIGNS = "*∗⁎†‡§¶"
NOTE_MARK = re.compile(rf"\W{{0,2}}?(?P<mark>\d{{1,3}}|[⁰¹²³⁴-⁹]{{1,3}}|[{_SIGNS}]+)(?!\d)")
# A mark that is told by its look alone, where it follows a word or its comma.
SIGN_IN_TEXT = re.compile(rf"(?<=[^\s{_SIGNS}])(?:[{_SIGNS}]{{1,3}}|[⁰¹²³⁴-⁹]{{1,3}})(?!\w)")
# A raised figure behind one of these, or behind one small letter, is a power: m², x².
HAS_POWER = re.compile(r"\d*(?:[a-z]|[kcdm]m|ft|yd)|10")
LAST_WORD = re.compile(r"\w+$")
# A mark is at most so large, in sizes of its line.
SMALL = 0.85
# A rule over footnotes stands at most so far above them, in lines.
LINES_UNDER_RULE = 2.0


@dataclass(slots=True)
class _Note:
    """A footnote: its name, and its lines, which may stand at the foot of two pages."""

    name: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What may be a mark: characters `start` to `end` of what the pieces of a line say."""

    mark: str
    start: int
    end: int


def with_notes(pages: Sequence[Page], kinds: dict[Line, str], type_: Type) -> list[Line]:
    """Give the lines of all pages in order: `kinds` of lines are left out, footnotes too, and their marks are taken out.

    A mark that calls a footnote becomes a line of its own after the line that it stands in. A footnote that goes on at the
    foot of the next page stands whole where it began.
    """
    notes = _notes(pages, kinds, type_)
    first = {note.lines[0]: note for note in notes}
    taken = {line for note in notes for line in note.lines}
    by_page: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for note in notes:
        by_page[note.lines[0].page].setdefault(note_mark(note.lines[0]), note.name)
    lines: list[Line] = []
    for number, page in enumerate(pages, 1):
        # A note whose call stands low on a page may not find room before the next.
        callable_ = {**by_page[number + 1], **by_page[number]} if number + 1 in by_page else by_page.get(number, {})
        for line in page.lines:
            if line in first:
                note = first[line]
                lines += [replace(each, left_out="footnotes", note=note.name) for each in note.lines]
            elif line not in taken:
                kind = line.left_out or kinds.get(line, "")
                lines += [replace(line, left_out=kind)] if kind or not callable_ else _parted(line, callable_)
    return lines


def note_mark(line: Line) -> str:
    """Give the mark that a footnote begins with, empty where it begins with none."""
    mark = NOTE_MARK.match(line.text)
    return mark["mark"].translate(SUPERSCRIPTS) if mark else ""


def _notes(pages: Sequence[Page], kinds: dict[Line, str], type_: Type) -> list[_Note]:
    notes: list[_Note] = []
    last: _Note | None = None
    for page in pages:
        text = [line for line in page.lines if not line.left_out and line not in kinds]
        found = _feet(page, text, type_, goes_on=last is not None)
        names: Counter[str] = Counter()
        last_here: _Note | None = None
        for line in found:
            mark = note_mark(line)
            current = last_here or last
            if mark or current is None:
                name = f"page={line.page}#note-{mark or 0}"
                names[name] += 1
                last_here = _Note(name + (f".{names[name]}" if names[name] > 1 else ""), [line])
                notes.append(last_here)
            else:
                current.lines.append(line)
                last_here = current
        last = last_here
    return notes


def _feet(page: Page, text: Sequence[Line], type_: Type, *, goes_on: bool) -> list[Line]:
    """Find the lines of the footnotes of a page, in order; those of each column stand at its own foot.

    With `goes_on`, the page before ends in a footnote, so that this page's may begin in the middle of it.
    """
    if all(type_.is_small(line) for line in text):
        return []
    marks = {mark for line in text for mark in _marks(line)}
    columns: defaultdict[int, list[Line]] = defaultdict(list)
    for line in text:
        columns[line.column].append(line)
    found: set[Line] = set()
    for column in columns.values():
        found |= set(_foot(page, column, type_, marks, goes_on=goes_on))
    return [line for line in text if line in found]


def _foot(page: Page, column: Sequence[Line], type_: Type, marks: set[str], *, goes_on: bool) -> list[Line]:
    falling = sorted(column, key=lambda line: -line.y)
    start = len(falling)
    while start and type_.is_small(falling[start - 1]):
        start -= 1
    ruled = next((place for place in range(start, -1, -1) if _is_ruled(page, falling, place, type_)), len(falling))
    # Under a rule, notes may be as large as the text, if one of them is called.
    if ruled < start and note_mark(falling[ruled]) in marks - {""}:
        start = ruled
    for place in range(start, len(falling)):
        above = falling[place - 1] if place else None
        mark = note_mark(falling[place])
        is_set_off = place == ruled or (type_.is_apart(above, falling[place]) and place == start)
        if (mark and (mark in marks or is_set_off)) or (place == ruled and place == start):
            return falling[place:]
        if goes_on and place == start:
            return falling[place:]
    return []


def _is_ruled(page: Page, falling: Sequence[Line], place: int, type_: Type) -> bool:
    """Tell whether a rule stands between a line and the one above it."""
    if place >= len(falling):
        return False
    line = falling[place]
    top = min(falling[place - 1].y if place else line.y, line.y + LINES_UNDER_RULE * type_.leading)
    return any(line.y < rule.y <= top and rule.x < line.end and rule.end > line.x for rule in page.rules)


def _candidates(line: Line) -> Iterator[_Candidate]:
    """Find what may be the mark of a note in a line: small raised figures and signs, and signs of any size behind a word."""
    whole = "".join(piece.text for piece in line.pieces)
    place = 0
    seen: set[int] = set()
    for number, piece in enumerate(line.pieces):
        mark = NOTE_MARK.fullmatch(piece.text.strip())
        before, after = whole[:place], whole[place + len(piece.text) :]
        if number and mark and piece.size <= SMALL * line.size and not after[:1].isalpha():
            is_close = not before[-1:].isspace()
            if is_close and not (mark["mark"].isdigit() and _has_power(before)):
                start = place + piece.text.index(mark["mark"])
                seen.add(start)
                yield _Candidate(mark["mark"].translate(SUPERSCRIPTS), start, start + len(mark["mark"]))
        place += len(piece.text)
    for sign in SIGN_IN_TEXT.finditer(whole):
        if sign.start() not in seen and not _has_power(whole[: sign.start()]):
            yield _Candidate(sign[0].translate(SUPERSCRIPTS), sign.start(), sign.end())


def _has_power(before: str) -> bool:
    word = LAST_WORD.search(before)
    return word is not None and HAS_POWER.fullmatch(word[0]) is not None


def _marks(line: Line) -> set[str]:
    return {candidate.mark for candidate in _candidates(line)}


def _parted(line: Line, names: dict[str, str]) -> list[Line]:
    """Take the marks of notes out of a line."""
    whole = "".join(piece.text for piece in line.pieces)
    marks = sorted((each for each in _candidates(line) if each.mark in names), key=lambda each: each.start)
    if not marks:
        return [line]
    kept, calls, place = "", [], 0
    for each in marks:
        kept += whole[place : each.start]
        calls.append((solid(kept), names[each.mark]))
        place = each.end
    kept += whole[place:]
    parts = [
        replace(line, text=whole[each.start : each.end].strip(), left_out="noteref", part=number)
        for number, each in enumerate(marks, 1)
    ]
    return [replace(line, text=folded(kept), calls=tuple(calls)), *parts]
