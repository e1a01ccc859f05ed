"""One book of a library: what is ordered for it, and what the ledger keeps of how it ended."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from prefect.events import emit_event

from flows.dispatch import Ended, Narrator, Order
from flows.outcomes import outcome_of
from flows.plan import make_plan
from tasks.errors import BudgetExceeded, DeclaimError, Interrupted, OutputError, ProfileError
from tasks.library.allotment import Allotment, LibraryBudget
from tasks.library.inbox import Inbox, Seen, fetched
from tasks.library.ledger import Entry, Ledger, State
from tasks.packagers.folder import MANIFEST
from tasks.settings import load_profile

# A budget of nothing would be no limit.
_LEAST_USD = 0.000_001


@dataclass(frozen=True, slots=True)
class House:
    """What the books of a library's run share."""

    inbox: Inbox
    outbox: Path
    ledger: Ledger
    narrator: Narrator
    budget: LibraryBudget
    profile: str
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A manuscript and what is ordered for it."""

    seen: Seen
    order: Order
    priority: int


def job_of(seen: Seen, house: House) -> Job:
    """Find out what is to be done with a manuscript.

    Raises `SourceError` where it shares its name with another, and `ProfileError` for a side file that is none.
    """
    source, side = house.inbox.source(seen), house.inbox.side_file(seen)
    order = Order(
        source=source,
        profile=side.profile or house.profile,
        out=str(house.outbox / seen.name),
        chapters=side.chapters,
        overrides=(*house.overrides, *side.overrides),
    )
    try:
        load_profile(order.profile, order.overrides)
    except ProfileError as error:
        # The run's own profile has been read before.
        raise ProfileError(f"{seen.name}.toml: {error}") from error
    return Job(seen, order, side.priority)


def refused(seen: Seen, error: DeclaimError) -> Entry:
    """Word the entry of a manuscript for which nothing can be ordered until it changes."""
    return Entry(State.FAILED, seen.marks, _now(), error=str(error))


async def narrate_book(job: Job, house: House, entered: Callable[[str], None]) -> Entry:
    """Have a book narrated; its entry is in the ledger from the beginning to the end, and `entered` told of it.

    Raises `OutputError` where the ledger cannot be written, and `Interrupted`; the book's own errors are in its entry.
    """
    ledger, seen = house.ledger, job.seen
    earlier, started = ledger.books.get(seen.name), monotonic()

    def begun(run: str) -> None:
        ledger.write(seen.name, Entry(State.RUNNING, seen.marks, _now(), run=run, folder=job.order.out))
        entered(seen.name)

    with ExitStack() as stack:
        try:
            order, allotment = await _allotted(job, house, stack)
            ended = await house.narrator(seen.name, order, earlier.run if earlier else "", begun)
        except (OutputError, Interrupted):
            raise
        except DeclaimError as error:
            if isinstance(error, BudgetExceeded):
                emit_event("declaim.budget.reached", _resource(seen), payload={"said": str(error)})
            ended, allotment = Ended(outcome_of(error).state, "", str(error)), None
        entry = replace(_entry(ended, job), wall_seconds=round(monotonic() - started, 1))
        if allotment and entry.usd is not None:
            allotment.spent = entry.usd
    ledger.write(seen.name, entry)
    entered(seen.name)
    return entry


async def _allotted(job: Job, house: House, stack: ExitStack) -> tuple[Order, Allotment | None]:
    """Say in the order what it may spend, where the library has a budget; raises `BudgetExceeded` and what a plan raises."""
    if not house.budget.is_set:
        return job.order, None
    estimate, own = await asyncio.to_thread(_estimate, job.order)
    allotment = stack.enter_context(house.budget.allotted(estimate))
    usd = max(min(allotment.usd, own or allotment.usd), _LEAST_USD)
    return replace(job.order, overrides=(*job.order.overrides, f"limits.budget_usd={usd:.6f}")), allotment


def _estimate(order: Order) -> tuple[float, float]:
    """Reckon what a book still costs, and find its own budget, in US dollars; raises `ProfileError` where a price is not known."""
    own = load_profile(order.profile, order.overrides).limits.budget_usd
    # With a budget, whatever is not known of prices is an error.
    settings = load_profile(order.profile, (*order.overrides, "limits.budget_usd=1"))
    with fetched(order.source) as path:
        plan = make_plan(path, settings, order.chapters)
    return sum(planned.usd or 0.0 for row in plan.all_chunks for planned in row if not planned.cached), own


def _entry(ended: Ended, job: Job) -> Entry:
    entry = Entry(ended.state, job.seen.marks, _now(), run=ended.run, error=ended.error)
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
    )


def _count_spoken(totals: Mapping[str, Any]) -> int | None:
    """Return how many chunks were spoken in the run of a manifest's totals; None if they do not say."""
    clips, cached = totals.get("clips"), totals.get("cached")
    return None if clips is None or cached is None else clips - cached


def _resource(seen: Seen) -> dict[str, str]:
    return {"prefect.resource.id": f"declaim.book.{seen.name}", "prefect.resource.name": seen.name}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
