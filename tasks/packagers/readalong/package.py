"""An EPUB as a read-along is made from it: its archive, its package document, and the documents of its spine."""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree

OPF = "http://www.idpf.org/2007/opf"
CONTAINER = "META-INF/container.xml"
MIMETYPE = "mimetype"
_CONTAINER_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:container"
_DOCUMENTS = "application/xhtml+xml"
# What zipfile raises of a damaged entry; NotImplementedError: it is packed in a way that Python does not know, RuntimeError: with
# a password.
DAMAGE = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error)


class UnsuitedError(Exception):
    """An EPUB cannot become a read-along as it stands; one must be made from the book's words instead."""


@dataclass(frozen=True, slots=True)
class Document:
    """A content document of the spine: its path in the archive, and its item in the manifest."""

    path: str
    item: etree._Element


@dataclass(frozen=True, slots=True)
class Package:
    """An EPUB 3, open. `path` is the package document's, `root` its tree.

    `documents` are the XHTML ones of the spine in order, by their names as anchors give them: relative to `folder`, the
    package document's.
    """

    archive: zipfile.ZipFile
    path: str
    root: etree._Element
    documents: dict[str, Document]

    @property
    def folder(self) -> str:
        """The folder in the archive that addresses in the package document are relative to."""
        return posixpath.dirname(self.path)

    @property
    def metadata(self) -> etree._Element:
        """What the package document says of the book."""
        return _child(self.root, "metadata")

    @property
    def manifest(self) -> etree._Element:
        """The list of the book's files."""
        return _child(self.root, "manifest")


def package_of(archive: zipfile.ZipFile) -> Package:
    """Read an EPUB's package document; raises `UnsuitedError` for what is no EPUB 3, or not to be trusted."""
    entries = {entry.filename for entry in archive.infolist()}
    if not all(map(_is_contained, entries)) or len({name.casefold() for name in entries}) < len(entries):
        raise UnsuitedError("its entries point out of the book, or are named alike")
    path = _package_path(xml_of(archive, CONTAINER))
    root = xml_of(archive, path)
    if root.tag != f"{{{OPF}}}package" or not str(root.get("version")).startswith("3"):
        raise UnsuitedError("it is no EPUB 3")
    package = Package(archive, path, root, dict(_documents(root, posixpath.dirname(path), entries)))
    # Who reads the package further on is to meet what must be there.
    _ = package.metadata, package.manifest
    return package


def data_of(archive: zipfile.ZipFile, path: str) -> bytes:
    """Unpack an entry, at most as many bytes as the archive says that it has; raises `UnsuitedError`."""
    try:
        with archive.open(path) as stream:
            return stream.read(archive.getinfo(path).file_size)
    except (KeyError, *DAMAGE) as error:
        raise UnsuitedError(f"{path} cannot be unpacked") from error


def xml_of(archive: zipfile.ZipFile, path: str) -> etree._Element:
    """Parse an entry, as untrusted; raises `UnsuitedError`."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data_of(archive, path), parser)
    except (etree.LxmlError, ValueError) as error:
        raise UnsuitedError(f"{path} is not well-formed") from error
    if next(root.iter(etree.Entity), None) is not None:
        raise UnsuitedError(f"{path} uses entities")
    return root


def bytes_of(root: etree._Element) -> bytes:
    """Write a tree as a document, with what stands before its first element."""
    data: bytes = etree.tostring(root.getroottree(), encoding="utf-8", xml_declaration=True)
    return data


def _child(root: etree._Element, name: str) -> etree._Element:
    child = root.find(f"{{{OPF}}}{name}")
    if child is None:
        raise UnsuitedError(f"its package document has no {name}")
    return child


def _package_path(container: etree._Element) -> str:
    places = container.iter(f"{{{_CONTAINER_NAMESPACE}}}rootfile")
    path = next((str(place.get("full-path") or "") for place in places), "")
    if not path or not _is_contained(path):
        raise UnsuitedError("its container names no package document")
    return path


def _documents(root: etree._Element, folder: str, entries: set[str]) -> Iterator[tuple[str, Document]]:
    items = {str(item.get("id")): item for item in root.iter(f"{{{OPF}}}item")}
    for reference in root.iter(f"{{{OPF}}}itemref"):
        item = items.get(str(reference.get("idref")))
        if item is None or item.get("media-type") != _DOCUMENTS:
            continue
        name = posixpath.normpath(unquote(str(item.get("href"))))
        path = posixpath.normpath(posixpath.join(folder, name))
        if path in entries:
            yield name, Document(path, item)


def _is_contained(path: str) -> bool:
    return not (path.startswith("/") or "\\" in path or ".." in path.split("/") or path[1:2] == ":" or "\0" in path)
