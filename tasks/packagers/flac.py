"""The FLAC edition: a file a chapter that has lost nothing, for an archive."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from mutagen.flac import FLAC
from mutagen.flac import Picture as FlacPicture

from tasks.model import Edition, Track
from tasks.packagers.names import track_name
from tasks.packagers.plain import chapter_title, plain
from tasks.packagers.publication import Publication

_FRONT_COVER = 3


def write_flac(publication: Publication, draft: Path) -> Iterator[Edition]:
    """Write `flac/<number> - <title>.flac` for each track, with Vorbis comments and the cover."""
    (draft / "flac").mkdir()
    for track in publication.tracks:
        name = f"flac/{track_name(track.number, len(publication.book.chapters), track.title)}.flac"
        shutil.copyfile(track.encoded["flac"], draft / name)
        _tag(publication, track, draft / name)
        yield Edition("flac", name)


def _tag(publication: Publication, track: Track, path: Path) -> None:
    book, file = publication.book, FLAC(path)
    for field, texts in (
        ("TITLE", [chapter_title(track.number, track.title)]),
        ("ALBUM", [plain(book.title)]),
        ("ARTIST", list(publication.authors)),
        ("PERFORMER", list(publication.narrators)),
        ("TRACKNUMBER", [str(track.number)]),
        ("TRACKTOTAL", [str(len(book.chapters))]),
        ("GENRE", ["Audiobook"]),
        ("LANGUAGE", [plain(book.language)]),
        ("DESCRIPTION", [plain(book.description)]),
        ("SERIES", [publication.series]),
        ("SERIES-PART", [publication.series_position]),
        ("COMMENT", [publication.credit]),
    ):
        if told := [text for text in texts if text]:
            file[field] = told
    block, picture = FlacPicture(), publication.picture
    block.type, block.mime, block.data = _FRONT_COVER, picture.media_type, picture.data
    file.add_picture(block)
    file.save()
