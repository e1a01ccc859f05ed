"""EPUBs for the tests, bound by zipfile alone, so that any fault can be bound in with them."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from tasks.model import Block, Book
from tasks.readers.epub import read

Contents: TypeAlias = Sequence[tuple[str, str] | tuple[str, str, "Contents"]]
PNG = b"\x89PNG\r\n\x1a\n and the rest of a picture"
CONTAINER = (
    '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
XHTML = 'xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"'


def page(body: str, attributes: str = "") -> str:
    """Set the inside of a body as an XHTML document; its first words stand in line 4."""
    head = "<head><title>A running title</title></head>"
    return f"<?xml version='1.0' encoding='utf-8'?>\n<html {XHTML}>\n{head}<body {attributes}>\n{body}\n</body></html>"


@dataclass
class Epub:
    """What makes an EPUB.

    `documents` are the spine, in order: a body, or a whole document where it begins with `<?xml` or is bytes. `contents`
    are entries of title and address, some with entries under them. `files` are further entries of the container under
    their full names, `manifest` and `metadata` further elements of the package document.
    """

    documents: Mapping[str, str | bytes]
    contents: Contents = ()
    version: int = 3
    title: str = "The Book"
    metadata: str = "<dc:creator>Ann Author</dc:creator>"
    manifest: str = ""
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    nonlinear: frozenset[str] = frozenset()
    nav_in_spine: bool = False

    def entries(self) -> dict[str, bytes]:
        """Name and fill every entry of the container."""
        documents = {
            f"OPS/{name}": text if isinstance(text, bytes) or text.startswith("<?xml") else page(text)
            for name, text in self.documents.items()
        }
        contents = {"OPS/toc.ncx": _ncx(self.contents)} if self.version == 2 else {"OPS/nav.xhtml": _nav(self.contents)}
        entries = {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": self._package(),
            **contents,
            **documents,
            **self.files,
        }
        return {name: data if isinstance(data, bytes) else data.encode() for name, data in entries.items()}

    def bind(self, path: Path) -> Path:
        """Write the EPUB."""
        return bound(path, self.entries())

    def _package(self) -> str:
        items = "".join(
            f'<item id="d{place}" href="{name}" media-type="application/xhtml+xml"/>'
            for place, name in enumerate(self.documents)
        )
        spine = "".join(
            f'<itemref idref="d{place}"{" linear=" + chr(34) + "no" + chr(34) if name in self.nonlinear else ""}/>'
            for place, name in enumerate(self.documents)
        )
        if self.version == 2:
            items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        else:
            items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        if self.nav_in_spine:
            spine = '<itemref idref="nav"/>' + spine
        return (
            f'<package xmlns="http://www.idpf.org/2007/opf" version="{self.version}.0">'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">'
            f"<dc:title>{escape(self.title)}</dc:title><dc:language>en-GB</dc:language>{self.metadata}</metadata>"
            f"<manifest>{items}{self.manifest}</manifest>"
            f"<spine{' toc=' + chr(34) + 'ncx' + chr(34) if self.version == 2 else ''}>{spine}</spine></package>"
        )


def bound(path: Path, entries: Mapping[str, bytes]) -> Path:
    """Write a container with these entries."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def _nav(contents: Contents) -> str:
    return page(f'<nav epub:type="toc"><h1>What is in it</h1>{_list(contents)}</nav>')


def _list(contents: Contents) -> str:
    lines = "".join(f"<li>{_link(*entry[:2])}{_list(entry[2]) if len(entry) > 2 else ''}</li>" for entry in contents)
    return f"<ol>{lines}</ol>"


def _link(title: str, address: str) -> str:
    return f'<a href="{address}">{escape(title)}</a>' if address else f"<span>{escape(title)}</span>"


def _ncx(contents: Contents) -> str:
    return (
        f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><navMap>{_points(contents)}</navMap></ncx>'
    )


def _points(contents: Contents) -> str:
    return "".join(
        f'<navPoint id="{escape(entry[1])}"><navLabel><text>{escape(entry[0])}</text></navLabel>'
        f'<content src="{entry[1]}"/>{_points(entry[2]) if len(entry) > 2 else ""}</navPoint>'
        for entry in contents
    )


def book_of(epub: Epub) -> Book:
    """Bind and read an EPUB."""
    with TemporaryDirectory() as folder:
        return read(epub.bind(Path(folder) / "book.epub"))


def all_blocks(book: Book) -> list[Block]:
    """List the blocks of the chapters in order, then those that belong to none, without titles from the contents."""
    blocks = [*(block for chapter in book.chapters for block in chapter.blocks), *book.left_out]
    return [block for block in blocks if not block.anchor.startswith("contents#")]


def blocks_of(body: str, attributes: str = "") -> list[Block]:
    """Read a body with these attributes, the only one of its book, which is in British English; nothing in it is doubtful."""
    book = book_of(Epub({"text/a.xhtml": page(body, attributes)}, [("One", "text/a.xhtml")]))
    assert book.warnings == ()
    return all_blocks(book)
