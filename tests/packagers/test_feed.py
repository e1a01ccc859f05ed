import json
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from mutagen.mp3 import MP3

from tasks.packagers.captions import write_captions
from tasks.packagers.feed import podcast_guid, write_feed
from tasks.packagers.mp3 import mp3_name, write_mp3
from tasks.packagers.plain import plain
from tasks.packagers.publication import Publication
from tasks.packagers.scenes import scene_marks
from tests.packagers.publications import (
    DISCLOSURE,
    HOSTILE,
    IDENTIFIER,
    MODIFIED,
    cover,
    evenly,
    mp3_of,
    part,
    publication,
)

BASE = "https://books.example/time/"
SPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return mp3_of(tmp_path_factory.mktemp("encoded"))


def book(encoded: dict[str, Path], *titles: str, **other: Any) -> Publication:
    return publication(*(part(number, title, encoded=encoded) for number, title in enumerate(titles, start=1)), **other)


def channel_of(folder: Path) -> etree._Element:
    rss = etree.parse(folder / "feed/feed.xml").getroot()
    assert (rss.tag, rss.get("version")) == ("rss", "2.0")
    (channel,) = rss
    return channel


def said(element: etree._Element, name: str) -> str | None:
    return element.findtext(name, namespaces=SPACES)


def told(element: etree._Element, name: str) -> dict[str, str]:
    found = element.find(name, SPACES)
    return {} if found is None else {str(key): str(value) for key, value in found.attrib.items()}


def links(channel: etree._Element) -> list[str]:
    return [str(value) for element in channel.iter() for key, value in element.attrib.items() if key in {"url", "href"}]


def test_a_book_is_a_podcast(tmp_path: Path, encoded: dict[str, Path]) -> None:
    made = book(encoded, "I", "II", picture=cover("png"))
    write_mp3(made, tmp_path)
    write_captions(made, tmp_path)
    editions = write_feed(made, tmp_path, BASE)
    assert [(edition.kind, edition.path) for edition in editions] == [
        ("feed", "feed/feed.xml"),
        ("feed", "feed/cover.png"),
    ]
    channel = channel_of(tmp_path)
    names = (
        "title",
        "link",
        "description",
        "language",
        "itunes:author",
        "itunes:type",
        "itunes:explicit",
        "podcast:medium",
    )
    assert [said(channel, name) for name in names] == [
        "Ūber / Time",
        BASE,
        f"Ūber / Time, by Ann One, Bo Tŵo. {DISCLOSURE} Made with Declaim.",
        "de-AT",
        "Ann One, Bo Tŵo",
        "serial",
        "false",
        "audiobook",
    ]
    assert told(channel, "itunes:image") == {"href": f"{BASE}feed/cover.png"}
    assert told(channel, "atom:link") == {"href": f"{BASE}feed/feed.xml", "rel": "self", "type": "application/rss+xml"}
    assert [element.get("text") for element in channel.iter(f"{{{SPACES['itunes']}}}category")] == ["Arts", "Books"]
    assert (tmp_path / "feed/cover.png").read_bytes() == cover("png").data


def test_a_chapter_is_an_episode(tmp_path: Path, encoded: dict[str, Path]) -> None:
    made = book(encoded, "I", "Either/Or & 50%?")
    write_mp3(made, tmp_path)
    write_captions(made, tmp_path)
    write_feed(made, tmp_path, BASE)
    _, item = channel_of(tmp_path).findall("item")
    assert said(item, "title") == "Either/Or & 50%?"
    assert said(item, "itunes:episode") == "2"
    assert said(item, "itunes:duration") == "1"
    assert (said(item, "guid"), told(item, "guid")) == (f"{IDENTIFIER}:2", {"isPermaLink": "false"})
    file = tmp_path / "mp3/02 - Either Or & 50%.mp3"
    assert told(item, "enclosure") == {
        "url": f"{BASE}mp3/02%20-%20Either%20Or%20%26%2050%25.mp3",
        "length": str(file.stat().st_size),
        "type": "audio/mpeg",
    }
    assert told(item, "podcast:transcript") == {"url": f"{BASE}captions/02.vtt", "type": "text/vtt", "rel": "captions"}
    assert item.find("podcast:chapters", SPACES) is None


def test_episodes_are_in_order_of_their_dates(tmp_path: Path, encoded: dict[str, Path]) -> None:
    write_feed(book(encoded, *["I"] * 70), tmp_path, BASE)
    dates = [parsedate_to_datetime(said(item, "pubDate") or "") for item in channel_of(tmp_path).findall("item")]
    assert [(date - MODIFIED).total_seconds() for date in dates] == list(range(1, 71))


@pytest.mark.parametrize(
    ("base", "root"),
    [
        (BASE, BASE),
        (BASE.rstrip("/"), BASE),
        ("", "../"),
        (" \n", "../"),
        ("file:///srv/books//", "file:///srv/books/"),
    ],
)
def test_addresses_begin_with_the_base(tmp_path: Path, encoded: dict[str, Path], base: str, root: str) -> None:
    made = book(encoded, "I", picture=cover("jpeg"))
    write_mp3(made, tmp_path)
    write_feed(made, tmp_path, base)
    found = links(channel_of(tmp_path))
    assert f"{root}mp3/01%20-%20I.mp3" in found
    assert all(link.startswith(root) for link in found)
    assert all((tmp_path / unquote(link.removeprefix(root))).is_file() for link in found)


def test_what_no_other_edition_has_made_lies_with_the_feed(tmp_path: Path, encoded: dict[str, Path]) -> None:
    editions = write_feed(book(encoded, "I"), tmp_path, "")
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"feed/feed.xml", "feed/cover.png", "feed/mp3/01 - I.mp3", "feed/captions/01.vtt"}
    assert {edition.path for edition in editions} == found
    assert MP3(tmp_path / "feed/mp3/01 - I.mp3").tags["TIT2"] == "I"
    # Relative links are read from where the feed lies.
    for link in links(channel_of(tmp_path)):
        assert (tmp_path / "feed" / unquote(link)).is_file()
    assert told(channel_of(tmp_path), "atom:link") == {}


@pytest.mark.parametrize(
    ("address", "guid"),
    [
        # The two examples of the namespace's own page.
        ("https://podnews.net/rss", "9b024349-ccf0-5f69-a609-6b82873eab3c"),
        ("http://mp3s.nashownotes.com/pc20rss.xml/", "917393e3-1b1e-5cef-ace4-edaa54e1f810"),
    ],
)
def test_a_podcast_is_numbered_by_its_address(address: str, guid: str) -> None:
    assert podcast_guid(address) == guid


@pytest.mark.parametrize(("base", "seed"), [(BASE, f"{BASE}feed/feed.xml"), ("", IDENTIFIER)])
def test_a_feed_bears_its_number(tmp_path: Path, encoded: dict[str, Path], base: str, seed: str) -> None:
    write_feed(book(encoded, "I"), tmp_path, base)
    assert said(channel_of(tmp_path), "podcast:guid") == podcast_guid(seed)


def test_scenes_are_chapters_of_an_episode(tmp_path: Path, encoded: dict[str, Path]) -> None:
    scenes = part(1, "I", ("It was late.", "They ran.", "Dawn came.", "So did she."), encoded=encoded, scenes={2, 3})
    plot = part(2, "II", encoded=encoded)
    editions = write_feed(publication(scenes, plot), tmp_path, BASE)
    one, other = channel_of(tmp_path).findall("item")
    expected = {"url": f"{BASE}feed/chapters/01.json", "type": "application/json+chapters"}
    assert (told(one, "podcast:chapters"), told(other, "podcast:chapters")) == (expected, {})
    assert "feed/chapters/01.json" in {edition.path for edition in editions}
    times = [round(start, 3) for start, _ in evenly(4)]
    assert json.loads((tmp_path / "feed/chapters/01.json").read_text("utf-8")) == {
        "version": "1.2.0",
        "title": "I",
        "podcastName": "Ūber / Time",
        "chapters": [
            {"startTime": 0.0, "title": "I"},
            {"startTime": times[2], "title": "Dawn came."},
            {"startTime": times[3], "title": "So did she."},
        ],
    }


@pytest.mark.parametrize(
    ("words", "title"),
    [("海" * 80, "海" * 59 + "…"), ("It was " * 20, "It was " * 8 + "It…"), ("Short.", "Short.")],
)
def test_a_scene_is_called_by_its_first_words(words: str, title: str) -> None:
    assert [mark.title for mark in scene_marks(part(1, "I", ("A.", words), scenes={1}))] == ["I", title]


@given(
    st.lists(st.tuples(st.text(max_size=80), st.tuples(st.floats(-1, 9), st.floats(-1, 9))), max_size=20),
    st.floats(0.1, 8),
)
def test_scenes_are_ordered_and_in_the_track(sentences: list[tuple[str, tuple[float, float]]], seconds: float) -> None:
    texts, times = [text for text, _ in sentences], [time for _, time in sentences]
    marks = scene_marks(part(1, "I", texts, times=times, scenes=range(1, len(texts)), seconds=seconds))
    starts = [mark.start for mark in marks]
    assert starts == sorted(set(starts))
    assert len(marks) != 1
    assert all(0 <= start < seconds for start in starts)
    assert all(0 < len(mark.title) <= 60 for mark in marks)


def test_what_is_not_known_is_left_out(tmp_path: Path, encoded: dict[str, Path]) -> None:
    write_feed(book(encoded, "I", authors=(), language=""), tmp_path, BASE)
    channel = channel_of(tmp_path)
    assert [channel.find(name, SPACES) for name in ("itunes:author", "language")] == [None] * 2
    assert said(channel, "description") == f"Ūber / Time. {DISCLOSURE} Made with Declaim."


def test_a_part_of_a_book_says_so_and_keeps_its_numbers(tmp_path: Path, encoded: dict[str, Path]) -> None:
    write_feed(publication(part(2, "II", (), encoded=encoded), chapters=1_000), tmp_path, BASE)
    channel = channel_of(tmp_path)
    assert said(channel, "title") == "Ūber / Time (partial, 1 of 1000 chapters)"
    assert f"{BASE}feed/captions/0002.vtt" in links(channel)
    assert said(channel.findall("item")[0], "itunes:episode") == "2"


def test_a_book_without_a_chapter_has_no_edition(tmp_path: Path) -> None:
    assert write_feed(publication(chapters=2), tmp_path, BASE) == []
    assert list(tmp_path.iterdir()) == []


@given(st.text(st.characters(), max_size=40), st.text(max_size=40))
@example("]]> <x> & \0 \x0b \ufffe", 'https://x.example/<&">')
def test_any_words_make_a_feed_that_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, encoded: dict[str, Path], title: str, base: str
) -> None:
    folder = tmp_path_factory.mktemp("made")
    made = publication(part(1, title, (title, title), encoded=encoded, scenes={1}), title=title, authors=(title,))
    (folder / "mp3").mkdir()
    # Tags take whole characters alone, and are not what is tried here.
    (folder / mp3_name(made, made.tracks[0])).write_bytes(b"sound")
    write_feed(made, folder, base)
    channel = channel_of(folder)
    assert said(channel, "title") == (plain(title) or "Untitled")
    assert said(channel.findall("item")[0], "title") == (plain(title) or "Chapter 1")


@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_leaves_the_folder(tmp_path: Path, encoded: dict[str, Path], title: str) -> None:
    # A tag takes whole characters alone, as readers give them.
    word = title.replace("\ud800", "")
    editions = write_feed(book(encoded, word, title=word, language=title), tmp_path / "out", BASE)
    assert all(
        (tmp_path / "out" / edition.path).resolve().is_relative_to(tmp_path / "out/feed") for edition in editions
    )
    for link in links(channel_of(tmp_path / "out")):
        assert (tmp_path / "out" / unquote(link.removeprefix(BASE))).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
