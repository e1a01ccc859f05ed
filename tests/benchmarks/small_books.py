"""A library of one-page books: wall and CPU time a book, what the server's database grows by, and memory.

    python -m tests.benchmarks.small_books [--books 200] [--at-once 4] [--postgres postgresql+asyncpg://user@host/database]

A real server, two real workers (`--limit 3`), Declaim deployed by `declaim deploy`; the service of the tests answers after 0.05 s.
A book has six chunks and about 1,400 characters and becomes MP3. On a machine that is shared the CPU seconds are what
counts: next to them stands a yardstick, the same chunks spoken and the same chapters mastered by one process without Prefect.
"""

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import httpx
import psutil
from prefect.logging import disable_run_logger

from flows.plan import Plan, make_plan
from tasks.assemble import assemble
from tasks.model import Cost, Recital, Role, Script, Voiced
from tasks.packagers.accounts import Account, Performance
from tasks.publish import publish
from tasks.readers import source_sha256
from tasks.settings import Profile, load_profile
from tasks.store import open_store
from tasks.studio import Studio, open_studios, speak
from tasks.voices.limits import Bill, Budget
from tests.benchmarks.services import service
from tests.flows.conftest import KEY, profile_at
from tests.flows.house import House, open_house

_THIS = [sys.executable, "-m", "tests.benchmarks.small_books"]
_LATENCY_SECONDS = 0.05
_PARAGRAPHS = 5
_WORKERS, _RUNS_A_WORKER = 2, 3
_IN_FLIGHT = 8
_MEMORY_EVERY_BOOKS = 50
_EDITIONS = "output.editions=['mp3']"  # as the deployment of a test house has them
_PATIENCE_SECONDS = 7200
_WORDS = (
    "The lamp in hall {0} was lit at hour {1}, and nobody asked who had carried the oil up the stairs. ",
    "A clerk wrote entry {1} of ledger {0} in brown ink, and blotted it with his sleeve. ",
    "It rained until the gutters of house {0} ran over for the {1} time that week. ",
)


@dataclass
class Usage:
    """CPU seconds and resident memory by process; `ffmpeg` is what the library's run waited for, `books` what workers ran."""

    seconds: dict[str, float] = field(default_factory=dict)
    megabytes: dict[int, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Database:
    """Bytes of the server's database, of each of its tables with their indexes, and the number of events by name."""

    total: int
    tables: Counter[str]
    events: Counter[str]


def write_books(folder: Path, books: int) -> None:
    """Write manuscripts of a heading and five paragraphs: six chunks each, none of which is in another book."""
    for number in range(books):
        paragraphs = ["".join(words.format(number, day) for words in _WORDS) for day in range(_PARAGRAPHS)]
        (folder / f"page-{number:03}.md").write_text("\n\n".join([f"# Page {number}", *paragraphs]), "utf-8")


def measure(house: House, books: int) -> tuple[float, Usage]:
    """Have the deployed library narrate the inbox; return its wall time in seconds, and what its processes used."""
    workers = [house.worker(f"worker-{number}", _RUNS_A_WORKER) for number in range(_WORKERS)]
    before = _cpu(house.server.pid)
    usage, begun = Usage(), time.perf_counter()
    run = house.begin("library/library", settle_seconds=0.5)
    library: psutil.Process | None = None
    own = children = 0.0
    while _read_state(house, run) not in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
        if time.perf_counter() - begun > _PATIENCE_SECONDS:
            raise SystemExit("the library did not end in time")
        library = library or _find_run(run, [worker.pid for worker in workers])
        if library:
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                times = library.cpu_times()
                own, children = times.user + times.system, times.children_user + times.children_system
                _note_memory(usage, house, library)
        time.sleep(0.5)
    wall = time.perf_counter() - begun
    _check_books(house, books)
    usage.seconds |= {"server": _cpu(house.server.pid) - before, "library run": own, "ffmpeg": children}
    times = [psutil.Process(worker.pid).cpu_times() for worker in workers]
    usage.seconds["workers"] = sum(each.user + each.system for each in times)
    reaped = sum(each.children_user + each.children_system for each in times)
    usage.seconds["books' own runs"] = max(0.0, reaped - own - children)
    return wall, usage


def _read_state(house: House, run: str) -> str:
    """Return the type of the run's state; "" if the server does not answer in time."""
    begun = time.perf_counter()
    try:
        return house.state(run)
    except httpx.TransportError as error:
        print(f"the server did not answer in {time.perf_counter() - begun:.0f} s ({type(error).__name__})")
        return ""


def _check_books(house: House, books: int) -> None:
    states = Counter(entry["state"] for entry in house.ledger().values())
    if states != {"done": books}:
        errors = {entry["error"] for entry in house.ledger().values()}
        ended = [(run["state_name"], run["state"]["message"]) for run in house.runs("library")]
        raise SystemExit(f"not all books are done: {dict(states)} {sorted(errors)[:2]} {ended}")


def _find_run(run: str, workers: list[int]) -> psutil.Process | None:
    """Return the process of a flow run: of those that have its id, the engine."""
    for worker in workers:
        for child in psutil.Process(worker).children(recursive=True):
            with suppress(psutil.Error):
                if child.environ().get("PREFECT__FLOW_RUN_ID") == run and "prefect" in " ".join(child.cmdline()):
                    return child
    return None


def _note_memory(usage: Usage, house: House, library: psutil.Process) -> None:
    """Note the resident memory in MB the first time that another 50 books are done."""
    done = sum(entry["state"] == "done" for entry in house.ledger().values())
    at = done // _MEMORY_EVERY_BOOKS * _MEMORY_EVERY_BOOKS
    if at and at not in usage.megabytes:
        found = {"server": psutil.Process(house.server.pid), "library run": library}
        usage.megabytes[at] = {name: each.memory_info().rss / 1e6 for name, each in found.items()}


def _cpu(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def read_database(house: House, postgres: str) -> Database:
    """Return what the server's database holds, after a checkpoint."""
    return asyncio.run(_read_postgres(postgres)) if postgres else _read_sqlite(house.folder / "prefect/prefect.db")


_EVENTS = "SELECT event, COUNT(*) FROM events GROUP BY event"


def _read_sqlite(path: Path) -> Database:
    with closing(sqlite3.connect(path, timeout=60)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tables = database.execute(
            "SELECT s.tbl_name, SUM(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name GROUP BY 1"
        ).fetchall()
        return Database(path.stat().st_size, Counter(dict(tables)), Counter(dict(database.execute(_EVENTS).fetchall())))


async def _read_postgres(url: str) -> Database:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        tables = await connection.fetch("SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables")
        total = await connection.fetchval("SELECT pg_database_size(current_database())")
        return Database(total, Counter(dict(tables)), Counter(dict(await connection.fetch(_EVENTS))))
    finally:
        await connection.close()


def _narrate_bare(folder: Path, overrides: tuple[str, ...]) -> None:
    """Narrate all books of a folder without a flow, and print the CPU seconds of this process and of ffmpeg."""
    profile = load_profile(overrides[0], overrides[1:])
    sources = sorted((folder / "inbox").glob("*.md"))
    with disable_run_logger():
        asyncio.run(_narrate_all(sources, profile, folder / "bare"))
    print(json.dumps([sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]))


async def _narrate_all(sources: list[Path], profile: Profile, out: Path) -> None:
    at_once = asyncio.Semaphore(_WORKERS)

    async def narrate_one(source: Path) -> None:
        async with at_once:
            plan = make_plan(source, profile)
            performances = await _perform(plan, profile)
            account = Account(
                source, source_sha256(source), profile.model_dump(mode="json"), plan.book, performances, ()
            )
            await asyncio.to_thread(publish, account, profile.output, plan.castings[0].narrator, out / source.stem)

    await asyncio.gather(*(narrate_one(source) for source in sources))


async def _perform(plan: Plan, profile: Profile) -> tuple[Performance, ...]:
    store = open_store(profile.store)
    async with open_studios(plan.castings, Budget(0), store, plan.book.language) as (studio, *_):
        studio.hold(plan.scripts)
        recitals = [await _speak(script, studio, profile) for script in plan.scripts]
        tracks = [await assemble.fn(recital, profile.audio, ("mp3",), store) for recital in recitals]
    return tuple(Performance(recital, track) for recital, track in zip(recitals, tracks, strict=True))


async def _speak(script: Script, studio: Studio, profile: Profile) -> Recital:
    bills: list[Bill] = []
    clips = await asyncio.gather(*(speak(chunk, studio, bills, profile.limits) for chunk in script.chunks))
    voice = studio.speakers[Role.NARRATION].identity
    voiced = tuple(Voiced(chunk, clip, voice, Cost(1)) for chunk, clip in zip(script.chunks, clips, strict=True))
    return Recital(script, voiced, ())


def measure_yardstick(house: House, profile: Path) -> tuple[float, float, float]:
    """Return the wall seconds of the same work without Prefect, and the CPU seconds of its process and of ffmpeg."""
    command = [*_THIS, "--bare", str(house.folder), str(profile), f"store.url={house.folder / 'bare-store'}", _EDITIONS]
    begun = time.perf_counter()
    done = subprocess.run(command, check=True, env=house.environment, stdout=subprocess.PIPE, text=True)
    own, ffmpeg = json.loads(done.stdout.splitlines()[-1])
    return time.perf_counter() - begun, own, ffmpeg


@contextmanager
def open_library(folder: Path, options: argparse.Namespace) -> Iterator[tuple[House, Path]]:
    """Deploy a library of small books on a server of its own; yields it and its profile."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    if options.postgres:
        own["PREFECT_API_DATABASE_CONNECTION_URL"] = options.postgres
    with (
        service(latency_seconds=_LATENCY_SECONDS, fixed_seconds=0.0) as at,
        open_house(folder / "house", kept | own | {KEY: at["key"]}) as house,
    ):
        write_books(house.inbox, options.books)
        profile = profile_at(at["url"], house.folder, concurrency=_IN_FLIGHT)
        house.deploy("--profile", profile, "--at-once", str(options.at_once))
        yield house, profile


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--books", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--postgres", default="", help="the URL of an empty database")
    parser.add_argument("--bare", nargs="+", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        _narrate_bare(Path(options.bare[0]), tuple(options.bare[1:]))
        return
    with tempfile.TemporaryDirectory() as folder, open_library(Path(folder), options) as (house, profile):
        before = read_database(house, options.postgres)
        wall, usage = measure(house, options.books)
        time.sleep(10)  # the server writes its events together, every few seconds
        report(options.books, wall, usage, before, read_database(house, options.postgres))
        print(f"task runs a book: {house.ask('POST', 'task_runs/count') / options.books:.1f}")
        bare, own, ffmpeg = measure_yardstick(house, profile)
        print(
            f"yardstick: {bare / options.books:.2f} s of wall a book; CPU seconds a book: "
            f"{own / options.books:.2f}, ffmpeg {ffmpeg / options.books:.2f}"
        )


def report(books: int, wall: float, usage: Usage, before: Database, after: Database) -> None:
    """Print the figures of a run, each for a book."""
    print(f"{books} books: {wall:.0f} s, {wall / books:.2f} s of wall a book")
    parts = ", ".join(f"{name} {seconds / books:.2f}" for name, seconds in usage.seconds.items())
    print(f"CPU seconds a book: {sum(usage.seconds.values()) / books:.2f} ({parts})")
    print(f"database: {(after.total - before.total) / books / 1e6:.3f} MB a book")
    tables, events = after.tables - before.tables, after.events - before.events
    print("kB a book: " + ", ".join(f"{name} {size / books / 1e3:.1f}" for name, size in tables.most_common(10)))
    print("events a book: " + ", ".join(f"{name} {count / books:.1f}" for name, count in events.most_common(16)))
    for at, sizes in sorted(usage.megabytes.items()):
        print(f"after {at} books, MB: " + ", ".join(f"{name} {size:.0f}" for name, size in sizes.items()))


if __name__ == "__main__":
    main()
