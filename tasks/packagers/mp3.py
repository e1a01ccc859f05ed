"""The MP3 edition: a file a chapter, with ID3v2.3 tags and the cover."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from mutagen.id3 import APIC, COMM, ID3, TALB, TCOM, TCON, TIT2, TLAN, TLEN, TPE1, TPE2, TRCK, Encoding, PictureType

from tasks.model import Book, Edition, Track
from tasks.packagers.names import track_name


@dataclass(frozen=True, slots=True)
class _Place:
    """A track's place in the book."""

    number: int
    total: int


def write_mp3(book: Book, tracks: tuple[Track, ...], narrator: str, folder: Path) -> list[Edition]:
    """Write `mp3/<number> - <title>.mp3` for each track below `folder`.

    Numbers are the chapters' own, so that a part of a book sorts as the whole does.
    """
    (folder / "mp3").mkdir(parents=True, exist_ok=True)
    total = len(book.chapters)
    return [_write(book, track, _Place(track.number, total), narrator, folder) for track in tracks]


def _write(book: Book, track: Track, place: _Place, narrator: str, folder: Path) -> Edition:
    name = f"mp3/{track_name(place.number, place.total, track.title)}.mp3"
    shutil.copyfile(track.encoded["mp3"], folder / name)
    tags = ID3()
    author = ", ".join(book.authors)
    for frame, text in (
        (TIT2, track.title),
        (TALB, book.title),
        (TPE1, author),
        (TPE2, author),
        (TCOM, narrator),
        (TCON, "Audiobook"),
        (TRCK, f"{place.number}/{place.total}"),
        (TLEN, str(round(track.seconds * 1000))),
        (TLAN, _language(book.language)),
    ):
        if text:
            tags.add(frame(encoding=Encoding.UTF16, text=[text]))
    tags.add(COMM(encoding=Encoding.UTF16, lang="eng", desc="", text=["Made with Declaim"]))
    if book.cover:
        tags.add(
            APIC(
                encoding=Encoding.LATIN1,
                mime=book.cover.media_type,
                type=PictureType.COVER_FRONT,
                desc="",
                data=book.cover.data,
            )
        )
    tags.save(folder / name, v1=0, v2_version=3)
    return Edition("mp3", name)


def _language(tag: str) -> str:
    """Give the ISO 639-2 code that ID3 wants for a BCP 47 tag, where it is a common one."""
    codes = {"de": "ger", "en": "eng", "es": "spa", "fr": "fre", "it": "ita", "nl": "dut", "pt": "por"}
    return codes.get(tag.split("-", maxsplit=1)[0].lower(), "")
