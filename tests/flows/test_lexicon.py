import json
import tomllib
from pathlib import Path

import pytest

from flows.cli import main
from tasks.text.lexicon import load_lexicon

MANUSCRIPT = """# I

We sailed with Zephirax. Old Zephirax laughed. Nobody but Zephirax\tsaw "Quillanu" there.

Then Quillanu came.
"""
FILLED = """
[[word]]
grapheme = "Zephirax"
alias = "Zeffy-racks"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "book.md"
    path.write_text(MANUSCRIPT, "utf-8")
    return path


def _planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    assert main(["plan", *arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    return {chunk["text"]: chunk["key"] for chapter in document["chapters"] for chunk in chapter["chunks"]}


def test_it_lists_names_as_a_lexicon_to_fill_in(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lexicon", str(source), "--at-least", "1"]) == 0
    printed = capsys.readouterr().out
    words = tomllib.loads(printed)["word"]
    assert [word["grapheme"] for word in words] == ["Zephirax", "Quillanu"]
    assert "# name, 3 times, first in chapter 1: We sailed with Zephirax.\n" in printed
    path = tmp_path / "words.toml"
    path.write_text(printed, "utf-8")
    assert load_lexicon(str(path)) == ()
    assert main(["lexicon", str(source), "--json"]) == 0
    (first, second) = json.loads(capsys.readouterr().out)["words"]
    assert (first["word"], first["count"], second["kind"]) == ("Zephirax", 3, "name")


def test_a_change_in_the_lexicon_changes_the_chunks_that_hold_the_word_and_no_others(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.toml").write_text(FILLED, "utf-8")
    profile = tmp_path / "mine.toml"
    profile.write_text('[text]\nlexicon = "words.toml"\n', "utf-8")
    before = _planned(capsys, str(source))
    after = _planned(capsys, str(source), "--profile", str(profile))
    changed = {text for text in after if text not in before}
    (spoken,) = changed
    assert spoken.startswith("We sailed with Zeffy-racks. Old Zeffy-racks laughed.")
    same = set(before) & set(after)
    assert len(same) == len(before) - 1 == len(after) - 1
    assert all(before[text] == after[text] for text in same)


def test_a_lexicon_that_is_not_there_is_one_line(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(source), "--set", "text.lexicon=missing.pls"]) == 2
    assert capsys.readouterr().err.startswith("declaim: [text] lexicon: missing.pls: it cannot be read")


def test_the_plan_tells_what_is_spoken_and_what_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "book.md"
    path.write_text("# I\n\nOne.\n\n```\ncode\n```\n", "utf-8")
    assert main(["plan", str(path)]) == 0
    assert "55.6% of 9 characters are spoken; left out: code 4\n" in capsys.readouterr().out
    assert main(["plan", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["coverage"] == {
        "characters": 9,
        "spoken": 5,
        "share": 0.555556,
        "left_out": [{"kind": "code", "characters": 4, "passages": 1}],
    }
