"""Short books of a library: its own process reads them, and narrates them without a worker."""

from pathlib import Path

from tasks.library.inbox import fetched
from tasks.model import Book
from tasks.readers import read_book

# About twenty minutes of audio. A worker's process takes 14 s to start (5 s of CPU time), as long as such a book is mastered.
SHORT_CHARACTERS = 20_000
# A manuscript of pictures and markup that is as short; to read a larger one only to count its characters takes seconds.
_SMALL_BYTES = 256 * 1024


def is_small(source: str) -> bool:
    """Return whether a manuscript is worth reading to find out if its book is short: a file of this machine, at most 256 KiB."""
    path = Path(source).expanduser()
    try:
        return "://" not in source and path.is_file() and path.stat().st_size <= _SMALL_BYTES
    except OSError:
        return False


def read_short_book(source: str, inbox: str = "") -> Book | None:
    """Read a manuscript of this machine; return its book if it has at most `SHORT_CHARACTERS` characters.

    Raises `SourceError` if the manuscript cannot be read, or does not lie in the folder `inbox`, if that is given.
    """
    with fetched(source, inbox) as path:
        book = read_book(path)
    characters = sum(len(block.text) for chapter in book.chapters for block in chapter.blocks)
    return book if characters <= SHORT_CHARACTERS else None
