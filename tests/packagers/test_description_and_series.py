"""What every edition says of the book beside its title, and that it says how it was made all the same."""

import json
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import imageio_ffmpeg
import pytest
from lxml import etree
from mutagen.id3 import ID3
from mutagen.mp4 import MP4

from tasks.audio.bind import bind
from tasks.audio.encode import encoding
from tasks.audio.presets import PRESETS
from tasks.packagers.audiobookshelf import metadata
from tasks.packagers.feed import write_feed
from tasks.packagers.m4b import chapter_marks, tag_m4b
from tasks.packagers.mp3 import write_mp3
from tasks.packagers.plain import plain
from tasks.packagers.publication import Publication
from tasks.packagers.readalong import write_readalong
from tasks.packagers.readalong.made import made as plain_epub
from tasks.packagers.webpub import manifest
from tests.packagers.publications import DISCLOSURE, HOSTILE, RATE, SAMPLES, part, publication

CREDIT = f"{DISCLOSURE} Made with Declaim."
LONG = "It was late, and the lamp burned. " * 120


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("encoded")
    files = {"mp3": folder / "track.mp3", "aac": folder / "track.aac"}
    with encoding(RATE, SAMPLES, PRESETS["acx"], files) as encoders:
        encoders.take(b"\x10\x10\xf0\xef" * (SAMPLES // 2))
    return files


def book(encoded: dict[str, Path], **told: Any) -> Publication:
    return publication(part(1, "I", encoded=encoded), **told)


def m4b_of(made: Publication, folder: Path) -> Path:
    (folder / "marks.txt").write_text(chapter_marks(made.tracks), "utf-8")
    bind([track.encoded["aac"] for track in made.tracks], folder / "marks.txt", folder / "a.m4b")
    tag_m4b(folder / "a.m4b", made)
    return folder / "a.m4b"


def feed_of(made: Publication, folder: Path) -> str:
    write_feed(made, folder, "")
    return str(etree.parse(folder / "feed/feed.xml").findtext("channel/description"))


def test_an_m4b_tells_of_its_book(tmp_path: Path, encoded: dict[str, Path]) -> None:
    """As mutagen reads it, and as ffmpeg does, whose names for tags Audiobookshelf looks for."""
    path = m4b_of(book(encoded, description=LONG, series=("The Way", "1.5")), tmp_path)
    tags = MP4(path).tags or {}
    assert tags["ldes"] == [f"{LONG.strip()} {CREDIT}"]
    (short,) = tags["desc"]
    assert len(short.encode()) <= 255
    assert LONG.startswith(short.removesuffix("…"))
    names = ("SERIES", "SERIES-PART")
    assert [bytes(tags[f"----:com.apple.iTunes:{name}"][0]) for name in names] == [b"The Way", b"1.5"]
    assert tags["\xa9cmt"] == [CREDIT]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "ffmetadata", "-"]
    said = subprocess.run(command, capture_output=True, check=True).stdout.decode().splitlines()
    assert {"SERIES=The Way", "SERIES-PART=1.5", f"description={short}"} <= set(said)


def test_an_mp3_names_its_series(tmp_path: Path, encoded: dict[str, Path]) -> None:
    (edition,) = write_mp3(book(encoded, series=("The Way", "2")), tmp_path)
    tags = ID3(tmp_path / edition.path)
    assert [str(tags[f"TXXX:{name}"]) for name in ("SERIES", "SERIES-PART")] == ["The Way", "2"]
    assert tags.getall("COMM")[0].text == [CREDIT]


def test_a_library_and_a_manifest_tell_of_the_book(encoded: dict[str, Path]) -> None:
    made = book(encoded, description="Of a\nlamp.", series=("The Way", "2"))
    assert metadata(made)["description"] == manifest(made, [])["description"] == f"Of a lamp. {CREDIT}"
    assert metadata(made)["series"] == ["The Way #2"]
    assert metadata(book(encoded, series=("The Way", "")))["series"] == ["The Way"]
    assert metadata(book(encoded, series=("The Way", "Part 2")))["series"] == ["The Way #Part2"]
    document = manifest(made, [])
    assert (document["isPartOf"], document["position"]) == ({"type": "BookSeries", "name": "The Way"}, "2")


def test_a_feed_says_what_the_book_says_and_has_room_for_the_disclosure(
    tmp_path: Path, encoded: dict[str, Path]
) -> None:
    assert feed_of(book(encoded, description="Of a lamp."), tmp_path) == f"Of a lamp. {CREDIT}"
    said = feed_of(book(encoded, description="Ö" * 3_990 + " end"), tmp_path)
    assert len(said.encode()) <= 4_000
    assert said.endswith(f"… {CREDIT}")


@pytest.mark.slow
def test_a_read_along_made_of_another_source_tells_of_its_book(
    tmp_path: Path, publish: Callable[..., Publication], faults: Callable[[Path], set[tuple[str, str]]]
) -> None:
    facts = "description: Of <a> lamp & all.\nseries: The & Way\nseries_position: 1.5"
    (tmp_path / "book.md").write_text(f"---\n{facts}\n---\nIt was late. He slept.", "utf-8")
    made = publish(tmp_path / "book.md")
    [edition] = write_readalong(made, tmp_path)
    with ZipFile(tmp_path / edition.path) as archive:
        package = etree.fromstring(archive.read("EPUB/package.opf"))
        assert archive.read(f"EPUB/{made.picture.name}") == made.picture.data
    assert [each.text for each in package.iter("{*}description")] == ["Of lamp & all.", DISCLOSURE]
    metas = {each.get("property"): (each.get("refines"), each.text) for each in package.iter("{*}meta")}
    assert metas["belongs-to-collection"] == (None, "The & Way")
    assert metas["collection-type"] == ("#series", "series")
    assert metas["group-position"] == ("#series", "1.5")
    assert faults(tmp_path / edition.path) == set()


def test_a_book_that_tells_nothing_has_no_empty_tags(tmp_path: Path, encoded: dict[str, Path]) -> None:
    made = book(encoded, description=" \0", series=("\n", "2"))
    assert not [name for name in MP4(m4b_of(made, tmp_path)).tags or {} if name in {"desc", "ldes"} or "SERIES" in name]
    (edition,) = write_mp3(made, tmp_path)
    assert not ID3(tmp_path / edition.path).getall("TXXX")
    assert not {"isPartOf", "position"} & set(manifest(made, []))
    assert (metadata(made)["series"], metadata(made)["description"]) == ([], CREDIT)


@pytest.mark.parametrize("words", HOSTILE)
def test_any_words_can_be_told(tmp_path: Path, encoded: dict[str, Path], words: str) -> None:
    made = book(encoded, title=words, authors=(words,), description=words, series=(words, words))
    tags = MP4(m4b_of(made, tmp_path)).tags or {}
    assert tags.get("ldes", [f"{plain(words)} {CREDIT}"]) == [f"{plain(words)} {CREDIT}"]
    (edition,) = write_mp3(made, tmp_path)
    assert str(ID3(tmp_path / edition.path).get("TXXX:SERIES", "")) == plain(words)
    assert feed_of(made, tmp_path).endswith(CREDIT)
    assert json.loads(json.dumps(metadata(made)))["description"].endswith(CREDIT)
    with ZipFile(BytesIO(plain_epub(made)[0])) as archive:
        package = etree.fromstring(archive.read("EPUB/package.opf"))
    assert " ".join(str(package.findtext(".//{*}description") or "").split()) == plain(words)
