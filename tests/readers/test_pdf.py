import logging
from pathlib import Path
from random import Random

import pytest
import reportlab
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, TextStringObject
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from tasks.errors import SourceError
from tasks.model import BlockKind
from tasks.readers import markdown, pdf
from tasks.readers.pdf import read
from tests import skip_reasons
from tests.readers.making_pdfs import LEADING, PROSE, Press, blocks_of, left_out, outline

BOOKS = Path(__file__).resolve().parents[3] / "shared" / "books"
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture
def press(tmp_path: Path) -> Press:
    return Press(tmp_path / "a-printed_book.pdf")


def spoken(press: Press) -> list[str]:
    return [block.text for block in blocks_of(read(press.close())) if not block.left_out]


# ------------------------------------------------------------------------------------------------------ real books


@pytest.mark.books
def test_a_latex_book_with_several_chapters_on_a_page() -> None:
    path = BOOKS / "pdflatex-outline.pdf"
    if not path.exists():
        pytest.skip(skip_reasons.BOOKS)
    book = read(path)
    assert [chapter.title for chapter in book.chapters] == ["Foo", "Bar", "Baz"] * 3
    headings = [chapter.blocks[0] for chapter in book.chapters]
    assert [block.text for block in headings] == [
        f"{number} {name}" for number, name in enumerate(["Foo", "Bar", "Baz"] * 3, 1)
    ]
    assert {block.kind for block in headings} == {BlockKind.HEADING}
    assert [sum(not block.left_out for block in chapter.blocks) for chapter in book.chapters] == [2] * 9
    for chapter in book.chapters:
        text = chapter.blocks[1].text
        assert text.startswith("Hello, here is some text without a meaning.")
        assert text.rstrip(" 57").endswith("the length of words should match the language.")
    assert left_out(blocks_of(book)) == [("page-number", "2"), ("page-number", "3"), ("page-number", "4")]
    assert left_out(book.left_out)[0] == ("toc", "Contents")
    assert left_out(book.left_out)[-2:] == [("toc", "9 Baz 4"), ("page-number", "1")]
    printed = " ".join(page.extract_text() for page in PdfReader(path).pages).split()
    assert sorted(printed) == sorted(" ".join(block.text for block in [*book.left_out, *blocks_of(book)]).split())


def test_the_sample_reads_the_same_as_pdf_and_as_markdown() -> None:
    printed, source = SAMPLES / "tuppence-a-window.pdf", SAMPLES / "tuppence-a-window.md"
    if not (printed.exists() and source.exists()):
        pytest.skip("the samples are not built")
    book = read(printed)
    manuscript = markdown.read(source)
    assert outline(book) == outline(manuscript)
    assert (book.title, book.authors, book.language) == (manuscript.title, manuscript.authors, manuscript.language)
    breaks = [[block.kind for block in chapter.blocks].count(BlockKind.BREAK) for chapter in book.chapters]
    assert breaks == [
        [block.kind for block in chapter.blocks].count(BlockKind.BREAK) for chapter in manuscript.chapters
    ]
    kinds = {kind for kind, _ in left_out(blocks_of(book))}
    assert kinds == {"running-head", "page-number"}


# --------------------------------------------------------------------------------------------------------- chapters


def test_the_outline_parts_a_page_into_chapters(press: Press) -> None:
    press.line("A Tale", size=24)
    press.new_page()
    for number, title in enumerate(["The Storm", "The Calm", "The Storm"], 1):
        press.y -= LEADING
        press.bookmark(title)
        press.heading(f"{number} {title}")
        press.paragraph(f"In {number} it rained. The calm before the storm was long.")
    book = read(press.close())
    assert outline(book) == [
        (title, [f"{number} {title}", f"In {number} it rained. The calm before the storm was long."])
        for number, title in enumerate(["The Storm", "The Calm", "The Storm"], 1)
    ]
    assert left_out(book.left_out) == [("frontmatter", "A Tale")]
    assert (book.title, book.authors, book.language, book.cover) == ("a printed book", (), "en", None)


def test_an_outline_without_heights_finds_its_headings_by_their_words(press: Press) -> None:
    for number, title in enumerate(["Rain", "Wind"], 1):
        press.bookmark(f"Chapter {number}: {title}", exact=False)
        press.heading(f"CHAPTER {number}")
        press.line(title, size=14)
        press.y -= LEADING
        press.paragraph(f"Only words of {title}.")
    book = read(press.close())
    assert outline(book) == [
        ("Chapter 1: Rain", ["CHAPTER 1 Rain", "Only words of Rain."]),
        ("Chapter 2: Wind", ["CHAPTER 2 Wind", "Only words of Wind."]),
    ]


def test_parts_open_the_chapters_in_them(press: Press) -> None:
    press.bookmark("Contents")
    press.lines("Contents", "Part One . . . . 2", "Rain . . . . 3")
    press.new_page()
    for part, titles in {"Part One": ["Rain", "Wind"], "Part Two": ["Snow"]}.items():
        press.bookmark(part)
        press.heading(part, size=20)
        for title in titles:
            press.bookmark(title, 1)
            press.heading(title)
            press.paragraph(f"The {title.lower()} fell.")
            press.bookmark(f"More {title}", 2)
            press.heading(f"More {title}", size=14)
            press.paragraph("And fell.")
    book = read(press.close())
    assert outline(book) == [
        ("Rain", ["Part One", "Rain", "The rain fell.", "More Rain", "And fell."]),
        ("Wind", ["Wind", "The wind fell.", "More Wind", "And fell."]),
        ("Snow", ["Part Two", "Snow", "The snow fell.", "More Snow", "And fell."]),
    ]
    levels = [block.level for block in book.chapters[0].blocks if block.kind == BlockKind.HEADING]
    assert levels == [1, 2, 3]
    assert [kind for kind, _ in left_out(book.left_out)] == ["toc"] * 3


def test_a_book_that_is_the_root_of_its_outline(press: Press) -> None:
    press.bookmark("The Tale")
    press.line("The Tale", size=24)
    for title in ("Rain", "Wind"):
        press.bookmark(title, 1)
        press.heading(title)
        press.paragraph(f"The {title.lower()} fell.")
    assert [chapter.title for chapter in read(press.close()).chapters] == ["Rain", "Wind"]


@pytest.mark.parametrize(
    "headings",
    [
        ["Chapter 1", "Chapter 2"],
        ["I", "II"],
        ["CHAPTER ONE", "CHAPTER TWENTY-TWO: THE SEA"],
        ["Prologue", "Chapter 1."],
    ],
)
@pytest.mark.parametrize("size", [11, 18])
def test_without_outline_the_words_of_headings_tell(press: Press, headings: list[str], size: float) -> None:
    press.line("A Tale", size=30)
    for number, heading in enumerate(headings):
        press.new_page()
        press.heading(heading, size=size)
        press.paragraph(f"Chapter {number} is the one. {PROSE}")
    book = read(press.close())
    assert outline(book) == [
        (heading, [heading, f"Chapter {number} is the one. {PROSE}"]) for number, heading in enumerate(headings)
    ]
    assert left_out(book.left_out) == [("frontmatter", "A Tale")]


def test_without_such_words_the_size_of_the_type_tells(press: Press) -> None:
    press.line("A Tale", size=30)
    for title in ("Rain", "A Wind that Blows"):
        press.heading(title)
        press.paragraph(PROSE)
        press.heading("An Aside", size=14)
        press.paragraph("Nothing much.")
    assert outline(read(press.close())) == [
        (title, [title, PROSE, "An Aside", "Nothing much."]) for title in ("Rain", "A Wind that Blows")
    ]


def test_prose_before_the_first_heading_is_a_chapter(press: Press) -> None:
    press.paragraph(PROSE)
    press.heading("Chapter 1")
    press.paragraph("Then it began.")
    assert outline(read(press.close())) == [("a printed book", [PROSE]), ("Chapter 1", ["Chapter 1", "Then it began."])]


def test_a_book_without_headings_is_one_chapter(press: Press) -> None:
    press.canvas.setTitle("Untold")
    press.canvas.setAuthor("Ann One; Bo Two")
    press.paragraph(PROSE)
    path = press.close()
    writer = PdfWriter(clone_from=path)
    writer.root_object[NameObject("/Lang")] = TextStringObject("en-GB")
    writer.write(path)
    book = read(path)
    assert (book.title, book.authors, book.language) == ("Untold", ("Ann One", "Bo Two"), "en-GB")
    assert outline(book) == [("Untold", [PROSE])]


# ------------------------------------------------------------------------------------------------------- paragraphs


def test_paragraphs_by_their_drawn_in_lines_go_on_over_pages(press: Press) -> None:
    press.margin = 50
    press.paragraph("One. " + PROSE)
    press.paragraph("Two.")
    broken_off = "Three was broken off in the middle of what it had to say, by"
    press.paragraph(broken_off)
    press.new_page()
    press.margin = 70
    press.lines("Providence. And it went on after that, for a line and more,", "until it ended.")
    press.paragraph("Four ended with its page. " + PROSE)
    press.new_page()
    press.margin = 50
    press.paragraph("Five.")
    press.paragraph("Six is longer than the others. " + PROSE)
    assert spoken(press) == [
        "One. " + PROSE,
        "Two.",
        f"{broken_off} Providence. And it went on after that, for a line and more, until it ended.",
        "Four ended with its page. " + PROSE,
        "Five.",
        "Six is longer than the others. " + PROSE,
    ]


def test_paragraphs_by_white_space_and_short_lines(press: Press) -> None:
    press.paragraph("One. " + PROSE, indent=0)
    press.y -= LEADING
    press.paragraph("Two. " + PROSE + " Short end.", indent=0)
    press.paragraph("Three. " + PROSE, indent=0)
    press.y -= LEADING
    press.line("* * *", x=120)
    press.y -= LEADING
    press.paragraph("Four.", indent=0)
    book = read(press.close())
    assert outline(book)[0][1] == ["One. " + PROSE, "Two. " + PROSE + " Short end.", "Three. " + PROSE, "Four."]
    assert [block.kind for block in blocks_of(book)].index(BlockKind.BREAK) == 3


@pytest.mark.parametrize("mark", ["***", "* * *", "#", "~", "\N{BULLET} \N{BULLET} \N{BULLET}", "\N{EM DASH}"])
def test_scene_breaks_have_no_words(press: Press, mark: str) -> None:
    press.paragraph(PROSE)
    press.line(mark, x=120)
    press.paragraph("Later.")
    kinds = [(block.kind, block.text) for block in blocks_of(read(press.close()))]
    assert kinds == [(BlockKind.PARAGRAPH, PROSE), (BlockKind.BREAK, ""), (BlockKind.PARAGRAPH, "Later.")]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            ["He saw the candle-", "stick that he had seen. A candlestick!"],
            "He saw the candlestick that he had seen. A candlestick!",
        ),
        (["This is quite extra-", "ordinary."], "This is quite extraordinary."),
        (["She was well-", "known, and a well-known liar."], "She was well-known, and a well-known liar."),
        (["The half and the moon: a half-", "moon rose."], "The half and the moon: a half-moon rose."),
        (["The Anglo-", "Saxon kings."], "The Anglo-Saxon kings."),
        (["From 1914-", "1918 it was pre-", "and post-war."], "From 1914-1918 it was pre- and post-war."),
        (["A soft\N{SOFT HYPHEN}ly bro\N{SOFT HYPHEN}", "ken word."], "A softly broken word."),
        (["She was ninety-", "nine."], "She was ninety-nine."),
        (["His mother-in-", "law came."], "His mother-in-law came."),
        (["It was dark\N{EM DASH}", "very\N{EM DASH}and still."], "It was dark\N{EM DASH}very\N{EM DASH}and still."),
        (["It was dark\N{EM DASH}", "very\N{EM DASH} and still."], "It was dark\N{EM DASH} very\N{EM DASH} and still."),
    ],
)
def test_words_that_lines_broke_are_whole_again(press: Press, lines: list[str], text: str) -> None:
    press.lines(*lines)
    assert spoken(press) == [text]


def test_a_word_broken_by_the_end_of_a_page(press: Press) -> None:
    press.line("1", x=140, y=40)
    press.paragraph(PROSE + " He would be there. And then, all of a sudden, with no sign be-")
    press.new_page()
    press.line("2", x=140, y=40)
    press.lines("forehand, it stopped.")
    assert spoken(press) == [
        PROSE + " He would be there. And then, all of a sudden, with no sign beforehand, it stopped."
    ]


def test_ligatures_are_letters(press: Press) -> None:
    pdfmetrics.registerFont(TTFont("Vera", str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")))
    press.line(
        "\N{LATIN SMALL LIGATURE FI}rst \N{LATIN SMALL LIGATURE FL}ight, 1\N{VULGAR FRACTION ONE HALF}", font="Vera"
    )
    assert spoken(press) == ["first flight, 1\N{VULGAR FRACTION ONE HALF}"]


@pytest.mark.parametrize(("cap", "rest", "text"), [("T", "he sea was", "The sea was"), ("I", "had seen", "I had seen")])
def test_drop_caps_belong_to_their_words(press: Press, cap: str, rest: str, text: str) -> None:
    press.line(cap, size=30, y=press.y - LEADING)
    press.line(f"{rest} never as calm as on that morning", x=24)
    press.line("of all mornings, and nobody could have said", x=24)
    press.lines("why. " + "Some tried, and were not believed.")
    expected = f"{text} never as calm as on that morning of all mornings, and nobody could have said why."
    assert spoken(press) == [expected + " Some tried, and were not believed."]


# ---------------------------------------------------------------------------------------------------- beside the text


def print_with_heads(press: Press, pages: int) -> None:
    words = ["none", "one", "two", "three", "four", "five"]
    for number in range(1, pages + 1):
        head = f"{number} THE TALE" if number % 2 else f"RAIN {number}"
        press.line(head, y=550)
        press.line(f"\N{EN DASH} {number} \N{EN DASH}", x=140, y=40)
        press.paragraph(f"Page {words[number]}. {PROSE}")
        press.paragraph(f"It ended with {words[number]}.")
        press.new_page()


def test_running_heads_and_page_numbers_are_left_out(press: Press) -> None:
    print_with_heads(press, 5)
    book = read(press.close())
    assert left_out([*book.left_out, *blocks_of(book)]) == [
        pair
        for number, head in enumerate(["1 THE TALE", "RAIN 2", "3 THE TALE", "RAIN 4", "5 THE TALE"], 1)
        for pair in (("running-head", head), ("page-number", f"\N{EN DASH} {number} \N{EN DASH}"))
    ]
    assert [text for _, texts in outline(book) for text in texts] == [
        text
        for word in ["one", "two", "three", "four", "five"]
        for text in (f"Page {word}. {PROSE}", f"It ended with {word}.")
    ]


def test_a_page_number_amid_a_paragraph_follows_it(press: Press) -> None:
    press.line("7", x=140, y=40)
    press.paragraph("The sentence that began on this page was not")
    press.new_page()
    press.line("8", x=140, y=40)
    press.lines("ended until the next.")
    blocks = blocks_of(read(press.close()))
    assert [(block.text, block.anchor) for block in blocks] == [
        ("The sentence that began on this page was not ended until the next.", "page=1#1"),
        ("7", "page=1#2"),
        ("8", "page=2#2"),
    ]
    assert len({block.anchor for block in blocks}) == len(blocks)


def test_headings_that_only_count_are_no_running_heads(press: Press) -> None:
    for number in range(1, 5):
        press.line(f"Chapter {number}", y=540)
        press.paragraph(PROSE)
        press.new_page()
        press.line("At last.")
        press.new_page()
    assert [chapter.title for chapter in read(press.close()).chapters] == [
        f"Chapter {number}" for number in range(1, 5)
    ]


def test_footnotes_and_their_marks_are_left_out(press: Press) -> None:
    text = press.canvas.beginText(60, 500)
    for piece, size in [
        ("He was a knocker-up", 11),
        ("1", 6),
        (" by trade, and drank H", 11),
        ("2", 6),
        ("O with his", 11),
    ]:
        text.setFont("Times-Roman", size)
        text.textOut(piece)
    press.canvas.drawText(text)
    press.line("1 Who was paid to wake the hands of mills, by tapping at their", size=8, y=60)
    press.line("windows.", size=8, y=50)
    press.line("2 Another.", size=8, y=40)
    press.new_page()
    press.lines("breakfast. So it was said of him by all who knew him in those days.")
    book = read(press.close())
    told = "He was a knocker-up by trade, and drank H2O with his breakfast. So it was said of him by all who knew him in those days."
    assert outline(book)[0][1] == [told]
    assert left_out(blocks_of(book)) == [
        ("noteref", "1"),
        ("footnotes", "1 Who was paid to wake the hands of mills, by tapping at their windows."),
        ("footnotes", "2 Another."),
    ]


# ------------------------------------------------------------------------------------------------ what cannot be read


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert message.isprintable()
    return message


def locked(path: Path, password: str) -> Path:
    writer = PdfWriter(clone_from=path)
    writer.encrypt(password, "owner", algorithm="AES-256")
    writer.write(path)
    return path


def test_a_password_is_asked_for_only_where_there_is_one(press: Press) -> None:
    press.paragraph(PROSE)
    path = press.close()
    assert outline(read(locked(path, ""))) == [("a printed book", [PROSE])]
    press.canvas = Canvas(str(path))
    press.paragraph(PROSE)
    assert "password" in refused(locked(press.close(), "sesame"))


def test_pages_that_are_pictures_are_named(press: Press, tmp_path: Path) -> None:
    Image.new("RGB", (30, 40), "white").save(tmp_path / "scan.png")
    for number in range(1, 6):
        press.line("A TALE", y=550)
        if number in {2, 4}:
            press.canvas.drawImage(ImageReader(str(tmp_path / "scan.png")), 50, 50, 300, 400)
        else:
            press.paragraph(f"{number}. {PROSE}")
        press.new_page()
    message = refused(press.close())
    assert "pages 2, 4:" in message
    assert "OCR" in message


def test_blank_pages_and_pictures_beside_text_are_fine(press: Press, tmp_path: Path) -> None:
    Image.new("RGB", (30, 40), "white").save(tmp_path / "ship.png")
    press.canvas.drawImage(ImageReader(str(tmp_path / "ship.png")), 50, 50, 30, 40)
    press.paragraph(PROSE)
    press.new_page()
    press.canvas.rect(50, 50, 100, 100)
    press.new_page()
    assert spoken(press) == [PROSE]


def test_a_book_without_text_is_refused(press: Press) -> None:
    press.new_page()
    assert "no text" in refused(press.close())


def test_a_cut_or_empty_or_foreign_file_is_refused(press: Press, tmp_path: Path) -> None:
    press.paragraph(PROSE)
    path = press.close()
    data = path.read_bytes()
    for share in (0.2, 0.5, 0.9, 0.99):
        path.write_bytes(data[: int(len(data) * share)])
        assert "cut short" in refused(path)
    path.write_bytes(b"")
    assert "no PDF" in refused(path)
    path.write_bytes(b"PK\x03\x04 some archive %%EOF")
    assert "no PDF" in refused(path)
    assert "cannot be opened" in refused(tmp_path / "gone.pdf")
    assert "cannot be opened" in refused(tmp_path)


def test_what_is_too_large_is_refused(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    press.paragraph(PROSE)
    press.new_page()
    press.paragraph(PROSE)
    path = press.close()
    monkeypatch.setattr(pdf, "MAXIMUM_PAGES", 1)
    assert "has 2 pages" in refused(path)
    with path.open("ab") as stream:
        stream.truncate(pdf.MAXIMUM_BYTES + 1)
    assert "larger than 500 MB" in refused(path)


def test_content_that_is_missing_is_no_blank_page(press: Press) -> None:
    press.paragraph(PROSE)
    press.new_page()
    press.paragraph("Two.")
    path = press.close()
    number = PdfReader(path).pages[1].raw_get("/Contents").idnum
    data = path.read_bytes()
    path.write_bytes(
        data.replace(f"/Contents {number} 0 R".encode(), f"/Contents 0 {'9' * len(str(number))} R".encode())
    )
    assert "page 2" in refused(path)


class Ears(logging.Handler):
    """Hears what reaches the root of all loggers."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def refusal(path: Path) -> str:
    try:
        read(path)
    except SourceError as error:
        return str(error)
    return ""


def test_whatever_is_damaged_it_is_read_or_refused(press: Press) -> None:
    print_with_heads(press, 3)
    press.bookmark("Rain")
    press.line("Rain")
    path = press.close()
    whole = path.read_bytes()
    choose = Random(20261121)  # noqa: S311 - damage need not be secret
    refusals: list[str] = []
    ears = Ears()
    logging.getLogger().addHandler(ears)
    try:
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(choose.choice([1, 4, 16])):
                place = choose.randrange(len(data) - 60)
                data[place : place + choose.choice([0, 1, 1, 30])] = choose.randbytes(1)
            path.write_bytes(data)
            refusals.append(refusal(path))
    finally:
        logging.getLogger().removeHandler(ears)
    assert 15 < sum(map(bool, refusals)) < 135
    assert all(message.isprintable() for message in refusals)
    assert ears.heard == []


def test_what_pypdf_remarks_is_told_with_the_book(press: Press) -> None:
    press.paragraph(PROSE)
    path = press.close()
    path.write_bytes(path.read_bytes().replace(b"startxref\n", b"startxref\n1"))
    book = read(path)
    assert outline(book) == [("a printed book", [PROSE])]
    assert any("xref" in warning and warning.startswith(path.name) for warning in book.warnings)


def test_every_printed_word_is_spoken_or_left_out(press: Press) -> None:
    press.canvas.setTitle("Whole")
    print_with_heads(press, 4)
    press.heading("Chapter 9")
    press.paragraph(PROSE)
    path = press.close()
    book = read(path)
    printed = " ".join(page.extract_text() for page in PdfReader(path).pages).split()
    told = " ".join(block.text for block in [*book.left_out, *blocks_of(book)]).split()
    assert sorted(told) == sorted(printed)
