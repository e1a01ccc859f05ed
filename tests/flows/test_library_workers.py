"""A library narrated by workers, one of which is killed: all books are done, and nothing is bought twice but what was in flight.

Short by default. The long run has 40 books, takes about ten minutes and tells its figures:

    DECLAIM_BOOKS=40 python -m pytest tests/flows/test_library_workers.py -o log_cli=true -o log_cli_level=INFO
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.service import Service

from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, kill, open_house, runs_of

BOOKS = int(os.environ.get("DECLAIM_BOOKS", "2"))
PARAGRAPHS = 24
CHUNKS = BOOKS * (PARAGRAPHS + 1)
LATENCY_SECONDS = 0.5
IN_FLIGHT = 2
# The library's own run, and a book's; two books after that worker has been killed.
RUNS_A_WORKER = 2
AT_ONCE = min(2 * RUNS_A_WORKER - 1, BOOKS)
PATIENCE_SECONDS = 300 + 60 * BOOKS


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(latency_seconds=LATENCY_SECONDS, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def house(tmp_path: Path, environment: dict[str, str], prepared: Prepared, service: Service) -> Iterator[House]:
    with open_house(tmp_path / "house", environment | {KEY: service.key}, prepared) as house:
        profile = profile_at(service.url, house.folder, concurrency=IN_FLIGHT)
        for number in range(BOOKS):
            lines = [f"# Book {number}", *(f"In book {number} there is day {day}." for day in range(PARAGRAPHS))]
            # A larger manuscript than the library reads itself: each book is for a worker.
            lines.append(f"<!-- {'x' * 300_000} -->")
            (house.inbox / f"book-{number:02}.md").write_text("\n\n".join(lines), "utf-8")
        house.deploy("--profile", profile, "--at-once", str(AT_ONCE))
        yield house


def states(house: House, flow: str) -> list[str]:
    return [run["state_type"] for run in house.runs(flow)]


@pytest.mark.slow
def test_a_worker_is_killed_half_way(house: House, service: Service) -> None:
    begun = time.monotonic()
    first = house.worker("first", RUNS_A_WORKER)
    library = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: house.runs("narrate"), "a book's run", PATIENCE_SECONDS)
    house.worker("second", RUNS_A_WORKER)
    # While there are as many books as are narrated at once, each worker has its share of them.
    enough = min(CHUNKS // 2, CHUNKS * max(BOOKS - AT_ONCE, 0) // BOOKS) or IN_FLIGHT
    wait_for(lambda: service.billed.total() >= enough, "half of the requests", PATIENCE_SECONDS)
    service.behave(latency_seconds=10 * LATENCY_SECONDS)

    def are_running() -> bool:
        return [house.state(run) for run in runs_of(first)] == ["RUNNING"] * RUNS_A_WORKER

    wait_for(are_running, "a book's run beside the library's", PATIENCE_SECONDS)
    killed = runs_of(first)
    assert library in killed
    kill(first)
    service.behave(latency_seconds=LATENCY_SECONDS)

    def is_done() -> bool:
        return [entry["state"] for entry in house.ledger().values()] == ["done"] * BOOKS

    wait_for(is_done, "the end of all books", PATIENCE_SECONDS)
    # A busy server may begin a third one, which the deployment's own limit cancels.
    wait_for(lambda: "COMPLETED" in states(house, "library"), "the end of the library's second run", PATIENCE_SECONDS)
    ended = states(house, "library") + states(house, "narrate")
    assert "RUNNING" not in ended
    assert {house.state(run) for run in killed} == {"CRASHED"}
    assert len(service.billed) == CHUNKS
    twice = service.billed.total() - CHUNKS
    logging.getLogger(__name__).info(
        "%d books in %.0f s; %d chunks, %d bought twice; runs: %s",
        BOOKS,
        time.monotonic() - begun,
        CHUNKS,
        twice,
        Counter(ended),
    )
    assert twice <= RUNS_A_WORKER * IN_FLIGHT
