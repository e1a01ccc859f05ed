"""The MP3 edition: a file a chapter, with ID3v2.3 tags, the cover, and a mark for each scene."""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from mutagen.id3 import (
    APIC,
    CHAP,
    COMM,
    CTOC,
    ID3,
    PRIV,
    TALB,
    TCOM,
    TCON,
    TIT2,
    TLAN,
    TLEN,
    TPE1,
    TPE2,
    TRCK,
    TXXX,
    CTOCFlags,
    Encoding,
    Frame,
    PictureType,
)

from tasks.model import Edition, Track
from tasks.packagers.names import track_name
from tasks.packagers.picture import Picture
from tasks.packagers.plain import plain
from tasks.packagers.publication import Part, Publication
from tasks.packagers.scenes import scene_marks

# A scene's place in bytes is not told, its time is.
_NO_OFFSET = 0xFFFFFFFF


def write_mp3(publication: Publication, folder: Path) -> list[Edition]:
    """Write `mp3/<number> - <title>.mp3` for each track below `folder`.

    Numbers are the chapters' own, so that a part of a book sorts as the whole does.
    """
    (folder / "mp3").mkdir(parents=True, exist_ok=True)
    return [_write(publication, part, folder) for part in publication.parts]


def mp3_name(publication: Publication, track: Track) -> str:
    """Name a chapter's MP3, relative to the output folder."""
    return f"mp3/{track_name(track.number, len(publication.book.chapters), track.title)}.mp3"


def _write(publication: Publication, part: Part, folder: Path) -> Edition:
    name = mp3_name(publication, part.track)
    shutil.copyfile(part.track.encoded["mp3"], folder / name)
    tag_mp3(publication, part, folder / name)
    return Edition("mp3", name)


def tag_mp3(publication: Publication, part: Part, file: Path) -> None:
    """Write what is said of a part into its MP3; one without times has no scenes."""
    tags = ID3()
    for frame in (*_texts(publication, part.track), _picture(publication.picture), *_scenes(part)):
        tags.add(frame)
    tags.save(file, v1=0, v2_version=3)


def _texts(publication: Publication, track: Track) -> Iterator[Frame]:
    book = publication.book
    author = ", ".join(book.authors)
    for frame, text in (
        (TIT2, track.title),
        (TALB, book.title),
        (TPE1, author),
        (TPE2, author),
        (TCOM, publication.narrator),
        (TCON, "Audiobook"),
        (TRCK, f"{track.number}/{len(book.chapters)}"),
        (TLEN, str(round(track.seconds * 1000))),
        (TLAN, _language(book.language)),
    ):
        if plain(text):
            yield frame(encoding=Encoding.UTF16, text=[plain(text)])
    # ID3 has no frame for a series; these are the names that players look for.
    for name, text in (("SERIES", publication.series), ("SERIES-PART", publication.series_position)):
        if text:
            yield TXXX(encoding=Encoding.UTF16, desc=name, text=[text])
    yield COMM(encoding=Encoding.UTF16, lang="eng", desc="", text=[publication.credit])


def _picture(picture: Picture) -> Frame:
    return APIC(
        encoding=Encoding.LATIN1,
        mime=picture.media_type,
        type=PictureType.COVER_FRONT,
        desc="",
        data=picture.data,
    )


def _scenes(part: Part) -> Iterator[Frame]:
    """Mark the scenes of a chapter, each up to where the next begins; one that is a single scene has no marks."""
    marks = scene_marks(part) if part.track.timings else ()
    if not marks:
        return
    times = [*(round(mark.start * 1000) for mark in marks), round(part.track.seconds * 1000)]
    names = [f"scene{place:04}" for place in range(1, len(marks) + 1)]
    longest = max(len(mark.title.encode("utf-16")) for mark in marks)
    flags = CTOCFlags.TOP_LEVEL | CTOCFlags.ORDERED
    yield CTOC(element_id="scenes", flags=flags, child_element_ids=names, sub_frames=[])
    for name, mark, (start, end) in zip(names, marks, pairwise(times), strict=True):
        yield CHAP(
            element_id=name,
            start_time=start,
            end_time=end,
            start_offset=_NO_OFFSET,
            end_offset=_NO_OFFSET,
            sub_frames=[
                TIT2(encoding=Encoding.UTF16, text=[mark.title]),
                # mutagen writes the smallest frame first, and players show them as they come: so none is smaller.
                PRIV(owner="declaim", data=bytes(longest - len(mark.title.encode("utf-16")))),
            ],
        )


def _language(tag: str) -> str:
    """Give the ISO 639-2 code that ID3 wants for a BCP 47 tag, where it is a common one."""
    codes = {"de": "ger", "en": "eng", "es": "spa", "fr": "fre", "it": "ita", "nl": "dut", "pt": "por"}
    return codes.get(tag.split("-", maxsplit=1)[0].lower(), "")
