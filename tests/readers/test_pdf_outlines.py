from collections.abc import Sequence
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, TextStringObject

from tasks.readers.pdf import read
from tests.readers.making_pdfs import PROSE, Press, left_out, outline

TITLES = ["The Storm", "The Calm", "The Harbour"]


@pytest.fixture
def press(tmp_path: Path) -> Press:
    return Press(tmp_path / "outlines.pdf")


def print_chapters(press: Press) -> Path:
    for title in TITLES:
        press.heading(title)
        press.paragraph(PROSE)
        press.new_page()
    return press.close()


def with_outline(path: Path, entries: Sequence[tuple[str, int]]) -> Path:
    writer = PdfWriter(clone_from=path)
    for title, page in entries:
        writer.add_outline_item(title=title, page_number=page)
    writer.write(path)
    return path


@pytest.mark.parametrize(
    ("pages", "fault"), [([0, 0, 0], "one page alone"), ([1, 2, 0], "titles do not stand on")], ids=["first", "wrong"]
)
def test_an_outline_that_leads_astray_is_not_followed(press: Press, pages: list[int], fault: str) -> None:
    path = with_outline(print_chapters(press), list(zip(TITLES, pages, strict=True)))
    book = read(path)
    assert outline(book) == [(title, [title, PROSE]) for title in TITLES]
    assert [fault in warning for warning in book.warnings] == [True]


def test_an_outline_that_leads_beyond_the_end_is_not_followed(press: Press) -> None:
    path = with_outline(print_chapters(press), list(zip(TITLES, [0, 1, 2], strict=True)))
    writer = PdfWriter(clone_from=path)
    item = writer.root_object["/Outlines"].get_object()["/First"].get_object()  # type: ignore[index]
    while item is not None:
        item[NameObject("/Dest")] = ArrayObject([NumberObject(99), NameObject("/Fit")])
        if "/A" in item:
            del item["/A"]
        following = item.get("/Next")
        item = following.get_object() if following is not None else None
    writer.write(path)
    book = read(path)
    assert outline(book) == [(title, [title, PROSE]) for title in TITLES]
    assert ["pages that are not there" in warning for warning in book.warnings] == [True]


def test_an_outline_with_named_destinations(press: Press) -> None:
    path = print_chapters(press)
    writer = PdfWriter(clone_from=path)
    for page, title in enumerate(TITLES):
        writer.add_named_destination(f"dest{page}", page)
        item = writer.add_outline_item(title=title, page_number=page).get_object()
        assert isinstance(item, DictionaryObject)
        item.pop("/A", None)
        item[NameObject("/Dest")] = TextStringObject(f"dest{page}")
    writer.write(path)
    assert len(PdfReader(path).outline) == len(TITLES)
    book = read(path)
    assert outline(book) == [(title, [title, PROSE]) for title in TITLES]
    assert book.warnings == ()


def test_entries_for_front_matter_are_no_chapters(press: Press) -> None:
    for title, text in (("Copyright", "All rights reserved."), ("Contents", "The Storm . . . 3")):
        press.bookmark(title)
        press.heading(title)
        press.lines(text)
        press.new_page()
    for title in TITLES:
        press.bookmark(title)
        press.heading(title)
        press.bookmark(f"More of {title}", 1)
        press.heading(f"More of {title}", size=14)
        press.paragraph(PROSE)
        press.new_page()
    book = read(press.close())
    assert outline(book) == [(title, [title, f"More of {title}", PROSE]) for title in TITLES]
    assert {kind for kind, _ in left_out(book.left_out)} == {"copyright-page", "toc"}


def test_titles_that_are_pictures_are_followed(press: Press) -> None:
    for title in TITLES:
        press.bookmark(title)
        press.paragraph(PROSE)
        press.new_page()
    book = read(press.close())
    assert outline(book) == [(title, [PROSE]) for title in TITLES]
    assert book.warnings == ()
