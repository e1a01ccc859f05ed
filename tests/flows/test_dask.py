"""One book on a Dask cluster of two processes on this machine, beside the same book without."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from tasks.store.leases import FolderRegistry
from tests.services.service import Service

from .conftest import BRISK, KEY, SAMPLE, TOP, Home, profile_at, wait_for
from .forks import Fork

pytestmark = pytest.mark.slow

CHAPTERS, SENTENCES = 4, 6
PATIENCE_SECONDS = 200
# Of the service of the tests; the workers have it in their own environment, and nowhere else.
SECRET = "a-key-of-the-local-service"  # noqa: S105  # no key of anybody's


class Cluster:
    """A Dask scheduler, and two workers of one thread each; `keeper` is the process that starts a worker again that dies."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._environment = environment | {"PYTHONPATH": str(TOP), KEY: SECRET}
        # The run tells the workers where its Prefect server is.
        del self._environment["PREFECT_HOME"]
        file, self._log = folder / "scheduler.json", folder / "log"
        common = ("--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1")
        self.scheduler = self._begun("scheduler", *common, "--port", "0")
        wait_for(file.exists, "the scheduler")
        self.address = json.loads(file.read_text("utf-8"))["address"]
        two = ("--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder))
        self.keeper = self._begun("worker", *common, *two)
        wait_for(lambda: self._log.read_text("utf-8").count("Registered to:") == 2, "two workers")

    def _begun(self, *command: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            arguments = [sys.executable, "-m", "dask", *command]
            return subprocess.Popen(arguments, cwd=self._log.parent, env=self._environment, stdout=log, stderr=log)

    @property
    def workers(self) -> list[int]:
        found = []
        for child in psutil.Process(self.keeper.pid).children():
            # Where the scheduler is lost, the workers end by themselves, while they are counted too.
            with suppress(psutil.NoSuchProcess):
                found += [child.pid] * any("spawn_main" in word for word in child.cmdline())
        return found

    def close(self) -> None:
        workers = self.workers
        for process in (self.keeper, self.scheduler):
            process.kill()
            process.wait()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Cluster]:
    with closing(Cluster(tmp_path_factory.mktemp("dask"), environment)) as cluster:
        yield cluster


@dataclass(frozen=True)
class Job:
    """A book to narrate on the cluster with the service of the tests."""

    service: Service
    place: Home
    book: Path
    profile: Path
    on_dask: tuple[str, ...]

    def command(self, *more: str, **limits: float) -> tuple[str | Path, ...]:
        """Word a narration."""
        settings = (f"limits.{name}={value}" for name, value in limits.items())
        sets = (word for setting in settings for word in ("--set", setting))
        return "narrate", self.book, "--profile", self.profile, *more, *sets, "--out", self.place.out

    def finished(self, *more: str, **limits: float) -> None:
        """Narrate the book on the cluster, whole."""
        done = self.place.run(*self.command(*self.on_dask, *more, **limits))
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr

    @contextmanager
    def begun(self, **limits: float) -> Iterator[Fork]:
        """Begin to narrate the book on the cluster; what is left of it at the end of the block is killed."""
        process = self.place.begin(*self.command(*self.on_dask, **limits), is_heard=True)
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def on_dask(cluster: Cluster) -> tuple[str, ...]:
    return "--set", "run.runner=dask", "--set", f"run.address={cluster.address}"


@pytest.fixture
def job(home: Home, tmp_path: Path, on_dask: tuple[str, ...]) -> Iterator[Job]:
    """A book whose every sentence is a chunk, and is there once."""
    lines = ["---", "title: The Ledger", "---", ""]
    for chapter in range(1, CHAPTERS + 1):
        lines += [f"# Ledger {chapter}", ""]
        for entry in range(1, SENTENCES):
            lines += [f"Entry {entry} of ledger {chapter} was written in brown ink.", ""]
    book = tmp_path / "ledger.md"
    book.write_text("\n".join(lines), "utf-8")
    place = replace(home, environment=home.environment | {KEY: SECRET})
    with Service(key=SECRET, seconds_per_character=BRISK) as service:
        yield Job(service, place, book, profile_at(service.url, tmp_path), on_dask)


def elsewhere(job: Job, name: str) -> Job:
    """Have it in a store and an output directory of its own."""
    folder = job.place.folder / name
    folder.mkdir()
    return replace(job, place=replace(job.place, folder=folder))


def files(place: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (place.out / "mp3").iterdir()}


def test_nothing_but_the_place_changes(job: Job) -> None:
    here, there = elsewhere(job, "here"), elsewhere(job, "there")
    done = here.place.run(*here.command())
    assert done.returncode == 0, done.stderr
    assert set(job.service.billed.values()) == {1}
    there.finished()
    assert set(job.service.billed.values()) == {2}
    assert len(job.service.spoken) == 2 * CHAPTERS * SENTENCES
    assert files(there.place) == files(here.place)
    assert there.place.mastered() == here.place.mastered()
    manifests = [it.place.document("manifest.json") for it in (here, there)]
    for manifest in manifests:
        del manifest["profile"]["run"], manifest["profile"]["store"]
    assert manifests[0] == manifests[1]
    assert here.place.document("coverage.json") == there.place.document("coverage.json")


def test_a_second_run_buys_nothing_and_tells_every_chapter(job: Job) -> None:
    job.finished()
    asked = len(job.service.asked)
    done = job.place.run(*job.command(*job.on_dask))
    assert done.returncode == 0, done.stderr
    assert len(job.service.asked) == asked
    told = sorted(line.partition(":")[0] for line in done.stderr.splitlines())
    assert told == [f"{number} · Ledger {number}" for number in range(1, CHAPTERS + 1)]


@pytest.mark.voice
def test_the_embedded_voice_sounds_the_same(job: Job) -> None:
    job.book.write_text(
        "# Spring\n\nNobody had seen the mill.\n\n# Autumn\n\nIt rained, and they walked home.\n", "utf-8"
    )
    here, there = elsewhere(job, "here").place, elsewhere(job, "there").place
    for place, where in ((here, ()), (there, job.on_dask)):
        done = place.run("narrate", job.book, "--set", "output.editions=['mp3']", "--out", place.out, *where)
        assert done.returncode == 0, done.stderr
    assert len(files(here)) == 2
    assert files(there) == files(here)
    assert there.mastered() == here.mastered()


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_the_limits_hold_for_all_workers_together(concurrency: int, job: Job) -> None:
    job.service.behave(latency_seconds=0.1)
    job.finished(concurrency=concurrency, requests_per_minute=6_000)
    assert job.service.most_in_flight <= concurrency
    assert set(job.service.billed.values()) == {1}


def test_a_chapter_that_its_voice_cannot_finish_is_spoken_whole_by_the_next(job: Job) -> None:
    job.service.behave(withdrawn={"#g1_aura-2-helena-en"})
    voice = f'provider = "aimlapi"\nbase_url = "{job.service.url}/v1"\napi_key_env = "{KEY}"\nmodel = "hume/octave-2"\n'
    with job.profile.open("a") as profile:
        profile.write(f'[[fallback]]\n{voice}name = "Relaxing ASMR Woman"\n')
    job.finished()
    manifest = job.place.document("manifest.json")
    assert [voice["model"] for voice in manifest["voices"]] == ["hume/octave-2"]
    assert set(job.service.billed.values()) == {1}


def test_a_budget_holds_for_all_workers_together(job: Job) -> None:
    priced = "--set", "voice.price_per_1000_characters=1"
    plan = json.loads(job.place.run("plan", job.book, "--profile", job.profile, "--json").stdout)
    prices = [sum(chunk["characters"] for chunk in chapter["chunks"]) / 1000 for chapter in plan["chapters"]]
    # For two chapters, and a little of the third.
    budget = sum(prices[:2]) + prices[2] / 2
    done = job.place.run(*job.command(*job.on_dask, *priced, budget_usd=budget))
    assert done.returncode == 6, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("declaim: ")]
    assert "raise [limits] budget_usd" in line
    assert sum(map(len, job.service.spoken)) / 1000 <= budget
    assert [chapter["clips"] for chapter in job.place.document("manifest.json")["chapters"][:2]] == 2 * [SENTENCES]
    # With enough, the rest is bought, and nothing twice.
    job.finished(*priced, budget_usd=sum(prices))
    assert set(job.service.billed.values()) == {1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_in_flight_is_kept_where_the_run_is_interrupted(number: signal.Signals, job: Job) -> None:
    service = job.service
    service.behave(latency_seconds=1)
    with job.begun(concurrency=4) as process:
        wait_for(lambda: len(service.asked) > 4, "requests of the workers")
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, said
    (line,) = [line for line in said.splitlines() if ": spoken (" not in line]
    assert line.startswith("declaim: interrupted; ")
    assert len(service.asked) == len(service.spoken) == len(job.place.clips()) < CHAPTERS * SENTENCES
    assert not job.place.out.exists()
    service.behave(latency_seconds=0)
    job.finished()
    assert set(service.billed.values()) == {1}


def test_a_second_signal_ends_the_run_at_once(job: Job) -> None:
    job.service.behave(script=["", *["stalled"] * 8])
    with job.begun(concurrency=4) as process:
        wait_for(lambda: len(job.service.asked) > 4, "requests without an answer")
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    # The workers are there for the next run.
    job.service.behave(script=[])
    job.finished()


def test_the_chapter_of_a_worker_that_is_killed_is_performed_by_another(job: Job, cluster: Cluster) -> None:
    job.service.behave(latency_seconds=0.5)
    with job.begun(concurrency=2) as process:
        wait_for(lambda: len(job.place.clips()) > 2, "clips")
        os.kill(cluster.workers[0], signal.SIGKILL)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, said
    assert job.place.document("manifest.json")["failures"] == []
    # What it had in flight is lost, and bought again.
    assert job.service.billed.total() <= CHAPTERS * SENTENCES + 1
    assert len(job.place.clips()) == CHAPTERS * SENTENCES


def test_a_run_that_is_killed_leaves_nothing_at_work(job: Job) -> None:
    job.service.behave(latency_seconds=1)
    process = job.place.begin(*job.command(*job.on_dask, concurrency=2))
    wait_for(lambda: len(job.service.asked) > 2, "requests of the workers")
    process.kill()
    process.wait()
    registry = FolderRegistry(job.place.store)
    wait_for(lambda: not registry.held(), "the end of the workers' jobs")
    assert len(job.service.asked) == len(job.place.clips()) < CHAPTERS * SENTENCES
    job.service.behave(latency_seconds=0)
    job.finished()
    assert set(job.service.billed.values()) == {1}


def test_a_key_that_the_workers_do_not_have_is_one_line(job: Job) -> None:
    job.profile.write_text(job.profile.read_text("utf-8").replace(KEY, "DECLAIM_TEST_OTHER_KEY"), "utf-8")
    mine = replace(job.place, environment=job.place.environment | {"DECLAIM_TEST_OTHER_KEY": SECRET})
    done = mine.run(*job.command(*job.on_dask))
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "DECLAIM_TEST_OTHER_KEY is not set" in line


def test_a_scheduler_that_cannot_be_reached_is_one_line(home: Home) -> None:
    # The port of discarded words, where nobody listens.
    address = ("--set", "run.runner=dask", "--set", "run.address=tcp://127.0.0.1:9")
    done = home.run("narrate", SAMPLE, "--out", home.out, *address)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "tcp://127.0.0.1:9" in line
    assert "dask scheduler" in line


def test_a_cluster_that_is_lost_ends_the_run(job: Job, tmp_path: Path, environment: dict[str, str]) -> None:
    job.service.behave(latency_seconds=1)
    (tmp_path / "dask").mkdir()
    with closing(Cluster(tmp_path / "dask", environment)) as cluster:
        mine = replace(job, on_dask=("--set", "run.runner=dask", "--set", f"run.address={cluster.address}"))
        with mine.begun(concurrency=2) as process:
            wait_for(lambda: len(job.place.clips()) > 1, "clips")
            cluster.scheduler.kill()
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2, said
    assert "the Dask cluster is lost" in said.splitlines()[-1]
