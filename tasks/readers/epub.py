"""EPUB 2 and 3 by ebooklib: the order of the spine, chapters by the table of contents."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tasks.errors import SourceError
from tasks.model import Book, Cover, Pronunciation
from tasks.pls import read_pls
from tasks.readers.blurb import description_of, series_of
from tasks.readers.epub_archive import Package, open_package
from tasks.readers.epub_chapters import Entry, divide
from tasks.readers.xhtml import Passage, left_apart, read_document
from tasks.readers.xhtml_notes import with_candidates, with_linked, with_notes

_PICTURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_OPF = "http://www.idpf.org/2007/opf"
_TEXTS = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml"}


@dataclass(frozen=True, slots=True)
class _Spine:
    """The spine's passages in order, each under its document's name, and what was doubtful about them.

    `lexicons` are the names of those that its documents link, `pictures` those of a first document without words.
    """

    passages: tuple[tuple[str, Passage], ...]
    warnings: tuple[str, ...]
    lexicons: tuple[str, ...]
    pictures: tuple[str, ...]


def read(path: Path) -> Book:
    """Read an EPUB.

    Raises `SourceError` for one that is damaged, protected, unsafe, or whose spine names a document that it lacks.
    """
    package = open_package(path)
    book = package.book
    language = next(iter(_values(book, "language")), "en")
    spine = _spine(path, package, language)
    contents = tuple(_entries(book.toc, package.contents_folder))
    passages = with_candidates(with_linked(spine.passages))
    division = with_notes(divide(passages, contents, _title(book, path)))
    lexicon, lexicon_warnings = _lexicon(package, spine.lexicons)
    cover, cover_warnings = _cover(package, spine.pictures)
    series, series_position = _series(book)
    return Book(
        title=_title(book, path),
        authors=_authors(book),
        language=language,
        chapters=division.chapters,
        left_out=division.left_out,
        cover=cover,
        warnings=(*package.warnings, *spine.warnings, *lexicon_warnings, *cover_warnings),
        lexicon=lexicon,
        description=next(filter(None, map(description_of, _values(book, "description"))), ""),
        series=series,
        series_position=series_position,
    )


def _spine(path: Path, package: Package, language: str) -> _Spine:
    passages: list[tuple[str, Passage]] = []
    warnings: list[str] = []
    lexicons: list[str] = []
    pictures: list[tuple[str, ...]] = []
    for name, item, linear in _documents(path, package, warnings):
        document = read_document(item.content, name, language)
        warnings += document.warnings
        lexicons += document.lexicons
        pictures.append(document.pictures)
        outside = "nonlinear" if linear == "no" else ""
        passages += [(name, left_apart(passage, outside)) for passage in document.passages]
    return _Spine(tuple(passages), tuple(warnings), tuple(dict.fromkeys(lexicons)), (*pictures, ())[0])


def _documents(path: Path, package: Package, warnings: list[str]) -> Iterator[tuple[str, Any, str]]:
    """Give the spine's documents in order, each once: its name, its item, and whether it is `linear`."""
    items = {item.get_id(): item for item in package.book.get_items()}
    names: set[str] = set()
    for reference, linear in package.book.spine:
        if reference is None:
            # A comment among its elements.
            continue
        item = items.get(reference)
        name = posixpath.normpath(item.file_name) if item else f"the item {reference!r}"
        if item is None or name in package.missing:
            raise SourceError(f"{path}: its spine names {name}, which is missing from the file; fetch the book again")
        if name in names:
            warnings.append(f"{name}: the spine names it twice; it is read once, where it stands first")
        elif getattr(item, "media_type", "") not in _TEXTS:
            warnings.append(f"{name}: of type {item.media_type}, cannot be read aloud")
        else:
            yield name, item, linear
        names.add(name)


def _lexicon(package: Package, names: tuple[str, ...]) -> tuple[tuple[Pronunciation, ...], list[str]]:
    """Read the lexicons of these names: all their entries, each once, and what was wrong with the lexicons."""
    items = {posixpath.normpath(item.file_name): item for item in package.book.get_items()}
    entries: list[Pronunciation] = []
    warnings: list[str] = []
    for name in names:
        if name not in items or name in package.missing:
            warnings.append(f"{name}: the pronunciation lexicon is missing from the book; it is read without")
            continue
        try:
            entries += read_pls(items[name].content)
        except ValueError as error:
            warnings.append(f"{name}: the pronunciation lexicon cannot be read ({error}); the book is read without")
    return tuple(dict.fromkeys(entries)), warnings


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


def _series(book: Any) -> tuple[str, str]:
    """Name the series that the book belongs to and its place there, by EPUB 3's own terms or by calibre's."""
    metas = _metas(book)
    for name, about in metas:
        if about.get("property") == "belongs-to-collection":
            refined = _refined(metas, about.get("id", ""))
            if refined.get("collection-type", "series") == "series" and name and name.strip():
                return series_of(name, refined.get("group-position", ""))
    named = {about.get("name", ""): about.get("content", "") for _, about in metas}
    return series_of(named.get("calibre:series", ""), named.get("calibre:series_index", ""))


def _refined(metas: list[tuple[str | None, dict[str, str]]], identity: str) -> dict[str, str]:
    """Give what refines the element of an id, by the names of its properties."""
    return {
        about.get("property", ""): (value or "").strip()
        for value, about in metas
        if identity and about.get("refines", "").lstrip("#") == identity
    }


def _cover(package: Package, pictures: tuple[str, ...]) -> tuple[Cover | None, list[str]]:
    """Find the cover picture, and say so where one is declared that is none."""
    declared = _declared_cover(package)
    cover = (declared and _picture(package, declared)) or _first_picture(package, pictures)
    # A drawing is a cover as good as any, and one that is drawn anew stands for it: nothing is amiss.
    if declared and not cover and declared.media_type != "image/svg+xml":
        return None, [f"{declared.file_name}: the cover is no picture in JPEG, PNG, GIF or WebP; it is not used"]
    return cover, []


def _declared_cover(package: Package) -> Any:
    """Find the item with the property `cover-image`, or the one that EPUB 2's `cover` names."""
    named = {about.get("content") for _, about in _metas(package.book) if about.get("name") == "cover"}
    covers = {package.cover, *named} - {"", None}
    return next((item for item in package.book.get_items() if item.get_id() in covers), None)


def _first_picture(package: Package, names: tuple[str, ...]) -> Cover | None:
    """Return the one picture of a first document without words, for the cover; None if there is none or there are more."""
    if len(names) != 1:
        return None
    items = (item for item in package.book.get_items() if posixpath.normpath(item.file_name) == names[0])
    return next((_picture(package, item) for item in items), None)


def _picture(package: Package, item: Any) -> Cover | None:
    content = package.read_picture(item)
    return next((Cover(kind, content) for sign, kind in _PICTURES.items() if content.startswith(sign)), None)
