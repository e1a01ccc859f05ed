"""The read-along edition: an EPUB 3 with media overlays, in which each sentence is marked while it is heard.

An EPUB 3 stays the book that it is: the documents that are spoken get a span around each sentence, the package document
names what is new, and every other file is in it byte for byte. Of any other source a plain EPUB is made.
"""

import io
import posixpath
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from lxml import etree

from tasks.errors import PackageError
from tasks.model import Book, Edition
from tasks.packagers.names import file_name
from tasks.packagers.publication import Publication
from tasks.packagers.readalong.archive import write_archive
from tasks.packagers.readalong.made import made
from tasks.packagers.readalong.metadata import ACTIVE, Addition, Overlay, tell, without_overlays
from tasks.packagers.readalong.package import DAMAGE, Document, Package, UnsuitedError, bytes_of, data_of, package_of
from tasks.packagers.readalong.places import Numbered, places_of
from tasks.packagers.readalong.smil import Said, overlay
from tasks.packagers.readalong.spans import Range, anchored
from tasks.packagers.readalong.text import XHTML, Text, parsed, text_of
from tasks.packagers.readalong.timeline import Heard, heard_in

# A signature of the source says nothing of what is made from it.
_SIGNATURES = "META-INF/signatures.xml"
_STYLE = f".{ACTIVE} {{ background-color: #ffe9a8; color: #000; }}\n"


def write_readalong(publication: Publication, draft: Path) -> list[Edition]:
    """Write `<title>.epub` into `draft`; chapters that are not finished stay in it as text, and its name says so.

    Raises `OSError`, and `PackageError` for a book of which none can be made.
    """
    name = f"{file_name(publication.book.title)}{publication.partial_note}.epub"
    if publication.source.suffix.lower() == ".epub":
        with (
            suppress(UnsuitedError, FileNotFoundError, *DAMAGE),
            zipfile.ZipFile(publication.source) as archive,
        ):
            _write(publication, archive, _numbered(publication.book), draft / name)
            return [Edition("readalong", name)]
    data, numbered = made(publication)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        try:
            _write(publication, archive, numbered, draft / name)
        except UnsuitedError as error:
            raise PackageError(f"{name}: no read-along can be made of this book ({error}); ask for none") from error
    return [Edition("readalong", name)]


def _numbered(book: Book) -> tuple[Numbered, ...]:
    """Give the blocks of an EPUB as its documents' reader met them, which is what their anchors say."""
    numbered = []
    for block in (*(block for chapter in book.chapters for block in chapter.blocks), *book.left_out):
        document, _, number = block.anchor.rpartition("#")
        if number.isdecimal():
            numbered.append(Numbered(document, int(number), block))
    return tuple(numbered)


@dataclass(frozen=True, slots=True)
class _Page:
    """A content document, its tree and its text."""

    document: Document
    root: etree._Element
    text: Text


@dataclass(frozen=True, slots=True)
class _Added:
    """Where what is new lies in the archive: the style, and the chapters' sounds by their numbers."""

    folder: str
    style: str
    sounds: dict[int, str]


def _write(publication: Publication, archive: zipfile.ZipFile, numbered: Sequence[Numbered], target: Path) -> None:
    """Write the read-along of an EPUB in which the blocks stand. Raises `UnsuitedError`."""
    package = package_of(archive)
    pages = dict(_pages(package))
    heard = _heard(publication, numbered, pages)
    added = _added(package, heard)
    gone = {_path(package, address) for address in without_overlays(package)}
    changed: dict[str, bytes] = {}
    overlays: list[Overlay] = []
    by_page: dict[str, list[Heard]] = {}
    for each in heard:
        by_page.setdefault(each.document, []).append(each)
    for number, (name, page) in enumerate(pages.items(), start=1):
        if own := by_page.get(name):
            path = f"{added.folder}/{number:04}.smil"
            changed[path] = _overlay(page, own, added, path)
            changed[page.document.path] = _spoken(page, added)
            milliseconds = sum(each.clip.end - each.clip.begin for each in own)
            overlays.append(Overlay(_address(path, package.folder), page.document.item, milliseconds))
    files = [Addition(_address(path, package.folder), "audio/mpeg") for path in added.sounds.values()]
    if overlays:
        changed[added.style] = _STYLE.encode()
        files.append(Addition(_address(added.style, package.folder), "text/css"))
    tell(package, publication, overlays, files)
    changed[package.path] = bytes_of(package.root)
    encoded = {track.number: track.encoded["mp3"] for track in publication.tracks}
    sounds = {path: encoded[number] for number, path in added.sounds.items()}
    write_archive(target, archive, changed, {*gone, _SIGNATURES}, sounds)


def _pages(package: Package) -> Iterator[tuple[str, _Page]]:
    """Open the documents of the spine, but for those that cannot be changed without a loss."""
    for name, document in package.documents.items():
        root = parsed(data_of(package.archive, document.path))
        body = None if root is None else root.find(f"{{{XHTML}}}body")
        if root is not None and body is not None:
            yield name, _Page(document, root, text_of(body))


def _heard(publication: Publication, numbered: Sequence[Numbered], pages: dict[str, _Page]) -> tuple[Heard, ...]:
    """Place the sentences; raises `UnsuitedError` where the documents are not those that they were read from."""
    if not pages:
        raise UnsuitedError("no document of its spine can be changed")
    spoken = {chunk.anchor for part in publication.parts for chunk in part.script.chunks}
    blocks = [each for each in numbered if each.document in pages]
    if any(
        each.block.anchor in spoken and each.document not in pages for each in numbered if each.document != "contents"
    ):
        raise UnsuitedError("a document that is spoken cannot be changed")
    places = places_of(blocks, {name: page.text for name, page in pages.items()})
    heard = heard_in(publication, places, next(iter(pages)))
    if sum(each.last is None for each in heard) * 2 > len(heard):
        raise UnsuitedError("its words are not those that were spoken")
    return heard


def _overlay(page: _Page, heard: Sequence[Heard], added: _Added, path: str) -> bytes:
    """Put the spans into a document, and word its overlay."""
    found = [
        Range(each.key, each.first, each.last) for each in heard if each.first is not None and each.last is not None
    ]
    lost = {each.key: each.first for each in heard if each.last is None}
    ids = anchored(page.root, page.text, found, lost)
    folder = posixpath.dirname(path)
    sounds = {number: posixpath.relpath(sound, folder) for number, sound in added.sounds.items()}
    document = posixpath.relpath(page.document.path, folder)
    return overlay([Said(ids[each.key], each.clip) for each in heard], document, sounds)


def _spoken(page: _Page, added: _Added) -> bytes:
    """Link the style into a document, and write it."""
    head = page.root.find(f"{{{XHTML}}}head")
    if head is None:
        head = etree.Element(f"{{{XHTML}}}head")
        page.root.insert(0, head)
    address = _address(added.style, posixpath.dirname(page.document.path))
    etree.SubElement(head, f"{{{XHTML}}}link", {"rel": "stylesheet", "type": "text/css", "href": address})
    return bytes_of(page.root)


def _added(package: Package, heard: Sequence[Heard]) -> _Added:
    """Name a folder for what is new, beside the package document, that nothing lies in yet."""
    taken = {entry.filename.casefold() for entry in package.archive.infolist()}
    folder = posixpath.join(package.folder, "readalong")
    while any(f"{name}/".startswith(f"{folder.casefold()}/") for name in taken):
        folder += "-"
    numbers = sorted({each.clip.chapter for each in heard})
    return _Added(folder, f"{folder}/spoken.css", {number: f"{folder}/{number:04}.mp3" for number in numbers})


def _path(package: Package, address: str) -> str:
    return posixpath.normpath(posixpath.join(package.folder, unquote(address)))


def _address(path: str, folder: str) -> str:
    return quote(posixpath.relpath(path, folder or "."))
