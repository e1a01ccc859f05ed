"""EPUB 2 and 3 by ebooklib: the order of the spine, chapters by the table of contents."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tasks.errors import SourceError
from tasks.model import Book, Cover
from tasks.readers.epub_archive import Package, open_package
from tasks.readers.epub_chapters import Entry, divide
from tasks.readers.xhtml import Passage, read_document

_PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_OPF = "http://www.idpf.org/2007/opf"
_TEXTS = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml"}


@dataclass(frozen=True, slots=True)
class _Spine:
    """The spine's passages in order, each under its document's name, and what was doubtful about them."""

    passages: tuple[tuple[str, Passage], ...]
    warnings: tuple[str, ...]


def read(path: Path) -> Book:
    """Read an EPUB.

    Raises `SourceError` for one that is damaged, protected, unsafe, or whose spine names a document that it lacks.
    """
    package = open_package(path)
    spine = _spine(path, package)
    book = package.book
    division = divide(spine.passages, tuple(_entries(book.toc, package.contents_folder)), _title(book, path))
    return Book(
        title=_title(book, path),
        authors=_authors(book),
        language=next(iter(_values(book, "language")), "en"),
        chapters=division.chapters,
        left_out=division.left_out,
        cover=_cover(book),
        warnings=(*package.warnings, *spine.warnings),
    )


def _spine(path: Path, package: Package) -> _Spine:
    book = package.book
    documents = {item.get_id(): item for item in book.get_items()}
    passages: list[tuple[str, Passage]] = []
    warnings: list[str] = []
    names: set[str] = set()
    for reference, linear in book.spine:
        if reference is None:
            # A comment among its elements.
            continue
        item = documents.get(reference)
        name = posixpath.normpath(item.file_name) if item else f"the item {reference!r}"
        if item is None or name in package.missing:
            raise SourceError(f"{path}: its spine names {name}, which is missing from the file; fetch the book again")
        if name in names:
            warnings.append(f"{name}: the spine names it twice; it is read once, where it stands first")
        elif getattr(item, "media_type", "") not in _TEXTS:
            warnings.append(f"{name}: of type {item.media_type}, cannot be read aloud")
        else:
            document = read_document(item.content, name)
            warnings += [document.warning] * bool(document.warning)
            outside = "nonlinear" if linear == "no" else ""
            passages += [(name, _apart(passage, outside)) for passage in document.passages]
        names.add(name)
    return _Spine(tuple(passages), tuple(warnings))


def _apart(passage: Passage, reason: str) -> Passage:
    block = passage.block
    return passage if block.left_out or not reason else Passage(replace(block, left_out=reason), passage.ids)


def _entries(contents: Any, folder: str, depth: int = 0) -> Iterator[Entry]:
    """Flatten ebooklib's contents: links into `folder`, and pairs of a section and what stands under it."""
    for item in contents if isinstance(contents, list | tuple) else [contents]:
        section, children = item if isinstance(item, tuple) else (item, [])
        name, _, fragment = (section.href or "").partition("#")
        title = " ".join((section.title or "").split())
        name = posixpath.normpath(posixpath.join(folder, unquote(name))) if name else ""
        yield Entry(title, name, unquote(fragment), depth, bool(children))
        yield from _entries(children, folder, depth + 1)


def _values(book: Any, name: str) -> list[str]:
    return [" ".join(value.split()) for value, _ in book.get_metadata("DC", name) if value and value.strip()]


def _title(book: Any, path: Path) -> str:
    return next(iter(_values(book, "title")), path.stem)


def _authors(book: Any) -> tuple[str, ...]:
    """Name the creators whose role is author, or who have none."""
    roles = {
        str(about.get("refines", "")).lstrip("#"): " ".join((role or "").split())
        for role, about in _metas(book)
        if about.get("property") == "role"
    }
    authors = []
    for value, about in book.get_metadata("DC", "creator"):
        role = about.get(f"{{{_OPF}}}role") or roles.get(about.get("id", ""), "aut")
        if value and value.strip() and role == "aut":
            authors.append(" ".join(value.split()))
    return tuple(dict.fromkeys(authors))


def _metas(book: Any) -> list[tuple[str | None, dict[str, str]]]:
    """List the package's own `meta` elements: the text of each, and its attributes."""
    return list(book.metadata.get(_OPF, {}).get("meta", []))


def _cover(book: Any) -> Cover | None:
    """Find the cover picture: the item with the property `cover-image`, else the one that EPUB 2's `cover` names."""
    named = {about.get("content") for _, about in _metas(book) if about.get("name") == "cover"}
    for item in book.get_items():
        if type(item).__name__ == "EpubCover" or item.get_id() in named:
            for signature, media_type in _PICTURES.items():
                if item.content.startswith(signature):
                    return Cover(media_type, item.content)
    return None
