"""A store in S3, over HTTP: machines that share it buy each clip once, and one that is away for a while loses nothing.

The store is away for three seconds. For a minute, as the figure in RESULTS.md was made:

    DECLAIM_AWAY_SECONDS=60 python -m pytest tests/flows/test_remote_store.py
"""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Line
from tests.services.service import Service

from .conftest import BRISK, KEY, SAMPLE, Home, profile_at, wait_for

URL = "s3://books/declaim"
AWAY_SECONDS = float(os.environ.get("DECLAIM_AWAY_SECONDS", "3"))
PATIENCE_SECONDS = 300


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(latency_seconds=0.2, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def profile(tmp_path: Path, service: Service) -> Path:
    return profile_at(service.url, tmp_path, concurrency=4)


def machine(name: str, home: Home, service: Service, s3: dict[str, str]) -> Home:
    """A machine of its own: no folder here is another's."""
    folder = home.folder / name
    folder.mkdir()
    own = {KEY: service.key, "XDG_CACHE_HOME": str(folder / "cache")}
    return replace(home, folder=folder, environment=home.environment | s3 | own, url=URL)


@pytest.mark.slow
def test_what_one_machine_has_bought_no_other_buys(
    service: Service, profile: Path, home: Home, s3: dict[str, str]
) -> None:
    anna, bela = machine("anna", home, service, s3), machine("bela", home, service, s3)
    command = ("narrate", SAMPLE, "--profile", profile, "--out")
    runs = [place.begin(*command, place.out) for place in (anna, bela)]
    assert [run.wait(PATIENCE_SECONDS) for run in runs] == [0, 0]
    assert set(service.billed.values()) == {1}
    totals = [place.document("manifest.json")["totals"] for place in (anna, bela)]
    assert sum(total["requests"] for total in totals) == len(service.asked)
    assert {path.name for path in (anna.out / "mp3").iterdir()} == {path.name for path in (bela.out / "mp3").iterdir()}
    # A third one has only to fetch, and is told so before.
    cleo = machine("cleo", home, service, s3)
    planned = json.loads(cleo.run("plan", SAMPLE, "--profile", profile, "--json").stdout)["totals"]
    assert planned["cached_chunks"] == planned["chunks"] == len(service.billed)
    done = cleo.run(*command, cleo.out)
    assert done.returncode == 0, done.stderr
    assert set(service.billed.values()) == {1}
    stats = json.loads(cleo.run("store", "stats", "--profile", profile, "--json").stdout)
    assert (stats["store"], stats["clips"]) == (URL, len(service.billed))
    verified = cleo.run("store", "verify", "--profile", profile)
    assert (verified.returncode, verified.stdout) == (0, f"{URL}: {stats['clips']} clips, 0 damaged\n")


@pytest.mark.slow
def test_a_store_that_goes_away_for_a_while_loses_nothing(
    service: Service, profile: Path, home: Home, s3: dict[str, str], line: Line
) -> None:
    place = machine("anna", home, service, s3)
    run = place.begin("narrate", SAMPLE, "--profile", profile, "--out", place.out)
    wait_for(lambda: len(service.asked) > 8, "the ninth request")
    line.cut()
    back = threading.Timer(AWAY_SECONDS, line.mend)
    back.start()
    assert run.wait(PATIENCE_SECONDS) == 0
    back.join()
    assert set(service.billed.values()) == {1}
    assert len(list((place.out / "mp3").iterdir())) == 3


@pytest.mark.slow
def test_a_store_that_stays_away_is_told_and_the_next_run_goes_on(
    service: Service, profile: Path, home: Home, s3: dict[str, str], line: Line
) -> None:
    place = machine("anna", home, service, s3)
    command = ("narrate", SAMPLE, "--profile", profile, "--out", place.out)
    line.cut()
    done = place.run(*command)
    assert done.returncode == 2
    assert done.stderr.startswith(f"declaim: [store] url: {URL} cannot be reached (")
    assert done.stderr.count("\n") == 1
    assert not service.asked
    line.mend()
    assert place.run(*command).returncode == 0
