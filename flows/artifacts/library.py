"""A library's run in Prefect's pages: how many of its books are done, a table of them, and a summary."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.runtime import flow_run
from slugify import slugify

from flows.artifacts.artifact import Artifact, refreshing
from flows.artifacts.texts import library_row, library_summary
from flows.library_book import House
from flows.plan import told_usd
from tasks.library.ledger import Entry, State

_OPEN = {State.RUNNING}
_TOLD = {State.DONE, State.INCOMPLETE}


class LibraryArtifacts:
    """How far the books of a run are, and the pages that tell it; the ledger knows of those that have begun."""

    def __init__(self, client: PrefectClient, house: House) -> None:
        key = f"library-{slugify(house.outbox.name) or 'outbox'}"
        self._title = f"Library: {house.inbox.url}"
        self._house = house
        self._priorities: dict[str, int] = {}
        self._progress = Artifact(client, "progress", f"{key}-progress")
        self._table = Artifact(client, "table", f"{key}-books")
        self._summary = Artifact(client, "markdown", f"{key}-summary")
        self._begun: set[str] = set()
        self._is_over = False

    def queued(self, name: str, priority: int) -> None:
        """Say that a book is to be narrated."""
        self._priorities[name] = priority
        self._begun.discard(name)

    def over(self) -> None:
        """Say that nothing is left to do."""
        self._is_over = True

    def begun(self, name: str) -> None:
        """Say that the ledger's entry of a book is this run's."""
        self._begun.add(name)

    async def show(self) -> None:
        """Bring the pages up to date."""
        entries = {name: entry for name, entry in self._house.ledger.books.items() if name in self._begun}
        ended = [entry for entry in entries.values() if entry.state not in _OPEN]
        waiting = Counter({"waiting": len(self._priorities.keys() - self._begun)})
        counts = {
            state: count
            for state, count in (Counter(str(it.state) for it in entries.values()) + waiting).items()
            if count
        }
        total = len(self._priorities)
        await self._progress.show(100 * len(ended) / total if total else 100.0, _line(ended, total))
        rows = [library_row(name, priority, entries.get(name)) for name, priority in self._priorities.items()]
        await self._table.show(rows, "Books")
        text = library_summary(self._title, counts, entries, flow_run.get_parameters(), is_over=self._is_over)
        await self._summary.show(text, "The books of this run")


def _line(ended: list[Entry], total: int) -> str:
    # One that was stopped has spent what its own page tells.
    costs = [entry.usd for entry in ended if entry.state in _TOLD]
    spent = None if None in costs else sum(cost or 0.0 for cost in costs)
    return f"{len(ended)} of {total} books have ended; cost of those that are done: {told_usd(spent)}"


@asynccontextmanager
async def open_library_artifacts(house: House) -> AsyncIterator[LibraryArtifacts]:
    """Show a library's run in Prefect's pages for the time of the block."""
    async with get_client() as client:
        artifacts = LibraryArtifacts(client, house)
        async with refreshing(artifacts.show):
            yield artifacts
            artifacts.over()
