"""Commands in artifacts: whatever the names, a shell gets the words that a run was given."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.arguments import parser
from flows.artifacts.commands import quote_argument, rerun_command
from flows.artifacts.markdown import fence_code

FOLDER = Path("/srv/out/it's $(here) #1")
NAMES = [
    "lamp & table.md",
    "it's $(touch x) #1.md",
    'say "so".md',
    "two\nlines.md",
    "a `tick`.md",
    "tab\tand\r.md",
    "b\\0101",
]


def words_in_shell(command: str) -> list[str]:
    """The words that /bin/sh makes of a command, by a function in the place of the program."""
    script = f'declaim() {{ for word; do printf "%s\\0" "$word"; done; }}\n{command}'
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=True)
    assert not done.stderr
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_through_a_shell_as_it_is(name: str, tmp_path: Path) -> None:
    assert words_in_shell(f"declaim {quote_argument(name)}") == [name]
    assert not (tmp_path / "x").exists()


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_comes_through_a_shell_as_it_is(text: str) -> None:
    assert words_in_shell(f"declaim {quote_argument(text)}") == [text]


def test_a_name_that_is_not_utf_8_comes_through_as_its_bytes() -> None:
    name = b"caf\xe9\n".decode("utf-8", "surrogateescape")
    quoted = quote_argument(name)
    assert quoted.isascii()
    assert words_in_shell(f"declaim {quoted}") == [name]


def test_narrate_runs_again_with_all_that_it_was_given() -> None:
    parameters = {
        "source": "/books/lamp & table.md",
        "profile": "/profiles/my own.toml",
        "out": "somewhere/else",
        "chapters": "1-3,7",
        "overrides": ["limits.budget_usd=0.03", 'metadata.title="It\'s"'],
    }
    read = parser().parse_args(words_in_shell(rerun_command("narrate", parameters, FOLDER)))
    assert read.command == "flows.narrate_command:narrate"
    assert (read.source, read.profile) == (Path("/books/lamp & table.md"), "/profiles/my own.toml")
    assert (read.out, read.chapters) == (str(FOLDER), "1-3,7")
    assert read.set == parameters["overrides"]


def test_retell_runs_again_with_an_instruction_that_begins_with_a_dash() -> None:
    parameters = {"source": "/a.md", "instruction": "- shorter\n- `kinder`", "profile": "piper", "overrides": []}
    read = parser().parse_args(words_in_shell(rerun_command("retell", parameters, FOLDER)))
    assert read.command == "flows.retell_command:retell"
    assert (read.instruction, read.out, read.profile) == ("- shorter\n- `kinder`", str(FOLDER), "piper")


def test_library_runs_again_with_budget_width_patience_and_deployment() -> None:
    parameters = {
        "inbox": "s3://books/in",
        "outbox": "out",
        "profile": "openai",
        "at_once": 4,
        "deployment": "narrate/narrate",
        "budget_usd": 12.5,
        "settle_seconds": 0.0,
        "overrides": ("limits.concurrency=2",),
    }
    read = parser().parse_args(words_in_shell(rerun_command("library", parameters, FOLDER)))
    assert read.command == "flows.library_command:library"
    assert (read.inbox, read.out, read.profile) == ("s3://books/in", str(FOLDER), "openai")
    assert (read.at_once, read.deployment, read.budget, read.settle) == (4, "narrate/narrate", 12.5, 0.0)
    assert read.set == ["limits.concurrency=2"]


def test_relative_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    parameters = {"source": "book.md", "profile": "own.toml"}
    read = parser().parse_args(words_in_shell(rerun_command("narrate", parameters, FOLDER)))
    assert (read.source, read.profile) == (tmp_path / "book.md", str(tmp_path / "own.toml"))


def test_a_fence_is_longer_than_the_backticks_within() -> None:
    assert fence_code("a ```` b") == "`````\na ```` b\n`````"
