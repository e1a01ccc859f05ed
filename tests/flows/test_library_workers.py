"""A library narrated by workers, one of which is killed: all books are done, and nothing is bought twice but what was in flight.

Short by default. The long run has 40 books, takes about eight minutes and tells its figures:

    DECLAIM_BOOKS=40 python -m pytest tests/flows/test_library_workers.py -o log_cli=true -o log_cli_level=INFO
"""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.service import Service

from .conftest import KEY, profile_at, wait_for
from .house import House, kill, open_house, runs_of

BOOKS = int(os.environ.get("DECLAIM_BOOKS", "4"))
PARAGRAPHS = 24
IN_FLIGHT = 2
RUNS_A_WORKER = 2
PATIENCE_SECONDS = 300 + 60 * BOOKS


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(latency_seconds=0.5) as service:
        yield service


@pytest.fixture
def house(tmp_path: Path, environment: dict[str, str], service: Service) -> Iterator[House]:
    with open_house(tmp_path / "house", environment | {KEY: service.key}) as house:
        profile = profile_at(service.url, house.folder, concurrency=IN_FLIGHT)
        for number in range(BOOKS):
            lines = [f"# Book {number}", *(f"In book {number} there is day {day}." for day in range(PARAGRAPHS))]
            (house.inbox / f"book-{number:02}.md").write_text("\n\n".join(lines), "utf-8")
        house.deploy("--profile", profile, "--at-once", str(2 * RUNS_A_WORKER - 1))
        yield house


def test_a_worker_is_killed_half_way(house: House, service: Service) -> None:
    begun = time.monotonic()
    first = house.worker("first", RUNS_A_WORKER)
    library = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: house.runs("narrate"), "a book's run", PATIENCE_SECONDS)
    house.worker("second", RUNS_A_WORKER + 1)
    chunks = BOOKS * (PARAGRAPHS + 1)
    wait_for(lambda: service.billed.total() >= chunks // 2, "half of the requests", PATIENCE_SECONDS)

    def are_running() -> bool:
        states = [house.state(run) for run in runs_of(first)]
        return states == ["RUNNING"] * RUNS_A_WORKER

    wait_for(are_running, "a book's run beside the library's", PATIENCE_SECONDS)
    killed = runs_of(first)
    assert library in killed
    kill(first)

    def is_done() -> bool:
        return [entry["state"] for entry in house.ledger().values()] == ["done"] * BOOKS

    wait_for(is_done, "the end of all books", PATIENCE_SECONDS)
    wait_for(
        lambda: house.runs("library")[0]["state_type"] == "COMPLETED", "the end of its second run", PATIENCE_SECONDS
    )
    states = [run["state_type"] for flow in ("library", "narrate") for run in house.runs(flow)]
    assert "RUNNING" not in states
    assert {house.state(run) for run in killed} == {"CRASHED"}
    assert len(service.billed) == chunks
    twice = service.billed.total() - chunks
    logging.getLogger(__name__).info(
        "%d books in %.0f s; %d chunks, %d bought twice; runs: %s",
        BOOKS,
        time.monotonic() - begun,
        chunks,
        twice,
        {state: states.count(state) for state in sorted(set(states))},
    )
    assert twice <= RUNS_A_WORKER * IN_FLIGHT
