"""The formats on the way in: one file (or a few of one prefix) a format, each with `read(path) -> Book`."""

import hashlib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from tasks.errors import SourceError, drop_unprintable, escape_unprintable
from tasks.model import Block, BlockKind, Book

_READERS = {
    ".epub": "tasks.readers.epub",
    ".markdown": "tasks.readers.markdown",
    ".md": "tasks.readers.markdown",
    ".pdf": "tasks.readers.pdf",
}
SUFFIXES = frozenset(_READERS)
_FOLDER_READER = "tasks.readers.markdown_folder"


def read_book(path: Path) -> Book:
    """Read a manuscript by the reader for its ending, or a folder of Markdown files as one.

    Raises `SourceError` for a file that is missing, empty, of another format, or cannot be read, and for one in which
    there is nothing to speak.
    """
    if path.is_dir():
        return _spoken(path, _read_folder(path))
    if not path.is_file():
        raise SourceError(f"{path}: there is no such file; check its name")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise SourceError(
            f"{path}: files that end in {path.suffix or 'nothing'} are not read; convert it to one of {_endings()}"
        )
    try:
        empty = path.stat().st_size == 0
    except OSError as error:
        raise SourceError(f"{path}: the file cannot be read ({error.strerror}); check its rights") from error
    if empty:
        raise SourceError(f"{path}: the file is empty; fetch it again or save it anew")
    return _spoken(path, import_module(reader).read(path))


def source_sha256(path: Path) -> str:
    """Hash a manuscript's file, or the names and contents of a folder's, as the manifest tells it.

    Raises `OSError`, and `SourceError` for a folder that `read_book` refuses.
    """
    if path.is_dir():
        digest: str = import_module(_FOLDER_READER).sha256(path)
        return digest
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_folder(path: Path) -> Book:
    reader = import_module(_FOLDER_READER)
    if not reader.files_of(path).texts:
        raise SourceError(
            f"{path}: this is a folder; give a file that ends in {_endings()}, "
            "or a folder of Markdown files with numbers in their names"
        )
    book: Book = reader.read(path)
    return book


def _spoken(path: Path, book: Book) -> Book:
    """Return the book with names that can be shown; raises `SourceError` if there is nothing to speak in it."""
    if not any(_is_spoken(block) for chapter in book.chapters for block in chapter.blocks):
        raise SourceError(f"{path}: there are no words to speak in it; check that it is the right file")
    return _with_plain_names(book)


def _with_plain_names(book: Book) -> Book:
    """Return the book with titles, names and warnings that no terminal, page or log obeys."""
    return replace(
        book,
        title=drop_unprintable(book.title),
        authors=tuple(map(drop_unprintable, book.authors)),
        series=drop_unprintable(book.series),
        chapters=tuple(replace(chapter, title=drop_unprintable(chapter.title)) for chapter in book.chapters),
        warnings=tuple(map(escape_unprintable, book.warnings)),
    )


def _is_spoken(block: Block) -> bool:
    return block.kind is not BlockKind.BREAK and not block.left_out and any(map(str.isalnum, block.text))


def _endings() -> str:
    return ", ".join(_READERS)
