"""What a library's run will take: chunks, US dollars and hours, as far as manuscripts, prices and the ledger tell."""

from collections.abc import Iterable
from dataclasses import dataclass

from flows.dispatch import Order
from flows.plan import make_plan
from tasks.library.inbox import fetched
from tasks.library.ledger import Entry
from tasks.settings import load_profile

# Of the time that a new chunk takes, what one takes whose clip is in the store: its part of mastering and packaging.
_STORED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class BookForecast:
    """A book's chunks, those of them that are still to be spoken, and what those cost in US dollars, None if unknown."""

    chunks: int
    to_speak: int
    usd: float | None

    @property
    def work(self) -> float:
        """Its work in chunks to speak; a chunk whose clip is in the store counts a tenth."""
        return self.to_speak + _STORED_SHARE * (self.chunks - self.to_speak)


def forecast_book(order: Order) -> BookForecast | None:
    """Return what a book will take; None if its manuscript cannot be read, which its own run reports."""
    try:
        with fetched(order.source, order.inbox) as path:
            plan = make_plan(path, load_profile(order.profile, order.overrides), order.chapters)
    except Exception:  # noqa: BLE001  # whatever is wrong with a manuscript, its own run reports
        return None
    planned = [chunk for row in plan.all_chunks for chunk in row]
    missing = [chunk for chunk in planned if not chunk.cached]
    prices = [chunk.usd for chunk in missing]
    usd = None if None in prices else sum(price or 0.0 for price in prices)
    return BookForecast(len(planned), len(missing), usd)


def ledger_pace(entries: Iterable[Entry]) -> float | None:
    """Return how many chunks a second a book's run has spoken on average, mastering and packaging included; None if unknown."""
    runs = [(it.chunks_spoken, it.wall_seconds) for it in entries if it.chunks_spoken and it.wall_seconds]
    return sum(chunks for chunks, _ in runs) / sum(seconds for _, seconds in runs) if runs else None
