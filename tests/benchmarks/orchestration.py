"""A book of 10,000 chunks at 0.02 s a chunk: what Prefect adds to the wall time, what it records, what its server weighs.

    python -m tests.benchmarks.orchestration [--chunks 10000] [--chapters 100] [--rounds 4]

The yardstick is the same work in a process that has no flow: the book is read, cut, and spoken in the same studio, eight requests
at once, and its accounts are written. Both begin with an empty store, and make no edition; the time in which an empty flow starts is
told apart. The median of the rounds counts, for a shared machine is a fifth slower in one minute than in the next; and each second
round begins with the other of the two, for what is measured later is measured slower: 58, 60 and 67 s of processor time for the
same yardstick in one run. A disk adds noise of its own; with TMPDIR on a file system in memory there is less of it.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from flows.plan import Plan, make_plan
from tasks.model import Cost, Recital, Role, Script, Voiced
from tasks.packagers.accounts import Account, Performance
from tasks.publish import publish
from tasks.readers import source_sha256
from tasks.settings import Profile, load_profile
from tasks.store import open_store
from tasks.studio import Studio, open_studios, speak
from tasks.voices.limits import Bill, Budget
from tests.benchmarks.prefect_start import prefect_start
from tests.flows.conftest import KEY, profile_at
from tests.flows.house import House, open_house
from tests.services.service import Service

_AT_ONCE = 8
_THIS = [sys.executable, "-m", "tests.benchmarks.orchestration"]


def _narrated(source: Path, out: Path, overrides: tuple[str, ...]) -> None:
    """Narrate a book without a flow: the yardstick."""
    profile = load_profile(overrides[0], overrides[1:])
    plan = make_plan(source, profile)
    performances = asyncio.run(_performed(plan, profile))
    account = Account(source, source_sha256(source), profile.model_dump(mode="json"), plan.book, performances, ())
    publish(account, profile.output, plan.castings[0].narrator, out)


async def _performed(plan: Plan, profile: Profile) -> tuple[Performance, ...]:
    store = open_store(profile.store)
    async with open_studios(plan.castings, Budget(0), store, plan.book.language) as (studio, *_):
        studio.hold(plan.scripts)
        recitals = await asyncio.gather(*(_recital(script, studio, profile) for script in plan.scripts))
    return tuple(Performance(recital, None) for recital in recitals)


async def _recital(script: Script, studio: Studio, profile: Profile) -> Recital:
    bills: list[Bill] = []
    clips = await asyncio.gather(*(speak(chunk, studio, bills, profile.limits) for chunk in script.chunks))
    voice = studio.speakers[Role.NARRATION].identity
    voiced = tuple(Voiced(chunk, clip, voice, Cost(1)) for chunk, clip in zip(script.chunks, clips, strict=True))
    return Recital(script, voiced, ())


def _book(folder: Path, chapters: int, chunks: int) -> Path:
    path = folder / "book.md"
    lines = ["---\ntitle: Ten thousand\n---"]
    for chapter in range(chapters):
        # Its heading is a chunk too.
        lines += [f"# Chapter {chapter}", *(f"In chapter {chapter} is day {day}." for day in range(chunks - 1))]
    path.write_text("\n\n".join(lines), "utf-8")
    return path


def _timed(command: list[str], house: House) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, env=house.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--chapters", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--bare", nargs="+", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        _narrated(Path(options.bare[0]), Path(options.bare[1]), tuple(options.bare[2:]))
        return
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with tempfile.TemporaryDirectory() as folder, Service(latency_seconds=0.02) as service:
        environment = kept | {KEY: service.key, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
        with open_house(Path(folder) / "house", environment) as house:
            source = _book(house.folder, options.chapters, options.chunks // options.chapters)
            rounds = [_round(number, source, house, service) for number in range(options.rounds)]
            print(
                f"orchestration: {statistics.median(it.without_start for it in rounds):.1%} of the wall time; with its start "
                f"{statistics.median(it.with_start for it in rounds):.1%}"
            )
            print(
                f"task runs a book: {house.ask('POST', 'task_runs/count') // options.rounds}; the server's memory at its "
                f"most: {house.server_megabytes():.0f} MB"
            )


@dataclass(frozen=True)
class _Round:
    """How long a book took with Prefect and without, and Prefect to start (seconds)."""

    whole: float
    bare: float
    start: float

    @property
    def with_start(self) -> float:
        return (self.whole - self.bare) / self.whole

    @property
    def without_start(self) -> float:
        return (self.whole - self.start - self.bare) / self.whole


def _round(number: int, source: Path, house: House, service: Service) -> _Round:
    profile = str(profile_at(service.url, house.folder, concurrency=_AT_ONCE))
    stores = [f"store.url={house.folder / f'{name}-{number}'}" for name in ("bare", "whole")]
    asked = len(service.asked)
    no_edition = "output.editions=[]"
    bare = [*_THIS, "--bare", str(source), str(house.folder / "bare"), profile, stores[0], no_edition]
    sets = ["--out", str(house.outbox), "--set", stores[1], "--set", no_edition]
    whole = [sys.executable, "-m", "flows.cli", "narrate", str(source), "--profile", profile, *sets]
    turns = (("bare", bare), ("whole", whole))
    seconds = {name: _timed(command, house) for name, command in (turns if number % 2 == 0 else reversed(turns))}
    done = _Round(seconds["whole"], seconds["bare"], prefect_start(house.environment))
    print(
        f"{(len(service.asked) - asked) // 2} chunks twice: {done.whole:.1f} s, of which Prefect's start {done.start:.1f}; without "
        f"Prefect {done.bare:.1f} s"
    )
    return done


if __name__ == "__main__":
    main()
