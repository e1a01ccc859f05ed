"""The printed lines of a PDF's pages, with where they stand and how large they are."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pypdf import PageObject

from tasks.readers.pdf_columns import Placed, set_columns
from tasks.readers.pdf_fonts import NO_CHARACTER, Faces
from tasks.readers.pdf_rows import Sheet, sheet_of, spaced
from tasks.readers.pdf_text import Rule, Run, draw

LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
# Codes that the encoding of western text leaves free are bullets in a PDF (ISO 32000-1, annex D); pypdf gives this one as DEL.
BULLET_CODE = {0x7F: "\N{BULLET}"}
HYPHENS = "-\N{HYPHEN}\N{SOFT HYPHEN}"
# Letters that are written from right to left.
LEFTWARD = re.compile(r"[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line in one size of type, `rise` points above the baseline of the line."""

    text: str
    size: float
    rise: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line: `number` counts from 1 on its page, `x` and `y` are where its first word stands, in points.

    `end` is where its last word ends, and `column` the column of the page that it stands in, from 1; 0 is the whole width.
    `left_out` is empty for a line of the text, else the kind of what it is instead; `part` is not 0 for what was taken out of a
    line. `note` names the note that the line belongs to. `calls` are the notes that it calls, each with how many solid
    characters of the line stand before its mark (`solid` says which those are).
    """

    text: str
    page: int
    number: int
    x: float
    y: float
    size: float
    pieces: tuple[Piece, ...] = ()
    left_out: str = ""
    part: int = 0
    end: float = 0.0
    column: int = 0
    note: str = ""
    calls: tuple[tuple[int, str], ...] = ()

    @property
    def anchor(self) -> str:
        """Where the line stands in the source."""
        return f"page={self.page}#{self.number}" + (f".{self.part}" if self.part else "")


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of a page, whether a picture is drawn on it, its rules, and why its order is in doubt, where it is."""

    lines: tuple[Line, ...]
    has_picture: bool
    rules: tuple[Rule, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Type:
    """How the text of a book is set: the size of most of its type, and how far apart its lines are, in points."""

    size: float
    leading: float

    def is_large(self, line: Line) -> bool:
        """Tell whether a line is set distinctly larger than the text, as headings are."""
        return line.size >= 1.15 * self.size

    def is_small(self, line: Line) -> bool:
        """Tell whether a line is set distinctly smaller than the text, as footnotes are."""
        return line.size <= 0.92 * self.size

    def is_apart(self, upper: Line | None, lower: Line | None) -> bool:
        """Tell whether two lines are further apart than the lines of a paragraph; the edge of a page is far from all."""
        if upper is None or lower is None or upper.page != lower.page:
            return True
        return upper.y - lower.y > 1.3 * self.leading * max(1.0, min(upper.size, lower.size) / self.size)


def folded(text: str) -> str:
    """Fold every run of white space to one space, and strip the ends."""
    return " ".join(text.split())


def solid(text: str) -> int:
    """Count the characters that stay when lines are joined: all but white space and hyphens."""
    return sum(not character.isspace() and character not in HYPHENS for character in text)


def type_of(lines: Sequence[Line]) -> Type:
    """Measure how most of the text is set."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    size = sizes.most_common(1)[0][0] if sizes else 1.0
    gaps = Counter(
        round(upper.y - lower.y, 1)
        for upper, lower in pairwise(lines)
        if upper.page == lower.page and 0.8 * size < upper.y - lower.y < 3 * size
    )
    return Type(size or 1.0, gaps.most_common(1)[0][0] if gaps else 1.2 * size)


def read_sheet(page: PageObject, number: int, faces: Faces) -> Sheet:
    """Read the rows of a page; raise what pypdf raises."""
    return sheet_of(draw(page, faces), number)


def set_pages(sheets: Sequence[Sheet]) -> list[Page]:
    """Give the lines of all pages in the order of reading, whatever the order in which the pages draw them."""
    return [
        Page(tuple(_lines(sheet, placed)), sheet.has_picture, tuple(sheet.rules), tuple(sheet.doubts))
        for sheet, placed in zip(sheets, set_columns(sheets), strict=True)
    ]


def _lines(sheet: Sheet, placed: Sequence[Placed]) -> Iterator[Line]:
    number = 0
    for each in placed:
        runs = [run for segment in each.segments for run in segment.runs]
        main = max(each.segments, key=lambda segment: len(segment.text))
        line = _line(runs, sheet.number, number + 1, main.y)
        if line.text:
            number += 1
            yield replace(line, column=each.column, size=main.size)
    for run, reason in sheet.aside:
        line = _line([run], sheet.number, number + 1, run.y)
        if line.text:
            number += 1
            yield replace(line, left_out=reason)


def _line(runs: Sequence[Run], page: int, number: int, y: float) -> Line:
    pieces = _pieces(runs, y)
    text = folded("".join(piece.text for piece in pieces))
    return Line(text, page, number, runs[0].x, y, runs[0].size, pieces, end=max(run.end for run in runs))


def _pieces(runs: Sequence[Run], y: float) -> tuple[Piece, ...]:
    """Join runs in one size and at one height; a line from right to left is put into the order of its letters."""
    pieces: list[Piece] = []
    for run in spaced(runs):
        piece = Piece(_readable(run.text), run.size, run.y - y)
        last = pieces[-1] if pieces else None
        if last and last.size == piece.size and abs(last.rise - piece.rise) < 0.05 * piece.size:
            pieces[-1] = replace(last, text=last.text + piece.text)
        else:
            pieces.append(piece)
    if any(LEFTWARD.search(piece.text) for piece in pieces):
        whole = "".join(piece.text for piece in pieces)
        return (Piece(_leftward(whole), pieces[0].size),)
    return tuple(pieces)


def _leftward(text: str) -> str:
    """Turn what a line shows from left to right around, but for the words and numbers in it that are read so."""
    if len(LEFTWARD.findall(text)) * 2 < sum(character.isalpha() for character in text):
        return re.sub(LEFTWARD.pattern + r"(?:[\s\W]*" + LEFTWARD.pattern + ")*", lambda match: match[0][::-1], text)
    return re.sub(r"[A-Za-z0-9](?:[\w.,:/%-]*[A-Za-z0-9])?", lambda match: match[0][::-1], text[::-1])


def _readable(text: str) -> str:
    """Undo ligatures, and put the sign for an unknown character in place of what is no character at all."""
    whole = text.translate(LIGATURES | BULLET_CODE).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if whole.isprintable():
        return whole
    return "".join(
        NO_CHARACTER if unicodedata.category(character) == "Cc" and not character.isspace() else character
        for character in whole
    )
