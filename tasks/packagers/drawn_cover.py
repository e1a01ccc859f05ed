"""The cover of a book that has none: its title, its authors and what the voice is, set in type on a calm ground."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from tasks.packagers.lettering import clusters, draw_line, font_of, lettered, width_of
from tasks.packagers.picture import Picture
from tasks.packagers.plain import shortened

SIDE = 1_600
# Drawn larger and scaled down, so that what is drawn by strokes has soft edges.
_FINE = 2
_MARGIN = 150
_MEASURE = SIDE - 2 * _MARGIN
_INK = "#f6f1e7"
# Pairs of a ground and a colour for what stands beside the title; books of one shelf are told apart by them.
_COLOURS = (
    ("#1f3a4d", "#9cc3d5"),
    ("#3a2f4f", "#c3b1de"),
    ("#27453a", "#a5d0b5"),
    ("#5a2e35", "#e3b3ac"),
    ("#4a3b22", "#dcc48f"),
    ("#2d3440", "#b3bfd1"),
)
# In bytes of UTF-8.
_LONGEST_TITLE = 400
_LONGEST_LINE = 160
_MOST_AUTHORS = 12
_BARS = 41


@dataclass(frozen=True, slots=True)
class Words:
    """What is told on a cover: the title, the authors, and who reads."""

    title: str
    authors: tuple[str, ...]
    reading: str


@dataclass(frozen=True, slots=True)
class _Setting:
    """Lines of one size, in pixels of the finished cover."""

    lines: tuple[str, ...]
    size: int

    @property
    def height(self) -> float:
        return len(self.lines) * self.size * 1.16


def drawn(words: Words) -> Picture:
    """Draw a cover, a square PNG; the same words give the same bytes. What the font lacks is left out (see `lettered`)."""
    digest = hashlib.sha256("\n".join((words.title, *words.authors)).encode(errors="replace")).digest()
    ground, tint = _COLOURS[digest[0] % len(_COLOURS)]
    picture = Image.new("RGB", (SIDE * _FINE, SIDE * _FINE), ground)
    pen = ImageDraw.Draw(picture)
    title = _set(lettered(shortened(words.title, _LONGEST_TITLE)), (240, 48), 660)
    authors = _set(_listed(words.authors), (72, 40), 175)
    reading = _set(lettered(shortened(words.reading, _LONGEST_LINE)), (40, 26), 100)
    _draw_setting(pen, title, _MARGIN, (_INK, ground))
    _draw_setting(pen, authors, _MARGIN + title.height + (60 if title.lines else 0), (tint, ground))
    _draw_wave(pen, digest, tint)
    _draw_setting(pen, reading, SIDE - _MARGIN - reading.height + 10, (tint, ground))
    stream = BytesIO()
    picture.resize((SIDE, SIDE), Image.Resampling.BOX).save(stream, "PNG", optimize=True)
    return Picture("image/png", "cover.png", stream.getvalue())


def _listed(authors: Sequence[str]) -> str:
    """Name the authors that the font can write, as many as have room."""
    return lettered(shortened(", ".join(filter(None, map(lettered, authors[:_MOST_AUTHORS]))), _LONGEST_LINE))


def _set(text: str, sizes: tuple[int, int], height: int) -> _Setting:
    """Set a text as large as it fits into the measure and a height; words are broken where no size takes them whole."""
    largest, smallest = sizes
    steps = [largest - step for step in range(0, largest - smallest + 1, max(1, (largest - smallest) // 24))]
    for breaks in (False, True):
        for size in steps:
            lines = tuple(_lines(text, size, _MEASURE, breaks=breaks))
            setting = _Setting(lines, size)
            if setting.height <= height and (breaks or _is_within(lines, size)):
                return _Setting(tuple(_balanced(text, setting)), size) if not breaks else setting
    size = steps[-1]
    lines = tuple(_lines(text, size, _MEASURE, breaks=True))[: int(height / size / 1.16)]
    return _Setting((*lines[:-1], lines[-1].rstrip(" .,;:") + "…"), size)


def _is_within(lines: Sequence[str], size: int) -> bool:
    font = font_of(size)
    return all(width_of(line, font) <= _MEASURE for line in lines)


def _lines(text: str, size: int, measure: float, *, breaks: bool) -> Iterator[str]:
    """Fill lines with words, and where `breaks` with the parts of words that are wider than a line."""
    font = font_of(size)
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if width_of(longer, font) <= measure:
            line = longer
            continue
        if line:
            yield line
        line = word
        while breaks and width_of(line, font) > measure:
            part = _part(line, font, measure)
            yield part
            line = line[len(part) :]
    if line:
        yield line


def _part(word: str, font: ImageFont.FreeTypeFont, measure: float) -> str:
    """Give as much of the beginning of a word as fits, one letter at least."""
    part, width = "", 0.0
    for cluster in clusters(word):
        width += width_of(cluster, font)
        if part and width > measure:
            break
        part += cluster
    return part


def _balanced(text: str, setting: _Setting) -> Sequence[str]:
    """Set the same number of lines as evenly as can be."""
    best: Sequence[str] = setting.lines
    for narrower in range(1, 14):
        lines = tuple(_lines(text, setting.size, _MEASURE * (1 - 0.04 * narrower), breaks=False))
        if len(lines) > len(setting.lines) or not _is_within(lines, setting.size):
            break
        best = lines
    return best


def _draw_setting(pen: ImageDraw.ImageDraw, setting: _Setting, top: float, colours: tuple[str, str]) -> None:
    for number, line in enumerate(setting.lines):
        base = top + setting.size * (0.9 + 1.16 * number)
        draw_line(pen, (_MARGIN * _FINE, base * _FINE), line, setting.size * _FINE, colours)


def _draw_wave(pen: ImageDraw.ImageDraw, digest: bytes, colour: str) -> None:
    """Draw a row of bars as sound is drawn, whose heights are the book's own."""
    step = _MEASURE / _BARS
    for number in range(_BARS):
        swell = 1 - abs(number - _BARS // 2) / (_BARS // 2 + 1)
        half = 8 + (20 + digest[number % len(digest)] / 255 * 90) * swell
        left = _MARGIN + number * step + step * 0.3
        box = [edge * _FINE for edge in (left, 1_210 - half, left + step * 0.4, 1_210 + half)]
        pen.rounded_rectangle(box, step * 0.2 * _FINE, colour)
