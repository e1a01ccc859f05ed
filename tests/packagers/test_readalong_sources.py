"""The read-along of sources that are unusual, or mean harm."""

import posixpath
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from lxml import etree

from tasks.model import Block, BlockKind, Book, Chapter, Cover
from tasks.packagers.publication import Publication
from tasks.packagers.readalong import write_readalong

Publish = Callable[..., Publication]
Faults = Callable[[Path], set[tuple[str, str]]]

PAGE = (
    '<?xml version="1.0"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml"'
    ' xmlns:epub="http://www.idpf.org/2007/ops"><head><title>t</title></head><body>{}</body></html>'
)
NAV = '<nav epub:type="toc"><ol>{}</ol></nav>'
PACKAGE = (
    '<package xmlns="http://www.idpf.org/2007/opf" version="{version}" unique-identifier="u">'
    '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="u">urn:x:1</dc:identifier>'
    "<dc:title>Hard</dc:title><dc:language>en</dc:language><dc:description>Of its own.</dc:description>"
    '<meta property="dcterms:modified">2012-01-18T12:47:00Z</meta>{metadata}</metadata>'
    '<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>{items}</manifest>'
    "<spine>{spine}</spine></package>"
)
CONTAINER = (
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="{}p.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
LONG = " ".join(["Here is a sentence that is long enough to be worth its place."] * 12)


def epub(
    path: Path,
    bodies: dict[str, str],
    *,
    folder: str = "OPS/",
    version: str = "3.0",
    metadata: str = "",
    item: str = "",
    items: str = "",
    files: dict[str, str] | None = None,
) -> Path:
    """Write an EPUB of documents by their addresses; each is a chapter of the contents that has one of its own."""
    named = [(f"d{number}", address) for number, address in enumerate(bodies)]
    manifest = "".join(f'<item id="{i}" href="{a}" media-type="application/xhtml+xml" {item}/>' for i, a in named)
    spine = "".join(f'<itemref idref="{identity}"/>' for identity, _ in named)
    contents = "".join(
        f'<li><a href="{address}">Of {identity}</a></li>' for identity, address in named if "-" not in address
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", CONTAINER.format(folder))
        opf = PACKAGE.format(version=version, metadata=metadata, items=manifest + items, spine=spine)
        archive.writestr(f"{folder}p.opf", opf)
        archive.writestr(f"{folder}nav.xhtml", PAGE.format(NAV.format(contents)))
        for _, address in named:
            archive.writestr(f"{folder}{unquote(address)}", PAGE.format(bodies[address]))
        for name, data in (files or {}).items():
            archive.writestr(name, data)
    return path


def tree_of(data: bytes) -> Any:
    return etree.fromstring(data)


class Written:
    """A read-along, looked at from outside: its package and its overlays."""

    def __init__(self, publication: Publication, folder: Path) -> None:
        [edition] = write_readalong(publication, folder)
        self.path = folder / edition.path
        assert self.path.parent == folder
        with zipfile.ZipFile(self.path) as archive:
            self.files = {name: archive.read(name) for name in archive.namelist()}
        container = tree_of(self.files["META-INF/container.xml"])
        self.opf = str(container.xpath("string(//@full-path)"))
        self.package = tree_of(self.files[self.opf])

    @property
    def is_of_the_source(self) -> bool:
        return bool(self.package.xpath("//*[local-name()='identifier'][. = 'urn:x:1']"))

    def told(self) -> dict[str, list[str]]:
        """The words of each par's element, by document, in the order of its overlay."""
        told: dict[str, list[str]] = {}
        for address in self.package.xpath("//*[@media-type='application/smil+xml']/@href"):
            overlay = posixpath.normpath(posixpath.join(posixpath.dirname(self.opf), unquote(str(address))))
            for source in tree_of(self.files[overlay]).xpath("//*[local-name()='text']/@src"):
                document, _, fragment = str(source).partition("#")
                name = posixpath.normpath(posixpath.join(posixpath.dirname(overlay), unquote(document)))
                (element,) = tree_of(self.files[name]).xpath("//*[@id=$id]", id=unquote(fragment))
                told.setdefault(name, []).append(" ".join(str(element.xpath("string()")).split()))
        return told


def said(publication: Publication) -> list[str]:
    return [sentence.text for part in publication.parts for sentence in part.sentences]


def book_of(title: str, **facts: Any) -> Book:
    blocks = (
        Block(BlockKind.HEADING, title, "line=1", 1),
        Block(BlockKind.PARAGRAPH, "One <tag> & more. Two.", "line=2"),
        Block(BlockKind.QUOTE, "Quoted.", "line=3"),
        Block(BlockKind.VERSE, "A verse.", "line=4"),
        Block(BlockKind.ITEM, "An item.", "line=5"),
        Block(BlockKind.ITEM, "Another.", "line=6"),
        Block(BlockKind.BREAK, "", "line=7"),
        Block(BlockKind.PARAGRAPH, "A table.", "line=8", left_out="tables"),
        Block(BlockKind.PARAGRAPH, "17", "line=9", left_out="running-head"),
        Block(BlockKind.PARAGRAPH, "A note.", "line=10", left_out="footnotes"),
        Block(BlockKind.PARAGRAPH, "Merci.", "line=11", language="fr"),
    )
    return Book(**{"title": title, "authors": (), "language": "en", "chapters": (Chapter(1, title, blocks),)} | facts)


TITLES = [
    "../../etc/passwd",
    "A/B\\C: *?",
    "Two\nlines\tand \x00\x07 more",
    "“Ünï” \N{FIRE} <b>&amp;",
    "x" * 300,
    "\N{HEBREW LETTER ALEF}\N{RIGHT-TO-LEFT OVERRIDE}\N{HEBREW LETTER BET}",
    ". ..",
]


@pytest.mark.parametrize("title", TITLES)
def test_a_title_of_any_kind_is_told(title: str, publish: Publish, tmp_path: Path) -> None:
    publication = publish(Path("book.md"), book=book_of(title))
    written = Written(publication, tmp_path)
    told = [text for texts in written.told().values() for text in texts]
    assert told[-7:] == ["One <tag> & more.", "Two.", "Quoted.", "A verse.", "An item.", "Another.", "Merci."]
    assert len(told) == len(said(publication))
    assert all(".." not in name.split("/") for name in written.files)


@pytest.mark.slow
def test_a_book_of_unusual_facts_is_sound(publish: Publish, faults: Faults, tmp_path: Path) -> None:
    book = book_of(TITLES[3], language="he-IL", authors=("A <b> & \x01 C", ""), cover=Cover("image/png", b"no picture"))
    written = Written(publish(Path("book.md"), book=book), tmp_path)
    assert b'page-progression-direction="rtl"' in written.files[written.opf]
    assert [name for name in written.files if "cover" in name] == ["EPUB/cover.png"]
    assert faults(written.path) == set()


@pytest.mark.parametrize("language", ["", "klingon?", "x" * 50, '"><script>'])
def test_a_language_that_is_none_is_not_told(language: str, publish: Publish, tmp_path: Path) -> None:
    written = Written(publish(Path("book.md"), book=book_of("T", language=language)), tmp_path)
    assert written.package.xpath("string(//*[local-name()='language'])") == "und"


def test_what_is_left_out_and_can_be_read_is_in_a_plain_book(publish: Publish, tmp_path: Path) -> None:
    written = Written(publish(Path("book.md"), book=book_of("T")), tmp_path)
    chapter = written.files["EPUB/text/001.xhtml"].decode()
    assert "A table." in chapter
    assert "A note." in chapter
    assert "17" not in chapter
    assert chapter.count("<li>") == 2
    assert chapter.count("<ul>") == chapter.count("<hr/>") == chapter.count("<blockquote>") == 1


def test_an_epub_2_becomes_an_epub_3(publish: Publish, tmp_path: Path) -> None:
    source = epub(tmp_path / "b.epub", {"a.xhtml": "<h1>I</h1><p>One. Two.</p>"}, version="2.0")
    publication = publish(source)
    written = Written(publication, tmp_path)
    assert not written.is_of_the_source
    assert [text for texts in written.told().values() for text in texts] == said(publication)
    assert written.package.get("version") == "3.0"


HARD = (
    '<h1>One</h1><p>He ran.<a epub:type="noteref" href="#n1">1</a> She <em>sat. And<a epub:type="noteref"'
    ' href="b.xhtml#n2">2</a> then</em> rose. &nbsp;Up &mdash; it was.</p><div class="dropcap">O</div><p>nce more. Twice.</p>'
    '<p>It is <math xmlns="http://www.w3.org/1998/Math/MathML" alttext="x plus y"><mi>x</mi></math> here.</p>'
    "<p>He read <ruby>漢字<rt>kanji</rt></ruby>.</p><script>var x = 'One';</script>"
    '<aside epub:type="footnote" id="n1"><p>The first note.</p></aside><p id="said-1">It broke off in the</p>'
)
HARD_NEXT = '<p>middle of it. Then on.</p><aside epub:type="endnote" id="n2"><p>The second note.</p></aside>'


def test_sentences_are_found_in_hard_places(publish: Publish, tmp_path: Path) -> None:
    source = epub(tmp_path / "b.epub", {"a.xhtml": HARD, "b.xhtml": HARD_NEXT})
    with zipfile.ZipFile(source) as archive:
        before = archive.read("OPS/b.xhtml")
    publication = publish(source, read=frozenset({"footnotes"}))
    written = Written(publication, tmp_path)
    assert written.told() == {
        "OPS/a.xhtml": [
            *(
                "One",
                "He ran.",
                "The first note.",
                "She sat.",
                "And2 then rose.",
                "Up — it was.",
                "nce more.",
                "Twice.",
            ),
            *("It is x here.", "He read 漢字kanji.", "It broke off in the"),
        ],
        # A title from the contents stands nowhere: it is heard at the paragraph that it opens.
        "OPS/b.xhtml": ["The second note.", "middle of it. Then on.", "middle of it.", "Then on."],
    }
    assert tree_of(before).xpath("string()") == tree_of(written.files["OPS/b.xhtml"]).xpath("string()")


def test_a_paragraph_that_goes_on_in_the_next_file_is_marked_where_most_of_it_stands(
    publish: Publish, tmp_path: Path
) -> None:
    bodies = {
        "a.xhtml": f"<h1>One</h1><p>{LONG}</p><p>It broke off in the</p>",
        "b-1.xhtml": "<p>middle of all that it had to say. Then on.</p>",
    }
    publication = publish(epub(tmp_path / "b.epub", bodies))
    told = Written(publication, tmp_path).told()
    assert "It broke off in the middle of all that it had to say." in said(publication)
    assert told["OPS/b-1.xhtml"] == ["middle of all that it had to say.", "Then on."]
    assert sum(map(len, told.values())) == len(said(publication))


def test_old_overlays_and_signatures_give_way(publish: Publish, tmp_path: Path) -> None:
    source = epub(
        tmp_path / "b.epub",
        {"a.xhtml": '<p id="said-1">One. Two.</p>'},
        metadata='<meta property="media:duration">0:00:01</meta><meta property="media:duration" refines="#readalong-1">'
        '0:00:01</meta><meta property="media:active-class">old</meta>',
        item='media-overlay="readalong-1"',
        items='<item id="readalong-1" href="readalong/a.smil" media-type="application/smil+xml"/>'
        '<item id="sound" href="readalong/a.mp3" media-type="audio/mpeg"/>',
        files={"OPS/readalong/a.smil": "<smil/>", "OPS/ReadAlong/a.mp3": "x", "META-INF/signatures.xml": "<s/>"},
    )
    written = Written(publish(source), tmp_path)
    assert written.is_of_the_source
    assert not {"OPS/readalong/a.smil", "META-INF/signatures.xml"} & set(written.files)
    assert written.package.xpath("//*[@property='media:active-class']/text()") == ["declaim-spoken"]
    assert len(written.package.xpath("//*[@property='media:duration']")) == 2
    assert len(set(written.package.xpath("//@id"))) == len(written.package.xpath("//@id"))
    assert written.told()["OPS/a.xhtml"][-2:] == ["One.", "Two."]
    assert [node.text for node in written.package.iter("{*}description")] == ["Of its own.", "Not a person, but Joe."]


@pytest.mark.parametrize(("folder", "address"), [("", "a.xhtml"), ("a b/", "text/%C3%BC%20%231.xhtml")])
def test_addresses_lead_to_where_files_lie(folder: str, address: str, publish: Publish, tmp_path: Path) -> None:
    source = epub(tmp_path / "b.epub", {address: "<h1>I</h1><p>One. Two.</p>"}, folder=folder)
    written = Written(publish(source), tmp_path)
    assert written.is_of_the_source
    assert written.told() == {f"{folder}{unquote(address)}": ["I", "One.", "Two."]}
    folder_of_package = posixpath.dirname(written.opf)
    for href in written.package.xpath("//*[local-name()='item']/@href"):
        assert posixpath.normpath(posixpath.join(folder_of_package, unquote(str(href)))) in written.files


@pytest.mark.parametrize("broken", ["<p>One.<br>Two.</p>", "<p>&unknown; One. Two.</p>"])
def test_a_document_that_is_not_well_formed_has_the_book_made_anew(
    broken: str, publish: Publish, tmp_path: Path
) -> None:
    publication = publish(epub(tmp_path / "b.epub", {"a.xhtml": broken}))
    written = Written(publication, tmp_path)
    assert not written.is_of_the_source
    assert [text for texts in written.told().values() for text in texts] == said(publication)


def test_a_source_that_is_another_by_now_has_the_book_made_anew(publish: Publish, tmp_path: Path) -> None:
    source = epub(tmp_path / "b.epub", {"a.xhtml": "<h1>I</h1><p>One. Two.</p>"})
    publication = publish(source)
    epub(source, {"a.xhtml": "<h1>X</h1><p>Wholly other words.</p>"})
    assert not Written(publication, tmp_path).is_of_the_source
    source.write_bytes(b"PK no more")
    assert not Written(publication, tmp_path).is_of_the_source
    source.unlink()
    assert not Written(publication, tmp_path).is_of_the_source


@pytest.mark.parametrize("damaged", ["a.xhtml", "notes.txt"])
def test_a_source_that_cannot_be_unpacked_has_the_book_made_anew(
    damaged: str, publish: Publish, tmp_path: Path
) -> None:
    """A stream of a form that zlib does not know, in a document and in a file that nobody reads."""
    source = epub(tmp_path / "b.epub", {"a.xhtml": "<h1>I</h1><p>One. Two.</p>"}, files={"OPS/notes.txt": "word " * 99})
    publication = publish(source)
    with zipfile.ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith(damaged))
    torn = bytearray(source.read_bytes())
    begin = entry.header_offset + 30 + len(entry.filename)
    torn[begin : begin + 4] = b"\xff" * 4
    source.write_bytes(torn)
    assert not Written(publication, tmp_path).is_of_the_source


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "OPS\\..\\..\\out.txt", "OPS/A.XHTML"])
def test_an_archive_that_is_not_safe_is_not_copied(name: str, publish: Publish, tmp_path: Path) -> None:
    source = epub(tmp_path / "b.epub", {"a.xhtml": "<h1>I</h1><p>One. Two.</p>"})
    publication = publish(source)
    epub(source, {"a.xhtml": "<h1>I</h1><p>One. Two.</p>"}, files={name: "out"})
    written = Written(publication, tmp_path)
    assert not written.is_of_the_source
    assert name not in written.files


def test_entities_are_not_fetched_nor_swollen(publish: Publish, tmp_path: Path) -> None:
    source = epub(tmp_path / "b.epub", {"a.xhtml": "<h1>I</h1><p>One. Two.</p>"})
    publication = publish(source)
    entities = '<!ENTITY a "xxxxxxxxxx">' + "".join(
        f'<!ENTITY {name} "{f"&{last};" * 10}">' for last, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    page = PAGE.format("<h1>I</h1><p>&i;</p>").replace("<!DOCTYPE html>", f"<!DOCTYPE html [{entities}]>")
    with zipfile.ZipFile(source, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("OPS/a.xhtml", page)
    assert not Written(publication, tmp_path).is_of_the_source


@pytest.mark.slow
def test_a_hard_book_is_sound(publish: Publish, faults: Faults, tmp_path: Path) -> None:
    body = HARD.replace("&nbsp;", "").replace("&mdash;", "—")
    # Scripts and MathML ask for properties of their items, which the builder does not write.
    body = body.replace("<script>var x = 'One';</script>", "")
    body = body.replace(
        '<math xmlns="http://www.w3.org/1998/Math/MathML" alttext="x plus y"><mi>x</mi></math>', "<i>x</i>"
    )
    source = epub(tmp_path / "b.epub", {"a.xhtml": body, "b.xhtml": HARD_NEXT})
    written = Written(publish(source, read=frozenset({"footnotes"})), tmp_path)
    assert written.is_of_the_source
    assert faults(written.path) == set()
