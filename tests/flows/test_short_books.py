"""Short books of a deployed library: its own process narrates them, without task runs; what ended it once goes to a worker."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from flows.dispatch import Begun, Ended, Order
from flows.library_book import House as LibraryRun
from flows.library_book import job_of, narrate_book
from flows.short_books import SHORT_CHARACTERS, is_small, read_short_book
from tasks.errors import SourceError
from tasks.library.allotment import LibraryBudget
from tasks.library.inbox import Inbox
from tasks.library.ledger import Entry, Ledger, State
from tests.services.service import Service

from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, open_house


def write_book(folder: Path, name: str, days: int = 3) -> Path:
    path = folder / f"{name}.md"
    lines = [f"# {name}", *(f"In {name} there is day {day}." for day in range(days))]
    path.write_text("\n\n".join(lines), "utf-8")
    return path


def test_a_book_is_short_by_its_file_and_by_its_characters(tmp_path: Path) -> None:
    short = write_book(tmp_path, "short")
    book = read_short_book(str(short))
    assert book
    assert book.title == "short"
    long = write_book(tmp_path, "long", SHORT_CHARACTERS // 20)
    assert is_small(str(long))
    assert read_short_book(str(long)) is None
    large = tmp_path / "large.md"
    large.write_text("word " * 60_000, "utf-8")
    found = {str(path): is_small(str(path)) for path in (short, large, tmp_path / "none.md", tmp_path)}
    assert list(found.values()) == [True, False, False, False]
    assert not is_small("s3://bucket/short.md")
    empty = tmp_path / "empty.md"
    empty.touch()
    with pytest.raises(SourceError, match="empty"):
        read_short_book(str(empty))


def test_an_internal_error_ends_its_book_alone(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    write_book(tmp_path / "inbox", "anna")
    (tmp_path / "outbox").mkdir()

    async def fail(name: str, order: Order, earlier: str, begun: Begun) -> Ended:  # noqa: ARG001  # a runner's parameters
        begun("")
        raise ZeroDivisionError(name)

    reported: list[tuple[str, str]] = []
    run = LibraryRun(
        inbox=Inbox(str(tmp_path / "inbox")),
        outbox=tmp_path / "outbox",
        ledger=Ledger(tmp_path / "outbox"),
        narrator=fail,
        budget=LibraryBudget(0),
        profile="piper",
        overrides=(),
        report=lambda event, name, _: reported.append((event, name)),
    )
    (seen,) = run.inbox.listing().manuscripts.values()
    with disable_run_logger():
        entry = asyncio.run(narrate_book(job_of(seen, run), run, lambda _: None))
    assert (entry.state, entry.error) == (State.STOPPED, "internal error: ZeroDivisionError: anna")
    assert Ledger(tmp_path / "outbox").books["anna"] == entry
    assert reported == [("declaim.book.failed", "anna")]


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def house(tmp_path: Path, environment: dict[str, str], prepared: Prepared, service: Service) -> Iterator[House]:
    with open_house(tmp_path / "house", environment | {KEY: service.key}, prepared) as house:
        house.deploy("--profile", profile_at(service.url, house.folder, concurrency=4))
        yield house


@pytest.mark.slow
def test_short_books_need_no_worker_but_one_that_ended_the_library_does(house: House, service: Service) -> None:
    for name in ("anna", "bela", "suspect"):
        write_book(house.inbox, name)
    write_book(house.inbox, "long", SHORT_CHARACTERS // 20)
    marks = Inbox(str(house.inbox)).listing().manuscripts["suspect"].marks
    # As a library leaves it that is killed while its own process narrates the book.
    Ledger(house.outbox).write("suspect", Entry(State.RUNNING, marks, "2026-01-01T00:00:00+00:00"))
    (house.inbox / "long.toml").write_text("chapters = '1'\npriority = -1\n", "utf-8")
    house.worker("editor", limit=3)
    run = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: house.state(run) in {"COMPLETED", "FAILED"}, "the end of the library")
    assert {name: entry["state"] for name, entry in house.ledger().items()} == dict.fromkeys(
        ("anna", "bela", "long", "suspect"), "done"
    )
    dispatched = {
        Path(each["parameters"]["source"]).stem: bool(each["deployment_id"]) for each in house.runs("narrate")
    }
    assert dispatched == {"anna": False, "bela": False, "long": True, "suspect": True}
    assert set(service.billed.values()) == {1}
    (anna,) = [each for each in house.runs("narrate") if "anna" in each["parameters"]["source"]]
    assert house.ask("POST", "task_runs/filter", task_runs={"flow_run_id": {"any_": [anna["id"]]}}) == []
    pages = {artifact["type"]: artifact for artifact in house.artifacts(anna["id"])}
    assert (pages["progress"]["data"], "finished" in pages["table"]["data"]) == (100, True)
    assert "report.html" in pages["markdown"]["data"]
    manifest = json.loads((house.outbox / "anna" / "manifest.json").read_text("utf-8"))
    assert manifest["totals"]["clips"] == 4
