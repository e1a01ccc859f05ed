"""The flow of an inbox: what is new or changed is narrated, and the ledger says what became of each manuscript."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from prefect import flow, get_run_logger

from flows.artifacts.artifact import show_how_to_resume
from flows.artifacts.library import LibraryArtifacts, open_library_artifacts
from flows.cancellation import cancellable, leaving_signals_to_us
from flows.dispatch import by_deployment, check_deployment, here
from flows.interrupts import CURRENT
from flows.library_book import House, Job, job_of, narrate_book, refused, report_failure
from flows.parameters import Count, Dollars, Overrides, ProfileName, Seconds
from flows.runtime.clock import check_clock
from flows.runtime.deployed import check_store_outlives_worker, fill_empty, hold_folder, outbox_folder
from flows.throttles import open_throttles
from tasks.errors import BooksMissing, DeclaimError
from tasks.library.allotment import LibraryBudget
from tasks.library.inbox import Inbox, Listing, Seen, check_apart
from tasks.library.ledger import LEDGER, Entry, Ledger, State
from tasks.settings import DEFAULT_PROFILE, load_profile

_NAMED = 5
# Told a line for every book that has ended, as the run's log has it; a terminal shows it. No one need listen.
BOOK_TOLD: ContextVar[Callable[[str], None]] = ContextVar("BOOK_TOLD", default=lambda _: None)


@flow(
    name="library",
    flow_run_name="Library {inbox}",
    validate_parameters=False,
    persist_result=False,
    on_crashed=[show_how_to_resume],
    on_cancellation=[show_how_to_resume],
)
@cancellable
async def library(
    *,
    inbox: str,
    outbox: str,
    profile: ProfileName = DEFAULT_PROFILE,
    at_once: Count = 1,
    deployment: str = "",
    budget_usd: Dollars = 0.0,
    settle_seconds: Seconds = 5.0,
    overrides: Overrides = (),
) -> dict[str, Any]:
    """Narrate what is new or changed in an inbox, the books of highest priority first.

    Return the states of the books that were narrated, by their names. Raises `BooksMissing` if some of them are not done,
    `ProfileError`, `OutputError` and `Interrupted`.

    Args:
        inbox: The folder of manuscripts: a path or a URL. Nothing in it is moved or changed.
        outbox: The folder for finished books and the ledger.
        profile: The profile of books whose side file names none.
        at_once: How many books are narrated at the same time.
        deployment: The deployment whose workers narrate the books, such as narrate/narrate. Short books, and those that no worker
            takes in time, are narrated in this run's own process. Empty: all are.
        budget_usd: What this run may spend on all its books, in US dollars. 0: no limit.
        settle_seconds: For how many seconds a file must stay unchanged before it is taken for complete.
        overrides: Settings for all books, such as limits.concurrency=4.
    """
    profile, at_once = fill_empty("profile", profile, DEFAULT_PROFILE), fill_empty("at_once", at_once, 1)
    overrides = tuple(overrides or ())
    settings = load_profile(profile, overrides)
    check_store_outlives_worker(settings.store)
    await check_clock()
    source, place = Inbox(fill_empty("inbox", inbox, "")), outbox_folder(fill_empty("outbox", outbox, ""))
    check_apart(source, place)
    await check_deployment(deployment)
    async with hold_folder(place):
        place.mkdir(parents=True, exist_ok=True)
        house = House(
            inbox=source,
            outbox=place,
            ledger=Ledger(place),
            narrator=by_deployment(deployment) if deployment else here,
            budget=LibraryBudget(budget_usd or 0.0),
            profile=profile,
            overrides=overrides,
            allowed=settings.library,
            is_dispatched=bool(deployment),
        )
        async with open_throttles(), open_library_artifacts(house, at_once, settings.output.link_base) as dashboard:
            taken = await _drained(_Run(house, dashboard, asyncio.Semaphore(at_once)), settle_seconds or 0.0)
    return _told(taken, house)


@dataclass(frozen=True, slots=True)
class _Run:
    house: House
    dashboard: LibraryArtifacts
    places: asyncio.Semaphore


async def _drained(run: _Run, settle_seconds: float) -> dict[str, Entry]:
    """Take all that is due, and what comes meanwhile, until nothing is left but what is still being copied in."""
    taken: dict[str, Entry] = {}
    before = run.house.inbox.listing(run.house.ledger.owners)
    _tell_others(before)
    while True:
        await asyncio.sleep(settle_seconds)
        now = run.house.inbox.listing(run.house.ledger.owners)
        due = [seen for seen in now.settled(before) if _is_due(seen, run.house, taken)]
        if not due:
            for name in now.unsettled(before):
                get_run_logger().info("%s is still being copied in; the next run takes it", name)
            return taken
        taken |= await _round(due, run)
        before = now


def _is_due(seen: Seen, house: House, taken: dict[str, Entry]) -> bool:
    """Return whether a manuscript is to be narrated; what this run has taken it takes again only if it has changed since."""
    entry = taken.get(seen.name)
    if not house.ledger.is_due(seen) or (entry is not None and entry.marks == seen.marks):
        return False
    if house.allowed.remake_for_side_files or not house.ledger.differs_in_side_file_alone(seen):
        return True
    _note_side_file(seen, house.ledger)
    return False


def _note_side_file(seen: Seen, ledger: Ledger) -> None:
    """Write into the ledger that a finished book stays as it is though its side file differs; log it once."""
    entry = ledger.books[seen.name]
    note = (
        f"its side file has come, changed or gone since ({' '.join(seen.marks[1:]) or 'gone'}); the book stays as it is"
    )
    if entry.note == note:
        return
    ledger.write(seen.name, replace(entry, note=note))
    get_run_logger().warning(
        "%s: %s; [library] remake_for_side_files = true in the publisher's profile makes such books again",
        seen.name,
        note,
    )


async def _round(due: Sequence[Seen], run: _Run) -> dict[str, Entry]:
    """Narrate some manuscripts, so many at once, those of the highest priority first; returns their entries."""
    house, dashboard = run.house, run.dashboard
    taken: dict[str, Entry] = {}
    jobs: list[Job] = []
    for seen in due:
        try:
            jobs.append(job_of(seen, house))
        except Exception as error:  # noqa: BLE001  # no file of an inbox ends the run
            if not isinstance(error, DeclaimError):
                get_run_logger().exception("%s: internal error", seen.name)
            taken[seen.name] = refused(seen, error)
            house.ledger.write(seen.name, taken[seen.name])
            dashboard.add_book(seen, 0)
            dashboard.mark_begun(seen.name)
            _tell(seen.name, taken[seen.name])
            report_failure(seen.name, taken[seen.name], house)
    # Should a book end this process again, the others are done before.
    jobs.sort(key=lambda job: (job.ended_library, -job.settings.priority, job.seen.name))
    for job in jobs:
        dashboard.add_book(job.seen, job.settings.priority)
    get_run_logger().info("%d manuscripts to narrate: %s", len(jobs), _named(job.seen.name for job in jobs))

    async def narrated(job: Job) -> None:
        async with run.places:
            CURRENT.get().check()
            entry = await narrate_book(job, house, dashboard.mark_begun)
        taken[job.seen.name] = entry
        _tell(job.seen.name, entry)

    # All end before the first error is raised: what is in flight is paid for.
    async with dashboard.forecast_books(jobs):
        with leaving_signals_to_us():
            ended = await asyncio.gather(*(narrated(job) for job in jobs), return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
    return taken


def _tell_others(listing: Listing) -> None:
    if listing.others:
        get_run_logger().warning("no manuscripts in the inbox: %s", _named(listing.others))


def _tell(name: str, entry: Entry) -> None:
    is_done = entry.state is State.DONE
    line = f"{name}: {entry.state}, {f'{(entry.seconds or 0) / 60:.0f} minutes, in {entry.folder}' if is_done else entry.error}"
    get_run_logger().log(logging.INFO if is_done else logging.ERROR, line)
    BOOK_TOLD.get()(line)


def _named(names: "Iterator[str] | Sequence[str]") -> str:
    listed = list(names)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more


def _told(taken: dict[str, Entry], house: House) -> dict[str, Any]:
    """Sum a run up; raises `BooksMissing` where a book that it took is not done."""
    counts = Counter(str(entry.state) for entry in taken.values())
    missing = {name: entry for name, entry in taken.items() if entry.state is not State.DONE}
    if missing:
        name, first = next(iter(sorted(missing.items())))
        raise BooksMissing(
            f"{house.outbox}: of {len(taken)} books {len(missing)} are not done ({_named(sorted(missing))}); {name}: {first.error}; "
            f"{LEDGER} there says why for each; run the library again when that is mended"
        )
    return {
        "outbox": str(house.outbox),
        "books": {name: str(entry.state) for name, entry in sorted(taken.items())},
        **counts,
    }
