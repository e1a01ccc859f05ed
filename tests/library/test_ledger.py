"""The ledger: what is due, what is not, and that it is whole whatever ends a run."""

import json
from pathlib import Path

import pytest

from tasks.errors import OutputError
from tasks.library.inbox import Seen
from tasks.library.ledger import LEDGER, Entry, Ledger, State

ONE = Seen("one", "/inbox/one.md", "", ("one.md 10 100.0",))


AT = "2026-11-22T15:00:00+00:00"


def entry(state: State, marks: tuple[str, ...] = ONE.marks) -> Entry:
    return Entry(state, marks, AT)


def test_what_is_new_is_due(tmp_path: Path) -> None:
    assert Ledger(tmp_path).is_due(ONE)


@pytest.mark.parametrize(
    ("state", "is_due"),
    [
        (State.DONE, False),
        (State.FAILED, False),
        (State.RUNNING, True),
        (State.INCOMPLETE, True),
        (State.STOPPED, True),
    ],
)
def test_what_did_not_come_to_its_end_is_due_again(state: State, is_due: bool, tmp_path: Path) -> None:  # noqa: FBT001
    Ledger(tmp_path).write("one", entry(state))
    assert Ledger(tmp_path).is_due(ONE) is is_due


@pytest.mark.parametrize("state", [State.DONE, State.FAILED])
def test_what_has_changed_is_due_again(state: State, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write("one", entry(state, marks=("one.md 9 90.0",)))
    assert ledger.is_due(ONE)
    ledger.write("one", entry(state))
    assert not ledger.is_due(ONE)


def test_entries_are_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    told = Entry(State.DONE, ONE.marks, AT, "One", "run", "/outbox/one", "", 12.5, 300, None)
    ledger.write("one", told)
    ledger.write("two", Entry(State.FAILED, ONE.marks, AT, error="it is empty"))
    again = Ledger(tmp_path).books
    assert again["one"] == told
    assert (again["two"].state, again["two"].error) == (State.FAILED, "it is empty")
    assert [path.name for path in tmp_path.iterdir()] == [LEDGER]


@pytest.mark.parametrize("content", ["", "{", '{"schema": 1, "books": {"one": {"state": "lost"}}}', "[]"])
def test_a_ledger_that_is_none_is_not_written_over(content: str, tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text(content, "utf-8")
    with pytest.raises(OutputError, match="the ledger cannot be read"):
        Ledger(tmp_path)
    assert (tmp_path / LEDGER).read_text("utf-8") == content


def test_a_ledger_that_cannot_be_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    (tmp_path / f".{LEDGER}.part").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        ledger.write("one", entry(State.DONE))


def test_older_and_newer_ledgers_are_read(tmp_path: Path) -> None:
    older = {"state": "done", "marks": list(ONE.marks), "at": AT, "title": "One", "seconds": 9.0}
    newer = older | {"chunks_spoken": 40, "wall_seconds": 12.5, "of a version to come": True}
    document = {"schema": 1, "books": {"older": older, "newer": newer}}
    (tmp_path / LEDGER).write_text(json.dumps(document), "utf-8")
    books = Ledger(tmp_path).books
    assert (books["older"].chunks_spoken, books["older"].wall_seconds) == (None, None)
    assert (books["newer"].chunks_spoken, books["newer"].wall_seconds) == (40, 12.5)
    # What is new is only added: an older version, too, passes over keys that it does not know.
    Ledger(tmp_path).write("older", books["newer"])
    written = json.loads((tmp_path / LEDGER).read_text("utf-8"))
    assert (written["schema"], older.keys() - written["books"]["older"].keys()) == (1, set())
