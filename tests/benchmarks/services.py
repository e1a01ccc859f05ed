"""How well a service is used: `declaim narrate` beside what the service would bear, over HTTP on a loopback port.

    python -m tests.benchmarks.services            # all, about six minutes
    python -m tests.benchmarks.services many paced

The service of the tests runs as a process of its own, and answers each request with a tone of two seconds. Nothing is
mastered, so that orchestration is measured: clips go into the store, verified and flushed to the disk, and that is all.

- many: 4,000 chunks, 0.2 s a request, 32 at once, beside an `asyncio.gather` over httpx that makes the same requests and
  writes the bodies to files.
- few: 500 chunks, 0.5 s a request, 8 at once, beside the ideal of 500 x 0.5 / 8 s.
- paced: a service that allows 10 requests a second and a profile set to the same.
- hasty: the same service, and a profile set to 50 a second.
- refused: a wrong key, no credit, a withdrawn model, a text over the limit: how long until the command says so.

A time is that of the whole command, from the start of its process to its end, less Prefect's own start (an empty flow).
Beside it stands the time at the service: from the first request of the run to the last one, and its latency.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.prefect_start import ENVIRONMENT, TOP, prefect_start

_KEY = "DECLAIM_BENCHMARK_KEY"
_MODEL = {"model": "#g1_aura-2-helena-en", "encoding": "linear16"}
_SECONDS_OF_SOUND = 2.0
_PARAGRAPHS_A_CHAPTER = 99
_DECLAIM = (sys.executable, "-m", "flows.cli", "narrate")
_ALLOWED = 10

_REFUSALS: dict[str, dict[str, Any]] = {
    "a wrong key": {"script": ["401"]},
    "no credit": {"out_of_credit": True},
    "a withdrawn model": {"withdrawn": [_MODEL["model"]]},
    "a text over the limit": {"limit_characters": 20},
}

Figures = dict[str, float]


@contextmanager
def service(**behaviour: Any) -> Iterator[dict[str, str]]:
    """Run the service of the tests as a process; yields its addresses and its key."""
    behaviour = {"fixed_seconds": _SECONDS_OF_SOUND, **behaviour}
    command = [sys.executable, "-m", "tests.services", "--behaviour", json.dumps(behaviour)]
    process = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def manuscript(folder: Path, chunks: int) -> tuple[Path, list[str]]:
    """Write a book of so many chunks, each a sentence of about two seconds; returns it and what is sent."""
    lines, texts = ["---", "title: The Ledger", "author: Nobody", "---", ""], []
    for number in range(chunks):
        chapter, place = divmod(number, _PARAGRAPHS_A_CHAPTER + 1)
        text = f"Entry {number} was written in brown ink." if place else f"Ledger {chapter}"
        lines += [text if place else f"# {text}", ""]
        texts.append(text)
    path = folder / "ledger.md"
    path.write_text("\n".join(lines), "utf-8")
    return path, texts


def _command(source: Path, scratch: Path, at: dict[str, str], limits: dict[str, float]) -> list[str]:
    settings = {
        "voice.provider": "aimlapi",
        "voice.model": _MODEL["model"],
        "voice.options.encoding": _MODEL["encoding"],
        "voice.base_url": f"{at['url']}/v1",
        "voice.api_key_env": _KEY,
        "output.editions": [],
        # What is sent is what the yardstick sends, and two seconds are enough for it.
        "text.speakable": False,
        "store.url": str(scratch / "store"),
        **{f"limits.{name}": value for name, value in limits.items()},
    }
    command = [*_DECLAIM, str(source), "--out", str(scratch / "out")]
    for name, value in settings.items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    return command


def narrated(source: Path, scratch: Path, at: dict[str, str], limits: dict[str, float]) -> tuple[float, dict[str, Any]]:
    """Run `declaim narrate` into an empty store; returns its time less Prefect's start, and its manifest."""
    environment = os.environ | ENVIRONMENT | {_KEY: at["key"]}
    started = prefect_start(environment)
    command = _command(source, scratch, at, limits)
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=TOP)
    taken = time.perf_counter() - begun
    # Prefect's start swings by a second: it is measured before and after.
    taken -= (started + prefect_start(environment)) / 2
    return taken, json.loads((scratch / "out" / "manifest.json").read_text("utf-8"))


async def _gathered(texts: list[str], folder: Path, at: dict[str, str], in_flight: int) -> None:
    places = asyncio.Semaphore(in_flight)
    headers = {"Authorization": f"Bearer {at['key']}"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:

        async def one(number: int, text: str) -> None:
            async with places:
                answer = await client.post(f"{at['url']}/v1/tts", json={**_MODEL, "text": text})
                answer.raise_for_status()
                (folder / f"{number}.pcm").write_bytes(answer.content)

        await asyncio.gather(*(one(number, text) for number, text in enumerate(texts)))


def gathered(texts: list[str], folder: Path, at: dict[str, str], in_flight: int) -> float:
    """Time a bare gather that makes the same requests and writes the bodies to files (seconds)."""
    folder.mkdir()
    begun = time.perf_counter()
    asyncio.run(_gathered(texts, folder, at, in_flight))
    return time.perf_counter() - begun


def seen(at: dict[str, str]) -> dict[str, Any]:
    """Ask the service what was asked of it."""
    summary: dict[str, Any] = httpx.get(f"{at['url']}/_seen", timeout=60).json()
    return summary


def _span(summary: dict[str, Any]) -> float:
    """From the first request of the run to the last; the one that is made before Prefect starts does not count."""
    return float(summary["last"] - summary["second"])


def many(scratch: Path, chunks: int = 4_000) -> Figures:
    """4,000 chunks beside a bare gather."""
    source, texts = manuscript(scratch, chunks)
    with service(latency_seconds=0.2) as at:
        bare = gathered(texts, scratch / "bare", at, 32)
    with service(latency_seconds=0.2) as at:
        taken, manifest = narrated(source, scratch, at, {"concurrency": 32})
        summary = seen(at)
    _whole(manifest, summary, chunks)
    return {"narrate, s": taken, "at the service, s": _span(summary) + 0.2, "gather, s": bare, "ratio": taken / bare}


def few(scratch: Path, chunks: int = 500) -> Figures:
    """500 chunks beside the ideal."""
    source, _ = manuscript(scratch, chunks)
    with service(latency_seconds=0.5) as at:
        taken, manifest = narrated(source, scratch, at, {"concurrency": 8})
        summary = seen(at)
    _whole(manifest, summary, chunks)
    ideal = chunks * 0.5 / 8
    return {"narrate, s": taken, "at the service, s": _span(summary) + 0.5, "ideal, s": ideal, "ratio": taken / ideal}


def paced(scratch: Path, chunks: int = 600, a_minute: int = 60 * _ALLOWED) -> Figures:
    """A service of 10 requests a second, and a profile that says so."""
    source, _ = manuscript(scratch, chunks)
    with service(latency_seconds=0.2, allowed_per_second=_ALLOWED) as at:
        taken, manifest = narrated(source, scratch, at, {"requests_per_minute": a_minute, "concurrency": 32})
        summary = seen(at)
    _whole(manifest, summary, chunks)
    ideal = chunks / _ALLOWED
    return {
        "narrate, s": taken,
        "ideal, s": ideal,
        "ratio": taken / ideal,
        "used": (chunks - 1) / (_span(summary) * _ALLOWED),
        "refused": summary["by_status"].get("429", 0) / summary["requests"],
    }


def hasty(scratch: Path) -> Figures:
    """The same, and a profile that asks for five times as much."""
    return paced(scratch, a_minute=60 * 5 * _ALLOWED)


def refused(scratch: Path) -> Figures:
    """What no later attempt would mend: the time to the end of the command, in seconds."""
    source, _ = manuscript(scratch, 100)
    figures: Figures = {}
    for what, behaviour in _REFUSALS.items():
        with service(latency_seconds=0.2, **behaviour) as at:
            environment = os.environ | ENVIRONMENT | {_KEY: at["key"]}
            begun = time.perf_counter()
            ended = subprocess.run(_command(source, scratch, at, {}), check=False, env=environment, cwd=TOP)
            figures[f"{what}, s"] = time.perf_counter() - begun
            requests = seen(at)["requests"]
        if ended.returncode != 4 or requests != 1:  # README: the service refuses
            raise SystemExit(f"{what}: ended with {ended.returncode} after {requests} requests")
    return figures


def _whole(manifest: dict[str, Any], summary: dict[str, Any], chunks: int) -> None:
    if manifest["totals"]["clips"] != chunks or manifest["failures"] or summary["twice"] or summary["billed"] != chunks:
        raise SystemExit(f"the book is not whole, or was bought twice: {manifest['totals']}, {summary}")


_ROWS: dict[str, Callable[[Path], Figures]] = {
    "many": many,
    "few": few,
    "paced": paced,
    "hasty": hasty,
    "refused": refused,
}


def main() -> None:
    """Measure the rows that were asked for; prints the median of each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[*_ROWS, []], default=[])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    prefect_start(os.environ | ENVIRONMENT)
    for name in options.rows or _ROWS:
        rounds = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                rounds.append(_ROWS[name](Path(folder)))
        figures = {figure: statistics.median(row[figure] for row in rounds) for figure in rounds[0]}
        print(f"{name}: {', '.join(f'{figure} {value:.3f}' for figure, value in figures.items())}", flush=True)


if __name__ == "__main__":
    main()
