from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import RectangleObject
from reportlab.lib.utils import ImageReader

from tasks.readers.pdf import read
from tests.readers.making_pdfs import PROSE, Press, blocks_of, left_out, outline

NUMBERS = ["", "first", "second", "third", "fourth", "fifth", "sixth"]


@pytest.fixture
def press(tmp_path: Path) -> Press:
    return Press(tmp_path / "pages.pdf")


@pytest.mark.parametrize("angle", [45, 90, 180, 270, -30])
def test_rotated_text_is_left_out(press: Press, angle: float) -> None:
    press.paragraph(PROSE)
    press.canvas.saveState()
    press.canvas.translate(200, 470)
    press.canvas.rotate(angle)
    press.canvas.setFont("Times-Roman", 30)
    press.canvas.drawString(0, 0, "DRAFT COPY")
    press.canvas.restoreState()
    book = read(press.close())
    assert outline(book)[0][1] == [PROSE]
    assert left_out(blocks_of(book)) == [("rotated", "DRAFT COPY")]


def test_rotated_text_amid_a_text_object_is_left_out(press: Press) -> None:
    text = press.canvas.beginText(60, 500)
    text.setFont("Times-Roman", 11)
    text.textOut("The keeper climbed")
    text.setTextTransform(0, 1, -1, 0, 30, 500)
    text.textOut("The Tale")
    text.setTextTransform(1, 0, 0, 1, 60, 486)
    text.textOut("the stairs.")
    press.canvas.drawText(text)
    book = read(press.close())
    assert outline(book)[0][1] == ["The keeper climbed the stairs."]
    assert left_out(blocks_of(book)) == [("rotated", "The Tale")]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_page_that_is_shown_turned_is_read_as_it_is_shown(press: Press, rotation: int) -> None:
    press.canvas.setPageRotation(rotation)
    turn = {0: (1, 0, 0, 1, 0, 0), 90: (0, 1, -1, 0, 600, 0), 180: (-1, 0, 0, -1, 420, 595), 270: (0, -1, 1, 0, 0, 420)}
    press.canvas.transform(*turn[rotation])
    press.y = 380
    press.paragraph(PROSE)
    assert outline(read(press.close()))[0][1] == [PROSE]


@pytest.mark.parametrize("box", ["mediabox", "cropbox"])
def test_text_off_the_page_is_left_out(press: Press, box: str) -> None:
    press.paragraph(PROSE)
    press.line("tale_final.indd 12", y=560)
    path = press.close()
    writer = PdfWriter(clone_from=path)
    setattr(writer.pages[0], box, RectangleObject((0, 0, 420, 540)))
    writer.write(path)
    book = read(path)
    assert outline(book)[0][1] == [PROSE]
    assert left_out(blocks_of(book)) == [("off-page", "tale_final.indd 12")]


def test_the_hidden_text_of_a_scanned_page_is_read(press: Press, tmp_path: Path) -> None:
    Image.new("RGB", (30, 40), "white").save(tmp_path / "scan.png")
    press.canvas.drawImage(ImageReader(str(tmp_path / "scan.png")), 0, 0, 420, 595)
    for place, words in enumerate((PROSE[:58], PROSE[59:114])):
        text = press.canvas.beginText(60, 500 - 14 * place)
        text.setFont("Times-Roman", 11)
        text.setTextRenderMode(3)
        text.textOut(words)
        press.canvas.drawText(text)
    assert outline(read(press.close()))[0][1] == [PROSE[:114]]


def test_a_plate_is_named_and_the_book_is_read(press: Press, tmp_path: Path) -> None:
    Image.new("RGB", (30, 40), "white").save(tmp_path / "plate.png")
    for number in range(1, 7):
        if number in {2, 5}:
            press.canvas.drawImage(ImageReader(str(tmp_path / "plate.png")), 50, 50, 300, 400)
        else:
            press.paragraph(f"He went up for the {NUMBERS[number]} time, and came down again.")
        press.new_page()
    book = read(press.close())
    told = " ".join(outline(book)[0][1])
    assert [told.count(NUMBERS[number]) for number in range(1, 7)] == [1, 0, 1, 1, 0, 1]
    (warning,) = book.warnings
    assert "pages 2, 5: hold pictures and no text: nothing of them is read" in warning


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["They must re-", "sign the papers, and resign."], "They must resign the papers, and resign."),
        (["They must re-", "sign what they had to re-sign."], "They must re-sign what they had to re-sign."),
        (["It was Mary Smith-", "Jones and no other."], "It was Mary Smith-Jones and no other."),
        (["He sailed from Ports-", "mouth to Portsmouth."], "He sailed from Portsmouth to Portsmouth."),
    ],
)
def test_the_words_of_the_book_tell_what_a_hyphen_is(press: Press, lines: list[str], text: str) -> None:
    press.lines(*lines)
    assert outline(read(press.close()))[0][1] == [text]


def test_words_broken_over_pages_with_heads_between(press: Press) -> None:
    for number in range(1, 5):
        press.line("THE TALE OF THE LAMP", y=550)
        press.line(str(number), x=140, y=40)
        began = f"hand for the {NUMBERS[number]} time and went up again, all the way. And so"
        press.lines(began, f"the {NUMBERS[number]} keeper of the house took the lamp in his fore-")
        press.new_page()
    press.line("THE TALE OF THE LAMP", y=550)
    press.line("5", x=140, y=40)
    press.lines("hand and was gone.")
    told = " ".join(outline(read(press.close()))[0][1])
    assert (
        told
        == "".join(
            f"{'fore' * (number > 1)}hand for the {NUMBERS[number]} time and went up again, all the way. And so "
            f"the {NUMBERS[number]} keeper of the house took the lamp in his "
            for number in range(1, 5)
        )
        + "forehand and was gone."
    )


@pytest.mark.parametrize(("lines_deep", "size"), [(2, 32), (3, 53)])
def test_a_large_first_letter_beside_lines(press: Press, lines_deep: int, size: float) -> None:
    press.paragraph("Before it all was still.")
    lines = [
        "he sea was never as calm as on that morning",
        "of all mornings, and nobody could have said",
        "why it was so.",
    ]
    for place, line in enumerate(lines):
        press.line(line, x=size * 0.75 if place < lines_deep else 0, y=480 - 14 * place)
    press.line("T", size=size, y=480 - 14 * (lines_deep - 1))
    told = outline(read(press.close()))[0][1]
    assert told[-1] == "T" + " ".join(lines)


def test_forms_are_read_where_they_are_drawn_and_not_without_end(press: Press) -> None:
    press.canvas.beginForm("head")
    press.canvas.setFont("Times-Roman", 11)
    press.canvas.drawString(0, 0, "The keeper climbed the stairs.")
    press.canvas.endForm()
    press.canvas.translate(60, 500)
    press.canvas.doForm("head")
    path = press.close()
    assert outline(read(path))[0][1] == ["The keeper climbed the stairs."]
    assert "keeper" in PdfReader(path).pages[0].extract_text()
