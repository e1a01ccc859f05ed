"""Words in the one font that is always there: Pillow's own Aileron, which has the letters of ASCII and some signs.

Accents are drawn over its letters. A word of which the font lacks a letter is left out whole: it would be a row of boxes.
"""

import unicodedata
from collections.abc import Iterator

from PIL import ImageDraw, ImageFont

from tasks.packagers.plain import plain

# Not all that the font has, but all that is of use in a title.
_GLYPHS = frozenset(
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~©«°±·»‘’“”…‹›⁄™"
)
# How letters without an accent of their own are written in ASCII, and what stands for signs that the font lacks.
_LETTERS = "ß=ss ẞ=SS æ=ae Æ=AE œ=oe Œ=OE ø=o Ø=O ł=l Ł=L đ=d Đ=D ð=d Ð=D þ=th Þ=Th \u0131=i ħ=h Ħ=H ŋ=ng"
_SIGNS = {**dict.fromkeys("\u2010\u2011\u2012–—\u2015−", "-"), "„": "“", "\u201a": "‘", "′": "’", "″": "”"}
_OTHERS = str.maketrans(dict(pair.split("=") for pair in _LETTERS.split()) | _SIGNS)
_RING = tuple((x / 100, y / 100) for x, y in ((0, 0), (7, 4), (7, 11), (0, 15), (-7, 11), (-7, 4), (0, 0)))
# Each accent as lines between points, in shares of the size of the font: to the right of the letter's middle and up from
# its top, or down from the line that it stands on. A line of one point is a dot.
_ABOVE: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "\N{COMBINING GRAVE ACCENT}": (((-0.10, 0.14), (0.04, 0.02)),),
    "\N{COMBINING ACUTE ACCENT}": (((-0.04, 0.02), (0.10, 0.14)),),
    "\N{COMBINING DOUBLE ACUTE ACCENT}": (((-0.13, 0.02), (-0.03, 0.14)), ((0.05, 0.02), (0.15, 0.14))),
    "\N{COMBINING CIRCUMFLEX ACCENT}": (((-0.12, 0.02), (0, 0.13), (0.12, 0.02)),),
    "\N{COMBINING CARON}": (((-0.12, 0.13), (0, 0.02), (0.12, 0.13)),),
    "\N{COMBINING TILDE}": (((-0.14, 0.04), (-0.06, 0.1), (0.06, 0.04), (0.14, 0.1)),),
    "\N{COMBINING MACRON}": (((-0.13, 0.07), (0.13, 0.07)),),
    "\N{COMBINING BREVE}": (((-0.12, 0.13), (-0.07, 0.05), (0.07, 0.05), (0.12, 0.13)),),
    "\N{COMBINING DIAERESIS}": (((-0.1, 0.08),), ((0.1, 0.08),)),
    "\N{COMBINING DOT ABOVE}": (((0, 0.08),),),
    "\N{COMBINING RING ABOVE}": (_RING,),
}
_BELOW: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "\N{COMBINING CEDILLA}": (((0, -0.01), (0.05, -0.09), (0.02, -0.16), (-0.07, -0.17)),),
    "\N{COMBINING OGONEK}": (((0.1, 0), (0.05, -0.1), (0.08, -0.16), (0.14, -0.16)),),
    "\N{COMBINING COMMA BELOW}": (((0.02, -0.07), (-0.03, -0.18)),),
    "\N{COMBINING DOT BELOW}": (((0, -0.12),),),
}
_STROKE = 0.07
_DOT = 0.052
_GAP = 0.03


def lettered(text: str) -> str:
    """Put a text as the font can show it, letters and their accents apart, on one line.

    It is empty where most letters of the text would be lost.
    """
    words = unicodedata.normalize("NFC", plain(text)).split()
    shown = [word for word in map(_lettered_word, words) if word]
    kept, whole = (sum(map(str.isalnum, "".join(line))) for line in (shown, words))
    return " ".join(shown) if kept * 2 >= whole > 0 else ""


def _lettered_word(word: str) -> str:
    letters: list[str] = []
    for character in word.translate(_OTHERS):
        parts = unicodedata.normalize("NFD", character)
        base, accents = parts[0], parts[1:]
        compatible = unicodedata.normalize("NFKC", character)
        if base in _GLYPHS:
            letters += [base, *(accent for accent in accents if accent in _ABOVE or accent in _BELOW)]
        elif _GLYPHS.issuperset(compatible):
            letters.append(compatible.strip())
        elif letters and (character in _ABOVE or character in _BELOW):
            letters.append(character)
        elif character.isalnum():
            return ""
    return "".join(letters)


def bases(line: str) -> str:
    """Give a line without its accents."""
    return "".join(filter(_GLYPHS.__contains__, line))


def clusters(word: str) -> Iterator[str]:
    """Part a word into its letters, each with its accents."""
    cluster = ""
    for character in word:
        if character in _GLYPHS and cluster:
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def width_of(line: str, font: ImageFont.FreeTypeFont) -> float:
    """Measure a line, in pixels."""
    return font.getlength(bases(line))


def draw_line(
    pen: ImageDraw.ImageDraw, place: tuple[float, float], line: str, size: int, colours: tuple[str, str]
) -> None:
    """Draw a line from a place on that it stands on; `colours` are those of the ink and of the even ground."""
    font = font_of(size)
    pen.text(place, bases(line), colours[0], font, anchor="ls")
    before = ""
    for cluster in clusters(line):
        before += cluster[0]
        if len(cluster) > 1:
            left = place[0] + font.getlength(before) - font.getlength(cluster[0])
            _draw_accents(pen, (left, place[1]), cluster, size, colours)


def font_of(size: int) -> ImageFont.FreeTypeFont:
    """Give the font, `size` pixels from line to line about."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OSError("Pillow lacks FreeType; install its own wheel")
    return font


def _draw_accents(
    pen: ImageDraw.ImageDraw, place: tuple[float, float], cluster: str, size: int, colours: tuple[str, str]
) -> None:
    font, (ink, ground), (x, y) = font_of(size), colours, place
    left, top, right, _ = font.getbbox(cluster[0], anchor="ls")
    if cluster[0] in "ij" and any(accent in _ABOVE for accent in cluster):
        # The accent stands in the place of the dot.
        highest, top = top, font.getbbox("x", anchor="ls")[1]
        pen.rectangle((x + left - 1, y + highest - 1, x + right + 1, y + top - size * 0.02), ground)
    middle = x + (left + right) / 2
    for accent in cluster[1:]:
        for line in _ABOVE.get(accent, ()):
            _draw_stroke(pen, [(middle + right * size, y + top - (up + _GAP) * size) for right, up in line], size, ink)
        for line in _BELOW.get(accent, ()):
            _draw_stroke(pen, [(middle + right * size, y - up * size) for right, up in line], size, ink)


def _draw_stroke(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], size: int, ink: str) -> None:
    if len(points) == 1:
        pen.circle(points[0], _DOT * size, ink)
    else:
        pen.line(points, ink, round(_STROKE * size), joint="curve")
