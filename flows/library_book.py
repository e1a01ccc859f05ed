"""One book of a library: what is ordered for it, and what the ledger keeps of how it ended."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import Any

from prefect import get_run_logger
from prefect.exceptions import Pause

from flows.dispatch import Begun, Ended, Narrator, Order, here
from flows.interrupts import CURRENT
from flows.outcomes import outcome_of
from flows.plan import make_plan
from flows.runtime.events import BOOK_FAILED, BOOK_INCOMPLETE, BUDGET_REACHED, emit_about_book
from flows.short_books import is_small, read_short_book
from tasks.errors import (
    BudgetExceeded,
    DeclaimError,
    Interrupted,
    OutputError,
    ProfileError,
    Suspended,
    escape_unprintable,
)
from tasks.ingest import READ
from tasks.library.allotment import Allotment, LibraryBudget
from tasks.library.book_settings import BookSettings
from tasks.library.inbox import Inbox, Seen, fetched
from tasks.library.ledger import Entry, Ledger, State
from tasks.model import Book
from tasks.packagers.folder import MANIFEST
from tasks.prefect_values import without_task_runs
from tasks.settings import LibrarySettings, load_profile

# A budget of nothing would be no limit.
_LEAST_USD = 0.000_001


@dataclass(frozen=True, slots=True)
class House:
    """What the books of a library's run share.

    `allowed` is what side files may set; `is_dispatched` says that `narrator` is not this process; `report` emits an event about a book, by its name, with facts.
    """

    inbox: Inbox
    outbox: Path
    ledger: Ledger
    narrator: Narrator
    budget: LibraryBudget
    profile: str
    overrides: tuple[str, ...]
    allowed: LibrarySettings = field(default_factory=LibrarySettings)
    is_dispatched: bool = False
    report: Callable[[str, str, Mapping[str, Any]], None] = emit_about_book


@dataclass(frozen=True, slots=True)
class Job:
    """A manuscript, what is ordered for it, and its side file's settings.

    `ended_library` says that a run of the library died with it in its process.
    """

    seen: Seen
    order: Order
    settings: BookSettings
    ended_library: bool = False


def job_of(seen: Seen, house: House) -> Job:
    """Find out what is to be done with a manuscript.

    The library's own overrides come last: no side file changes what the publisher sets for all books. Raises `SourceError` for a
    manuscript that cannot be read, and `ProfileError` for a side file that is none or sets what it may not.
    """
    source, settings = house.inbox.source(seen), house.inbox.book_settings(seen, house.allowed)
    order = Order(
        source=source,
        profile=settings.profile or house.profile,
        out=str(house.outbox / seen.name),
        chapters=settings.chapters,
        overrides=(*settings.overrides, *house.overrides),
        inbox=str(house.inbox.folder or ""),
    )
    try:
        load_profile(order.profile, order.overrides)
    except ProfileError as error:
        # The run's own profile has been read before.
        raise ProfileError(f"{PurePosixPath(seen.side).name or seen.name}: {error}") from error
    return Job(seen, order, settings, ended_library=_ended_library(seen, house))


def _ended_library(seen: Seen, house: House) -> bool:
    """Return whether the library's process died while it narrated this manuscript as it is now, or others at the same time."""
    entry = house.ledger.books.get(seen.name)
    is_running_here = entry is not None and entry.state is State.RUNNING and not entry.run
    return house.is_dispatched and is_running_here and entry is not None and entry.marks == seen.marks


def refused(seen: Seen, error: Exception) -> Entry:
    """Return the entry of a manuscript for which nothing can be ordered until it changes."""
    return Entry(State.FAILED, seen.marks, _now(), error=_describe(error))


def _describe(error: Exception) -> str:
    if isinstance(error, DeclaimError):
        return str(error)
    return escape_unprintable(f"internal error: {type(error).__name__}: {error}")


async def narrate_book(job: Job, house: House, entered: Callable[[str], None]) -> Entry:
    """Narrate a book and return its entry; the ledger has one from the beginning to the end, and `entered` is called for each.

    Raises `OutputError` where the ledger cannot be written, and `Interrupted`. The book's own errors are in its entry, and so is
    an internal error: it ends no other book.
    """
    ledger, seen = house.ledger, job.seen
    earlier, started = ledger.books.get(seen.name), monotonic()
    begun = _entry_writer(job, house, entered)
    allotment, is_over_budget = None, False
    with ExitStack() as stack:
        try:
            book = await _read_if_short(job, house, begun)
            order, allotment = await _allotted(job, house, stack, book)
            stack.enter_context(_reading(order.source, book))
            narrator = here if book else house.narrator
            ended = await narrator(seen.name, order, earlier.run if earlier else "", begun)
        except (OutputError, Interrupted):
            raise
        except Pause:
            # The library is suspended: its process did not die of this book.
            ledger.write(seen.name, _entry(Ended(State.STOPPED, "", str(Suspended())), job))
            raise
        except DeclaimError as error:
            is_over_budget = isinstance(error, BudgetExceeded)
            ended = Ended(outcome_of(error).state, "", str(error))
        except Exception as error:  # noqa: BLE001  # whatever fails in one book ends no other
            get_run_logger().exception("%s: internal error", seen.name)
            ended = Ended(State.STOPPED, "", _describe(error))
        if ended.state is State.FAILED and not house.inbox.holds(seen):
            # Its inbox has gone away, and may come back: the manuscript is not at fault.
            ended = replace(ended, state=State.STOPPED)
        entry = replace(_entry(ended, job), wall_seconds=round(monotonic() - started, 1))
        if allotment and entry.usd is not None:
            allotment.spent = entry.usd
    ledger.write(seen.name, entry)
    entered(seen.name)
    if is_over_budget:
        house.report(BUDGET_REACHED, seen.name, {"said": entry.error})
    else:
        report_failure(seen.name, entry, house)
    return entry


def report_failure(name: str, entry: Entry, house: House) -> None:
    """Emit the event of a book that is not done, unless a person stopped the library."""
    interruption = CURRENT.get(None)
    if entry.state is State.DONE or (interruption and interruption.is_asked):
        return
    event = BOOK_INCOMPLETE if entry.state is State.INCOMPLETE else BOOK_FAILED
    house.report(event, name, {"state": str(entry.state), "error": entry.error})


def _entry_writer(job: Job, house: House, entered: Callable[[str], None]) -> Begun:
    """Return what writes the entry of a running book when its run's id, or what it waits for, has changed."""
    written: tuple[str, str] | None = None

    def begun(run: str, waits: str = "") -> None:
        nonlocal written
        if written == (run, waits):
            return
        written = run, waits
        entry = Entry(State.RUNNING, job.seen.marks, _now(), run=run, folder=job.order.out, error=waits)
        house.ledger.write(job.seen.name, entry)
        entered(job.seen.name)

    return begun


async def _read_if_short(job: Job, house: House, begun: Begun) -> Book | None:
    """Return the book if it is short, so that this process narrates it and not a worker.

    A book that this process may have died of is left to a worker. Raises `SourceError`.
    """
    if not house.is_dispatched or job.ended_library or not is_small(job.order.source):
        return None
    # Reading is the first part of narrating: should this process die of it, the entry says so.
    begun("")
    return await asyncio.to_thread(read_short_book, job.order.source, job.order.inbox)


@contextmanager
def _reading(source: str, book: Book | None) -> Iterator[None]:
    """Let the flow that is run within the block take a short book that has been read, and have it make no task runs."""
    if book is None:
        yield
        return
    token = READ.set({Path(source).expanduser().absolute(): book})
    try:
        with without_task_runs():
            yield
    finally:
        READ.reset(token)


async def _allotted(job: Job, house: House, stack: ExitStack, book: Book | None) -> tuple[Order, Allotment | None]:
    """Return the order with what it may spend, if the library has a budget; raises `BudgetExceeded` and what a plan raises."""
    if not house.budget.is_set:
        return job.order, None
    estimate, own = await asyncio.to_thread(_estimate, job.order, book)
    allotment = stack.enter_context(house.budget.allotted(estimate))
    usd = max(min(allotment.usd, own or allotment.usd), _LEAST_USD)
    return replace(job.order, overrides=(*job.order.overrides, f"limits.budget_usd={usd:.6f}")), allotment


def _estimate(order: Order, book: Book | None) -> tuple[float, float]:
    """Return what a book still costs and its own budget, in US dollars; raises `ProfileError` where a price is not known."""
    own = load_profile(order.profile, order.overrides).limits.budget_usd
    # With a budget, whatever is not known of prices is an error.
    settings = load_profile(order.profile, (*order.overrides, "limits.budget_usd=1"))
    with fetched(order.source, order.inbox) as path:
        plan = make_plan(path, settings, order.chapters, book)
    return sum(planned.usd or 0.0 for row in plan.all_chunks for planned in row if not planned.cached), own


def _entry(ended: Ended, job: Job) -> Entry:
    entry = Entry(
        ended.state,
        job.seen.marks,
        _now(),
        run=ended.run,
        error=ended.error,
        side_file_keys=job.settings.keys,
        side_file_sha256=job.settings.sha256,
    )
    if ended.state not in {State.DONE, State.INCOMPLETE}:
        return entry
    manifest: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        manifest = json.loads((Path(job.order.out) / MANIFEST).read_bytes())
    totals = manifest.get("totals", {})
    return replace(
        entry,
        folder=job.order.out,
        title=manifest.get("book", {}).get("title", ""),
        seconds=totals.get("seconds"),
        characters=totals.get("characters"),
        usd=totals.get("usd"),
        chunks_spoken=_count_spoken(totals),
        manuscript_sha256=manifest.get("source", {}).get("sha256", ""),
    )


def _count_spoken(totals: Mapping[str, Any]) -> int | None:
    """Return how many chunks were spoken in the run of a manifest's totals; None if they do not say."""
    clips, cached = totals.get("clips"), totals.get("cached")
    return None if clips is None or cached is None else clips - cached


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
