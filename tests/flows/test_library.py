"""A library of manuscripts in one process: what is taken, in which order, what is left alone, and what a fault costs others."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.services.service import Service

from .conftest import BRISK, KEY, Home, ask, profile_at, wait_for


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home, service: Service) -> Home:
    (home.folder / "inbox").mkdir()
    return replace(home, environment=home.environment | {KEY: service.key})


def put(place: Home, name: str, words: str, side: str = "") -> Path:
    """Put a manuscript of a few words into the inbox, and its side file."""
    path = place.folder / "inbox" / f"{name}.md"
    path.write_text(f"# {name}\n\n{words}\n", "utf-8")
    if side:
        path.with_suffix(".toml").write_text(side, "utf-8")
    return path


def ordered(place: Home, service: Service, *options: str) -> list[str]:
    """The command that narrates the inbox by the service of the tests."""
    profile = profile_at(service.url, place.folder, concurrency=1, attempts=1)
    inbox = str(place.folder / "inbox")
    return ["library", inbox, "--out", str(place.out), "--profile", str(profile), "--settle", "0.2", *options]


def ledger(place: Home) -> dict[str, dict[str, Any]]:
    books: dict[str, dict[str, Any]] = place.document("ledger.json")["books"]
    return books


def states(place: Home) -> dict[str, str]:
    return {name: entry["state"] for name, entry in ledger(place).items()}


def test_what_is_new_or_changed_is_narrated_and_nothing_else(place: Home, service: Service) -> None:
    put(place, "Low", "Low tide comes.")
    put(place, "High", "High tide comes.", 'priority = 5\n[metadata]\ntitle = "The Flood"\nauthors = ["Anna"]\n')
    before = {path: path.read_bytes() for path in (place.folder / "inbox").iterdir()}
    done = place.run(*ordered(place, service, "--json"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["books"] == {"high": "done", "low": "done"}
    # The higher priority comes first, though its name comes second.
    assert service.spoken.index("High tide comes.") < service.spoken.index("Low tide comes.")
    book = json.loads((place.out / "high" / "manifest.json").read_text("utf-8"))["book"]
    assert (book["title"], book["authors"]) == ("The Flood", ["Anna"])
    assert before == {path: path.read_bytes() for path in (place.folder / "inbox").iterdir()}
    first = ledger(place)
    assert (first["high"]["title"], first["high"]["folder"]) == ("The Flood", str(place.out / "high"))

    put(place, "Low", "Low tide comes. It goes.")
    asked = len(service.asked)
    assert place.run(*ordered(place, service)).returncode == 0
    assert [seen.text for seen in service.asked[asked:]] == ["Low tide comes. It goes."]
    assert ledger(place)["high"] == first["high"]
    done = place.run(*ordered(place, service))
    assert (done.returncode, done.stdout) == (0, f"{place.out}: nothing in the inbox is new\n")


def test_a_bad_manuscript_fails_alone_and_is_not_tried_again_until_it_changes(place: Home, service: Service) -> None:
    put(place, "good", "A good word.")
    bad = put(place, "bad", "").with_suffix(".epub")
    bad.with_suffix(".md").unlink()
    bad.write_bytes(b"no EPUB at all")
    put(place, "key", "A word.", "prioriti = 1")
    put(place, "section", "A word.", "[limits]\nconcurrencyy = 1")
    done = place.run(*ordered(place, service))
    assert done.returncode == 5
    assert "of 4 books 3 are not done (bad, key, section)" in done.stderr
    assert states(place) == {"good": "done", "bad": "failed", "key": "failed", "section": "failed"}
    said = {name: entry["error"] for name, entry in ledger(place).items()}
    assert "this is no whole EPUB" in said["bad"]
    assert "key.toml: prioriti: there is no such key" in said["key"]
    assert "section.toml: " in said["section"]
    assert "limits.concurrencyy: no side file may set this" in said["section"]

    assert place.run(*ordered(place, service)).returncode == 0
    put(place, "key", "A word.", "priority = 1")
    done = place.run(*ordered(place, service))
    assert done.returncode == 0, done.stderr
    assert states(place)["key"] == "done"


@pytest.mark.slow
def test_books_side_by_side_keep_one_pace(place: Home, service: Service) -> None:
    for name in ("one", "two", "three"):
        put(place, name, "\n\n".join(f"In {name} there is day {day}." for day in range(4)))
    service.behave(latency_seconds=0.2)
    assert place.run(*ordered(place, service, "--at-once", "3")).returncode == 0
    assert service.most_in_flight == 1


def test_a_book_that_the_budget_does_not_pay_for_is_not_begun(place: Home, service: Service) -> None:
    price = ("--set", "voice.price_per_1000_characters=1", "--budget", "0.15")
    put(place, "long", "word " * 60, "priority = 1")
    put(place, "short", "word " * 20)
    done = place.run(*ordered(place, service, *price))
    assert done.returncode == 5
    assert states(place) == {"long": "stopped", "short": "done"}
    assert "of the library's $0.15 there is $0.15 left" in ledger(place)["long"]["error"]
    assert all("word " * 30 not in seen.text for seen in service.asked)
    assert ledger(place)["short"]["usd"] == pytest.approx(0.103, abs=0.01)


@pytest.mark.slow
def test_interrupted_it_goes_on_from_there(place: Home, service: Service, server: str) -> None:
    for name in ("one", "two", "three"):
        put(place, name, "\n\n".join(f"In {name} there is day {day}." for day in range(8)))
    service.behave(latency_seconds=0.3)
    process = place.begin(*ordered(place, service, "--at-once", "2"))
    wait_for(lambda: len(service.spoken) > 3, "some chunks")
    process.send_signal(signal.SIGTERM)
    assert process.wait(200) == 130
    assert set(states(place).values()) <= {"running", "stopped", "done"}
    runs = ask("POST", f"{server}/flow_runs/filter", sort="START_TIME_DESC")
    mine = [run for run in runs if str(place.folder) in json.dumps(run["parameters"])]
    assert {run["state_type"] for run in mine} == {"CANCELLED"}
    assert place.run(*ordered(place, service)).returncode == 0
    assert set(states(place).values()) == {"done"}
    assert service.billed.total() == len(service.billed)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "there is no such inbox"), ("{", "the ledger cannot be read")], ids=["inbox", "ledger"]
)
def test_what_a_library_needs(content: str | None, said: str, place: Home, service: Service) -> None:
    if content is None:
        (place.folder / "inbox").rmdir()
    else:
        place.out.mkdir()
        (place.out / "ledger.json").write_text(content, "utf-8")
    done = place.run(*ordered(place, service))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_deployment_that_there_is_not(place: Home, service: Service) -> None:
    put(place, "one", "A word.")
    done = place.run(*ordered(place, service, "--deployment", "narrate/nowhere"))
    assert done.returncode == 2
    assert "there is no deployment narrate/nowhere on the Prefect server" in done.stderr
    assert len(done.stderr.splitlines()) == 1
