"""A publishing house: a Prefect server of its own, workers as processes, Declaim's deployments, an inbox and an outbox."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from .conftest import Prepared, answers, ask, begin_server, free_port, wait_for
from .forks import Forks

TOP = Path(__file__).parents[2]


@dataclass
class House:
    """The folders, the server's address, and the environment of whoever works here."""

    folder: Path
    url: str
    environment: dict[str, str] = field(repr=False)
    server: "subprocess.Popen[bytes]" = field(repr=False)
    forks: Forks | None = field(default=None, repr=False)
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)
    _workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list, repr=False)

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Ask the server's API."""
        return ask(method, f"{self.url}/{path}", **body)

    def server_megabytes(self) -> float:
        """The most memory that the server has had."""
        status = Path(f"/proc/{self.server.pid}/status").read_text("utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """All runs of a flow, the last first."""
        runs: list[dict[str, Any]] = self.ask(
            "POST", "flow_runs/filter", flows={"name": {"any_": [flow]}}, sort="EXPECTED_START_TIME_DESC"
        )
        return runs

    def artifacts(self, run: str, *kinds: str) -> list[dict[str, Any]]:
        """The artifacts of a run: progress, table, markdown."""
        found: list[dict[str, Any]] = self.ask("POST", "artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
        return [artifact for artifact in found if not kinds or artifact["type"] in kinds]

    def server_away(self, seconds: float) -> None:
        """Stop the server for a while; it comes back at its own address."""
        kill(self.server)
        time.sleep(seconds)
        port = int(self.url.rpartition(":")[2].removesuffix("/api"))
        self.server, _ = begin_server(self.environment, port)
        self._stack.callback(kill, self.server)
        wait_for(lambda: answers(self.url), "the server's coming back")

    def run(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run `declaim` to its end, forked where the house was prepared so."""
        if self.forks is None:
            return self.run_afresh(*arguments)
        process = self.forks.begin([*map(str, arguments)], self.environment, is_heard=True)
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(arguments, process.wait(), stdout, stderr)

    def run_afresh(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run `declaim` to its end in a fresh process, as the system's loader starts it."""
        command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
        return subprocess.run(command, cwd=TOP, env=self.environment, capture_output=True, text=True, check=False)

    def deploy(self, *options: str | Path) -> None:
        """Deploy, with all runs into the house's own store."""
        own = ("--set", f"store.url={self.store}", "--set", "output.editions=['mp3']")
        done = self.run("deploy", self.inbox, "--out", self.outbox, *options, *own)
        assert done.returncode == 0, done.stderr

    def worker(self, name: str, limit: int = 2) -> "subprocess.Popen[bytes]":
        """Begin a worker; it takes so many runs at once."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "declaim", "--name", name]
        log = self._stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen([*command, "--limit", str(limit)], env=self.environment, stdout=log, stderr=log)
        self._stack.callback(kill, process)
        self._workers.append(process)
        return process

    def clear(self) -> None:
        """Leave the server and the deployments as they are, and nothing else of a test that was here before."""
        while self._workers:
            kill(self._workers.pop())
        for pool in self.ask("POST", "work_pools/filter"):
            for worker in self.ask("POST", f"work_pools/{pool['name']}/workers/filter"):
                self.ask("DELETE", f"work_pools/{pool['name']}/workers/{worker['name']}")
        for run in self.ask("POST", "flow_runs/filter"):
            # Those of the nights to come stay.
            if run["state_type"] != "SCHEDULED" or "auto-scheduled" not in run["tags"]:
                self.ask("DELETE", f"flow_runs/{run['id']}")
        for folder in (self.inbox, self.outbox, self.store):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.inbox, self.outbox):
            folder.mkdir()

    def begin(self, deployment: str, at: str | None = None, /, **parameters: Any) -> str:
        """Have a deployment run now, or at a time; returns the run's id."""
        found = self.ask("GET", f"deployments/name/{deployment}")
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": at}}
        path = f"deployments/{found['id']}/create_flow_run"
        run: str = self.ask("POST", path, parameters=parameters, state=state)["id"]
        return run

    def state(self, run: str) -> str:
        """The type of a run's state: COMPLETED and so on."""
        found: str = self.ask("GET", f"flow_runs/{run}")["state_type"]
        return found

    def ledger(self) -> dict[str, Any]:
        """The ledger's entries, by the names of the books; none where there is no ledger yet."""
        with suppress(FileNotFoundError):
            books: dict[str, Any] = json.loads((self.outbox / "ledger.json").read_text("utf-8"))["books"]
            return books
        return {}


@contextmanager
def open_house(folder: Path, environment: dict[str, str], prepared: Prepared | None = None) -> Iterator[House]:
    """Found a house in an empty folder, with a server; all that works there ends with the block.

    The server begins with a copy of the prepared database, where there is one.
    """
    with ExitStack() as stack:
        home = folder / "prefect"
        for place in (home, folder / "inbox", folder / "outbox"):
            place.mkdir(parents=True)
        if prepared:
            shutil.copy(prepared.database, home / "prefect.db")
        port = free_port()
        own = environment | {
            "PREFECT_HOME": str(home),
            # Where its pages look for it.
            "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
            # What is looked at every minute or so, every few seconds: nobody waits for it here.
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1S",
        }
        process, url = begin_server(own, port)
        stack.callback(kill, process)
        wait_for(lambda: answers(url), "the Prefect server of the house")
        yield House(folder, url, own | {"PREFECT_API_URL": url}, process, prepared.forks if prepared else None, stack)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all that it has begun, at once: the runs of a worker lead process groups of their own."""
    if process.poll() is None:
        # Found before the first is killed: their parents are then others.
        for each in [leader := psutil.Process(process.pid), *leader.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()


def runs_of(worker: "subprocess.Popen[bytes]") -> set[str]:
    """The runs that a worker has at work."""
    runs = set()
    for child in psutil.Process(worker.pid).children(recursive=True):
        with suppress(psutil.Error):
            runs.add(child.environ().get("PREFECT__FLOW_RUN_ID", ""))
    return runs - {""}
