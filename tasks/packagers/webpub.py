"""The W3C Audiobook: one ZIP of a manifest, an entry page, the chapters' MP3s and the cover."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from babel import Locale, UnknownLocaleError
from lxml import html
from lxml.html import builder

from tasks.model import Edition, Track
from tasks.packagers.names import file_name, padded
from tasks.packagers.picture import Picture
from tasks.packagers.plain import chapter_title, language_tag
from tasks.packagers.publication import Publication

_MANIFEST, _PAGE = "publication.json", "index.html"
# The first day that a ZIP can tell: the same book is the same file, whenever it is bound.
_DAY = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class _Recording:
    """A chapter in the book: the path of its MP3 there, its title, and its length in whole milliseconds."""

    path: str
    title: str
    milliseconds: int
    file: Path


def write_webpub(publication: Publication, folder: Path) -> list[Edition]:
    """Write `<title>.lpf` below `folder`, by W3C's Audiobooks and Lightweight Packaging Format.

    A book without any finished chapter has no such edition. Sound is stored as it is and copied in pieces. The same
    publication gives the same bytes.
    """
    if not publication.parts:
        return []
    name = f"{file_name(publication.book.title)}{publication.partial_note}.lpf"
    recordings = [_recording(track, len(publication.book.chapters)) for track in publication.tracks]
    picture = publication.picture
    with ZipFile(folder / name, "w") as archive:
        document = manifest(publication, recordings)
        _put_text(archive, _MANIFEST, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        _put_text(archive, _PAGE, _page(publication, recordings))
        archive.writestr(_entry(picture.name, ZIP_STORED), picture.data)
        for recording in recordings:
            _put_file(archive, recording.path, recording.file)
    return [Edition("webpub", name)]


def _recording(track: Track, total: int) -> _Recording:
    path = f"audio/{padded(track.number, total)}.mp3"
    title = chapter_title(track.number, track.title)
    return _Recording(path, title, round(track.seconds * 1000), track.encoded["mp3"])


def manifest(publication: Publication, recordings: list[_Recording]) -> dict[str, Any]:
    """Word what the specification requires and recommends; what is not known of the book is left out."""
    language = language_tag(publication.book.language)
    direction = _direction(language)
    told = {
        "author": [{"type": "Person", "name": name} for name in publication.authors],
        "readBy": list(publication.narrators),
        "inLanguage": [language] if language else [],
    }
    return {
        "@context": [
            "https://schema.org",
            "https://www.w3.org/ns/pub-context",
            *([{"language": language, "direction": direction}] if language else []),
        ],
        "conformsTo": "https://www.w3.org/TR/audiobooks/",
        "type": "Audiobook",
        "id": publication.identifier,
        "name": publication.full_title,
        **{name: values for name, values in told.items() if values},
        "description": publication.description,
        **_series(publication),
        "readingProgression": direction,
        "dateModified": f"{publication.modified:%Y-%m-%dT%H:%M:%SZ}",
        # The sum of what is written below, not of what was rounded for it.
        "duration": _duration(sum(recording.milliseconds for recording in recordings)),
        "abridged": False,
        "accessMode": ["auditory"],
        "accessModeSufficient": [{"type": "ItemList", "itemListElement": ["auditory"], "description": "Audio"}],
        "accessibilityFeature": ["tableOfContents"],
        "accessibilityHazard": ["none"],
        "accessibilitySummary": "All of the book can be heard, chapter by chapter; it has no text beside its table of contents.",
        "readingOrder": [_linked_recording(recording) for recording in recordings],
        "resources": _resources(publication.picture),
    }


def _series(publication: Publication) -> dict[str, Any]:
    """Name the series and the book's place in it, by schema.org, which is the manifest's context."""
    position = {"position": publication.series_position} if publication.series_position else {}
    return {"isPartOf": {"type": "BookSeries", "name": publication.series}, **position} if publication.series else {}


def _linked_recording(recording: _Recording) -> dict[str, str]:
    return {
        "type": "LinkedResource",
        "url": recording.path,
        "encodingFormat": "audio/mpeg",
        "name": recording.title,
        "duration": _duration(recording.milliseconds),
    }


def _resources(picture: Picture) -> list[dict[str, Any]]:
    page = {"type": "LinkedResource", "url": _PAGE, "encodingFormat": "text/html", "rel": ["contents"]}
    cover = {"type": "LinkedResource", "url": picture.name, "encodingFormat": picture.media_type, "rel": ["cover"]}
    return [page, cover]


def _duration(milliseconds: int) -> str:
    """Write a duration by ISO 8601, as seconds."""
    return f"PT{milliseconds // 1000}.{milliseconds % 1000:03}S"


def _direction(language: str) -> str:
    try:
        return (
            "rtl" if language and Locale(language.split("-", maxsplit=1)[0].lower()).text_direction == "rtl" else "ltr"
        )
    except (UnknownLocaleError, ValueError):
        return "ltr"


def _page(publication: Publication, recordings: list[_Recording]) -> str:
    """Write the entry page: title, authors, what the voice is, and the table of contents."""
    language = language_tag(publication.book.language)
    authors = ", ".join(publication.authors)
    links = [builder.LI(builder.A(recording.title, href=recording.path)) for recording in recordings]
    page = builder.HTML(
        builder.HEAD(
            builder.META(charset="utf-8"),
            builder.TITLE(publication.full_title),
            builder.LINK(rel="publication", href=_MANIFEST),
        ),
        builder.BODY(
            builder.H1(publication.full_title),
            *([builder.P(authors)] if authors else []),
            builder.P(builder.IMG(src=publication.picture.name, alt="")),
            html.Element("nav", role="doc-toc"),
            builder.P(publication.credit),
            dir="auto",
        ),
        **({"lang": language} if language else {}),
    )
    page.find(".//nav").append(builder.OL(*links))
    text: str = html.tostring(page, encoding="unicode", doctype="<!DOCTYPE html>", pretty_print=True)
    return text


def _entry(name: str, compression: int) -> ZipInfo:
    entry = ZipInfo(name, _DAY)
    entry.compress_type, entry.external_attr, entry.create_system = compression, _READABLE, 3
    return entry


def _put_text(archive: ZipFile, name: str, text: str) -> None:
    archive.writestr(_entry(name, ZIP_DEFLATED), text.encode())


def _put_file(archive: ZipFile, name: str, file: Path) -> None:
    entry = _entry(name, ZIP_STORED)
    entry.file_size = file.stat().st_size
    with file.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target)
