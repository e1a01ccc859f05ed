import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.model import Block, BlockKind, Book, Cover
from tasks.readers.epub import read
from tasks.text.chunking import TextSettings, scripts_of
from tests.readers.making_epubs import PNG, XHTML, Contents, Epub, bound, page

PROSE = "<p>" + "The lamp was lit and the sea was loud. " * 20 + "</p>"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.epub"


def outline(book: Book) -> list[tuple[str, list[str]]]:
    """Give each chapter's title and what is spoken of it, a scene break as an empty text."""
    return [
        (chapter.title, [block.text for block in chapter.blocks if not block.left_out]) for chapter in book.chapters
    ]


def told(blocks: tuple[Block, ...]) -> list[tuple[str, str, str]]:
    return [(str(block.kind), block.text, block.left_out) for block in blocks]


def left_out(book: Book) -> list[tuple[str, str]]:
    """Give what stands outside of the chapters, with the reason."""
    return [(block.left_out, block.text) for block in book.left_out]


def one_chapter(path: Path, body: str) -> list[tuple[str, str, str]]:
    """Read a document with this body as a chapter, without the paragraph that makes sure that it is one."""
    book = read(Epub({"a.xhtml": f"<p>Begin.</p>{body}"}, [("The Book", "a.xhtml")]).bind(path))
    assert book.warnings == ()
    begin, *blocks = [block for block in told(book.chapters[0].blocks) if block != ("heading", "The Book", "")]
    assert begin == ("paragraph", "Begin.", "")
    return blocks


@pytest.mark.parametrize("version", [2, 3])
def test_chapters_are_named_by_the_contents_and_ordered_by_the_spine(path: Path, version: int) -> None:
    documents = {"z.xhtml": "<h1>I</h1><p>One.</p>", "a.xhtml": "<h1>II</h1><p>Two.</p>"}
    contents = [("The Second", "a.xhtml"), ("The  First", "z.xhtml")]
    book = read(Epub(documents, contents, version=version).bind(path))
    assert outline(book) == [("The First", ["I", "One."]), ("The Second", ["II", "Two."])]
    assert [chapter.number for chapter in book.chapters] == [1, 2]
    assert (book.title, book.authors, book.language, book.warnings) == ("The Book", ("Ann Author",), "en-GB", ())


@pytest.mark.parametrize("version", [2, 3])
def test_a_part_is_announced_with_its_first_chapter(path: Path, version: int) -> None:
    documents = {
        "part-1.xhtml": "<h1>Part One</h1><p class='motto'>A motto.</p>",
        "1.xhtml": "<h2>I</h2><p>One.</p>",
        "2.xhtml": "<h2>II</h2><p>Two.</p>",
        "part-2.xhtml": "<h1>Part Two</h1>",
        "3.xhtml": "<h2>I</h2><p>Three.</p>",
    }
    contents: Contents = [
        ("Part One", "part-1.xhtml", [("I", "1.xhtml"), ("II", "2.xhtml")]),
        ("Part Two", "part-2.xhtml", [("I", "3.xhtml")]),
    ]
    documents["part-1.xhtml"] = "<h1>Part One</h1>"
    assert outline(read(Epub(documents, contents, version=version).bind(path))) == [
        ("I", ["Part One", "I", "One."]),
        ("II", ["II", "Two."]),
        ("I", ["Part Two", "I", "Three."]),
    ]


def test_what_stands_between_a_part_and_its_first_chapter_keeps_its_place(path: Path) -> None:
    documents = {
        "part.xhtml": "<h1>Part One</h1>",
        "map.xhtml": "<figure><figcaption>A map.</figcaption></figure>",
        "1.xhtml": "<h2>I</h2><p>One.</p>",
    }
    contents: Contents = [("Part One", "part.xhtml", [("Map", "map.xhtml"), ("I", "1.xhtml")])]
    book = read(Epub(documents, contents).bind(path))
    assert [block.text for block in book.chapters[0].blocks] == ["Part One", "A map.", "I", "One."]
    assert book.left_out == ()


@pytest.mark.parametrize("part", ["1.xhtml", "1.xhtml#part", ""])
def test_a_part_that_begins_with_its_first_chapter_gives_it_its_own_title(path: Path, part: str) -> None:
    documents = {
        "1.xhtml": "<h1 id='part'>Part One</h1><h2 id='one'>I</h2><p>One.</p>",
        "2.xhtml": "<h2>II</h2><p>Two.</p>",
    }
    for first in ("1.xhtml", "1.xhtml#one"):
        contents: Contents = [("Part One", part, [("I", first), ("II", "2.xhtml")])]
        book = read(Epub(documents, contents).bind(path))
        spoken = [text for _, texts in outline(book) for text in texts] + [text for _, text in left_out(book)]
        assert sorted(spoken) == sorted(["Part One", "I", "One.", "II", "Two."])
        assert [title for title, _ in outline(book)] == ["I", "II"], (part, first)


@pytest.mark.parametrize("version", [2, 3])
def test_chapters_can_be_fragments_of_one_document(path: Path, version: int) -> None:
    body = (
        "<section id='one'><h1>I</h1><p>One.</p></section><a id='two'/><h1>II</h1><p>Two.</p><p id='three'>Three, half</p>"
        "<p>and whole.</p>"
    )
    contents = [("I", "all.xhtml#one"), ("II", "all.xhtml#two"), ("III", "all.xhtml#three")]
    assert outline(read(Epub({"all.xhtml": body}, contents, version=version).bind(path))) == [
        ("I", ["I", "One."]),
        ("II", ["II", "Two."]),
        ("III", ["III", "Three, half", "and whole."]),
    ]


def test_the_contents_can_lead_to_a_page_number(path: Path) -> None:
    body = "<h1>I</h1><p>One.</p><p><span epub:type='pagebreak'><b id='page-2'/>2</span><span epub:type='pagebreak'><b id='also'/></span>Two.</p>"
    book = read(Epub({"all.xhtml": body}, [("I", "all.xhtml"), ("Two", "all.xhtml#page-2")]).bind(path))
    empty = read(Epub({"all.xhtml": body}, [("I", "all.xhtml"), ("Two", "all.xhtml#also")]).bind(path))
    assert outline(empty) == outline(book)
    assert outline(book) == [("I", ["I", "One."]), ("Two", ["Two", "Two."])]


def test_a_chapter_goes_on_over_documents(path: Path) -> None:
    documents = {"1a.xhtml": "<h1>I</h1><p>A.</p>", "1b.xhtml": "<p>B.</p>", "2.xhtml": "<h1>II</h1><p>C.</p>"}
    contents = [("I", "1a.xhtml"), ("II", "2.xhtml")]
    assert outline(read(Epub(documents, contents).bind(path))) == [("I", ["I", "A.", "B."]), ("II", ["II", "C."])]


def test_the_sections_of_a_chapter_are_no_chapters(path: Path) -> None:
    body = f"<h1>Lights</h1>{PROSE}<h2 id='s'>Lenses</h2><p>One.</p><h3 id='t'>Rings</h3><p>Two.</p>"
    contents: Contents = [
        ("Lights", "1.xhtml", [("Lenses", "1.xhtml#s", [("Rings", "1.xhtml#t")])]),
        ("Bells", "2.xhtml"),
    ]
    book = read(Epub({"1.xhtml": body, "2.xhtml": "<h1>Bells</h1><p>Three.</p>"}, contents).bind(path))
    assert [title for title, _ in outline(book)] == ["Lights", "Bells"]
    assert outline(book)[0][1][2:] == ["Lenses", "One.", "Rings", "Two."]


def test_a_chapter_without_a_heading_is_announced_by_its_title(path: Path) -> None:
    documents = {"1.xhtml": "<p>One.</p>", "2.xhtml": "<p>To Bo.</p><h1>The Bell</h1><p>Two.</p>"}
    book = read(Epub(documents, [("Loomings", "1.xhtml"), ("Bells", "2.xhtml")]).bind(path))
    assert outline(book) == [("Loomings", ["Loomings", "One."]), ("Bells", ["To Bo.", "The Bell", "Two."])]


def test_without_contents_each_document_is_a_chapter(path: Path) -> None:
    documents = {"1.xhtml": "<h1>I</h1><p>One.</p>", "2.xhtml": "<p>Two.</p>"}
    for version in (2, 3):
        book = read(Epub(documents, (), version=version).bind(path))
        assert outline(book) == [("I", ["I", "One."]), ("The Book", ["The Book", "Two."])], version


@pytest.mark.parametrize("nav", ["<p>No list.</p>", "<nav epub:type='toc'><h1>Empty</h1></nav>", "<nav/>", "<p"])
def test_a_contents_page_that_has_no_contents_does_not_cost_the_book(path: Path, nav: str) -> None:
    book = read(Epub({"1.xhtml": "<h1>I</h1><p>One.</p>"}, files={"OPS/nav.xhtml": page(nav)}).bind(path))
    assert outline(book) == [("I", ["I", "One."])]
    assert any("nav.xhtml" in warning for warning in book.warnings)


def test_a_contents_in_another_folder_and_escaped_addresses_lead_to_their_documents(path: Path) -> None:
    documents = {"text/chapter%20one.xhtml": "<h1>I</h1><p>One.</p><p id='ü'>Two.</p>"}
    ncx = Epub({}, [("First", "chapter%20one.xhtml"), ("Later", "chapter%20one.xhtml#%C3%BC")], version=2).entries()
    epub = Epub(documents, [("First", "text/chapter%20one.xhtml")], version=2)
    entries = epub.entries()
    del entries["OPS/toc.ncx"]
    entries["OPS/text/chapter one.xhtml"] = entries.pop("OPS/text/chapter%20one.xhtml")
    entries["OPS/text/toc.ncx"] = ncx["OPS/toc.ncx"]
    entries["OPS/book.opf"] = entries["OPS/book.opf"].replace(b'"toc.ncx"', b'"text/toc.ncx"')
    assert outline(read(bound(path, entries))) == [("First", ["I", "One."]), ("Later", ["Later", "Two."])]


def test_a_contents_that_the_spine_does_not_name_is_found(path: Path) -> None:
    entries = Epub({"1.xhtml": "<h1>I</h1><p>One.</p>"}, [("First", "1.xhtml")], version=2).entries()
    entries["OPS/book.opf"] = entries["OPS/book.opf"].replace(b'<spine toc="ncx">', b"<spine>")
    assert [title for title, _ in outline(read(bound(path, entries)))] == ["First"]


def test_what_is_printed_around_a_book_is_left_out_with_its_reason(path: Path) -> None:
    documents = {
        "cover.xhtml": "<section epub:type='cover'><p>Cover words.</p></section>",
        "title.xhtml": "<section epub:type='titlepage'><h1>The Book</h1></section>",
        "imprint.xhtml": "<section role='doc-imprint copyright-page' epub:type='imprint'><p>Printed here.</p></section>",
        "for.xhtml": "<p>For Bo.</p>",
        "1.xhtml": "<h1>I</h1><p>One.</p>",
        "notes.xhtml": "<section epub:type='endnotes'><h2>Notes</h2><ol><li>Note one.</li></ol></section>",
        "index.xhtml": "<h1>Index</h1><p>lamp, 12</p>",
        "works.xhtml": "<section role='doc-bibliography'><p>Other books.</p></section>",
        "colophon.xhtml": "<p>Set in Bell.</p>",
    }
    contents = [
        ("I", "1.xhtml"),
        ("My notes", "notes.xhtml"),
        ("Index", "index.xhtml"),
        ("Books", "works.xhtml"),
        ("Colophon", "colophon.xhtml"),
    ]
    book = read(Epub(documents, contents, nav_in_spine=True).bind(path))
    assert outline(book) == [("I", ["I", "One."])]
    nav = [("toc", "What is in it"), *(("toc", title) for title, _ in contents)]
    assert left_out(book) == [
        *nav,
        ("cover", "Cover words."),
        ("titlepage", "The Book"),
        ("copyright-page", "Printed here."),
        ("frontmatter", "For Bo."),
        ("endnotes", "Notes"),
        ("endnotes", "Note one."),
        ("index", "Index"),
        ("index", "lamp, 12"),
        ("bibliography", "Other books."),
        ("copyright-page", "Set in Bell."),
    ]


def test_a_chapter_that_the_contents_forgot_is_kept(path: Path) -> None:
    book = read(Epub({"0.xhtml": PROSE * 3, "1.xhtml": "<h1>I</h1><p>One.</p>"}, [("I", "1.xhtml")]).bind(path))
    assert [title for title, _ in outline(book)] == ["The Book", "I"]


def test_headings_without_a_text_are_not_lost(path: Path) -> None:
    contents = [("I", "1.xhtml"), ("Fin", "2.xhtml")]
    documents = {"1.xhtml": "<h1>I</h1><p>One.</p>", "2.xhtml": "<h1>Fin</h1>"}
    assert outline(read(Epub(documents, contents).bind(path))) == [("I", ["I", "One.", "Fin"])]
    assert outline(read(Epub({"2.xhtml": "<h1>Fin</h1>"}, contents[1:]).bind(path))) == [("Fin", ["Fin"])]


def test_a_nonlinear_document_is_left_out(path: Path) -> None:
    documents = {"1.xhtml": "<h1>I</h1><p>One.</p>", "map.xhtml": "<p>A map.</p>", "2.xhtml": "<p>Two.</p>"}
    book = read(Epub(documents, [("I", "1.xhtml")], nonlinear=frozenset({"map.xhtml"})).bind(path))
    assert told(book.chapters[0].blocks)[2:] == [("paragraph", "A map.", "nonlinear"), ("paragraph", "Two.", "")]


@pytest.mark.parametrize(
    "call",
    [
        '<a epub:type="noteref" href="n.xhtml#n1">1</a>',
        '<a role="doc-noteref" href="#n">one</a>',
        '<sup><a href="#n">[1]</a></sup>',
        '<a href="#n"><sup>*</sup></a>',
        '<span epub:type="pagebreak" id="p12">12</span>',
    ],
)
def test_a_call_in_the_middle_leaves_its_paragraph_whole(path: Path, call: str) -> None:
    paragraph, aside = one_chapter(path, f"<p>It may be,{call} of <em>course</em>.</p>")
    assert paragraph == ("paragraph", "It may be, of course.", "")
    assert aside[1:] in {
        (text, reason) for text in ("1", "one", "[1]", "*", "12") for reason in ("noteref", "pagebreak")
    }


def test_a_link_within_the_text_is_spoken(path: Path) -> None:
    assert one_chapter(path, '<p>See <a href="#b">chapter 12</a> of <a href="http://a.example/">1984</a>.</p>') == [
        ("paragraph", "See chapter 12 of 1984.", "")
    ]


def test_each_block_has_its_kind_and_reason(path: Path) -> None:
    body = """
    <h2>Head <br/> line</h2><p>Plain <b>bo</b>ld<br/>line.</p>
    <blockquote><p>Quoted.</p>Bare.</blockquote>
    <ul><li>First.</li><li><p>Second.</p>Third.</li></ul>
    <div epub:type="z3998:poem"><p>Roses.</p></div>
    Between<p>Last</p>behind.
    <table><caption>T</caption><tr><th>a</th><td>b</td></tr></table>
    <pre>print(  1 )</pre><figure><img src="x.png" alt="Unsaid"/><figcaption>A ship.</figcaption></figure>
    <aside epub:type="footnote"><p>Note.</p></aside><p><ruby>字<rt>ji</rt></ruby> after</p>
    <div class="small pg-boilerplate">Licence.</div><script>alert()</script><!-- unseen -->
    """
    assert one_chapter(path, body) == [
        ("heading", "Head line", ""),
        ("paragraph", "Plain bold line.", ""),
        ("quote", "Quoted.", ""),
        ("quote", "Bare.", ""),
        ("item", "First.", ""),
        ("item", "Second.", ""),
        ("item", "Third.", ""),
        ("verse", "Roses.", ""),
        ("paragraph", "Between", ""),
        ("paragraph", "Last", ""),
        ("paragraph", "behind.", ""),
        ("paragraph", "T", "captions"),
        ("paragraph", "a b", "tables"),
        ("paragraph", "print( 1 )", "code"),
        ("paragraph", "Unsaid", "images"),
        ("paragraph", "A ship.", "captions"),
        ("paragraph", "Note.", "footnotes"),
        ("paragraph", "字 after", ""),
        ("paragraph", "ji", "ruby"),
        ("paragraph", "Licence.", "licence"),
    ]


@pytest.mark.parametrize("mark", ["<hr/>", "<p>* * *</p>", "<p>⁂</p>", "<div class='x'>—</div>", "<p>#</p>"])
def test_a_scene_break_is_a_block_without_words(path: Path, mark: str) -> None:
    assert one_chapter(path, f"<p>Before.</p>{mark}<p>After.</p>") == [
        ("paragraph", "Before.", ""),
        ("break", "", ""),
        ("paragraph", "After.", ""),
    ]


def test_named_entities_and_soft_hyphens_are_kept(path: Path) -> None:
    body = (
        "<p>A&nbsp;caf&eacute;&mdash;&ldquo;so&rdquo; &amp; &lt;so&gt; &hellip; light&shy;house\u00adkeeper&#8217;s</p>"
    )
    assert one_chapter(path, body) == [
        ("paragraph", "A café—“so” & <so> … light\u00adhouse\u00adkeeper’s", ""),
    ]


@pytest.mark.parametrize(
    ("encoding", "declared"), [("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("iso-8859-1", "iso-8859-1")]
)
def test_a_document_is_read_in_its_own_encoding(path: Path, encoding: str, declared: str) -> None:
    text = f"<?xml version='1.0' encoding='{declared}'?><html {XHTML}><body><p>Café.</p></body></html>"
    book = read(Epub({"1.xhtml": text.encode(encoding)}).bind(path))
    assert outline(book) == [("The Book", ["The Book", "Café."])]
    assert book.warnings == ()


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("<p>One <em>two</p><p>three.</p>", ["One two", "three."]),
        ("<p>Salt & pepper, a < b.</p><p>End.</p>", ["Salt & pepper, a < b.", "End."]),
        ("<p>One<br>two<p>three.", ["One two", "three."]),
        ("<p>One &nosuch; two.</p>", ["One &nosuch; two."]),
        ("<p>If x<y then.</p><p>End.</p>", ["If x<y then.", "End."]),
        ("<p>One</b><a id='x'/> two</p><p>three <i>four.</p>", ["One two", "three four."]),
        ("<p>One <span epub:type='pagebreak' id='p'/> two <i>three.</p>", ["One two three."]),
        ("<p>One<![CDATA[ & two]]> <i>three.</p>", ["One & two three."]),
        ("<p>One.<!-- note -- note --></p><script/><p>Two.</p>", ["One.", "Two."]),
        ("<p class=x>One</p><p>two", ["One", "two"]),
        ("<p>One\x01two \x00three.</p>", ["One\x01two \ufffdthree."]),
    ],
)
def test_a_malformed_document_is_read_leniently_and_named(path: Path, body: str, texts: list[str]) -> None:
    book = read(Epub({"text/1.xhtml": f"<p>Begin.</p>\n{body}"}, [("The Book", "text/1.xhtml")]).bind(path))
    assert outline(book)[0][1][1:] == ["Begin.", *texts]
    assert len(book.warnings) == 1
    assert re.match(r"text/1\.xhtml: line [5-6]: not well-formed", book.warnings[0])
    assert "\n" not in book.warnings[0]


def test_a_malformed_head_swallows_no_body(path: Path) -> None:
    text = f"<?xml version='1.0'?><html {XHTML}><head><title/><script src='x.js'/></head><body><p>One <i>two.</p></body></html>"
    assert outline(read(Epub({"1.xhtml": text}).bind(path))) == [("The Book", ["The Book", "One two."])]


@pytest.mark.parametrize("opening", ["<![CDATA[", "<!DOCTYPE a [", "<a ", "<", "<!--", "&a", "<p", "]]>"])
def test_a_hostile_document_takes_no_longer_than_another_of_its_length(path: Path, opening: str) -> None:
    document = page("<p>One & two.</p>").replace("</body>", opening * min(200_000, 1_000_000 // len(opening))).encode()
    before = process_time()
    read(Epub({"1.xhtml": document}).bind(path))
    assert process_time() - before < 4


@pytest.mark.parametrize("depth", [150, 210, 240])
def test_words_in_deep_nesting_are_read(path: Path, depth: int) -> None:
    body = "<div>" * depth + "<p>Deep.</p>" + "</div>" * depth + "<p>After.</p>"
    assert one_chapter(path, body) == [("paragraph", "Deep.", ""), ("paragraph", "After.", "")]


def test_nesting_too_deep_to_be_read_is_said(path: Path) -> None:
    body = "<div>" * 3000 + "<p>Deep.</p>" + "</div>" * 3000 + "<p>After.</p>"
    book = read(Epub({"1.xhtml": "<p>One.</p>", "2.xhtml": body}).bind(path))
    assert any("2.xhtml" in warning and "nested" in warning for warning in book.warnings)


@pytest.mark.parametrize(
    ("doctype", "spoken", "complaint"),
    [
        ("html [<!ENTITY who 'Ahab'>]", "Call Ahab in.", ""),
        ("html [<!ENTITY other 'Ahab'>]", "Call &who; in.", "1.xhtml: line 1: not well-formed"),
        (
            'html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd"',
            "Call &who; in.",
            "1.xhtml: line 1: not",
        ),
    ],
)
def test_an_entity_of_the_document_itself_is_not_lost(path: Path, doctype: str, spoken: str, complaint: str) -> None:
    text = f"<?xml version='1.0'?><!DOCTYPE {doctype}><html {XHTML}><body><p>Call &who; in.</p></body></html>"
    book = read(Epub({"1.xhtml": text}, [("The Book", "1.xhtml")]).bind(path))
    assert outline(book) == [("The Book", ["The Book", spoken])]
    assert [warning[: len(complaint)] for warning in book.warnings] == [complaint] * bool(complaint)


def test_a_spine_that_names_a_document_twice_speaks_it_once(path: Path) -> None:
    entries = Epub({"1.xhtml": "<h1>I</h1><p>One.</p>", "2.xhtml": "<h1>II</h1><p>Two.</p>"}).entries()
    package = entries["OPS/book.opf"].replace(b"</spine>", b'<!-- again --><itemref idref="d0"/></spine>')
    book = read(Epub({}, files={**entries, "OPS/book.opf": package}).bind(path))
    assert outline(book) == [("I", ["I", "One."]), ("II", ["II", "Two."])]
    assert any("1.xhtml" in warning for warning in book.warnings)


def test_anchors_are_unique_and_name_their_documents(path: Path) -> None:
    documents = {f"{name}.xhtml": "<p>One<a href='#n'>1</a>.</p><hr/><p>Two.</p>" for name in "abc"}
    contents = [("A", "a.xhtml"), ("B", "b.xhtml")]
    book = read(Epub({"title.xhtml": "<p>Title.</p>", **documents}, contents).bind(path))
    blocks = [*book.left_out, *(block for chapter in book.chapters for block in chapter.blocks)]
    assert len({block.anchor for block in blocks}) == len(blocks) == 1 + 2 + 3 * 4
    assert {block.anchor.partition("#")[0] for block in blocks} == {"title.xhtml", "contents", *documents}


OBFUSCATED = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
    '<enc:EncryptedData><enc:EncryptionMethod Algorithm="http://www.idpf.org/2008/embedding"/></enc:EncryptedData>'
    '<enc:EncryptedData><enc:EncryptionMethod Algorithm="http://ns.adobe.com/pdf/enc#RC"/></enc:EncryptedData></encryption>'
)


def test_obfuscated_fonts_are_no_protection(path: Path) -> None:
    epub = Epub({"1.xhtml": "<h1>I</h1><p>One.</p>"}, files={"META-INF/encryption.xml": OBFUSCATED})
    assert outline(read(epub.bind(path))) == [("I", ["I", "One."])]


REFINED_CREATORS = (
    "<dc:creator id='a'>Ann</dc:creator><meta refines='#a' property='role' scheme='marc:relators'>trl</meta>"
    "<dc:creator id='b'>Bo</dc:creator><meta refines='#b' property='role' scheme='marc:relators'>aut</meta>"
)
COVER_ITEM = '<item id="front" href="front.png" media-type="image/png"/>'
COVER_PROPERTY = '<item id="front" href="front.png" media-type="image/png" properties="cover-image"/>'
COVER_META = '<meta name="cover" content="front"/>'


@pytest.mark.parametrize(
    ("package", "data", "cover"),
    [
        ((3, COVER_PROPERTY, ""), PNG, Cover("image/png", PNG)),
        ((2, COVER_ITEM, COVER_META), PNG, Cover("image/png", PNG)),
        ((3, COVER_ITEM, COVER_META), b"\xff\xd8\xff\xe0", Cover("image/jpeg", b"\xff\xd8\xff\xe0")),
        ((3, COVER_ITEM, ""), PNG, None),
        ((3, COVER_PROPERTY, ""), b"<svg/>", None),
    ],
)
def test_the_cover_is_found_by_its_property_or_by_name(
    path: Path, package: tuple[int, str, str], data: bytes, cover: Cover | None
) -> None:
    version, manifest, metadata = package
    files = {"OPS/front.png": data}
    epub = Epub({"1.xhtml": "<p>One.</p>"}, version=version, manifest=manifest, metadata=metadata, files=files)
    assert read(epub.bind(path)).cover == cover


@pytest.mark.parametrize(
    ("metadata", "authors"),
    [
        ("<dc:creator>Ann  One</dc:creator><dc:creator>Bo Two</dc:creator>", ("Ann One", "Bo Two")),
        ("<dc:creator opf:role='trl'>Ann</dc:creator><dc:creator opf:role='aut'>Bo</dc:creator>", ("Bo",)),
        (REFINED_CREATORS, ("Bo",)),
        ("<dc:contributor>Ann</dc:contributor><dc:creator> </dc:creator>", ()),
    ],
)
def test_authors_are_the_creators_in_that_role(path: Path, metadata: str, authors: tuple[str, ...]) -> None:
    assert read(Epub({"1.xhtml": "<p>One.</p>"}, metadata=metadata).bind(path)).authors == authors


def test_a_picture_a_font_and_a_page_that_are_missing_do_not_cost_the_book(path: Path) -> None:
    manifest = (
        '<item id="p" href="gone.png" media-type="image/png" properties="cover-image"/>'
        '<item id="f" href="gone.otf" media-type="font/otf"/><item id="s" href="gone.css" media-type="text/css"/>'
        '<item id="x" href="old/1.xhtml" media-type="application/xhtml+xml"/>'
    )
    book = read(Epub({"1.xhtml": "<h1>I</h1><p>One.</p>"}, [("I", "1.xhtml")], manifest=manifest).bind(path))
    assert outline(book) == [("I", ["I", "One."])]
    assert book.cover is None


# What the generated documents are made of: opening, closing, and the reason for which what stands between is left out;
# None for what is no text at all.
SHAPES: tuple[tuple[str, str, str | None], ...] = (
    ("<p>", "</p>", ""),
    ("<div>", "</div>", ""),
    ("<section>", "</section>", ""),
    ("<h2>", "</h2>", ""),
    ("<blockquote>", "</blockquote>", ""),
    ("<ul><li>", "</li></ul>", ""),
    ("<em>", "</em>", ""),
    ("<span id='x'>", "</span>", ""),
    ("<a href='other.xhtml#x'>", "</a>", ""),
    ("<a epub:type='noteref' href='#n'>", "</a>", "noteref"),
    ("<span role='doc-pagebreak'>", "</span>", "pagebreak"),
    ("<aside epub:type='footnote'>", "</aside>", "footnotes"),
    ("<section role='doc-endnotes'>", "</section>", "endnotes"),
    ("<div class='footnotes'>", "</div>", "footnotes"),
    ("<table><tr><td>", "</td></tr></table>", "tables"),
    ("<pre>", "</pre>", "code"),
    ("<figure><figcaption>", "</figcaption></figure>", "captions"),
    ("<nav>", "</nav>", "toc"),
    ("<ruby><rt>", "</rt></ruby>", "ruby"),
    ("<svg xmlns='http://www.w3.org/2000/svg'>", "</svg>", "images"),
    ("<div class='pg-boilerplate'>", "</div>", "licence"),
    ("<div hidden='hidden'>", "</div>", "hidden"),
    ("<span style='display: none'>", "</span>", "hidden"),
    ("<math>", "</math>", "math"),
    ("<table><caption>", "</caption></table>", "captions"),
    ("<div epub:type='pagebreak'>", "</div>", "pagebreak"),
    ("<div class='dropcap'>", "</div>", ""),
    ("<style>", "</style>", None),
)
# What is left out of a text that can be asked for, so that it is not read with it.
MARKS = {"noteref", "pagebreak", "ruby"}
NOTES = {"footnotes", "endnotes"}
READABLE = {*NOTES, "tables", "captions", "code"}
LEAVES = ("word", "word", "word", "<br/>", "<hr/>", "<!-- hidden word -->")
Tree = str | tuple[int, list["Tree"]]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.tuples(st.integers(0, len(SHAPES) - 1), st.lists(inner, max_size=5)),
    max_leaves=25,
)


def prevails(own: str, reason: str | None) -> bool:
    """Tell whether a shape's own reason counts within another's."""
    marks_readable = own in MARKS and reason in READABLE
    return marks_readable or (own in NOTES and reason == "hidden") or (own == "captions" and reason == "tables")


def markup(
    tree: Tree, numbers: Iterator[int], reason: str | None, words: list[tuple[str | None, str]]
) -> Iterator[str]:
    """Write a tree as tokens of markup, its words numbered, and note each word with the reason that it stands under."""
    if isinstance(tree, str):
        if tree == "word":
            words.append((reason, f"w{next(numbers)}"))
            yield f" {words[-1][1]} "
        else:
            yield tree
        return
    opening, closing, own = SHAPES[tree[0]]
    inner = own if reason == "" or own is None or prevails(own, reason) else reason
    yield opening
    for child in tree[1]:
        yield from markup(child, numbers, inner, words)
    yield closing


def read_trees(documents: list[list[str]]) -> tuple[Book, list[Block]]:
    bodies = {f"{place}.xhtml": "<p>Begin.</p>" + "".join(tokens) for place, tokens in enumerate(documents)}
    with TemporaryDirectory() as folder:
        book = read(Epub(bodies, [("I", "0.xhtml"), ("II", "2.xhtml")]).bind(Path(folder) / "book.epub"))
    blocks = [*(block for chapter in book.chapters for block in chapter.blocks), *book.left_out]
    assert len({block.anchor for block in blocks}) == len(blocks)
    return book, [block for block in blocks if not block.anchor.startswith("contents#")]


def numbered_words(blocks: list[Block], reason: str) -> list[str]:
    return [word for block in blocks if block.left_out == reason for word in block.text.split() if word[0] == "w"]


@given(st.lists(st.lists(TREES, max_size=4), min_size=1, max_size=4))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_every_word_is_spoken_or_left_out_once_and_in_order(forest: list[list[Tree]]) -> None:
    numbers = iter(range(10**6))
    words: list[tuple[str | None, str]] = []
    documents = [[token for tree in trees for token in markup(tree, numbers, "", words)] for trees in forest]
    book, blocks = read_trees(documents)
    assert book.warnings == ()
    for reason in {reason for _, _, reason in SHAPES if reason is not None}:
        assert numbered_words(blocks, reason) == [word for own, word in words if own == reason], reason
    assert sum(word[0] == "w" for block in blocks for word in block.text.split()) == sum(
        reason is not None for reason, _ in words
    )
    assert all(block.text or block.kind is BlockKind.BREAK for block in blocks)
    chunks = [chunk for script in scripts_of(book, TextSettings(), 40) for chunk in script.chunks]
    spoken = [word for chunk in chunks for sentence in chunk.sentences for word in sentence.text.split()]
    assert [word for word in spoken if word[0] == "w"] == [word for own, word in words if own == ""]


DAMAGES = ("<br>", "<b>", "</em>", "</p>", " & ", " < ", "&nosuch;", "<span epub:type='pagebreak'/><i>", "<p class=x>")


@given(
    st.lists(TREES, max_size=5), st.lists(st.tuples(st.sampled_from(DAMAGES), st.integers(0)), min_size=1, max_size=4)
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_no_word_of_a_damaged_document_is_lost(trees: list[Tree], damages: list[tuple[str, int]]) -> None:
    numbers = iter(range(10**6))
    words: list[tuple[str | None, str]] = []
    # Within a style sheet a damage is no damage, and what stands behind it may be.
    tokens = [token for tree in trees for token in markup(tree, numbers, "", words) if "style" not in token]
    for damage, place in damages:
        tokens.insert(place % (len(tokens) + 1), damage)
    _, blocks = read_trees([tokens])
    found = Counter(re.findall(r"w\d+", " ".join(block.text for block in blocks)))
    assert found == Counter(word for _, word in words)
