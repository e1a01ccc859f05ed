"""An EPUB as a container: the checks on an untrusted ZIP, and ebooklib's reading of its package."""

import posixpath
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebooklib import epub
from lxml import etree

from tasks.errors import SourceError

_LARGEST_ENTRY_BYTES = 256 << 20
_LARGEST_BOOK_BYTES = 2 << 30
# Of all that is read at once, pictures and sounds aside: the largest books of words have some tens of megabytes.
_LARGEST_TEXT_BYTES = 128 << 20
_MOST_ENTRIES = 50_000
# A text compresses some tenfold; a thousandfold is an attack.
_HIGHEST_RATIO = 400
_RATIO_MATTERS_FROM_BYTES = 1 << 20
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_RIGHTS = "META-INF/rights.xml"
_ENCRYPTED = "{http://www.w3.org/2001/04/xmlenc#}"
# The two ways to obfuscate a font: IDPF's and Adobe's. The text is plain.
_OBFUSCATION = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
# NotImplementedError: a way of compressing that Python does not know.
_DAMAGE = (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error, OSError)
_TEXTS = (".opf", ".ncx", ".xml", ".xhtml", ".html", ".htm", ".xht", ".pls")
_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp")


@dataclass(frozen=True, slots=True)
class Package:
    """A package as ebooklib reads it.

    `missing` are the names, as the package document gives them, of the files that it lists and the archive lacks;
    `contents_folder` is what the addresses in the table of contents are relative to, `cover` the id of the item with the
    property `cover-image`, empty where none has it. The items of pictures have no content: `read_picture` has it.
    """

    path: Path
    folder: str
    book: Any
    missing: frozenset[str]
    contents_folder: str
    cover: str
    warnings: tuple[str, ...]

    def read_picture(self, item: Any) -> bytes:
        """Return the content of a picture's item; b"" if the archive lacks it or it is damaged."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                return _unpacked(archive, posixpath.normpath(posixpath.join(self.folder, item.file_name)))
        except (KeyError, *_DAMAGE):
            return b""


class _Reader(epub.EpubReader):  # type: ignore[misc]  # ebooklib ships no types
    """ebooklib's reader, made patient and careful.

    A missing file or a bad table of contents does not cost the whole book, pictures, fonts and sounds are not unpacked, each text
    is unpacked once however many items name it, and nothing unpacks to more than the archive says.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.missing: set[str] = set()
        self.contents_folder = ""
        self.cover = ""
        self.warnings: list[str] = []
        self._path = path
        self._texts: dict[str, bytes] = {}
        self._text_bytes = 0

    def read_file(self, name: str) -> bytes:
        name = posixpath.normpath(name)
        is_text = not self.opf_file or name.lower().endswith(_TEXTS)
        if not is_text and not name.lower().endswith(_PICTURES):
            return b""
        try:
            entry = self.zf.getinfo(name)
        except KeyError:
            if name in {_CONTAINER, posixpath.normpath(self.opf_file or _CONTAINER)}:
                raise
            self.missing.add(posixpath.relpath(name, self.opf_dir or "."))
            return b""
        if not is_text:
            return b""
        if name not in self._texts:
            self._text_bytes += entry.file_size
            if self._text_bytes > _LARGEST_TEXT_BYTES:
                raise SourceError(
                    f"{self._path}: its texts are over {_LARGEST_TEXT_BYTES >> 20} MiB, which is no book; divide it into several"
                )
            self._texts[name] = _unpacked(self.zf, name)
        return self._texts[name]

    def _load_manifest(self) -> None:
        super()._load_manifest()
        # ebooklib knows it of JPEG and PNG alone.
        items = self.container.iterfind("{*}manifest/{*}item")
        covers = (item.get("id") for item in items if "cover-image" in (item.get("properties") or "").split())
        self.cover = next(filter(None, covers), "")

    def _load_spine(self) -> None:
        super()._load_spine()
        contents = [item for item in self.book.items if isinstance(item, epub.EpubNcx)]
        if contents and not any(isinstance(item, epub.EpubNav) for item in self.book.items):
            # ebooklib wants the spine to name it, and takes its addresses as they are.
            self.contents_folder = posixpath.dirname(contents[0].file_name)
            if not self.book.toc:
                self._parse_ncx(contents[0].content)

    def _parse_nav(self, data: bytes, base_path: str, navtype: str = "toc") -> None:
        try:
            super()._parse_nav(data, base_path, navtype)
        except (etree.LxmlError, AttributeError, IndexError, TypeError, ValueError):
            if navtype == "toc":
                name = next(item.file_name for item in self.book.items if isinstance(item, epub.EpubNav))
                self.warnings.append(f"{name}: there is no table of contents in it; {self._without_nav()}")

    def _without_nav(self) -> str:
        """Take EPUB 2's table of contents, where the book has one too, and say what became of it."""
        contents = next((item for item in self.book.items if isinstance(item, epub.EpubNcx)), None)
        try:
            if contents:
                self._parse_ncx(contents.content)
                self.contents_folder = posixpath.dirname(contents.file_name)
                return f"{contents.file_name} is taken instead"
        except (etree.LxmlError, AttributeError, IndexError, TypeError, ValueError):
            self.book.toc = []
        return "each document is read as a chapter"


def _parser() -> etree.XMLParser:
    """Make a parser for untrusted XML: no entities, no network, no files."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def open_package(path: Path) -> Package:
    """Check an EPUB and read its package; raises `SourceError` that says what is wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(path, archive)
            _check_encryption(path, archive)
            _check_package(path, archive)
        reader = _Reader(path)
        book = reader.load()
    except _DAMAGE as error:
        raise SourceError(
            f"{path}: this is no whole EPUB, its ZIP container is damaged ({error}); fetch it again"
        ) from error
    # ebooklib lets whatever its walk over a malformed package meets come out: a missing element is an AttributeError
    # or a TypeError, a missing attribute a KeyError, a contents list without a list an IndexError.
    except (
        epub.EpubException,
        etree.LxmlError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        known = isinstance(error, (epub.EpubException, etree.LxmlError))
        reason = str(error) if known else "something in it is missing or out of its place"
        raise SourceError(
            f"{path}: the EPUB's package document cannot be understood: {reason}; check it with epubcheck"
        ) from error
    return Package(
        path,
        reader.opf_dir,
        book,
        frozenset(reader.missing),
        reader.contents_folder,
        reader.cover,
        tuple(reader.warnings),
    )


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpack an entry, at most as many bytes as the archive says that it has: `ZipFile.read` inflates all there is first."""
    with archive.open(name) as stream:
        return stream.read(archive.getinfo(name).file_size)


def _check_entries(path: Path, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES or sum(entry.file_size for entry in entries) > _LARGEST_BOOK_BYTES:
        raise SourceError(
            f"{path}: unpacked it would be over {_LARGEST_BOOK_BYTES >> 30} GiB, which is not safe; fetch it elsewhere"
        )
    for entry in entries:
        name = entry.filename
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or (len(name) > 1 and name[1] == ":"):
            raise SourceError(
                f"{path}: its entry {name!r} points out of the book, which is not safe; fetch it elsewhere"
            )
        swollen = entry.file_size > _HIGHEST_RATIO * max(entry.compress_size, 1)
        if entry.file_size > _LARGEST_ENTRY_BYTES or (swollen and entry.file_size > _RATIO_MATTERS_FROM_BYTES):
            raise SourceError(
                f"{path}: its entry {name!r} would unpack to {entry.file_size >> 20} MiB, which is not safe; fetch it elsewhere"
            )


def _check_encryption(path: Path, archive: zipfile.ZipFile) -> None:
    refusal = f"{path}: the book is protected (DRM); ask its publisher for a file without"
    names = set(archive.namelist())
    if any(entry.flag_bits & 1 for entry in archive.infolist()):
        raise SourceError(f"{path}: the ZIP container is encrypted; unpack it with its password first")
    if _ENCRYPTION not in names:
        if _RIGHTS in names:
            raise SourceError(refusal)
        return
    try:
        tree = etree.fromstring(_unpacked(archive, _ENCRYPTION), _parser())
    except etree.LxmlError as error:
        raise SourceError(f"{path}: {_ENCRYPTION} cannot be read ({error}); fetch the book again") from error
    for data in tree.iter(f"{_ENCRYPTED}EncryptedData"):
        method = data.find(f"{_ENCRYPTED}EncryptionMethod")
        if method is None or method.get("Algorithm") not in _OBFUSCATION:
            raise SourceError(refusal)


def _check_package(path: Path, archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    if _CONTAINER not in names:
        raise SourceError(
            f"{path}: there is no {_CONTAINER} in it; this is a ZIP file, but no EPUB; check that it is the right file"
        )
    try:
        container = etree.fromstring(_unpacked(archive, _CONTAINER), _parser())
    except etree.LxmlError as error:
        raise SourceError(f"{path}: {_CONTAINER} cannot be read ({error}); fetch the book again") from error
    packages = [str(root.get("full-path")) for root in container.iter("{*}rootfile")]
    if not packages or packages[0] not in names:
        raise SourceError(
            f"{path}: the package document {(packages or ['(none)'])[0]} is missing from it; fetch the book again"
        )
