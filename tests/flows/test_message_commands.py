"""The commands that messages show outside Prefect's pages, taken from the message and run in a shell.

A real server, pool, worker and Dask cluster, with names that a shell would take apart. What a message shows must do away with
the message.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.services.service import Service

from .conftest import BRISK, KEY, TOP, Prepared, answers, free_port, profile_at, wait_for
from .house import House, kill, open_house

pytestmark = pytest.mark.slow

# What Prefect's server and its clients allow in names of pools and limits; "#" and "&" are refused.
HOSTILE = """night's "pool" $(touch x) `touch y`; (1)"""
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], prepared: Prepared, service: Service
) -> Iterator[House]:
    """A house whose shell finds the programs of this Python, from a folder in which nothing else is."""
    programs = f"{Path(sys.executable).parent}:{environment['PATH']}"
    own = environment | {"PATH": programs, "PYTHONPATH": str(TOP), KEY: service.key}
    with open_house(tmp_path_factory.mktemp("commands") / "house", own, prepared) as house:
        (house.folder / "shell").mkdir()
        (house.folder / "book.md").write_text("# One\n\nThe lamp was lit.\n", "utf-8")
        profile_at(service.url, house.folder)
        yield house
        assert not list((house.folder / "shell").iterdir()), "a part of a name was run"


def commands_in(message: str, program: str) -> list[str]:
    """Return the commands of a program that a message shows between backticks; a name may hold backticks too."""
    return re.findall(rf"`({program} .*?)`(?=[ ,;.)]|$)", message.replace("`touch y`", "\0"))


def restore(command: str) -> str:
    return command.replace("\0", "`touch y`")


def run_in_shell(house: House, command: str, given: str = "") -> None:
    """Run a command to its end; fail unless it succeeds."""
    done = subprocess.run(
        ["/bin/sh", "-c", restore(command)],
        cwd=house.folder / "shell",
        env=house.environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)


@contextmanager
def running_in_shell(house: House, command: str, **environment: str) -> Iterator[None]:
    """Run a command that does not end by itself, until the block ends."""
    log = (house.folder / f"{command.split()[1]}.log").open("wb")
    with log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", restore(command)],
            cwd=house.folder / "shell",
            env=house.environment | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                kill(process)


def narrate(house: House, *settings: str) -> "subprocess.CompletedProcess[str]":
    """Narrate the book with settings, into the house's own store."""
    options = [word for setting in (f"store.url={house.store}", *settings) for word in ("--set", setting)]
    profile = house.folder / "profile.toml"
    return house.run("narrate", house.folder / "book.md", "--profile", profile, "--out", house.folder / "out", *options)


def findings(house: House) -> dict[str, tuple[str, str]]:
    """Return what `declaim doctor` finds, by the names of its checks: the state and the sentence."""
    done = house.run("doctor", "--json", "--set", f"store.url={house.store}")
    return {each["name"]: (each["state"], each["said"]) for each in json.loads(done.stdout)["checks"]}


def only_command(house: House, check: str, program: str) -> str:
    """Return the command that one of doctor's checks shows."""
    (command,) = commands_in(findings(house)[check][1], program)
    return command


def has_state(house: House, check: str, state: str) -> bool:
    return findings(house)[check][0] == state


def test_pool_worker_and_schedule(house: House) -> None:
    house.deploy("--pool", HOSTILE, "--profile", house.folder / "profile.toml")
    with running_in_shell(house, only_command(house, "workers", "prefect worker start")):
        wait_for(partial(has_state, house, "workers", "ok"), "the worker")
        library = house.ask("GET", "deployments/name/library/library")
        house.ask("DELETE", f"deployments/{library['id']}/schedules/{library['schedules'][0]['id']}")
        start = only_command(house, "schedule", "prefect deployment run")
        run_in_shell(house, start)
        wait_for(lambda: house.runs("library"), "the library's run")
        wait_for(lambda: house.runs("library")[0]["state_type"] == "COMPLETED", "the end of the library's run")
    house.ask("PATCH", pool_path(), is_paused=True)
    run_in_shell(house, only_command(house, "workers", "prefect work-pool resume"))
    assert not house.ask("GET", pool_path())["is_paused"]
    house.ask("DELETE", pool_path())
    assert findings(house)["workers"][0] == "fail"
    assert "the work pool of library/library was deleted; deploy again" in findings(house)["workers"][1]


def pool_path() -> str:
    return f"work_pools/{quote(HOSTILE)}"


def limit(house: House) -> dict[str, Any]:
    (found,) = [row for row in house.ask("POST", "v2/concurrency_limits/filter") if row["name"] == HOSTILE]
    return dict(found)


def test_a_shared_limit_is_made_and_made_again(house: House) -> None:
    shared = f'limits.shared="""{HOSTILE}"""'
    missing = narrate(house, shared)
    assert missing.returncode == 2
    (create,) = commands_in(missing.stderr, "prefect gcl")
    run_in_shell(house, create)
    done = narrate(house, shared)
    assert done.returncode == 0, done.stderr
    assert limit(house)["name"] == HOSTILE
    house.ask("PATCH", f"v2/concurrency_limits/{limit(house)['id']}", active=False)
    (house.folder / "book.md").write_text("# One\n\nThe lamp was lit again.\n", "utf-8")
    inactive = narrate(house, shared)
    assert inactive.returncode == 2
    delete, create = commands_in(inactive.stderr, "prefect gcl")
    # Prefect asks whether it may.
    run_in_shell(house, delete, given="y\n")
    run_in_shell(house, create)
    done = narrate(house, shared)
    assert done.returncode == 0, done.stderr


def test_a_dask_cluster_is_started(house: House) -> None:
    port = free_port()
    on_dask = ("run.runner=dask", f"run.address=tcp://127.0.0.1:{port}")
    with ExitStack() as stack:
        absent = narrate(house, *on_dask)
        assert absent.returncode == 2
        (scheduler,) = commands_in(absent.stderr, "dask scheduler")
        stack.enter_context(running_in_shell(house, f"{scheduler} --no-dashboard"))
        wait_for(lambda: "no workers" in narrate(house, *on_dask).stderr, "the scheduler")
        (worker,) = commands_in(narrate(house, *on_dask).stderr, "dask worker")
        # What a worker keeps on disk is in its temporary folder's place, and not in the shell's.
        stack.enter_context(running_in_shell(house, f"{worker} --local-directory {house.folder}"))
        wait_for(lambda: narrate(house, *on_dask).returncode == 0, "the book")
    assert (house.folder / "out" / "report.html").is_file()


def test_a_server_is_started(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setitem(house.environment, "PREFECT_API_URL", url)
    absent = narrate(house)
    assert absent.returncode == 2
    (start,) = commands_in(absent.stderr, "prefect server")
    with running_in_shell(house, start, PREFECT_HOME=str(house.folder / "another")):
        wait_for(lambda: answers(url), "the server")
        done = narrate(house)
    assert done.returncode == 0, done.stderr
