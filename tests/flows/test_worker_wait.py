"""A library whose workers have no room: it says what it waits for, and narrates the books in its own process.

A real server and a real worker whose only slot the library's own run occupies. No book is short, or none would need a worker.
"""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient

from flows.dispatch import _withdraw
from tests.services.service import Service

from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, open_house

pytestmark = pytest.mark.slow

BOOKS = ("anna", "bela", "cleo")
PARAGRAPHS = 4
# Of a Markdown comment: a manuscript of this size is not read to find out whether its book is short.
LARGE_BYTES = 300_000


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def founded(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], prepared: Prepared, service: Service
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house") / "house"
    with open_house(folder, environment | {KEY: service.key}, prepared) as house:
        profile_at(service.url, folder, concurrency=4)
        deploy(house)
        yield house


@pytest.fixture
def house(founded: House, service: Service) -> House:
    founded.clear()
    service.forget()
    return founded


def deploy(house: House) -> None:
    house.deploy("--profile", house.folder / "profile.toml", "--at-once", "2")


def write_large_book(house: House, name: str) -> None:
    lines = [f"# {name}", *(f"In {name} there is day {day}." for day in range(PARAGRAPHS))]
    comment = f"<!-- {'x' * LARGE_BYTES} -->"
    (house.inbox / f"{name}.md").write_text("\n\n".join([*lines, comment]), "utf-8")


def library_log(house: House, run: str) -> str:
    rows = house.ask("POST", "logs/filter", logs={"flow_run_id": {"any_": [run]}}, limit=200)
    return "\n".join(row["message"] for row in rows)


def states_of_books(house: House) -> dict[str, str]:
    return {name: entry["state"] for name, entry in house.ledger().items()}


def test_the_only_slot_is_the_librarys_own(house: House, service: Service) -> None:
    for name in BOOKS:
        write_large_book(house, name)
    house.worker("only", limit=1)
    run = house.begin("library/library", settle_seconds=0.5)

    def shows_wait() -> bool:
        tables = [table["data"] for table in house.artifacts(run, "table")]
        return any("waits for a worker since" in table for table in tables)

    wait_for(shows_wait, "the wait in the library's table")
    assert any("waits for a worker since" in entry["error"] for entry in house.ledger().values())
    wait_for(lambda: house.state(run) == "COMPLETED", "the end of the library")
    assert states_of_books(house) == dict.fromkeys(BOOKS, "done")
    runs = house.runs("narrate")
    narrated_here = [each for each in runs if each["deployment_id"] is None]
    assert [each["state_type"] for each in narrated_here] == ["COMPLETED"] * len(BOOKS)
    dispatched = [each for each in runs if each["deployment_id"]]
    assert [each["state_type"] for each in dispatched] == ["CANCELLED"] * len(BOOKS)
    assert set(service.billed.values()) == {1}
    log = library_log(house, run)
    assert log.count("no worker has taken its run") == len(BOOKS)


def test_a_run_is_withdrawn_or_taken_and_never_both(house: House) -> None:
    waiting, taken = (house.begin("narrate/narrate", source="book.md") for _ in range(2))
    house.ask("POST", f"flow_runs/{taken}/set_state", state={"type": "PENDING"})

    async def withdraw() -> list[bool]:
        async with PrefectClient(house.url) as client:
            return [await _withdraw(client, UUID(run)) for run in (waiting, taken)]

    assert asyncio.run(withdraw()) == [True, False]
    assert [house.state(run) for run in (waiting, taken)] == ["CANCELLED", "PENDING"]
    # A worker that had read the run before asks the same, and is refused.
    answer = house.ask("POST", f"flow_runs/{waiting}/set_state", state={"type": "PENDING"})
    assert answer["status"] == "ABORT"


def test_a_cancelled_library_cancels_the_run_that_waits(house: House, service: Service) -> None:
    write_large_book(house, "anna")
    house.worker("only", limit=1)
    run = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: house.runs("narrate"), "the book's run")
    house.ask("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    wait_for(lambda: house.state(run) == "CANCELLED", "the end of the library")
    (waiting,) = house.runs("narrate")
    assert house.state(waiting["id"]) == "CANCELLED"
    assert not service.spoken


def test_a_pool_that_is_paused_while_the_library_runs(house: House) -> None:
    write_large_book(house, "anna")
    house.worker("only", limit=2)
    run = house.begin("library/library", settle_seconds=10)
    wait_for(lambda: house.state(run) == "RUNNING", "the library")
    house.ask("PATCH", "work_pools/declaim", is_paused=True)
    try:
        wait_for(lambda: house.state(run) == "COMPLETED", "the end of the library")
    finally:
        house.ask("PATCH", "work_pools/declaim", is_paused=False)
    assert states_of_books(house) == {"anna": "done"}
    assert "the work pool declaim is paused" in library_log(house, run)
    assert [each["deployment_id"] for each in house.runs("narrate")] == [None]


def test_the_deployment_is_deleted_while_its_run_waits(house: House) -> None:
    write_large_book(house, "anna")
    house.worker("only", limit=1)
    run = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: house.runs("narrate"), "the book's run")
    deployment = house.ask("GET", "deployments/name/narrate/narrate")["id"]
    house.ask("DELETE", f"deployments/{deployment}")
    try:
        wait_for(lambda: house.state(run) == "FAILED", "the end of the library")
    finally:
        deploy(house)
    found = house.ask("GET", f"flow_runs/{run}")["state"]
    assert (found["name"], "perhaps with narrate/narrate" in found["message"]) == ("Books missing", True)
    assert states_of_books(house) == {"anna": "stopped"}
