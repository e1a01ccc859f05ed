import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import ID3

from tasks.packagers.audiobookshelf import metadata, write_audiobookshelf
from tasks.packagers.folder import replaced
from tasks.packagers.mp3 import write_mp3
from tasks.packagers.plain import plain
from tasks.packagers.publication import Publication
from tests.packagers.publications import DISCLOSURE, HOSTILE, SECONDS, cover, mp3_of, part, publication

PLACE = "audiobookshelf/Ann One, Bo Tŵo/Ūber Time"


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return mp3_of(tmp_path_factory.mktemp("encoded"))


def book(encoded: dict[str, Path], *titles: str, **other: Any) -> Publication:
    return publication(*(part(number, title, encoded=encoded) for number, title in enumerate(titles, start=1)), **other)


def test_a_book_is_a_folder_of_the_library(tmp_path: Path, encoded: dict[str, Path]) -> None:
    editions = write_audiobookshelf(book(encoded, "I", "Either/Or", picture=cover("jpeg")), tmp_path)
    assert [edition.path for edition in editions] == [
        f"{PLACE}/{name}" for name in ("01 - I.mp3", "02 - Either Or.mp3", "cover.jpg", "metadata.json")
    ]
    assert {edition.kind for edition in editions} == {"audiobookshelf"}
    # Nothing else is left there.
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {edition.path for edition in editions}
    assert [path.name for path in tmp_path.iterdir()] == ["audiobookshelf"]
    assert (tmp_path / PLACE / "cover.jpg").read_bytes() == cover("jpeg").data
    assert str(ID3(tmp_path / editions[1].path)["TIT2"]) == "Either/Or"


def test_all_that_is_known_is_told(tmp_path: Path, encoded: dict[str, Path]) -> None:
    editions = write_audiobookshelf(book(encoded, "I", ""), tmp_path)
    first, second = round(SECONDS, 3), round(2 * SECONDS, 3)
    assert json.loads((tmp_path / editions[-1].path).read_text("utf-8")) == {
        "tags": ["Synthetic voice"],
        "chapters": [
            {"id": 0, "start": 0.0, "end": first, "title": "I"},
            {"id": 1, "start": first, "end": second, "title": "Chapter 2"},
        ],
        "title": "Ūber / Time",
        "subtitle": None,
        "authors": ["Ann One", "Bo Tŵo"],
        "narrators": ["Joe"],
        "series": [],
        "genres": [],
        "publishedYear": None,
        "publisher": None,
        "description": f"{DISCLOSURE} Made with Declaim.",
        "language": "de-AT",
        "explicit": False,
        "abridged": False,
    }


def test_sound_is_one_file_with_the_mp3_edition(tmp_path: Path, encoded: dict[str, Path]) -> None:
    made = book(encoded, "I", "II")
    mp3s = write_mp3(made, tmp_path)
    editions = write_audiobookshelf(made, tmp_path)
    assert all((tmp_path / mp3.path).samefile(tmp_path / own.path) for mp3, own in zip(mp3s, editions, strict=False))


def test_a_second_edition_takes_the_place_of_the_first(tmp_path: Path, encoded: dict[str, Path]) -> None:
    made = book(encoded, "I", "II")
    for _ in range(2):
        with replaced(tmp_path / "out") as draft:
            editions = [*write_mp3(made, draft), *write_audiobookshelf(made, draft)]
            paths = [{"path": edition.path} for edition in editions]
            (draft / "manifest.json").write_text(json.dumps({"editions": paths}))
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"manifest.json", *(edition.path for edition in editions)}
    assert str(ID3(tmp_path / "out" / PLACE / "02 - II.mp3")["TIT2"]) == "II"


def test_without_links_sound_is_copied(
    tmp_path: Path, encoded: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    made = book(encoded, "I")
    (mp3,) = write_mp3(made, tmp_path)
    monkeypatch.setattr(os, "link", refuse)
    editions = write_audiobookshelf(made, tmp_path)
    assert (tmp_path / editions[0].path).read_bytes() == (tmp_path / mp3.path).read_bytes()
    assert not (tmp_path / editions[0].path).samefile(tmp_path / mp3.path)


def test_an_author_who_is_not_known_has_a_folder(tmp_path: Path, encoded: dict[str, Path]) -> None:
    editions = write_audiobookshelf(book(encoded, "I", authors=(), language=""), tmp_path)
    assert editions[0].path == "audiobookshelf/Unknown Author/Ūber Time/01 - I.mp3"
    document = json.loads((tmp_path / editions[-1].path).read_text("utf-8"))
    assert (document["authors"], document["language"]) == ([], None)


def test_a_part_of_a_book_says_so(tmp_path: Path, encoded: dict[str, Path]) -> None:
    made = publication(part(2, "II", encoded=encoded), chapters=3)
    editions = write_audiobookshelf(made, tmp_path)
    assert editions[0].path == f"{PLACE} (partial, 1 of 3 chapters)/02 - II.mp3"
    assert metadata(made)["title"] == "Ūber / Time (partial, 1 of 3 chapters)"


def test_a_book_without_a_chapter_has_no_edition(tmp_path: Path) -> None:
    assert write_audiobookshelf(publication(chapters=2), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_leaves_the_folder(tmp_path: Path, encoded: dict[str, Path], title: str) -> None:
    # A tag takes whole characters alone, as readers give them.
    word = title.replace("\ud800", "")
    made = book(encoded, word, title=word, authors=(word,), language=title)
    editions = write_audiobookshelf(made, tmp_path)
    library = (tmp_path / "audiobookshelf").resolve()
    for edition in editions:
        path = (tmp_path / edition.path).resolve()
        assert path.is_file()
        assert len(path.relative_to(library).parts) == 3
    assert json.loads((tmp_path / editions[-1].path).read_text("utf-8"))["title"] == (plain(word) or "Untitled")


@given(st.lists(st.floats(0.01, 9_000), min_size=1, max_size=1_000))
def test_chapters_leave_no_gap_and_do_not_drift(lengths: list[float]) -> None:
    parts = [part(number, "", (), seconds=seconds) for number, seconds in enumerate(lengths, start=1)]
    chapters = metadata(publication(*parts))["chapters"]
    assert [chapter["id"] for chapter in chapters] == list(range(len(lengths)))
    assert [chapter["start"] for chapter in chapters] == [0.0, *(chapter["end"] for chapter in chapters[:-1])]
    assert chapters[-1]["end"] == pytest.approx(sum(lengths), abs=0.00051)
    assert all(chapter["title"] for chapter in chapters)
