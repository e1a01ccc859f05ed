"""Faults of a night: the machine sleeps, a disk is full or read-only, the inbox is replaced, the database restarts.

Each run ends by itself in the state that fits, nothing is bought twice but what was in flight, and the next run goes on.

The database is restarted on PostgreSQL alone: DECLAIM_POSTGRES is its address, and DECLAIM_POSTGRES_RESTART the command.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import skip_reasons
from tests.services.service import Service

from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, open_house

pytestmark = pytest.mark.slow
BOOKS = ("anna", "bela", "cleo")
PARAGRAPHS = 12
CONCURRENCY = 2
# Shorter than the server waits for a heartbeat, and longer: then it has another run take over.
ASLEEP_SECONDS = (120, 200)
needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason=f"{skip_reasons.ROOT}: a file system to fill")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(latency_seconds=0.5, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def founded(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], prepared: Prepared, service: Service
) -> Iterator[House]:
    url = os.environ.get("DECLAIM_POSTGRES")
    postgres = {"PREFECT_API_DATABASE_CONNECTION_URL": url} if url else {}
    folder = tmp_path_factory.mktemp("house") / "house"
    with open_house(folder, environment | postgres | {KEY: service.key}, prepared) as house:
        house.deploy("--profile", profile_at(service.url, folder, concurrency=CONCURRENCY), "--at-once", "2")
        yield house


@pytest.fixture
def house(founded: House, service: Service) -> House:
    founded.clear()
    service.forget()
    for name in BOOKS:
        write_book(founded.inbox, name)
    return founded


def write_book(inbox: Path, name: str) -> None:
    days = [f"In {name} there is day {day}." for day in range(PARAGRAPHS)]
    (inbox / f"{name}.md").write_text("\n\n".join([f"# {name}", *days]), "utf-8")


def begin_library(house: House, service: Service) -> str:
    """Begin a library's run, and return its id once speech is being bought."""
    before = service.billed.total()
    run = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: service.billed.total() > before + 2, "some requests")
    return run


def has_ended(house: House, run: str) -> bool:
    return house.state(run) in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def finish(house: House) -> str:
    """Run the library once more, as the next night does; return its state."""
    run = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: has_ended(house, run), "the end of the next night")
    return house.state(run)


def books(house: House) -> dict[str, str]:
    return {name: entry["state"] for name, entry in house.ledger().items()}


def check_nothing_bought_twice(service: Service) -> None:
    """Each of the two books at a time may lose its requests in flight."""
    assert service.billed.total() - len(service.billed) <= 2 * CONCURRENCY


@contextmanager
def mounted_outbox(house: House, megabytes: int) -> Iterator[None]:
    """Put the outbox on a file system of its own for the time of the block."""
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", house.outbox], check=True)
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "--lazy", house.outbox], check=True)


@pytest.mark.parametrize("seconds", ASLEEP_SECONDS)
def test_a_machine_that_sleeps(house: House, service: Service, seconds: float) -> None:
    worker = house.worker("sleeper", limit=4)
    begin_library(house, service)
    processes = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    for process in processes:
        process.send_signal(signal.SIGCONT)
    wait_for(lambda: books(house) == dict.fromkeys(BOOKS, "done"), "all books", 400)
    # The server ends a cancellation that nobody confirms after five minutes.
    wait_for(lambda: all(has_ended(house, run["id"]) for run in all_runs(house)), "the end of all runs", 400)
    check_nothing_bought_twice(service)
    assert finish(house) == "COMPLETED"


def all_runs(house: House) -> list[dict[str, Any]]:
    runs = [*house.runs("library"), *house.runs("narrate")]
    return [run for run in runs if "auto-scheduled" not in run["tags"]]


@needs_mount
def test_a_disk_that_is_full(house: House, service: Service) -> None:
    with mounted_outbox(house, megabytes=8):
        house.worker("editor", limit=4)
        run = begin_library(house, service)
        filler = house.outbox / "filler"
        with suppress(OSError), filler.open("wb") as file:
            file.write(bytes(shutil.disk_usage(house.outbox).total))
        wait_for(lambda: has_ended(house, run), "the end of the run")
        assert house.state(run) == "FAILED"
        filler.unlink()
        assert finish(house) == "COMPLETED"
        assert books(house) == dict.fromkeys(BOOKS, "done")
    check_nothing_bought_twice(service)


@needs_mount
def test_an_outbox_that_becomes_read_only(house: House, service: Service) -> None:
    with mounted_outbox(house, megabytes=64):
        house.worker("editor", limit=4)
        run = begin_library(house, service)
        # Files that are open keep the file system from being remounted: a second mount on top of it is read-only.
        subprocess.run(["/bin/mount", "--bind", house.outbox, house.outbox], check=True)
        subprocess.run(["/bin/mount", "-o", "remount,bind,ro", house.outbox], check=True)
        wait_for(lambda: has_ended(house, run), "the end of the run")
        assert house.state(run) == "FAILED"
        subprocess.run(["/bin/umount", "--lazy", house.outbox], check=True)
        assert finish(house) == "COMPLETED"
        assert books(house) == dict.fromkeys(BOOKS, "done")
    check_nothing_bought_twice(service)


def test_an_inbox_that_is_replaced(house: House, service: Service) -> None:
    house.worker("editor", limit=4)
    run = begin_library(house, service)
    house.inbox.rename(house.folder / "old")
    house.inbox.mkdir()
    write_book(house.inbox, "dora")
    wait_for(lambda: has_ended(house, run), "the end of the run")
    assert finish(house) == "COMPLETED"
    assert books(house)["dora"] == "done"
    (house.folder / "old" / "anna.md").rename(house.inbox / "anna.md")
    assert finish(house) == "COMPLETED"
    assert books(house)["anna"] == "done"
    check_nothing_bought_twice(service)


def test_an_inbox_that_goes_away(house: House, service: Service) -> None:
    house.worker("editor", limit=4)
    run = begin_library(house, service)
    house.inbox.rename(house.folder / "away")
    wait_for(lambda: has_ended(house, run), "the end of the run")
    message = house.ask("GET", f"flow_runs/{run}")["state"]["message"]
    assert house.state(run) == "FAILED"
    assert str(house.inbox) in message
    (house.folder / "away").rename(house.inbox)
    assert finish(house) == "COMPLETED"
    assert books(house) == dict.fromkeys(BOOKS, "done")
    check_nothing_bought_twice(service)


def test_a_second_library_with_the_same_outbox(house: House, service: Service) -> None:
    house.worker("editor", limit=4)
    run = begin_library(house, service)
    done = house.run("library", house.inbox, "--out", house.outbox)
    assert done.returncode == 2
    assert "another run writes there" in done.stderr
    wait_for(lambda: has_ended(house, run), "the end of the run")
    assert house.state(run) == "COMPLETED"
    check_nothing_bought_twice(service)


@pytest.mark.skipif("DECLAIM_POSTGRES_RESTART" not in os.environ, reason=f"{skip_reasons.POSTGRES}: to restart it")
def test_a_database_that_restarts(house: House, service: Service) -> None:
    house.worker("editor", limit=4)
    run = begin_library(house, service)
    subprocess.run(["/bin/sh", "-c", os.environ["DECLAIM_POSTGRES_RESTART"]], check=True)
    wait_for(lambda: has_ended(house, run), "the end of the run")
    assert house.state(run) == "COMPLETED"
    assert books(house) == dict.fromkeys(BOOKS, "done")
    check_nothing_bought_twice(service)
