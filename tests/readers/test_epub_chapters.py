"""Chapters over files, what stands before the first, covers without a declaration, and encodings."""

from pathlib import Path

import pytest

from tasks.model import Book, Cover
from tasks.readers.epub import read
from tests.readers.making_epubs import PNG, XHTML, Contents, Epub, all_blocks, book_of, bound
from tests.readers.making_epubs import page as whole_page

NOTE = "<aside epub:type='footnote'><p>Note.</p></aside>"


def spoken(book: Book) -> list[tuple[str, list[str]]]:
    return [
        (chapter.title, [block.text for block in chapter.blocks if not block.left_out]) for chapter in book.chapters
    ]


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        ("<p>The lamp was</p>", "<p>lit.</p>", ["The lamp was lit."]),
        ("<p>The lamp,</p>", "<p>élan and all.</p>", ["The lamp, élan and all."]),
        ("<p>One.</p><p>The lamp: a</p>" + NOTE, "<p>light.</p><p>End.</p>", ["One.", "The lamp: a light.", "End."]),
        ("<p>The lamp was</p>", NOTE + "<p>lit.</p>", ["The lamp was lit."]),
        ("<p>The lamp was lit.</p>", "<p>so it was.</p>", ["The lamp was lit.", "so it was."]),
        ("<p>“Was it lit?”</p>", "<p>she asked.</p>", ["“Was it lit?”", "she asked."]),
        ("<p>The lamp was…</p>", "<p>lit.</p>", ["The lamp was…", "lit."]),
        ("<p>The lamp was</p>", "<p>Lit.</p>", ["The lamp was", "Lit."]),
        ("<p>The lamp was</p>", "<p>“lit.”</p>", ["The lamp was", "“lit.”"]),
        ("<p>The lamp was</p>", "<h2>Lit</h2><p>lit.</p>", ["The lamp was", "Lit", "lit."]),
        ("<p>The lamp was</p>", "<h2>lit</h2>", ["The lamp was", "lit"]),
        ("<h2>The lamp was</h2>", "<p>lit.</p>", ["The lamp was", "lit."]),
        ("<p>The lamp was</p><hr/>", "<p>lit.</p>", ["The lamp was", "", "lit."]),
        ("<p>The lamp was</p>", "<blockquote>lit.</blockquote>", ["The lamp was", "lit."]),
        ("<ul><li>The lamp was</li></ul>", "<p>lit.</p>", ["The lamp was", "lit."]),
        ("<p>The lamp was</p>", "<p lang='de'>lit.</p>", ["The lamp was", "lit."]),
        ("<p>The lamp was</p><p>lit.</p>", "<p>End.</p>", ["The lamp was", "lit.", "End."]),
    ],
)
def test_a_paragraph_that_goes_on_in_the_next_file_is_one(first: str, second: str, texts: list[str]) -> None:
    book = book_of(Epub({"1.xhtml": f"<h1>I</h1>{first}", "2.xhtml": second}, [("I", "1.xhtml")]))
    assert spoken(book) == [("I", ["I", *texts])]
    assert sum(block.text == "Note." for block in all_blocks(book)) == (NOTE in first + second)


def test_a_paragraph_over_three_files_keeps_its_first_anchor_and_its_marks() -> None:
    documents = {
        "1.xhtml": "<h1>I</h1><p>The lamp<a epub:type='noteref' href='n.xhtml#n1'>1</a></p>",
        "map.xhtml": "<p>A map</p>",
        "2.xhtml": "<p>was lit<a epub:type='noteref' href='n.xhtml#n2'>2</a> and</p>",
        "3.xhtml": "<p>the sea<a epub:type='noteref' href='n.xhtml#n3'>3</a> was loud.</p>",
    }
    book = book_of(Epub(documents, [("I", "1.xhtml")], nonlinear=frozenset({"map.xhtml"})))
    block = next(block for block in all_blocks(book) if block.text.startswith("The lamp"))
    assert (block.text, block.anchor) == ("The lamp was lit and the sea was loud.", "1.xhtml#2")
    assert [(block.text[: call.place], call.note) for call in block.calls] == [
        ("The lamp", "n.xhtml#n1"),
        ("The lamp was lit", "n.xhtml#n2"),
        ("The lamp was lit and the sea", "n.xhtml#n3"),
    ]


def test_a_paragraph_does_not_go_on_in_the_next_chapter() -> None:
    documents = {"1.xhtml": "<p>The lamp was</p>", "2.xhtml": "<p>lit.</p>"}
    contents = [("I", "1.xhtml"), ("II", "2.xhtml")]
    assert spoken(book_of(Epub(documents, contents))) == [("I", ["I", "The lamp was"]), ("II", ["II", "lit."])]
    assert [texts[-1] for _, texts in spoken(book_of(Epub(documents)))] == ["The lamp was", "lit."]


@pytest.mark.parametrize("kind", ["dedication", "foreword", "preface", "introduction", "epigraph", "prologue"])
def test_a_section_that_is_to_be_read_is_read_before_the_first_entry_too(kind: str) -> None:
    documents = {
        "0.xhtml": f"<p>Printed here.</p><section epub:type='{kind}'><h1>To all</h1><p>For Bo.</p></section>",
        "1.xhtml": "<h1>I</h1><p>One.</p>",
    }
    book = book_of(Epub(documents, [("I", "1.xhtml")]))
    assert spoken(book) == [("The Book", ["To all", "For Bo."]), ("I", ["I", "One."])]
    assert [(block.text, block.left_out) for block in all_blocks(book) if block.left_out] == [
        ("Printed here.", "frontmatter")
    ]


@pytest.mark.parametrize("version", [2, 3])
def test_parts_within_parts_are_announced_with_the_chapter_that_follows(version: int) -> None:
    documents = {
        "book.xhtml": "<h1>Book One</h1>",
        "part.xhtml": "<h2>Part One</h2>",
        "1.xhtml": "<h3>I</h3><p>One.</p>",
        "2.xhtml": "<p>Two.</p>",
    }
    contents: Contents = [
        ("Book One", "book.xhtml", [("Part One", "part.xhtml", [("I", "1.xhtml"), ("Lamps", "2.xhtml")])])
    ]
    assert spoken(book_of(Epub(documents, contents, version=version))) == [
        ("I", ["Book One", "Part One", "I", "One."]),
        ("Lamps", ["Lamps", "Two."]),
    ]


def with_both_contents(path: Path, nav: Contents | None) -> Book:
    """Read a book with an NCX that names its chapter `Old`, and a nav of its own."""
    documents = {"text/1.xhtml": "<h1>I</h1><p>One.</p>", "text/2.xhtml": "<h1>II</h1><p>Two.</p>"}
    ncx = Epub({}, [("Old", "text/1.xhtml")], version=2).entries()["OPS/toc.ncx"]
    item = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    entries = Epub(documents, nav or (), manifest=item, files={"OPS/toc.ncx": ncx}).entries()
    entries["OPS/book.opf"] = entries["OPS/book.opf"].replace(b"<spine>", b'<spine toc="ncx">')
    if nav is None:
        entries["OPS/nav.xhtml"] = whole_page("<p>No list.</p>").encode()
    return read(bound(path / "book.epub", entries))


def test_the_contents_of_epub_3_are_preferred_and_the_others_a_fallback(tmp_path: Path) -> None:
    both = with_both_contents(tmp_path, [("New", "text/1.xhtml"), ("Newer", "text/2.xhtml")])
    assert ([title for title, _ in spoken(both)], both.warnings) == (["New", "Newer"], ())
    old = with_both_contents(tmp_path, None)
    assert [title for title, _ in spoken(old)] == ["Old"]
    assert old.warnings == ("nav.xhtml: there is no table of contents in it; toc.ncx is taken instead",)


IMAGE = '<item id="front" href="images/front.png" media-type="image/png"/>'
SVG = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>{}</svg>"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<img src='../images/front.png' alt='The cover'/>", True),
        ("<div><p><img src='../images/front.png'/></p></div>", True),
        (SVG.format("<title>Cover</title><image xlink:href='../images/front.png'/>"), True),
        (SVG.format("<image href='../images/front.png'/>"), True),
        ("<section epub:type='cover'><img src='../images/front.png' alt='Cover'/></section>", True),
        ("<p>Words.</p><img src='../images/front.png'/>", False),
        ("<img src='../images/front.png'/><img src='../images/front.png'/>", False),
        ("<img src='../images/other.png'/>", False),
        ("<img src='http://example.org/front.png'/>", False),
        ("<p/>", False),
    ],
)
def test_a_first_page_of_one_picture_is_the_cover(body: str, *, found: bool) -> None:
    documents = {"text/cover.xhtml": body, "text/1.xhtml": "<h1>I</h1><p>One.</p>"}
    files = {"OPS/images/front.png": PNG}
    book = book_of(Epub(documents, [("I", "text/1.xhtml")], manifest=IMAGE, files=files))
    assert book.cover == (Cover("image/png", PNG) if found else None)


def test_a_declared_cover_and_a_later_picture_keep_their_places() -> None:
    other = '<item id="o" href="o.png" media-type="image/png" properties="cover-image"/>'
    files = {"OPS/images/front.png": PNG, "OPS/o.png": PNG + b"other"}
    pictured = {"0.xhtml": "<img src='images/front.png'/>", "1.xhtml": "<p>One.</p>"}
    declared = book_of(Epub(pictured, manifest=IMAGE + other, files=files))
    assert declared.cover == Cover("image/png", PNG + b"other")
    later = {"0.xhtml": "<p>One.</p>", "1.xhtml": "<img src='images/front.png'/>"}
    assert book_of(Epub(later, manifest=IMAGE, files=files)).cover is None


def in_encoding(declaration: str, encoding: str, head: str = "") -> Book:
    text = f"{declaration}<html {XHTML}><head><title/>{head}</head><body><p>Café “наше”.</p></body></html>"
    return book_of(Epub({"text/1.xhtml": text.encode(encoding, errors="replace")}, [("I", "text/1.xhtml")]))


@pytest.mark.parametrize(
    ("declaration", "encoding", "head", "text"),
    [
        ("", "utf-8", "", "Café “наше”."),
        ("<?xml version='1.0' encoding='iso-8859-5'?>", "utf-8", "", "Café “наше”."),
        ("", "utf-16", "", "Café “наше”."),
        ("<?xml version='1.0' encoding='windows-1251'?>", "windows-1251", "", "Caf? “наше”."),
        ("", "windows-1251", '<meta charset="windows-1251"/>', "Caf? “наше”."),
        (
            "",
            "windows-1251",
            '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"/>',
            "Caf? “наше”.",
        ),
    ],
)
def test_an_encoding_that_is_told_is_no_doubt(declaration: str, encoding: str, head: str, text: str) -> None:
    book = in_encoding(declaration, encoding, head)
    assert (spoken(book)[0][1][-1], book.warnings) == (text, ())


@pytest.mark.parametrize("declared", ["", "utf-8", "nonsense", "punycode", "idna", "undefined", "rot13"])
def test_an_encoding_that_is_guessed_is_said_with_the_file(declared: str) -> None:
    book = in_encoding(f"<?xml version='1.0' encoding='{declared}'?>" if declared else "", "cp1252")
    assert spoken(book)[0][1][-1] == "Café “????”."
    assert [warning.partition(":")[0] for warning in book.warnings] == ["text/1.xhtml"]
    assert "Windows-1252" in book.warnings[0]


def test_bytes_of_no_encoding_cost_no_words() -> None:
    book = book_of(Epub({"1.xhtml": b"<html><body><p>One \x81\xe9 two.</p></body></html>"}))
    assert spoken(book)[0][1][-1] == "One \ufffdé two."
    assert ["Windows-1252" in warning for warning in book.warnings] == [True]
