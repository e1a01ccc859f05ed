"""The Audiobookshelf edition: a book's folder as that server's library has it, to be put there as it is."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

from tasks.model import Edition
from tasks.packagers.names import file_name
from tasks.packagers.plain import chapter_title, language_tag
from tasks.packagers.publication import Publication
from tasks.packagers.tagged import put_mp3s


def write_audiobookshelf(publication: Publication, folder: Path) -> list[Edition]:
    """Write `audiobookshelf/<authors>/<title>/` below `folder`: `metadata.json`, the cover, and a tagged MP3 a chapter.

    The MP3s are one file with those of the MP3 edition where that lies in `folder` before. A book without any finished
    chapter has no such edition.
    """
    if not publication.parts:
        return []
    book = publication.book
    author = file_name(", ".join(book.authors), "Unknown Author")
    place = f"audiobookshelf/{author}/{file_name(book.title)}{publication.partial_note}"
    names = put_mp3s(publication, folder, place)
    names.append(f"{place}/{publication.picture.name}")
    (folder / names[-1]).write_bytes(publication.picture.data)
    names.append(f"{place}/metadata.json")
    document = json.dumps(metadata(publication), ensure_ascii=False, indent=2)
    (folder / names[-1]).write_text(document + "\n", "utf-8")
    return [Edition("audiobookshelf", name) for name in names]


def metadata(publication: Publication) -> dict[str, Any]:
    """Word what is known of the book as Audiobookshelf does; what is not known is null or empty."""
    return {
        "tags": ["Synthetic voice"],
        "chapters": _chapters(publication),
        "title": publication.full_title,
        "subtitle": None,
        "authors": list(publication.authors),
        "narrators": list(publication.narrators),
        "series": _series(publication),
        "genres": [],
        "publishedYear": None,
        "publisher": None,
        "description": publication.description,
        "language": language_tag(publication.book.language) or None,
        "explicit": False,
        "abridged": False,
    }


def _series(publication: Publication) -> list[str]:
    """Name the series as the server does: its place in it behind a `#`."""
    position = f" #{publication.series_position}" if publication.series_position else ""
    return [f"{publication.series}{position}"] if publication.series else []


def _chapters(publication: Publication) -> list[dict[str, Any]]:
    """Place the chapters on the timeline of the whole book, in seconds, without gaps. None may be without a title."""
    ends = [round(end, 3) for end in accumulate(track.seconds for track in publication.tracks)]
    return [
        {"id": place, "start": start, "end": end, "title": chapter_title(track.number, track.title)}
        for place, (track, start, end) in enumerate(zip(publication.tracks, [0.0, *ends], ends, strict=False))
    ]
