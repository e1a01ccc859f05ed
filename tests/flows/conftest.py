"""A running Prefect server, and `declaim` as a person runs it: a process of its own."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from typing import IO, Any

import certifi
import httpx
import pytest
from filelock import FileLock

from tasks.trust import trust

from .forks import Fork, Forks

TOP = Path(__file__).parents[2]
SAMPLE = TOP / "samples" / "tuppence-a-window.md"
# The environment variable that holds the key of the service of the tests.
KEY = "DECLAIM_TEST_KEY"
# Of a service, in seconds a character: as fast as is credible. Where its sound is not the point, less of it is made.
BRISK = 1 / 25
# Of a Prefect server that has just begun: to make one is most of what a server's first start takes.
EMPTY_DATABASE = "prefect.empty.db"
# What a server does by itself for deployments and automations, of which there are none where the tests share one.
_NO_WORK_OF_ITS_OWN = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "0"
    for name in ("SCHEDULER", "LATE_RUNS", "FOREMAN", "PAUSE_EXPIRATIONS", "TRIGGERS", "EVENT_PERSISTER")
}
# As the README tells whoever keeps a server for many runs.
_RECORDED_TOGETHER = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
_PATIENCE_SECONDS = 240
# They wait for minutes and compute little. Begun first, in two of four processes, they leave the processors to the others; at the
# end they would leave them idle. A process is given its second module at once.
_BEGUN_FIRST = (
    "test_faults.py",
    "test_unattended.py",
    "test_artifact_pages.py",
    "test_authentication.py",
    "test_suspension.py",
    "test_worker_wait.py",
)
_END_OF_CERTIFICATE = "-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Home:
    """A place of its own for one run or several: a store, an output directory, an environment."""

    folder: Path
    environment: dict[str, str] = field(repr=False)
    forks: Forks = field(repr=False)
    url: str = ""

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def arguments(self, *arguments: str | Path) -> list[str]:
        return [*map(str, arguments), "--set", f"store.url={self.url or self.store}"]

    def command(self, *arguments: str | Path) -> list[str]:
        """Word the command line of a fresh process."""
        return [sys.executable, "-m", "flows.cli", *self.arguments(*arguments)]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `declaim` to its end."""
        process = self.begin(*arguments, is_heard=True)
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(arguments, process.wait(), stdout, stderr)

    def run_afresh(
        self, *arguments: str | Path, limit: Callable[[], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `declaim` to its end in a fresh process, which may give itself a limit of the system first."""
        return subprocess.run(
            self.command(*arguments),
            cwd=TOP,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=limit,
        )

    def begin(self, *arguments: str | Path, is_heard: bool = False) -> Fork:
        """Begin `declaim`, to be disturbed; what it writes is lost, unless it is to be heard."""
        return self.forks.begin(self.arguments(*arguments), self.environment, is_heard=is_heard)

    def document(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.out / name).read_text("utf-8"))
        return document

    def clips(self) -> dict[str, float]:
        """The clips in the store, and when each was written."""
        return {path.stem: path.stat().st_mtime for path in self.store.glob("clips/*/*.wav")}

    def mastered(self) -> set[str]:
        """The hashes of the tracks' samples as they went into the encoders."""
        return {json.loads(path.read_text("utf-8"))["sha256"] for path in self.store.glob("tracks/*/*/track.json")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules first that are to be begun first; all others stay as they are."""
    places = {name: place for place, name in enumerate(_BEGUN_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a test run, the same for all of its processes."""
    mine = tmp_path_factory.getbasetemp()
    return mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine


@pytest.fixture(scope="session")
def environment(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that shares nothing with the person who runs the tests."""
    home = shared / "prefect"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    # Each client of Prefect's reads whom to trust, a dozen times a run, and trusts nobody here: one is read sooner than all.
    certificate = tmp_path_factory.getbasetemp() / "certificate.pem"
    certificate.write_text(
        "".join(Path(certifi.where()).read_text("utf-8").partition(_END_OF_CERTIFICATE)[:2]), "utf-8"
    )
    trusted = dict.fromkeys(("SSL_CERT_FILE", "PREFECT_API_SSL_CERT_FILE"), str(certificate))
    own = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    return kept | trusted | own


@pytest.fixture(scope="session")
def server(shared: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of a Prefect server on a loopback port; the processes of a test run share one."""
    home = Path(environment["PREFECT_HOME"])
    starting, address = FileLock(shared / "prefect.starting"), shared / "prefect.url"
    with (shared / "prefect.users").open("w") as users, ExitStack() as stack:
        with starting:
            if not address.exists():
                process, url = begin_server(environment | _NO_WORK_OF_ITS_OWN)
                stack.callback(_end, process, users, starting, address)
                wait_for(lambda: answers(url), "the Prefect server")
                with closing(sqlite3.connect(home / "prefect.db")) as database:
                    database.execute("VACUUM INTO ?", [str(shared / EMPTY_DATABASE)])
                address.write_text(url, "utf-8")
            flock(users, LOCK_SH)
        yield address.read_text("utf-8")
        flock(users, LOCK_UN)


def begin_server(environment: dict[str, str], port: int = 0) -> tuple[subprocess.Popen[bytes], str]:
    """Begin a Prefect server on a port, or on a free one; returns its process and the address at which it is going to answer."""
    port = port or free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command, env=environment | _RECORDED_TOGETHER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return process, f"http://127.0.0.1:{port}/api"


def free_port() -> int:
    """Find a port of the loopback address that nobody uses, and that the system gives to nobody before it is taken."""
    while True:
        # Below those that it gives to whoever asks for any, as each connection does: a server takes its port after seconds.
        port = random.randrange(20_000, 32_000)  # noqa: S311  # nothing to guess
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _end(process: subprocess.Popen[bytes], users: IO[str], starting: FileLock, address: Path) -> None:
    """End the server once none of those who share it uses it any more, however they ended."""
    with starting:
        flock(users, LOCK_EX)
        address.unlink(missing_ok=True)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def forks(environment: dict[str, str]) -> Iterator[Forks]:
    """What `declaim` is forked from, for each process of a test run."""
    with closing(Forks(environment)) as forks:
        yield forks


@dataclass(frozen=True)
class Prepared:
    """What is made once for all publishing houses: the database of a server that has done nothing yet, and a process to fork from."""

    database: Path
    forks: Forks


@pytest.fixture(scope="session")
def prepared(server: str, shared: Path, forks: Forks) -> Prepared:
    """What houses begin with; the server that all tests share has made the database."""
    assert server
    return Prepared(shared / EMPTY_DATABASE, forks)


@pytest.fixture
def home(tmp_path: Path, environment: dict[str, str], forks: Forks, server: str) -> Home:
    """A place of its own, with the running server."""
    return Home(tmp_path, environment | {"PREFECT_API_URL": server}, forks)


def profile_at(url: str, folder: Path, **limits: float) -> Path:
    """Write a profile whose voice is at the service of the tests, with `limits`, of MP3 files alone."""
    path = folder / "profile.toml"
    path.write_text(
        f'[voice]\nprovider = "aimlapi"\nmodel = "#g1_aura-2-helena-en"\nbase_url = "{url}/v1"\napi_key_env = "{KEY}"\n'
        + "\n".join(["[limits]", *(f"{name} = {value}" for name, value in limits.items())])
        + "\n[output]\neditions = ['mp3']\n",
        "utf-8",
    )
    return path


def wait_for(condition: Callable[[], object], what: str, seconds: float = _PATIENCE_SECONDS) -> None:
    """Wait until a condition holds; fails the test where it does not come about."""
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        if waited > seconds:
            pytest.fail(f"{what} did not come about within {seconds:.0f} s")
        # What is asked may be a server, which has other things to do.
        time.sleep(min(0.05 + waited / 20, 1))


def ask(method: str, url: str, **body: Any) -> Any:
    """Ask a Prefect server's API; on SQLite it is busy now and then, and has then done nothing."""
    while True:
        answer = httpx.request(method, url, json=body or None, verify=trust(), timeout=150)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            answer.raise_for_status()
            return answer.json() if answer.content else None
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Tell whether a Prefect server answers."""
    try:
        return httpx.get(f"{url}/health", verify=trust(), timeout=5).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def narrated(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], forks: Forks, server: str
) -> dict[str, Home]:
    """The sample, narrated from each of its three formats into a store that they share."""
    folder = tmp_path_factory.mktemp("narrated")
    homes: dict[str, Home] = {}
    for suffix in (".md", ".epub", ".pdf"):
        place = folder / suffix[1:]
        place.mkdir()
        (place / "store").symlink_to(folder / "store")
        (folder / "store").mkdir(exist_ok=True)
        homes[suffix] = Home(place, environment | {"PREFECT_API_URL": server}, forks)
        done = homes[suffix].run("narrate", SAMPLE.with_suffix(suffix), "--out", homes[suffix].out)
        assert done.returncode == 0, done.stderr
    return homes
