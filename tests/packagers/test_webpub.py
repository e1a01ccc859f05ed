import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from tasks.packagers.plain import plain
from tasks.packagers.publication import Publication
from tasks.packagers.webpub import manifest, write_webpub
from tests.packagers.publications import DISCLOSURE, HOSTILE, IDENTIFIER, SECONDS, cover, mp3_of, part, publication

SCHEMA = json.loads((Path(__file__).parents[2] / "tasks/checks/schemas/publication.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return mp3_of(tmp_path_factory.mktemp("encoded"))


def book(encoded: dict[str, Path], *titles: str, **other: Any) -> Publication:
    return publication(*(part(number, title, encoded=encoded) for number, title in enumerate(titles, start=1)), **other)


def read(path: Path) -> dict[str, Any]:
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        document: dict[str, Any] = json.loads(archive.read("publication.json"))
        page = html.document_fromstring(archive.read("index.html").decode())
        names = archive.namelist()
    jsonschema.validate(document, SCHEMA)
    # All that is named lies in the package, and all that lies there is named.
    named = [resource["url"] for resource in (*document["resources"], *document["readingOrder"])]
    assert sorted(named) == sorted({*names} - {"publication.json"})
    assert len(page.findall(".//*[@role='doc-toc']")) == 1
    links = [(link.get("href"), link.text) for link in page.findall(".//nav[@role='doc-toc']//a")]
    assert links == [(resource["url"], resource["name"]) for resource in document["readingOrder"]]
    assert page.xpath("//link[@rel='publication']/@href") == ["publication.json"]
    return document


def test_a_package_says_all_that_is_known(tmp_path: Path, encoded: dict[str, Path]) -> None:
    (edition,) = write_webpub(book(encoded, "I", "Either/Or", picture=cover("png")), tmp_path)
    assert (edition.kind, edition.path) == ("webpub", "Ūber Time.lpf")
    document = read(tmp_path / edition.path)
    assert document["@context"][2] == {"language": "de-AT", "direction": "ltr"}
    assert document["name"] == "Ūber / Time"
    assert document["author"] == [{"type": "Person", "name": "Ann One"}, {"type": "Person", "name": "Bo Tŵo"}]
    assert document["readBy"] == ["Joe"]
    assert document["id"] == IDENTIFIER
    assert document["inLanguage"] == ["de-AT"]
    assert document["dateModified"] == "2026-01-02T03:04:05Z"
    assert document["description"] == f"{DISCLOSURE} Made with Declaim."
    assert [resource["name"] for resource in document["readingOrder"]] == ["I", "Either/Or"]
    assert {"type": "LinkedResource", "url": "cover.png", "encodingFormat": "image/png", "rel": ["cover"]} in document[
        "resources"
    ]


def test_every_voice_is_a_narrator(encoded: dict[str, Path]) -> None:
    made = replace(book(encoded, "I"), narrator="Joe, aura-2 helena")
    assert manifest(made, [])["readBy"] == ["Joe", "aura-2 helena"]


def test_sound_is_stored_as_it_is_and_text_deflated(tmp_path: Path, encoded: dict[str, Path]) -> None:
    (edition,) = write_webpub(book(encoded, "I", picture=cover("jpeg")), tmp_path)
    with ZipFile(tmp_path / edition.path) as archive:
        kinds = {entry.filename: entry.compress_type for entry in archive.infolist()}
        assert archive.read("audio/01.mp3") == encoded["mp3"].read_bytes()
        assert archive.read("cover.jpg") == cover("jpeg").data
    stored = {"cover.jpg": ZIP_STORED, "audio/01.mp3": ZIP_STORED}
    assert kinds == {"publication.json": ZIP_DEFLATED, "index.html": ZIP_DEFLATED, **stored}


def test_the_same_book_is_the_same_file(tmp_path: Path, encoded: dict[str, Path]) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (edition,) = write_webpub(book(encoded, "I", picture=cover("png")), tmp_path / name)
        with ZipFile(tmp_path / name / edition.path) as archive:
            # A clock's time would show only now and then.
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        made.append((tmp_path / name / edition.path).read_bytes())
    assert made[0] == made[1]


def test_a_book_of_any_length_takes_the_same_memory(tmp_path: Path) -> None:
    long = tmp_path / "long.mp3"
    with long.open("wb") as file:
        file.truncate(48 * 1024 * 1024)
    tracemalloc.start()
    try:
        write_webpub(book({"mp3": long}, "I"), tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


def test_durations_add_up(tmp_path: Path, encoded: dict[str, Path]) -> None:
    parts = [part(number, "I", encoded=encoded, seconds=1.0004) for number in range(1, 1_001)]
    (edition,) = write_webpub(publication(*parts), tmp_path)
    document = read(tmp_path / edition.path)
    assert document["duration"] == "PT1000.000S"
    assert {resource["duration"] for resource in document["readingOrder"]} == {"PT1.000S"}
    assert document["readingOrder"][999]["url"] == "audio/1000.mp3"
    assert document["readingOrder"][0]["url"] == "audio/0001.mp3"


def test_what_is_not_known_is_left_out(tmp_path: Path, encoded: dict[str, Path]) -> None:
    (edition,) = write_webpub(book(encoded, "I", authors=(), language=""), tmp_path)
    document = read(tmp_path / edition.path)
    assert not {"author", "inLanguage", "datePublished", "url"} & set(document)
    assert len(document["@context"]) == 2


@pytest.mark.parametrize(
    ("language", "direction"), [("he-IL", "rtl"), ("ar", "rtl"), ("en", "ltr"), ("xx", "ltr"), ("", "ltr")]
)
def test_a_book_goes_as_its_language_is_written(language: str, direction: str) -> None:
    made = book({"mp3": Path("none")}, "I", language=language)
    assert manifest(made, [])["readingProgression"] == direction


def test_a_part_of_a_book_says_so(tmp_path: Path, encoded: dict[str, Path]) -> None:
    (edition,) = write_webpub(book(encoded, "I", chapters=3), tmp_path)
    assert edition.path == "Ūber Time (partial, 1 of 3 chapters).lpf"
    assert read(tmp_path / edition.path)["name"] == "Ūber / Time (partial, 1 of 3 chapters)"


def test_a_book_without_a_chapter_has_no_edition(tmp_path: Path) -> None:
    assert write_webpub(publication(chapters=2), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_breaks_a_package(tmp_path: Path, encoded: dict[str, Path], title: str) -> None:
    (edition,) = write_webpub(book(encoded, title, title=title, authors=(title,), language=title), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [edition.path]
    document = read(tmp_path / edition.path)
    assert document["name"] == (plain(title) or "Untitled")
    assert document["readingOrder"][0]["name"] == (plain(title) or "Chapter 1")


@given(st.floats(0, 900_000))
def test_a_duration_is_the_tracks_to_the_millisecond(tmp_path_factory: pytest.TempPathFactory, seconds: float) -> None:
    folder = tmp_path_factory.mktemp("made")
    (folder / "x.mp3").write_bytes(b"")
    made = publication(part(1, "I", encoded={"mp3": folder / "x.mp3"}, seconds=seconds))
    (edition,) = write_webpub(made, folder)
    assert float(read(folder / edition.path)["duration"][2:-1]) == pytest.approx(seconds, abs=0.00051)


def test_the_length_is_that_of_the_file(encoded: dict[str, Path], tmp_path: Path) -> None:
    (edition,) = write_webpub(book(encoded, "I"), tmp_path)
    assert read(tmp_path / edition.path)["duration"] == f"PT{SECONDS:.3f}S"
