"""Drawn covers: what is on them, told by their pixels."""

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from tasks.packagers.drawn_cover import SIDE, Words, drawn
from tasks.packagers.lettering import bases, font_of, lettered
from tests.packagers.publications import HOSTILE

READING = "Narrated by a synthetic voice: Joe."
# Where there is nothing on any cover: the outer edge.
EDGE = 100


def image_of(words: Words) -> Image.Image:
    picture = drawn(words)
    assert (picture.media_type, picture.name) == ("image/png", "cover.png")
    assert len(picture.data) < 500_000
    with Image.open(io.BytesIO(picture.data)) as image:
        assert (image.size, image.mode) == ((SIDE, SIDE), "RGB")
        return image.copy()


def inked(image: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Tell whether anything is drawn in a part of a cover."""
    part = image.crop(box)
    ground = Image.new("RGB", part.size, image.getpixel((0, 0)))
    return ImageChops.difference(part, ground).getbbox() is not None


TITLE = (0, 0, SIDE, 800)


@pytest.mark.parametrize(
    "title",
    [*HOSTILE, "X", "W" * 300, "word " * 60, "Ü" * 300, "\N{COMBINING ACUTE ACCENT}"],
)
def test_any_title_is_drawn_within_the_edges(title: str) -> None:
    image = image_of(Words(title, (title, "Ann One"), READING))
    whole = ImageChops.difference(image, Image.new("RGB", image.size, image.getpixel((0, 0))))
    left, top, right, bottom = whole.getbbox() or (0, 0, 0, 0)
    assert min(left, top) >= EDGE
    assert max(right, bottom) <= SIDE - EDGE
    assert inked(image, (0, 0, SIDE, 1_000)) == bool(lettered(title) or lettered("Ann One"))


@pytest.mark.parametrize("title", ["ספר הזמן", "東京", "\N{FIRE}\N{FIRE}", "", " \n "])
def test_what_the_font_cannot_write_is_no_row_of_boxes(title: str) -> None:
    assert lettered(title) == ""
    assert not inked(image_of(Words(title, (), READING)), TITLE)


def test_the_same_words_give_the_same_bytes_and_others_do_not() -> None:
    words = Words("Emma", ("Jane Austen",), READING)
    assert drawn(words) == drawn(words)
    pictures = {
        drawn(Words(title, author, line)).data
        for title, author, line in [
            ("Emma", ("Jane Austen",), READING),
            ("Èmma", ("Jane Austen",), READING),
            ("Emma", ("Jane Austen",), ""),
        ]
    }
    assert len(pictures) == 3


def test_a_longer_title_is_set_smaller_but_never_lost() -> None:
    def height(title: str) -> int:
        image = image_of(Words(title, (), ""))
        part = ImageChops.difference(image, Image.new("RGB", image.size, image.getpixel((0, 0)))).crop(TITLE)
        box = part.getbbox()
        assert box is not None
        return box[3] - box[1]

    assert height("Xi") < 250
    assert 300 < height("The Strange Case of Dr. Jekyll and Mr. Hyde") < 700
    assert 300 < height("word " * 60) < 700


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Les Misérables", "Les Mise\u0301rables"),
        ("Łódź — Größe „Æon“", "Lo\u0301dz\u0301 - Gro\u0308sse “AEon“"),
        ("Either/Or \N{FIRE}, then", "Either/Or , then"),
        ("Война и мир (War and Peace)", "(War and Peace)"),
        ("Война и мир 2", ""),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER F}ull ﬁsh №5", "Full fish No5"),
        ("Two\nlines", "Two lines"),
    ],
)
def test_words_are_put_into_the_letters_that_there_are(text: str, shown: str) -> None:
    assert lettered(text) == shown


@given(st.text(st.characters(), max_size=60))
@example("e\u0301\u0323 Tiếng Việt")
@settings(max_examples=300)
def test_the_font_has_all_that_is_drawn(text: str) -> None:
    line = lettered(text)
    assert lettered(line) == line
    font = font_of(40)
    missing = font.getmask("\uffff")
    for letter in set(bases(line)):
        mask = font.getmask(letter)
        assert (mask.size, bytes(mask)) != (missing.size, bytes(missing)), letter
