"""The M4B edition: the whole book in one file, with chapter marks, cover and tags."""

from itertools import accumulate
from pathlib import Path

from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm

from tasks.model import Book, Track
from tasks.packagers.names import file_name

_AUDIOBOOK = 2
_PICTURES = {"image/jpeg": MP4Cover.FORMAT_JPEG, "image/png": MP4Cover.FORMAT_PNG}
_MILLISECONDS = 1000


def m4b_name(book: Book, note: str = "") -> str:
    """Name the book's file; a note stands whole behind a title of any length."""
    return f"{file_name(book.title)}{note}.m4b"


def partial_note(held: int, chapters: int) -> str:
    """Word what stands behind the title of a book that has only some of its chapters."""
    return f" (partial, {held} of {chapters} chapters)"


def chapter_marks(tracks: tuple[Track, ...]) -> str:
    """Word the chapters of a book as ffmpeg's metadata, each from where its track begins to where it ends."""
    ends = list(accumulate(track.seconds for track in tracks))
    starts = [0.0, *ends[:-1]]
    lines = [";FFMETADATA1"]
    for track, start, end in zip(tracks, starts, ends, strict=True):
        lines += [
            "[CHAPTER]",
            f"TIMEBASE=1/{_MILLISECONDS}",
            f"START={round(start * _MILLISECONDS)}",
            f"END={round(end * _MILLISECONDS)}",
            f"title={_escaped(track.title)}",
        ]
    return "\n".join(lines) + "\n"


def _escaped(title: str) -> str:
    escaped = "".join(f"\\{character}" if character in "=;#\\\n" else character for character in title)
    # ffmpeg takes the end of a line for escaped after any backslash, an escaped one too.
    return f"{escaped} " if title.endswith("\\") else escaped


def tag_m4b(path: Path, book: Book, narrator: str) -> None:
    """Tag a bound book as an audiobook: title, author, narrator, cover."""
    tags = MP4(path)
    author = ", ".join(book.authors)
    for atom, text in (
        ("\xa9nam", book.title),
        ("\xa9alb", book.title),
        ("\xa9ART", author),
        ("aART", author),
        ("\xa9wrt", narrator),
        ("\xa9nrt", narrator),
        ("\xa9gen", "Audiobook"),
        ("\xa9cmt", "Made with Declaim"),
    ):
        if text:
            tags[atom] = [text]
    tags["stik"] = [_AUDIOBOOK]
    tags["----:com.apple.iTunes:NARRATOR"] = [MP4FreeForm(narrator.encode())]
    if book.cover and book.cover.media_type in _PICTURES:
        tags["covr"] = [MP4Cover(book.cover.data, imageformat=_PICTURES[book.cover.media_type])]
    tags.save()
