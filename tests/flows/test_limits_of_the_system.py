"""A system at its limit of open files: one clear line, and nothing that was bought is lost."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.services.service import Service

from .conftest import BRISK, KEY, TOP, Home, profile_at, wait_for

AT_ONCE = 48
CHUNKS = 3 * 61


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(latency_seconds=0.5, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home, service: Service) -> Home:
    return replace(home, environment=home.environment | {KEY: service.key})


@pytest.fixture
def command(place: Home, service: Service) -> tuple[str | Path, ...]:
    """The narration of a book of three chapters, many chunks at once."""
    source = place.folder / "book.md"
    lines = ["---", "title: Three Winds", "---"]
    for name in ("North", "East", "West"):
        lines += [f"# {name}", *(f"{name} wind, day {day}." for day in range(60))]
    source.write_text("\n\n".join(lines), "utf-8")
    profile = profile_at(service.url, place.folder, concurrency=AT_ONCE)
    return ("narrate", source, "--profile", profile, "--out", place.out)


def files(allowed: int, most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


@pytest.mark.parametrize("most", [40, 100])
def test_a_limit_that_is_too_low_is_said_before_any_request(
    most: int, service: Service, place: Home, command: tuple[str | Path, ...]
) -> None:
    done = place.run_afresh(*command, limit=files(most, most))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "[limits] concurrency" in line
    assert f"open files, and the system allows {most}; raise that (ulimit -n " in line
    assert service.seen == []
    assert not place.out.exists()


@pytest.mark.slow
def test_a_limit_of_the_process_alone_is_raised(service: Service, place: Home, command: tuple[str | Path, ...]) -> None:
    done = place.run_afresh(*command, limit=files(40, 1024))
    assert done.returncode == 0, done.stderr
    assert service.most_in_flight == AT_ONCE
    assert service.billed.total() == len(place.clips()) == CHUNKS


# Takes every file that the process may open, for as long as a mark is there, and says so; neither opens one.
GREEDY = """
import os, sys, threading, time
from flows import cli

def take(mark, taken):
    while not os.path.exists(mark):
        time.sleep(0.01)
    while os.path.exists(mark):
        try:
            taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            os.makedirs(mark + "-full", exist_ok=True)
            time.sleep(0.01)
    for file in taken:
        os.close(file)

threading.Thread(target=take, args=(sys.argv.pop(1), []), daemon=True).start()
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_what_is_bought_is_kept_where_no_file_can_be_opened(
    service: Service, place: Home, command: tuple[str | Path, ...]
) -> None:
    mark = place.folder / "mark"
    service.behave(latency_seconds=1)
    process = subprocess.Popen(
        [sys.executable, "-c", GREEDY, str(mark), *place.arguments(*command)],
        cwd=TOP,
        env=place.environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=files(400, 400),  # noqa: PLW1509  # as in all tests that give a limit
    )
    try:
        wait_for(lambda: len(service.spoken) > AT_ONCE, "speech")
        mark.touch()
        wait_for(place.folder.joinpath("mark-full").exists, "the limit")
        wait_for(lambda: len(service.spoken) == len(service.asked), "the end of what was in flight")
        mark.unlink()
        _, said = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 2, said
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("declaim: ")]
    assert "Too many open files" in line
    assert "raise the limit (ulimit -n) or lower [limits] concurrency" in line
    assert service.billed.total() == len(place.clips()) < CHUNKS
    done = place.run(*command)
    assert done.returncode == 0, done.stderr
    assert set(service.billed.values()) == {1}
    assert len(place.clips()) == CHUNKS
