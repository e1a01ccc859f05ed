"""What a page of a PDF draws: every run of text with its place, its size and direction, long rules, and whether there is a picture.

pypdf's own `extract_text` tells where a run begins, but not where it ends, and joins runs that stand far apart; columns
cannot be told from that. So its parser and its fonts are used here, and the pen is followed by hand.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from math import atan2, degrees, hypot, isfinite
from typing import Any

from pypdf import PageObject
from pypdf.generic import ContentStream, DictionaryObject, NameObject, StreamObject

from tasks.readers.pdf_fonts import SPACE_WIDTH, Face, Faces, dictionary, unknown_glyphs
from tasks.readers.pdf_matrices import UPRIGHT, Matrix, matrix_of, moved, number_at, product, shift

# A form may hold a form; deeper than this, or more often, nobody prints a book.
MAXIMUM_FORMS_DEEP = 8
MAXIMUM_FORMS = 2_000
PAINTING = (b"S", b"s", b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*")
# A leap of the pen that is wider than so many times the size of the type parts what stands before from what follows.
LEAP = 0.6
# A rule is at least so long and at most so thick, in points.
RULE_LENGTH = 20.0
RULE_THICKNESS = 2.5

# A page that is shown turned clockwise, by its degrees.
TURNS: Mapping[int, Matrix] = {
    90: (0.0, -1.0, 1.0, 0.0, 0.0, 0.0),
    180: (-1.0, 0.0, 0.0, -1.0, 0.0, 0.0),
    270: (0.0, 1.0, -1.0, 0.0, 0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Run:
    """Text that one operator draws: `x` to `end` on the baseline `y`, without the white space around it, in points.

    `angle` is its direction in degrees, counted against the clock, as the page is shown; `space` is half of a word space.
    """

    text: str
    x: float
    y: float
    end: float
    size: float
    angle: float
    space: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal rule."""

    x: float
    end: float
    y: float


@dataclass(slots=True)
class Drawing:
    """What a page draws, in the order in which it does; `box` is what is shown of it: left, bottom, right, top."""

    box: tuple[float, float, float, float]
    runs: list[Run] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    has_picture: bool = False


def draw(page: PageObject, faces: Faces) -> Drawing:
    """Follow the content of a page; raise what pypdf raises."""
    turn = TURNS.get((page.rotation or 0) % 360, UPRIGHT)
    shown, media = page.cropbox, page.mediabox
    corners = [
        moved(turn, float(x), float(y))
        for x, y in (
            (max(shown.left, media.left), max(shown.bottom, media.bottom)),
            (min(shown.right, media.right), min(shown.top, media.top)),
        )
    ]
    across, up = zip(*corners, strict=True)
    drawing = Drawing((min(across), min(up), max(across), max(up)))
    contents = page.get("/Contents")
    resources = dictionary(page.get_inherited("/Resources", DictionaryObject()))
    if contents is not None:
        _Pen(drawing, faces, page.pdf, [0]).follow(contents.get_object(), resources, _State(turn), 0)
    return drawing


@dataclass(slots=True)
class _State:
    """The part of the graphics state that moves text."""

    matrix: Matrix
    face: Face | None = None
    size: float = 1.0
    character_space: float = 0.0
    word_space: float = 0.0
    stretch: float = 1.0
    leading: float = 0.0
    rise: float = 0.0


class _Pen:
    """Follows one content stream, and puts what it draws into a drawing; `forms` holds how many were drawn on the page."""

    def __init__(self, drawing: Drawing, faces: Faces, pdf: Any, forms: list[int]) -> None:
        self._drawing, self._faces, self._pdf, self._forms = drawing, faces, pdf, forms
        self._state = _State(UPRIGHT)
        self._kept: list[_State] = []
        self._resources = DictionaryObject()
        self._depth = 0
        self._line = self._text = UPRIGHT
        self._point = (0.0, 0.0)
        self._path: list[Rule] = []
        self._acts: Mapping[bytes, Callable[[Any], None]] = {
            **dict.fromkeys(PAINTING, self._paint),
            b"q": self._keep,
            b"Q": self._restore,
            b"cm": self._move_page,
            b"BT": self._begin_text,
            b"Tm": self._set_place,
            b"Td": self._move,
            b"TD": self._move_and_lead,
            b"T*": self._next_line,
            b"Tj": self._show,
            b"TJ": self._show,
            b"'": self._show_on_next_line,
            b'"': self._space_and_show,
            b"Tf": self._set_font,
            b"Tc": self._set_character_space,
            b"Tw": self._set_word_space,
            b"Tz": self._set_stretch,
            b"TL": self._set_leading,
            b"Ts": self._set_rise,
            b"re": self._draw_bar,
            b"m": self._begin_path,
            b"l": self._draw_stroke,
            b"n": self._drop_path,
            b"INLINE IMAGE": self._draw_picture,
            b"Do": self._draw_object,
        }

    def follow(self, content: Any, resources: DictionaryObject, state: _State, depth: int) -> None:
        """Follow the operators of a page or of a form."""
        self._state, self._resources, self._depth = state, resources, depth
        for operands, operator in ContentStream(content, self._pdf, "bytes").operations:
            act = self._acts.get(operator)
            if act:
                act(operands)

    def _keep(self, _operands: Any) -> None:
        self._kept.append(copy(self._state))

    def _restore(self, _operands: Any) -> None:
        self._state = self._kept.pop() if self._kept else self._state

    def _move_page(self, operands: Any) -> None:
        self._state.matrix = product(matrix_of(operands), self._state.matrix)

    def _begin_text(self, _operands: Any) -> None:
        self._line = self._text = UPRIGHT

    def _set_place(self, operands: Any) -> None:
        self._line = self._text = matrix_of(operands)

    def _move(self, operands: Any) -> None:
        self._line = self._text = product(shift(number_at(operands, 0), number_at(operands, 1)), self._line)

    def _move_and_lead(self, operands: Any) -> None:
        self._state.leading = -number_at(operands, 1)
        self._move(operands)

    def _next_line(self, _operands: Any) -> None:
        self._move((0.0, -self._state.leading))

    def _show_on_next_line(self, operands: Any) -> None:
        self._next_line(())
        self._show(operands)

    def _space_and_show(self, operands: Any) -> None:
        self._state.word_space, self._state.character_space = number_at(operands, 0), number_at(operands, 1)
        self._show_on_next_line(operands[2:])

    def _set_font(self, operands: Any) -> None:
        self._state.face = self._faces.of(self._resources, str(operands[0])) if operands else None
        self._state.size = number_at(operands, 1, self._state.size)

    def _set_character_space(self, operands: Any) -> None:
        self._state.character_space = number_at(operands, 0)

    def _set_word_space(self, operands: Any) -> None:
        self._state.word_space = number_at(operands, 0)

    def _set_stretch(self, operands: Any) -> None:
        self._state.stretch = number_at(operands, 0, 100.0) / 100

    def _set_leading(self, operands: Any) -> None:
        self._state.leading = number_at(operands, 0)

    def _set_rise(self, operands: Any) -> None:
        self._state.rise = number_at(operands, 0)

    def _draw_bar(self, operands: Any) -> None:
        x, y, width, height = (number_at(operands, place) for place in range(4))
        self._path.append(_rule(self._state.matrix, (x, y), (x + width, y + height)))

    def _begin_path(self, operands: Any) -> None:
        self._point = number_at(operands, 0), number_at(operands, 1)

    def _draw_stroke(self, operands: Any) -> None:
        end = number_at(operands, 0), number_at(operands, 1)
        self._path.append(_rule(self._state.matrix, self._point, end))
        self._point = end

    def _paint(self, _operands: Any) -> None:
        self._drawing.rules += [rule for rule in self._path if rule.end - rule.x >= RULE_LENGTH]
        self._path = []

    def _drop_path(self, _operands: Any) -> None:
        self._path = []

    def _draw_picture(self, _operands: Any) -> None:
        self._drawing.has_picture = True

    def _draw_object(self, operands: Any) -> None:
        things = dictionary(self._resources.get("/XObject"))
        thing = things.get(operands[0]) if operands else None
        thing = thing.get_object() if thing is not None else None
        if not isinstance(thing, StreamObject):
            return
        if thing.get("/Subtype") == "/Image":
            self._drawing.has_picture = True
        elif self._depth < MAXIMUM_FORMS_DEEP:
            self._forms[0] += 1
            if self._forms[0] > MAXIMUM_FORMS:
                raise ValueError(f"it draws more than {MAXIMUM_FORMS} forms")
            state = copy(self._state)
            state.matrix = product(matrix_of(thing.get("/Matrix") or UPRIGHT), state.matrix)
            own = thing.get("/Resources")
            resources = self._resources if own is None else dictionary(own)
            _Pen(self._drawing, self._faces, self._pdf, self._forms).follow(thing, resources, state, self._depth + 1)

    def _show(self, operands: Any) -> None:
        """Draw the strings of an operand, and move the pen behind them."""
        parts = operands[0] if operands and isinstance(operands[0], list) else operands[:1]
        state, writing = self._state, _Writing()
        space = state.face.space / 2 if state.face else SPACE_WIDTH / 2000
        for part in parts:
            if isinstance(part, (int, float)):
                move = -float(part) / 1000
                writing.pen += move * state.size * state.stretch
                if abs(move) > LEAP + 2 * space:
                    self._end_run(writing, space)
                elif move >= 0.95 * space and writing.pieces and not writing.pieces[-1].isspace():
                    writing.pieces.append(" ")
            elif isinstance(part, (str, bytes)) and not isinstance(part, NameObject):
                data = part if isinstance(part, bytes) else part.encode("latin-1", "replace")
                for characters, width, is_space in state.face.glyphs(data) if state.face else unknown_glyphs(data):
                    extra = state.character_space + (state.word_space if is_space else 0.0)
                    writing.add(characters, width * state.size * state.stretch, extra * state.stretch)
        self._end_run(writing, space)
        self._text = product(shift(writing.pen, 0.0), self._text)

    def _end_run(self, writing: "_Writing", space: float) -> None:
        state = self._state
        text, first, last = writing.take()
        if not text.strip():
            return
        matrix = product(product(shift(first, state.rise), self._text), state.matrix)
        length = last - first
        if not all(map(isfinite, (*matrix, length))):
            matrix, length = UPRIGHT, 0.0
        a, b, c, d, x, y = matrix
        size, width = abs(state.size) * hypot(c, d), abs(state.size) * hypot(a, b)
        angle = degrees(atan2(b, a)) if a or b else 0.0
        self._drawing.runs.append(Run(text, x, y, x + abs(length * a), size, angle, space * width))


@dataclass(slots=True)
class _Writing:
    """A run that is being drawn: how far the pen is, and where ink begins and ends."""

    pen: float = 0.0
    first: float | None = None
    last: float = 0.0
    pieces: list[str] = field(default_factory=list)

    def add(self, characters: str, width: float, extra: float) -> None:
        """Draw the characters of a code, and leave an extra space behind them."""
        if not characters.isspace():
            self.first = self.pen if self.first is None else self.first
            self.last = self.pen + width
        self.pieces.append(characters)
        self.pen += width + extra

    def take(self) -> tuple[str, float, float]:
        """Give the text and where it begins and ends, and forget it."""
        taken = "".join(self.pieces), self.first or 0.0, self.last
        self.pieces, self.first = [], None
        return taken


def _rule(matrix: Matrix, start: tuple[float, float], end: tuple[float, float]) -> Rule:
    """Give a stroke or a thin bar as a rule; what is no rule has no length."""
    (x, y), (right, top) = moved(matrix, *start), moved(matrix, *end)
    return Rule(min(x, right), max(x, right) if abs(top - y) <= RULE_THICKNESS else min(x, right), (y + top) / 2)
