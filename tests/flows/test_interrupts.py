"""Interrupts, as a person, a supervisor and Prefect make them: what is in flight is kept, and the run says so."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import skip_reasons
from tests.services.service import Service

from .conftest import BRISK, KEY, SAMPLE, TOP, Home, ask, wait_for
from .forks import Fork

AT_ONCE = 8
# Far above the ten seconds that an interrupt gives, far below what a request may take.
PATIENCE_SECONDS = 200
PROFILE = f"""
[voice]
provider = "openai"
model = "tts-1"
name = "coral"
base_url = "URL/v1"
api_key_env = "{KEY}"
[text]
unit = "sentence"
[limits]
concurrency = {AT_ONCE}
request_timeout_seconds = 300
first_byte_timeout_seconds = 300
[output]
editions = ["mp3"]
"""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(latency_seconds=1, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home, service: Service) -> Home:
    return replace(home, environment=home.environment | {KEY: service.key})


@pytest.fixture
def profile(place: Home, service: Service) -> tuple[str, str]:
    path = place.folder / "profile.toml"
    path.write_text(PROFILE.replace("URL", service.url), "utf-8")
    return "--profile", str(path)


def begun(place: Home, *more: str) -> Fork:
    """Begin a narration that is heard."""
    return place.begin("narrate", SAMPLE, "--out", place.out, *more, is_heard=True)


def ended(process: Fork | subprocess.Popen[str]) -> str:
    """Wait for the end of a narration that was interrupted; returns the one line that it says of it."""
    try:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if ": spoken (" not in line]
    assert len(lines) == 1, said
    assert lines[0].startswith("declaim: interrupted; ")
    assert "run the command again" in lines[0]
    return lines[0]


def run_of(place: Home, server: str) -> dict[str, Any]:
    """Find what Prefect knows of the last narration of a place."""
    runs = ask("POST", f"{server}/flow_runs/filter", sort="START_TIME_DESC")
    run: dict[str, Any] = next(run for run in runs if run["parameters"].get("out") == str(place.out))
    return run


def assert_cancelled(place: Home, server: str) -> None:
    """Prefect shows the run as cancelled, and none of its chapters as running for ever."""
    run = run_of(place, server)
    assert (run["state_type"], run["name"]) == ("CANCELLED", "Tuppence a Window")
    chosen = {"flow_runs": {"id": {"any_": [run["id"]]}}}

    def none_is_running() -> bool:
        tasks = ask("POST", f"{server}/task_runs/filter", **chosen)
        return not {task["state_type"] for task in tasks} & {"RUNNING", "PENDING", "SCHEDULED"}

    wait_for(none_is_running, "the end of all task runs")


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_what_is_in_flight_is_kept(
    number: signal.Signals, service: Service, place: Home, profile: tuple[str, str], server: str
) -> None:
    process = begun(place, *profile)
    wait_for(lambda: len(service.spoken) > AT_ONCE and len(service.asked) - len(service.spoken) == AT_ONCE, "requests")
    asked = len(service.asked)
    process.send_signal(number)
    line = ended(process)
    assert len(service.asked) <= asked + AT_ONCE
    assert service.billed.total() == len(service.asked) == len(service.spoken) == len(place.clips())
    totals = json.loads(place.run("plan", SAMPLE, *profile, "--json").stdout)["totals"]
    assert f"; {totals['cached_chunks']} of {totals['chunks']} chunks are spoken" in line
    assert not place.out.exists()
    assert_cancelled(place, server)
    # Run again, the narration comes to its end, and nothing is bought twice.
    service.behave(latency_seconds=0)
    done = place.run("narrate", SAMPLE, *profile, "--out", place.out)
    assert done.returncode == 0, done.stderr
    assert set(service.billed.values()) == {1}
    assert len(place.clips()) == len(service.billed)


@pytest.mark.skipif(sys.platform != "linux", reason=f"{skip_reasons.LINUX}: /proc has a process's environment")
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
@pytest.mark.slow
def test_a_signal_to_the_whole_group_spares_what_is_needed_to_the_last(
    number: signal.Signals, service: Service, place: Home, profile: tuple[str, str], server: str
) -> None:
    """As a terminal and a supervisor send it: to Prefect's own server and to decoders too, which are needed still."""
    mark = f"DECLAIM_TEST_MARK={place.folder}"
    alone = replace(place, environment=place.environment | {"PREFECT_API_URL": "", **dict([mark.split("=")])})
    more = ("--set", "voice.options.response_format=mp3")
    # A fresh process: a fork's environment is not where others look for it.
    process = subprocess.Popen(
        alone.command("narrate", SAMPLE, "--out", alone.out, *profile, *more),
        cwd=TOP,
        env=alone.environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: len(service.spoken) > AT_ONCE and len(service.asked) - len(service.spoken) == AT_ONCE, "requests")
    # The command, Prefect's server; there may be more.
    assert len(_marked(mark)) >= 2
    os.killpg(process.pid, number)
    ended(process)
    assert len(service.asked) == len(service.spoken) == len(place.clips())
    # The server of the tests and that of the run have one database.
    assert_cancelled(place, server)
    wait_for(lambda: not _marked(mark), "the end of all processes")


def _marked(mark: str) -> list[int]:
    """Find the processes with a mark in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and mark.encode() in process.joinpath("environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.slow
def test_what_never_answers_is_given_up(
    signals: int, service: Service, place: Home, profile: tuple[str, str], server: str
) -> None:
    service.behave(latency_seconds=0, script=[*[""] * AT_ONCE, *["stalled"] * AT_ONCE])
    process = begun(place, *profile)
    wait_for(lambda: sum(seen.fault == "stalled" for seen in service.asked) == AT_ONCE, "requests without an answer")
    wait_for(lambda: len(place.clips()) == AT_ONCE, "the clips of the others")
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        # Two signals that are waiting at the same time are one.
        wait_for(lambda: signal.SIGINT not in _pending(process.pid), "the taking of the signal")
    ended(process)
    assert len(service.asked) == 2 * AT_ONCE
    assert len(place.clips()) == AT_ONCE
    assert_cancelled(place, server)


def _pending(process: int) -> set[int]:
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
    except FileNotFoundError:
        return set()
    masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
    return {number for number in signal.Signals for mask in masks if mask >> (number - 1) & 1}


def test_an_attempt_that_waits_for_its_time_is_given_up(
    service: Service, place: Home, profile: tuple[str, str], server: str
) -> None:
    service.behave(latency_seconds=0, faults={"500": 1.0})
    service.behave(script=[""])
    process = begun(place, *profile, "--set", "limits.attempts=100")
    wait_for(lambda: len(service.asked) > 6 * AT_ONCE, "attempts")
    process.send_signal(signal.SIGTERM)
    ended(process)
    assert_cancelled(place, server)


@pytest.mark.parametrize("state", ["CANCELLING", pytest.param("CANCELLED", marks=pytest.mark.slow)])
def test_cancelled_in_prefect(state: str, service: Service, place: Home, profile: tuple[str, str], server: str) -> None:
    service.behave(latency_seconds=3)
    process = begun(place, *profile)
    wait_for(lambda: len(service.asked) > 1, "requests of the run")
    url = f"{server}/flow_runs/{run_of(place, server)['id']}/set_state"
    ask("POST", url, state={"type": state})
    ended(process)
    assert len(service.asked) == len(service.spoken) == len(place.clips())
    assert_cancelled(place, server)


def test_the_first_request_is_kept(service: Service, place: Home, profile: tuple[str, str]) -> None:
    process = begun(place, *profile)
    wait_for(lambda: service.asked, "the first request")
    process.send_signal(signal.SIGTERM)
    assert "1 of " in ended(process)
    assert len(service.asked) == len(place.clips()) == 1


def test_before_the_run_has_begun(service: Service, place: Home, profile: tuple[str, str]) -> None:
    service.behave(script=["stalled"])
    process = begun(place, *profile)
    wait_for(lambda: service.asked, "the first request")
    process.send_signal(signal.SIGTERM)
    ended(process)
    assert len(service.asked) == 1


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_when_all_is_done_a_signal_does_not_make_it_look_undone(
    number: signal.Signals, service: Service, place: Home, profile: tuple[str, str]
) -> None:
    service.behave(latency_seconds=0)
    process = begun(place, "--chapters", "1", *profile)
    assert process.stdout is not None
    try:
        # Its last word; Prefect still has to end.
        assert process.stdout.readline() == f"{place.out}\n"
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.voice
def test_no_worker_process_is_left_behind(home: Home, server: str) -> None:
    process = begun(home)
    wait_for(home.clips, "a clip")
    workers = _children(process.pid)
    assert len(workers) >= 2
    process.send_signal(signal.SIGINT)
    ended(process)
    wait_for(lambda: not any(map(psutil.pid_exists, workers)), "the end of the worker processes")
    assert not [path for path in home.store.rglob("*") if path.name.endswith(".part")]
    assert_cancelled(home, server)


def _children(parent: int) -> list[int]:
    return [child.pid for child in psutil.Process(parent).children()]


@pytest.mark.parametrize("command", ["plan", "voices"])
def test_commands_that_need_no_run(command: str, home: Home) -> None:
    """A signal that comes while the manuscript is read, or the voices are: the process sends it to itself there."""
    target = {"plan": "make_plan", "voices": "provider"}[command]
    code = (
        f"import signal, sys; from flows import cli, {command}_command; "
        f"{command}_command.{target} = lambda *_: signal.raise_signal(signal.SIGTERM); "
        f"sys.exit(cli.main({[command, *([str(SAMPLE)] if command == 'plan' else [])]!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=SAMPLE.parents[1],
        env=home.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    (line,) = done.stderr.splitlines()
    assert line.startswith("declaim: interrupted; ")
