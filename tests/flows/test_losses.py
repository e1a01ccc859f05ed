"""Nothing lost, nothing bought twice: runs that are killed, faults, damaged clips, stores that are shared.

Short by default. The long run, 20 kills in each test, takes ten minutes and tells its figures:

    DECLAIM_KILLS=20 python -m pytest tests/flows/test_losses.py -k killed -o log_cli=true -o log_cli_level=INFO
"""

import logging
import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.services.service import Service

from .conftest import BRISK, KEY, Home, profile_at
from .forks import Fork

KILLS = int(os.environ.get("DECLAIM_KILLS", "3"))
IN_FLIGHT = 8
FAULTS = {"429": 0.1, "500": 0.05, "cut_stream": 0.03, "dropped": 0.02, "html": 0.02, "silent": 0.02, "short": 0.01}
PATIENCE_SECONDS = 300


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(latency_seconds=0.15, seconds_per_character=BRISK) as service:
        yield service


def at(folder: Path, home: Home, service: Service) -> Home:
    """A place of its own in a folder."""
    folder.mkdir()
    return replace(home, folder=folder, environment=home.environment | {KEY: service.key})


def narrating(source: Path, service: Service, folder: Path) -> tuple[str | Path, ...]:
    """The command that has a manuscript spoken by the service; its profile is put into a folder."""
    return ("narrate", source, "--profile", profile_at(service.url, folder, concurrency=IN_FLIGHT))


def chapters(names: list[str], paragraphs: int) -> str:
    """Write a manuscript with a chapter for each name; the words of a chapter are its name's alone."""
    lines = ["---", f"title: {' and '.join(names)}", "---"]
    for name in names:
        lines += [f"# {name}", *(f"Here {name} tells of day {day}." for day in range(paragraphs))]
    return "\n\n".join(lines)


@pytest.mark.parametrize("faults", [{}, pytest.param(FAULTS, marks=pytest.mark.slow)], ids=["well", "with faults"])
def test_killed_at_random_moments_it_ends_as_if_undisturbed(
    faults: dict[str, float], service: Service, home: Home, tmp_path: Path
) -> None:
    calm, rough = at(tmp_path / "calm", home, service), at(tmp_path / "rough", home, service)
    source = tmp_path / "book.md"
    source.write_text(chapters(["Anna", "Bela", "Cleo"], 8 * KILLS), "utf-8")
    command = narrating(source, service, tmp_path)
    begun = time.monotonic()
    done = calm.run(*command, "--out", calm.out)
    lasts = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    chunks = len(service.asked)
    service.behave(faults=faults, retry_after="seconds", retry_after_seconds=0.1)
    before = len(service.asked)
    chance = random.Random(4)  # noqa: S311  # the same moments each time
    killed = runs = 0
    while killed < KILLS and runs < 3 * KILLS:
        # Most often in the midst of its requests, as long as there are some to make.
        is_counted = chance.random() < 0.7 and len(service.asked) - before < chunks - 3 * IN_FLIGHT
        requests, seconds = (chance.randint(1, 18), lasts) if is_counted else (math.inf, chance.uniform(0, lasts / 3))
        killed += _killed(rough.begin(*command, "--out", rough.out), service, requests, seconds)
        runs += 1
    # Where sets are ordered otherwise than in the runs before.
    done = rough.run_afresh(*command, "--out", rough.out)
    assert done.returncode == 0, done.stderr
    assert rough.mastered() == calm.mastered()
    assert len(rough.mastered()) == 3
    # A kill may take what was in flight, and nothing else is bought twice.
    asked = [seen for seen in service.asked[before:] if not seen.fault]
    assert killed == KILLS
    assert len(asked) <= chunks + killed * IN_FLIGHT
    assert sorted(path.name for path in (rough.out / "mp3").iterdir()) == sorted(
        path.name for path in (calm.out / "mp3").iterdir()
    )
    logging.getLogger(__name__).info("%d chunks, %d kills, %d requests beyond", chunks, killed, len(asked) - chunks)


def _killed(process: Fork, service: Service, requests: float, seconds: float) -> bool:
    """Kill a run after so many requests, or so many seconds; False where it has ended before."""
    requests, moment = len(service.asked) + requests, time.monotonic() + seconds
    while process.poll() is None and len(service.asked) < requests and time.monotonic() < moment:
        time.sleep(0.02)
    if process.poll() is not None:
        return False
    process.kill()
    process.wait()
    return True


@pytest.mark.slow
def test_two_books_that_share_half_their_text_buy_it_once(service: Service, home: Home, tmp_path: Path) -> None:
    place = at(tmp_path / "place", home, service)
    service.behave(latency_seconds=0.4)
    runs = []
    for name in ("Anna", "Bela"):
        source = tmp_path / f"{name}.md"
        source.write_text(chapters([name, "Cleo"], 20), "utf-8")
        runs.append(place.begin(*narrating(source, service, tmp_path), "--out", tmp_path / name))
    assert [run.wait(PATIENCE_SECONDS) for run in runs] == [0, 0]
    assert set(service.billed.values()) == {1}
    assert len(service.billed) == 3 * (20 + 1)
    for name in ("Anna", "Bela"):
        assert len(list((tmp_path / name / "mp3").iterdir())) == 2
    assert not [path for path in (place.store / "leases").rglob("*") if path.is_file()]


def test_damaged_clips_are_found_reported_and_spoken_again(service: Service, home: Home, tmp_path: Path) -> None:
    place = at(tmp_path / "place", home, service)
    source = tmp_path / "Dora.md"
    source.write_text(chapters(["Dora"], 60), "utf-8")
    command = (*narrating(source, service, tmp_path), "--out", place.out)
    assert place.run(*command).returncode == 0
    mastered = place.mastered()
    choice = random.Random(5)  # noqa: S311  # the same clips each time
    damaged = choice.sample(sorted(place.store.glob("clips/*/*.wav")), 50)
    for path in damaged:
        content = bytearray(path.read_bytes())
        content[choice.randrange(len(content))] ^= 1 << choice.randrange(8)
        path.write_bytes(content)
    service.seen.clear()
    done = place.run(*command)
    assert done.returncode == 0, done.stderr
    assert len(service.asked) == 50
    assert place.document("manifest.json")["totals"]["damaged"] == 50
    assert place.mastered() == mastered
