"""The printed lines of a PDF's pages, with where they stand and how large they are."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, inf
from typing import Any

from pypdf import PageObject

# A form may hold a form; deeper than this nobody hides a picture.
MAXIMUM_FORMS_DEEP = 8
LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
# Codes that the encoding of western text leaves free are bullets in a PDF (ISO 32000-1, annex D); pypdf gives this one as DEL.
BULLET_CODE = {0x7F: "\N{BULLET}"}
NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line in one size of type."""

    text: str
    size: float


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line: `number` counts from 1 on its page, `x` and `y` are where its first word stands, in points.

    `left_out` is empty for a line of the text, else the kind of what it is instead; `part` is not 0 for what was taken out of a line.
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

    @property
    def anchor(self) -> str:
        """Where the line stands in the source."""
        return f"page={self.page}#{self.number}" + (f".{self.part}" if self.part else "")


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of a page, and whether a picture is drawn on it."""

    lines: tuple[Line, ...]
    has_picture: bool


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


def read_page(page: PageObject, number: int) -> Page:
    """Read the lines of a page in the order in which the page draws them; raise what pypdf raises."""
    setter = _Setter(number)
    drawn: set[str] = set()

    def look(operator: bytes, operands: Any, _matrix: Any, _text_matrix: Any) -> None:
        if operator == b"INLINE IMAGE":
            drawn.add("")
        elif operator == b"Do" and operands:
            drawn.add(str(operands[0]))

    page.extract_text(visitor_text=setter.add, visitor_operand_before=look)
    setter.end_line()
    return Page(tuple(setter.lines), "" in drawn or bool(drawn and drawn & set(_pictures(page, MAXIMUM_FORMS_DEEP))))


def _pictures(holder: Any, depth: int) -> Iterator[str]:
    """Name the pictures that a page or a form can draw."""
    resources = holder.get("/Resources")
    things = resources.get_object().get("/XObject") if resources is not None else None
    for name, reference in (things.get_object() if things is not None else {}).items():
        thing = reference.get_object()
        if thing is None or not hasattr(thing, "get"):
            continue
        if thing.get("/Subtype") == "/Image":
            yield str(name)
        elif depth > 0:
            yield from _pictures(thing, depth - 1)


class _Setter:
    """Puts the pieces of text that pypdf finds on a page together to lines, which are then in `lines`."""

    def __init__(self, page: int) -> None:
        self.lines: list[Line] = []
        self._page = page
        self._pieces: list[Piece] = []
        self._place = (0.0, 0.0)

    def add(self, text: str, matrix: Sequence[float], text_matrix: Sequence[float], _font: Any, size: float) -> None:
        """Take a piece of text as `extract_text` hands it to its visitor."""
        first, *others = text.split("\n")
        self._add_piece(first, matrix, text_matrix, size)
        for other in others:
            self.end_line()
            self._add_piece(other, matrix, text_matrix, size)

    def _add_piece(self, text: str, matrix: Sequence[float], text_matrix: Sequence[float], size: float) -> None:
        if not text:
            return
        a, b, c, d, e, f = matrix
        if text.strip() and not any(piece.text.strip() for piece in self._pieces):
            x, y = text_matrix[4:6]
            self._place = (x * a + y * c + e, x * b + y * d + f)
        rise_x, rise_y = text_matrix[2:4]
        scale = hypot(rise_x * a + rise_y * c, rise_x * b + rise_y * d)
        self._pieces.append(Piece(_readable(text), abs(size) * scale))

    def end_line(self) -> None:
        """Close the line that is being put together, unless it is blank."""
        text = folded("".join(piece.text for piece in self._pieces))
        if text:
            sizes: Counter[float] = Counter()
            for piece in self._pieces:
                sizes[piece.size] += len(piece.text.strip())
            x, y = (place if abs(place) < inf else 0.0 for place in self._place)
            size = sizes.most_common(1)[0][0]
            self.lines.append(Line(text, self._page, len(self.lines) + 1, x, y, size, tuple(self._pieces)))
        self._pieces = []


def _readable(text: str) -> str:
    """Undo ligatures, and put the sign for an unknown character in place of what is no character at all."""
    whole = text.translate(LIGATURES | BULLET_CODE).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if whole.isprintable():
        return whole
    return "".join(
        NO_CHARACTER if unicodedata.category(character) == "Cc" and not character.isspace() else character
        for character in whole
    )
