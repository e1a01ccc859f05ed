"""The M4B edition: the whole book in one file, with chapter marks, cover and tags."""

from itertools import accumulate
from pathlib import Path

from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm

from tasks.model import Track
from tasks.packagers.names import file_name
from tasks.packagers.plain import plain, shortened
from tasks.packagers.publication import Publication

_AUDIOBOOK = 2
_PICTURES = {"image/jpeg": MP4Cover.FORMAT_JPEG, "image/png": MP4Cover.FORMAT_PNG}
_MILLISECONDS = 1000
# What iTunes keeps of the short description; the long one has no bound.
_SHORT_BYTES = 255


def m4b_name(publication: Publication) -> str:
    """Name the book's file; that it lacks chapters stands whole behind a title of any length."""
    return f"{file_name(publication.book.title)}{publication.partial_note}.m4b"


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
    # Half of a character, which a PDF or YAML may hold, is in no encoding.
    whole = title.encode(errors="ignore").decode()
    escaped = "".join(f"\\{character}" if character in "=;#\\\n" else character for character in whole)
    # ffmpeg takes the end of a line for escaped after any backslash, an escaped one too.
    return f"{escaped} " if title.endswith("\\") else escaped


def tag_m4b(path: Path, publication: Publication) -> None:
    """Tag a bound book as an audiobook: title, author, narrator, cover, series, and that its voice is synthetic."""
    tags = MP4(path)
    book, narrator = publication.book, publication.narrator
    author, title = ", ".join(book.authors), f"{book.title}{publication.partial_note}"
    for atom, text in (
        ("\xa9nam", title),
        ("\xa9alb", title),
        ("\xa9ART", author),
        ("aART", author),
        ("\xa9wrt", narrator),
        ("\xa9nrt", narrator),
        ("\xa9gen", "Audiobook"),
        ("\xa9cmt", publication.credit),
        ("desc", shortened(book.description, _SHORT_BYTES)),
        ("ldes", publication.description if plain(book.description) else ""),
    ):
        if plain(text):
            tags[atom] = [plain(text)]
    tags["stik"] = [_AUDIOBOOK]
    for name, text in (
        ("NARRATOR", plain(narrator)),
        ("SERIES", publication.series),
        ("SERIES-PART", publication.series_position),
    ):
        if text:
            tags[f"----:com.apple.iTunes:{name}"] = [MP4FreeForm(text.encode())]
    picture = publication.picture
    tags["covr"] = [MP4Cover(picture.data, imageformat=_PICTURES[picture.media_type])]
    tags.save()
