"""Runs that are suspended, resumed and cancelled by the buttons of Prefect's own pages."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.services.service import Service

from .browser import Browser, open_browser
from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, open_house

pytestmark = pytest.mark.slow

PARAGRAPHS = 60
LARGE_BYTES = 300_000
# Slow enough for a page to be opened and a button to be pressed meanwhile; and as fast as the rest may go.
SLOW_SECONDS, FAST_SECONDS = 12.0, 0.2
# How long a suspended run is watched: the five minutes by DECLAIM_SUSPENDED=300.
WATCHED_SECONDS = float(os.environ.get("DECLAIM_SUSPENDED", "20"))
# The page proposes five minutes, after which the server fails the run.
TIMEOUT_SECONDS = "3600"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(latency_seconds=SLOW_SECONDS, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def founded(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], prepared: Prepared, service: Service
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house") / "house"
    with open_house(folder, environment | {KEY: service.key}, prepared) as house:
        house.deploy("--profile", profile_at(service.url, house.folder, concurrency=4), "--at-once", "2")
        yield house


@pytest.fixture
def house(founded: House, service: Service) -> House:
    founded.clear()
    service.forget()
    founded.worker("editor", limit=4)
    return founded


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def write_book(folder: Path, name: str, *, is_large: bool = False) -> Path:
    """Write a book; a library leaves one to a worker whose manuscript is large."""
    path = folder / f"{name}.md"
    days = [f"In {name} there is day {day}." for day in range(PARAGRAPHS)]
    comment = [f"<!-- {'x' * LARGE_BYTES} -->"] if is_large else []
    path.write_text("\n\n".join([f"# {name}", *days, *comment]), "utf-8")
    return path


def press(browser: Browser, house: House, run: str, button: str) -> None:
    """Press a button of a run's page, and confirm it."""
    browser.go(f"{house.url.removesuffix('/api')}/runs/flow-run/{run}")
    wait_for(partial(browser.press, button), f"the button {button}", 60)
    wait_for(
        lambda: browser.evaluate("!!document.querySelector('.p-modal__footer button')"), f"the dialog of {button}", 60
    )
    if button == "Suspend":
        browser.evaluate("document.querySelector('.p-modal input').select()")
        browser.write("document.querySelector('.p-modal input')", TIMEOUT_SECONDS)
    browser.evaluate("document.querySelector('.p-modal__footer button').click()")


def leave_page(browser: Browser) -> None:
    """Leave a run's page: as long as it is open, it asks the server and draws."""
    browser.go("about:blank")


def resume(browser: Browser, house: House, run: str) -> None:
    """Resume a run, and leave its page; on a busy machine the dialog may not be ready for the first press, as a person sees."""
    for _ in range(3):
        press(browser, house, run, "Resume")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if house.state(run) != "PAUSED":
                leave_page(browser)
                return
            time.sleep(1)


def seconds_until_silent(service: Service, since: float) -> float:
    """Wait until no request has come for ten seconds; return how long after `since` the last one came."""

    def is_silent() -> bool:
        return time.monotonic() - max(since, *(request.at for request in service.asked)) > 10

    wait_for(is_silent, "the end of the requests")
    return max(0.0, *(request.at - since for request in service.asked))


def watch(house: House, run: str, state: str) -> None:
    """See that a run keeps its state, and that no heartbeat of it is the last thing that the server heard."""
    end = time.monotonic() + WATCHED_SECONDS
    while time.monotonic() < end:
        assert house.state(run) == state
        time.sleep(1)
    assert events_of(house, run)[0] == ("declaim.run.suspended" if state == "PAUSED" else "prefect.flow-run.Cancelled")


def events_of(house: House, run: str) -> list[str]:
    """Return the names of a run's events, the last first."""
    of_run = {"resource": {"id": [f"prefect.flow-run.{run}"]}, "order": "DESC"}
    return [event["event"] for event in house.ask("POST", "events/filter", filter=of_run)["events"]]


def bought_twice(service: Service) -> int:
    return service.billed.total() - len(service.billed)


def test_a_suspended_book_stops_keeps_its_state_and_is_resumed(
    house: House, browser: Browser, service: Service
) -> None:
    run = house.begin("narrate/narrate", source=str(write_book(house.folder, "Anna")))
    wait_for(lambda: service.billed.total() > 2, "some requests")
    press(browser, house, run, "Suspend")
    wait_for(lambda: house.state(run) == "PAUSED", "the state")
    leave_page(browser)
    print(f"book: the last request {seconds_until_silent(service, time.monotonic()):.1f} s after")  # noqa: T201  # for -s
    assert len(service.billed) < PARAGRAPHS
    watch(house, run, "PAUSED")
    (summary,) = house.artifacts(run, "markdown")
    assert "resume" in summary["data"]
    service.behave(latency_seconds=FAST_SECONDS)
    resume(browser, house, run)
    wait_for(lambda: house.state(run) == "COMPLETED", "the end of the resumed run", 480)
    assert len(service.billed) == PARAGRAPHS + 1
    assert bought_twice(service) == 0


@pytest.mark.parametrize("deployment", ["narrate/narrate", ""], ids=["by workers", "in its own process"])
def test_a_suspended_library_stops_its_books_and_is_resumed(
    house: House, browser: Browser, service: Service, deployment: str
) -> None:
    for name in ("Bela", "Cleo"):
        write_book(house.inbox, name, is_large=bool(deployment))
    run = house.begin("library/library", deployment=deployment, settle_seconds=0.5)
    wait_for(lambda: all(any(name in text for text in service.spoken) for name in ("Bela", "Cleo")), "both books")
    press(browser, house, run, "Suspend")
    wait_for(lambda: house.state(run) == "PAUSED", "the state")
    leave_page(browser)
    print(f"library: the last request {seconds_until_silent(service, time.monotonic()):.1f} s after")  # noqa: T201  # for -s
    assert len(service.billed) < 2 * PARAGRAPHS
    watch(house, run, "PAUSED")
    assert {each["state_type"] for each in house.runs("narrate")} == {"PAUSED" if deployment else "CANCELLED"}
    service.behave(latency_seconds=FAST_SECONDS)
    resume(browser, house, run)
    wait_for(lambda: house.state(run) == "COMPLETED", "the end of the resumed library", 480)
    assert {name: entry["state"] for name, entry in house.ledger().items()} == {"bela": "done", "cleo": "done"}
    assert len(service.billed) == 2 * (PARAGRAPHS + 1)
    assert bought_twice(service) == 0


def test_a_cancelled_library_stops(house: House, browser: Browser, service: Service) -> None:
    for name in ("Dora", "Emil"):
        write_book(house.inbox, name)
    run = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: all(any(name in text for text in service.spoken) for name in ("Dora", "Emil")), "both books")
    press(browser, house, run, "Cancel")
    wait_for(lambda: house.state(run) in {"CANCELLING", "CANCELLED"}, "the cancellation")
    leave_page(browser)
    print(f"cancelled: the last request {seconds_until_silent(service, time.monotonic()):.1f} s after")  # noqa: T201  # for -s
    wait_for(lambda: house.state(run) == "CANCELLED", "the state Cancelled")
    watch(house, run, "CANCELLED")
    assert {each["state_type"] for each in house.runs("narrate")} == {"CANCELLED"}
    assert {entry["state"] for entry in house.ledger().values()} == {"stopped"}
