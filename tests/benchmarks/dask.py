"""How fast one big book is on a Dask cluster: `declaim narrate` on two workers of one thread, beside itself without Dask.

    python -m tests.benchmarks.dask                 # a book of 30 chapters, about six minutes a round

Both run with the embedded voice, an empty store, and a Prefect server that is there, as is the cluster: two processes of this
machine. A time is that of the whole command, from the start of its process to its end. The first round finds workers that have
never spoken, and load Declaim and the voice in that time; with --rounds more follow on the same workers.

- ratio: the time without Dask by the time with it. Above 0.85 is what was asked for.
- same: whether tracks have the same samples, and MP3 files the same bytes; else it ends with an error.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.benchmarks.prefect_start import ENVIRONMENT, TOP

_DECLAIM = (sys.executable, "-m", "flows.cli", "narrate")
_PATIENCE_SECONDS = 120
_CHARACTERS_A_CHAPTER = 900


def manuscript(folder: Path, chapters: int) -> Path:
    """Write a book of so many chapters, each of a minute or so; no two sentences are the same."""
    lines = ["---", "title: The Ledger", "author: Nobody", "---", ""]
    for chapter in range(1, chapters + 1):
        lines += [f"# Ledger {chapter}", ""]
        length = 0
        while length < _CHARACTERS_A_CHAPTER:
            place = length // 40 + 1
            text = (
                f"The clerk of ledger {chapter} turned to page {place}, and wrote in brown ink that the lamp had been lit at "
                f"{place % 12 + 1} o'clock. Nobody had asked him for it; he did so {chapter + place} times that winter."
            )
            lines += [text, ""]
            length += len(text)
    path = folder / "ledger.md"
    path.write_text("\n".join(lines), "utf-8")
    return path


@dataclass(frozen=True, slots=True)
class Servers:
    """A Prefect server and a Dask cluster."""

    environment: dict[str, str]
    scheduler: str


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Start both, and wait until they are there."""
    home = folder / "prefect"
    home.mkdir()
    here = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(TOP)}
    file, log = folder / "scheduler.json", folder / "log"
    common = ("--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1")
    with ExitStack() as stack, log.open("wb") as sink:

        def begin(*arguments: str, **environment: str) -> None:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=folder, env=here | environment, stdout=sink, stderr=sink
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)

        # As a port that was free just now.
        port = "4299"
        url = f"http://127.0.0.1:{port}/api"
        begin("prefect", "server", "start", "--host", "127.0.0.1", "--port", port, PREFECT_HOME=str(home))
        begin("dask", "scheduler", *common, "--port", "0")
        _wait_for(file)
        begin("dask", "worker", *common, "--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder))
        while log.read_text("utf-8").count("Registered to:") < 2 or not _answers(url):
            time.sleep(0.2)
        environment = here | {"PREFECT_API_URL": url, "PREFECT_HOME": str(home)}
        yield Servers(environment, json.loads(file.read_text("utf-8"))["address"])


def _wait_for(file: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not file.exists():
        if time.monotonic() > end:
            raise SystemExit(f"{file} did not come about")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def narrated(source: Path, scratch: Path, environment: dict[str, str], *more: str) -> float:
    """Run `declaim narrate` into an empty store, and time it (seconds)."""
    sets = [word for setting in (f"store.url={scratch / 'store'}", *more) for word in ("--set", setting)]
    begun = time.perf_counter()
    command = [*_DECLAIM, str(source), "--out", str(scratch / "out"), *sets]
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=TOP)
    return time.perf_counter() - begun


def _sound(scratch: Path) -> tuple[dict[str, bytes], set[str]]:
    """Read the MP3 files, and the hashes of the tracks' samples."""
    files = {path.name: path.read_bytes() for path in (scratch / "out" / "mp3").iterdir()}
    facts = (scratch / "store").glob("tracks/*/*/track.json")
    return files, {json.loads(path.read_text("utf-8"))["sha256"] for path in facts}


def _round(source: Path, there: Servers) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        alone, together = Path(folder) / "alone", Path(folder) / "together"
        dask = narrated(source, together, there.environment, "run.runner=dask", f"run.address={there.scheduler}")
        local = narrated(source, alone, there.environment)
        if _sound(alone) != _sound(together):
            raise SystemExit("the book does not sound the same")
    figures = {"without Dask, s": local, "with Dask, s": dask, "ratio": local / dask}
    print("  ".join(f"{name} {value:.2f}" for name, value in figures.items()), flush=True)
    return figures


def main() -> None:
    """Run the rounds and print their median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chapters", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = manuscript(Path(folder), options.chapters)
        with servers(Path(folder)) as there:
            rounds = [_round(source, there) for _ in range(options.rounds)]
    for name in rounds[0]:
        print(f"{name}: {statistics.median(figures[name] for figures in rounds):.2f}")


if __name__ == "__main__":
    main()
