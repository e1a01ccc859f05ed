import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ProfileError
from tasks.packagers.last_edition import Passage, read_last_edition

MANIFEST: dict[str, Any] = {
    "schema": 1,
    "source": {"name": "book.md", "sha256": "0" * 64},
    "profile": {},
    "book": {"title": "Title", "authors": ["A. Writer"], "language": "en", "warnings": []},
    "voices": [],
    "chapters": [{"number": 2, "title": "Two"}, {"number": 5, "title": "Wordless"}],
    "a key of a later version": 1,
}


def row(chunk: str, spoken: str, clip: str | None) -> dict[str, Any]:
    return {"chapter": 2, "chunk": chunk, "spoken": spoken, "clip": clip, "start": None}


COVERAGE = {"schema": 1, "sentences": [row("2.1", "One.", "k1"), row("2.1", "More.", "k1"), row("2.2", "No.", None)]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, document in (("manifest.json", MANIFEST), ("coverage.json", COVERAGE)):
        (tmp_path / name).write_text(json.dumps(document), "utf-8")
    return tmp_path


def test_sentences_are_put_together_to_chunks(folder: Path) -> None:
    two, wordless = read_last_edition(folder).chapters
    assert (two.number, two.title) == (2, "Two")
    assert two.passages == (Passage("One. More.", "k1"), Passage("No.", ""))
    assert wordless.passages == ()


def test_accounts_that_change_while_they_are_read_are_not_mixed(folder: Path) -> None:
    """The coverage comes through a pipe: it is read when the manifest was, and the manifest changes before its end."""
    coverage = folder / "coverage.json"
    text = coverage.read_text("utf-8")
    coverage.unlink()
    os.mkfifo(coverage)

    def replace() -> None:
        with coverage.open("w", encoding="utf-8") as pipe:
            (folder / "manifest.json").write_text(json.dumps(MANIFEST | {"voices": [{}]}), "utf-8")
            pipe.write(text)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        with pytest.raises(ProfileError, match="another run has put its edition there meanwhile"):
            read_last_edition(folder)
    finally:
        writer.join()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "coverage.json").write_text('{"schema": 1, "sentences": [{"chapter": "x"}]}'),
        lambda folder: (folder / "coverage.json").write_text(
            json.dumps(COVERAGE).replace('"chapter": 2', '"chapter": 3')
        ),
    ],
    ids=["no manifest", "a list", "a row", "another book"],
)
def test_what_cannot_be_read_is_one_line_with_what_to_do(folder: Path, damage: Callable[[Path], object]) -> None:
    damage(folder)
    with pytest.raises(ProfileError, match="leave out --revise") as caught:
        read_last_edition(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
