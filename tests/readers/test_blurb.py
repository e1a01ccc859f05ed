"""Descriptions and series, from each format that can tell them."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from tasks.model import Book
from tasks.readers import read_book
from tasks.readers.blurb import MAXIMUM_DESCRIPTION, description_of, series_of
from tests.readers.making_epubs import Epub, book_of


def of_epub(metadata: str) -> Book:
    return book_of(Epub({"1.xhtml": "<p>One.</p>"}, metadata=metadata))


def of_markdown(folder: Path, facts: str) -> Book:
    (folder / "book.md").write_text(f"---\n{facts}\n---\nText.", "utf-8")
    return read_book(folder / "book.md")


@pytest.mark.parametrize(
    ("source", "description"),
    [
        ("Plain  words,\n folded.", "Plain words, folded."),
        ("<p>One <b>w</b>ord.</p><p>Two&nbsp;&amp; three.<br/>Four</p>", "One word. Two & three. Four"),
        ("<div><ul><li>a</li><li>b</li></ul></div>", "a b"),
        ("Said.<script>alert(1)</script><style>p {}</style><!-- unsaid --> And said.", "Said. And said."),
        ("5 < 6 & 7 > 2, AT&T", "5 < 6 & 7 > 2, AT&T"),
        ("<p>Not closed <i>at all", "Not closed at all"),
        ("<", "<"),
        ("&#0;&#x110000;<p>\0</p>", ""),
    ],
)
def test_a_description_is_plain_text(source: str, description: str) -> None:
    assert description_of(source).replace("\ufffd", "").strip() == description


@given(
    st.text(st.characters(), max_size=80)
    | st.lists(st.sampled_from(["<p>", "</p>", "<!--", "<script>", "&amp;", "&lt;", "<?", "a", "�"])).map("".join)
)
@example("<p>" * 2_000 + "deep")
def test_any_description_becomes_a_line(text: str) -> None:
    description = description_of(text)
    assert description == " ".join(description.split())
    assert len(description) <= MAXIMUM_DESCRIPTION


def test_a_description_of_any_length_is_cut_behind_a_word() -> None:
    cut = description_of("<p>" + "word " * 500_000)
    assert 3_900 < len(cut) <= MAXIMUM_DESCRIPTION
    assert cut.endswith("word…")


@pytest.mark.parametrize(
    ("name", "position", "series"),
    [
        (" The  Long Way ", "2", ("The Long Way", "2")),
        ("Way", " 1.5 ", ("Way", "1.5")),
        ("Way", "", ("Way", "")),
        ("", "2", ("", "")),
        ("Way", "9" * 21, ("Way", "")),
        ("W" * 201, "1", ("", "")),
    ],
)
def test_a_series_is_as_it_is_written(name: str, position: str, series: tuple[str, str]) -> None:
    assert series_of(name, position) == series


COLLECTION = '<meta property="belongs-to-collection" id="{0}">{1}</meta>'
TYPE = '<meta refines="#{0}" property="collection-type">{1}</meta>'
POSITION = '<meta refines="#{0}" property="group-position">{1}</meta>'
CALIBRE = '<meta name="calibre:series" content="Old Way"/><meta name="calibre:series_index" content="3.0"/>'


@pytest.mark.parametrize(
    ("metadata", "series"),
    [
        (
            COLLECTION.format("c", "The Way") + TYPE.format("c", "series") + POSITION.format("c", "1.5"),
            ("The Way", "1.5"),
        ),
        (COLLECTION.format("c", "The Way") + CALIBRE, ("The Way", "")),
        (COLLECTION.format("s", "A Box") + TYPE.format("s", "set") + CALIBRE, ("Old Way", "3.0")),
        (CALIBRE, ("Old Way", "3.0")),
        (POSITION.format("c", "4"), ("", "")),
        ("", ("", "")),
    ],
)
def test_an_epub_names_its_series(metadata: str, series: tuple[str, str]) -> None:
    book = of_epub(metadata)
    assert (book.series, book.series_position) == series


def test_an_epub_describes_its_book() -> None:
    described = "<dc:description> </dc:description><dc:description>&lt;p>A &amp;amp; b.&lt;/p></dc:description>"
    assert of_epub(described).description == "A & b."
    assert of_epub("").description == ""


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ("description: >\n  Of a\n  lamp.\nseries: The Way\nseries_position: 2", ("Of a lamp.", "The Way", "2")),
        ("abstract: Short.\nseries: {name: The Way, position: 01}", ("Short.", "The Way", "01")),
        ("series: [{name: The Way, index: 3}]\nseries-index: 1.5", ("", "The Way", "1.5")),
        ("belongs-to-collection: The Way\ngroup-position: 7", ("", "The Way", "7")),
        ("description: [no, text]\nseries: null\nseries_position: 2", ("", "", "")),
    ],
)
def test_front_matter_tells_of_the_book(tmp_path: Path, facts: str, told: tuple[str, str, str]) -> None:
    book = of_markdown(tmp_path, facts)
    assert (book.description, book.series, book.series_position) == told
    (tmp_path / "book.md").unlink()
    (tmp_path / "1.md").write_text("Text.", "utf-8")
    (tmp_path / "metadata.yaml").write_text(facts, "utf-8")
    folder = read_book(tmp_path)
    assert (folder.description, folder.series, folder.series_position) == told


@pytest.mark.parametrize(("subject", "description"), [("Of a lamp.", "Of a lamp."), ("(unspecified)", ""), ("", "")])
def test_a_pdf_has_its_subject_for_a_description(tmp_path: Path, subject: str, description: str) -> None:
    canvas = Canvas(str(tmp_path / "book.pdf"))
    canvas.setSubject(subject)
    canvas.drawString(72, 720, "It was late, and the lamp was lit.")
    canvas.save()
    assert read_book(tmp_path / "book.pdf").description == description


def test_covers_are_known_by_what_they_are() -> None:
    files = {"OPS/c.svg": b"<svg/>", "OPS/front.gif": b"GIF89a and more"}
    item = '<item id="c" href="{}" media-type="{}" properties="cover-image"/>'
    documents = {"1.xhtml": "<p>One.</p>"}
    drawing = book_of(Epub(documents, manifest=item.format("c.svg", "image/svg+xml"), files=files))
    assert drawing.cover is None
    assert drawing.warnings == ()
    cover = book_of(Epub(documents, manifest=item.format("front.gif", "image/gif"), files=files)).cover
    assert cover is not None
    assert (cover.media_type, cover.data) == ("image/gif", b"GIF89a and more")
