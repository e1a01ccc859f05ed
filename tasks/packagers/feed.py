"""The feed edition: the book as a podcast of its chapters, in RSS 2.0 with the tags that podcast applications read."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid5

from lxml import etree

from tasks.model import Edition
from tasks.packagers.captions import captions_name, vtt
from tasks.packagers.mp3 import mp3_name
from tasks.packagers.names import padded
from tasks.packagers.plain import chapter_title, language_tag, plain, shortened
from tasks.packagers.publication import Part, Publication
from tasks.packagers.scenes import scene_marks
from tasks.packagers.tagged import has_mp3s, put_mp3s

_FEED = "feed/feed.xml"
# From where the feed lies.
_BESIDE = "../"
_SPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
}
# Apple's directory takes 4,000 bytes; a disclosure that leaves less room than these leaves none.
_MOST_DESCRIPTION_BYTES = 4_000
_LEAST_DESCRIPTION_BYTES = 100
# The namespace that podcasts are numbered in, by their feed's address.
_PODCASTS = UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")


@dataclass(frozen=True, slots=True)
class _Episode:
    """A chapter, and where its files lie in the output folder; `marks` is empty where it has one scene alone."""

    part: Part
    sound: str
    length: int
    captions: str
    marks: str


def write_feed(publication: Publication, folder: Path, base_url: str) -> list[Edition]:
    """Write `feed/feed.xml` below `folder`, and what it links to: pictures, scenes, and what other editions have not made.

    `base_url` is the address that the output folder will have; without one, links are relative to the feed. The MP3s and
    captions of those editions are linked to where they lie in `folder` before, else there are some below `feed`. A book
    without any finished chapter has no such edition.
    """
    if not publication.parts:
        return []
    (folder / "feed").mkdir(parents=True, exist_ok=True)
    address = plain(base_url)
    root = f"{address.rstrip('/')}/" if address else _BESIDE
    episodes = _episodes(publication, folder)
    image = _image(publication, folder)
    (folder / _FEED).write_bytes(_rss(publication, episodes, root, image))
    linked = [name for episode in episodes for name in (episode.sound, episode.captions, episode.marks)]
    return [Edition("feed", name) for name in (_FEED, image, *linked) if name.startswith("feed/")]


def _episodes(publication: Publication, folder: Path) -> list[_Episode]:
    """Write what of the chapters' files is not there yet."""
    if has_mp3s(publication, folder):
        sounds = [mp3_name(publication, track) for track in publication.tracks]
    else:
        sounds = put_mp3s(publication, folder, "feed/mp3")
    return [
        _Episode(
            part,
            sound,
            (folder / sound).stat().st_size,
            _captions(publication, part, folder),
            _scenes(publication, part, folder),
        )
        for part, sound in zip(publication.parts, sounds, strict=True)
    ]


def _image(publication: Publication, folder: Path) -> str:
    """Write the cover."""
    name = f"feed/{publication.picture.name}"
    (folder / name).write_bytes(publication.picture.data)
    return name


def _captions(publication: Publication, part: Part, folder: Path) -> str:
    """Name a chapter's captions, written where their edition has not been."""
    name = captions_name(publication, part)
    if (folder / name).is_file():
        return name
    (folder / "feed/captions").mkdir(exist_ok=True)
    (folder / "feed" / name).write_text(vtt(publication, part), "utf-8", newline="\n")
    return f"feed/{name}"


def _scenes(publication: Publication, part: Part, folder: Path) -> str:
    """Write where a chapter's scenes begin; nothing where it has one alone."""
    marks = scene_marks(part)
    if not marks:
        return ""
    document = {
        "version": "1.2.0",
        "title": chapter_title(part.track.number, part.track.title),
        "podcastName": publication.full_title,
        "chapters": [{"startTime": mark.start, "title": mark.title} for mark in marks],
    }
    (folder / "feed/chapters").mkdir(exist_ok=True)
    name = f"feed/chapters/{padded(part.track.number, len(publication.book.chapters))}.json"
    (folder / name).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return name


def podcast_guid(address: str) -> str:
    """Give the number of the podcast at an address, which goes without scheme and slashes at its end."""
    return str(uuid5(_PODCASTS, re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", address).rstrip("/")))


def _rss(publication: Publication, episodes: list[_Episode], root: str, image: str) -> bytes:
    rss = etree.Element("rss", nsmap=_SPACES, version="2.0")
    channel = etree.SubElement(rss, "channel")
    is_placed = root != _BESIDE
    author, title = ", ".join(publication.authors), publication.full_title
    for name, text in (
        ("title", title),
        ("link", root),
        ("description", _description(publication)),
        ("language", language_tag(publication.book.language)),
        ("lastBuildDate", _date(publication.modified)),
        ("generator", "Declaim"),
        ("itunes:author", author),
        ("itunes:type", "serial"),
        ("itunes:explicit", "false"),
        ("podcast:medium", "audiobook"),
        ("podcast:guid", podcast_guid(f"{root}{_FEED}" if is_placed else publication.identifier)),
    ):
        if text:
            _add(channel, name, text)
    if is_placed:
        _add(channel, "atom:link", href=f"{root}{_FEED}", rel="self", type="application/rss+xml")
    _add(channel, "itunes:image", href=f"{root}{image}")
    _add(_add(channel, "itunes:category", text="Arts"), "itunes:category", text="Books")
    for episode in episodes:
        _add_item(channel, publication, episode, root)
    return etree.tostring(rss, encoding="utf-8", xml_declaration=True, pretty_print=True)


def _description(publication: Publication) -> str:
    """Say what the book is: in its own words, cut to what a directory takes with the credit, or by title and authors."""
    room = _MOST_DESCRIPTION_BYTES - len(f" {publication.credit}".encode())
    own = shortened(publication.book.description, room) if room >= _LEAST_DESCRIPTION_BYTES else ""
    author = ", ".join(publication.authors)
    facts = f"{publication.full_title}, by {author}." if author else f"{publication.full_title}."
    return f"{own or facts} {publication.credit}"


def _add_item(channel: etree._Element, publication: Publication, episode: _Episode, root: str) -> None:
    track = episode.part.track
    item = etree.SubElement(channel, "item")
    for name, text in (
        ("title", chapter_title(track.number, track.title)),
        ("description", publication.credit),
        # Applications sort by the date.
        ("pubDate", _date(publication.modified + timedelta(seconds=track.number))),
        ("itunes:episode", str(track.number)),
        ("itunes:episodeType", "full"),
        ("itunes:duration", str(max(1, round(track.seconds)))),
        ("itunes:explicit", "false"),
    ):
        _add(item, name, text)
    _add(item, "guid", f"{publication.identifier}:{track.number}", isPermaLink="false")
    _add(item, "enclosure", url=root + quote(episode.sound), length=str(episode.length), type="audio/mpeg")
    _add(item, "podcast:transcript", url=root + quote(episode.captions), type="text/vtt", rel="captions")
    if episode.marks:
        _add(item, "podcast:chapters", url=root + quote(episode.marks), type="application/json+chapters")


def _add(parent: etree._Element, name: str, content: str = "", **attributes: str) -> etree._Element:
    prefix, _, local = name.rpartition(":")
    element = etree.SubElement(parent, f"{{{_SPACES[prefix]}}}{local}" if prefix else name, attributes)
    element.text = content or None
    return element


def _date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
