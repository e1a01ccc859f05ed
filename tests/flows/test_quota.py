"""A limit that all runs of an account keep together: what a run says where it is missing, no rate, or goes away in the middle."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from flows.quota import slots_for
from tests.services.service import Service

from .conftest import BRISK, KEY, Home, ask, profile_at, wait_for


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home, service: Service) -> Home:
    return replace(home, environment=home.environment | {KEY: service.key})


@pytest.fixture
def limit(server: str, tmp_path: Path) -> Iterator[str]:
    """A limit of twenty requests a second."""
    slots, decay = slots_for(1_200)
    document = {"name": tmp_path.name, "limit": slots, "slot_decay_per_second": decay}
    ask("POST", f"{server}/v2/concurrency_limits/", **document)
    yield tmp_path.name
    with suppress(httpx.HTTPStatusError):
        ask("DELETE", f"{server}/v2/concurrency_limits/{tmp_path.name}")


def ordered(place: Home, service: Service, limit: str, paragraphs: int = 30) -> list[str | Path]:
    source = place.folder / "book.md"
    source.write_text("\n\n".join(["# One", *(f"There is day {day}." for day in range(paragraphs))]), "utf-8")
    profile = profile_at(service.url, place.folder, concurrency=4)
    return ["narrate", source, "--profile", profile, "--set", f"limits.shared={limit}", "--out", place.out]


def test_a_run_takes_its_requests_from_the_limit(place: Home, service: Service, limit: str, server: str) -> None:
    # Next to none of it comes back while the run lasts.
    much = {"limit": 10_000, "slot_decay_per_second": 0.1}
    ask("PATCH", f"{server}/v2/concurrency_limits/{limit}", **much)
    done = place.run(*ordered(place, service, limit))
    assert done.returncode == 0, done.stderr
    assert len(service.spoken) == 31
    used = ask("GET", f"{server}/v2/concurrency_limits/{limit}")["active_slots"]
    assert 3_000 <= used <= 3_200


def test_a_limit_that_there_is_not(place: Home, service: Service) -> None:
    done = place.run(*ordered(place, service, "nowhere"))
    assert done.returncode == 2
    assert "the Prefect server has no limit nowhere; make it: `prefect gcl create nowhere" in done.stderr
    # The audition is before the run.
    assert len(service.asked) == 1


def test_a_limit_that_is_no_rate(place: Home, service: Service, limit: str, server: str) -> None:
    ask("PATCH", f"{server}/v2/concurrency_limits/{limit}", slot_decay_per_second=0)
    done = place.run(*ordered(place, service, limit))
    assert done.returncode == 2
    assert f"`prefect gcl delete {limit}`" in done.stderr


def test_a_limit_that_is_deleted_in_the_middle(place: Home, service: Service, limit: str, server: str) -> None:
    process = place.begin(*ordered(place, service, limit, paragraphs=200))
    wait_for(lambda: len(service.spoken) > 20, "some requests")
    ask("DELETE", f"{server}/v2/concurrency_limits/{limit}")
    assert process.wait(200) == 2
    asked = len(service.asked)
    assert asked < 200
    # What was spoken is kept, and no more is bought than is missing.
    done = place.run(*ordered(place, service, "", paragraphs=200))
    assert done.returncode == 0, done.stderr
    assert service.billed.total() == len(service.billed) == 201
