"""The README's commands for every night, as a publisher types them: by themselves they must bring an edition.

Nothing here asks the server's API to begin a run: the scheduler makes it, a worker takes it.

On SQLite; on PostgreSQL with a server of it that is empty and may be used:

    initdb -D /tmp/postgres && postgres -D /tmp/postgres -k /tmp -p 5499 &
    DECLAIM_POSTGRES=postgresql+asyncpg://$USER@localhost:5499/postgres python -m pytest tests/flows/test_schedule.py
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .conftest import answers, free_port, wait_for
from .house import kill

TOP = Path(__file__).parents[2]
HEADING = "### Every night, watched in Prefect's pages"
# The schedule's minute, and two for a machine that is busy.
PATIENCE_SECONDS = 180


def nightly_commands() -> list[str]:
    """Return the lines of the README's first block below the heading, without their comments."""
    text = (TOP / "README.md").read_text("utf-8").partition(HEADING)[2]
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert block, f"README.md has no commands below {HEADING!r}"
    return [line.partition("  #")[0].strip() for line in block[1].splitlines()]


@contextmanager
def in_background(command: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a line of the README for the time of the block."""
    with (folder / "processes.log").open("ab") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            kill(process)


@pytest.fixture
def machine(tmp_path: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of a machine on which Declaim has never run, with `declaim` and `prefect` on its path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    own = {"PATH": path, "PREFECT_HOME": str(tmp_path / "prefect"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    if url := os.environ.get("DECLAIM_POSTGRES"):
        own["PREFECT_API_DATABASE_CONNECTION_URL"] = url
    return environment | own


def test_the_commands_of_the_readme_bring_an_edition(tmp_path: Path, machine: dict[str, str]) -> None:
    start_server, export, deploy, start_worker, _run_now = nightly_commands()
    port = str(free_port())
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a-short-story.md").write_text("# One\n\nIt was late.\n", "utf-8")
    with ExitStack() as stack:
        stack.enter_context(in_background(f"{start_server} --port {port}", tmp_path, machine))
        name, _, url = export.removeprefix("export ").partition("=")
        url = url.replace("4200", port)
        wait_for(lambda: answers(url), "the server")
        machine |= {name: url}
        every_minute = deploy.replace("0 1 * * *", "* * * * *")
        assert every_minute != deploy
        done = subprocess.run(
            ["/bin/sh", "-c", every_minute], cwd=tmp_path, env=machine, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        deployed = time.monotonic()
        stack.enter_context(in_background(start_worker, tmp_path, machine))
        edition = tmp_path / "outbox" / "a-short-story" / "manifest.json"
        wait_for(edition.exists, "an edition", PATIENCE_SECONDS)
        print(f"an edition {time.monotonic() - deployed:.0f} s after the deployment")  # noqa: T201  # a figure, for -s
    assert list((tmp_path / "outbox" / "a-short-story").glob("*.m4b"))
