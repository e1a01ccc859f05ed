"""A library's run in Prefect's pages: how much of it is done, tables of its books, and a summary."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client, get_run_logger
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from slugify import slugify

from flows.artifacts.artifact import RUN_ENDINGS, Artifact, current_resume_section, describe_error, refresh_periodically
from flows.artifacts.forecast import BookForecast, forecast_book, ledger_pace
from flows.artifacts.library_texts import (
    BookStatus,
    LibraryStatus,
    LiveProgress,
    finished_row,
    library_line,
    library_summary,
    open_row,
    sort_books,
)
from flows.artifacts.links import OutboxLinks
from flows.artifacts.texts import REPORT, escape_cells, library_in_progress, mark_unfinished
from flows.library_book import House, Job
from tasks.library.inbox import Seen
from tasks.library.ledger import State

# A forecast reads every manuscript. Books wait this long for it at most; after that both go on at the same time.
_FORECAST_SECONDS = 5
_MOST_ARTIFACTS = 200


class LibraryArtifacts:
    """The artifacts of a library's run. The ledger knows the books that have begun, their own artifacts how far they are."""

    def __init__(self, client: PrefectClient, house: House, at_once: int, link_base: str) -> None:
        key = f"library-{slugify(house.outbox.name) or 'outbox'}"
        self._client = client
        self._house = house
        self._at_once = at_once
        self._links = OutboxLinks(link_base, house.outbox)
        self._priorities: dict[str, int] = {}
        self._files: dict[str, str] = {}
        self._begun: set[str] = set()
        self._live: dict[str, LiveProgress] = {}
        self._forecasts: dict[str, BookForecast | None] = {}
        self._pace = ledger_pace(house.ledger.books.values())
        self._at_work_since = monotonic()
        self._best = 0.0
        self._is_over = False
        self._error = ""
        self._progress = Artifact(client, "progress", f"{key}-progress")
        self._open_books = Artifact(client, "table", f"{key}-books")
        self._finished_books = Artifact(client, "table", f"{key}-finished")
        self._summary = Artifact(client, "markdown", f"{key}-summary")
        self._resume = current_resume_section(house.outbox)

    def add_book(self, seen: Seen, priority: int) -> None:
        """Show that a book is to be narrated."""
        self._priorities[seen.name] = priority
        self._files[seen.name] = seen.file_name
        self._begun.discard(seen.name)
        self._live.pop(seen.name, None)

    def mark_begun(self, name: str) -> None:
        """Note that the ledger's entry of a book is this run's."""
        if not self._begun:
            self._at_work_since = monotonic()
        self._begun.add(name)

    def finish(self) -> None:
        """Note that nothing is left to do."""
        self._is_over = True

    def fail(self, error: BaseException) -> None:
        """Note why the run ends before all is done."""
        self._error = describe_error(error)

    @asynccontextmanager
    async def forecast_books(self, jobs: Sequence[Job]) -> AsyncIterator[None]:
        """Forecast what the books will take: before the block if that takes five seconds at most, else during it."""
        forecasting = asyncio.create_task(self._forecast(jobs))
        try:
            await asyncio.wait({forecasting}, timeout=_FORECAST_SECONDS)
            await self.show()
            yield
        finally:
            forecasting.cancel()

    async def _forecast(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._forecasts[job.seen.name] = await asyncio.to_thread(forecast_book, job.order)
        if jobs:
            get_run_logger().info("forecast: %s", self._status().forecast)

    async def show(self) -> None:
        """Bring all artifacts up to date."""
        await self._read_live()
        status = self._status()
        is_finished = self._is_over and all(book.is_finished for book in status.books)
        self._best = 100.0 if is_finished else min(max(self._best, status.percent), 99.9)
        await self._progress.show(round(self._best, 1), library_line(status))
        books = sort_books(status.books)
        rows = [escape_cells(open_row(book)) for book in books if not book.is_finished]
        await self._open_books.show(
            rows, "Books that are not finished" if rows else "No book is waiting or in progress"
        )
        if rows := [self._finished_row(book) for book in books if book.is_finished]:
            await self._finished_books.show(rows, "Finished books")
        await self._summary.show(self._summary_text(status), "The books of this run")

    def _finished_row(self, book: BookStatus) -> dict[str, Any]:
        link = self._links.markdown(book.folder / REPORT, "report")
        return escape_cells(finished_row(book)) | {"report": link if self._links.url(book.folder) else str(book.folder)}

    def _summary_text(self, status: LibraryStatus) -> str:
        resume = library_in_progress(self._resume)
        if self._is_over:
            resume = "" if all(book.is_finished for book in status.books) else self._resume
        text = library_summary(self._house.inbox.url, status, self._links, resume)
        return mark_unfinished(text, self._error) if self._error else text

    def _status(self) -> LibraryStatus:
        entries = {name: entry for name, entry in self._house.ledger.books.items() if name in self._begun}
        books = tuple(
            BookStatus(self._files[name], priority, entries.get(name), self._live.get(name), self._forecasts.get(name))
            for name, priority in self._priorities.items()
        )
        return LibraryStatus(books, self._at_once, self._pace, monotonic() - self._at_work_since)

    async def _read_live(self) -> None:
        """Read how far the runs of books are from their progress artifacts, each known by its output folder."""
        entries = {name: it for name, it in self._house.ledger.books.items() if name in self._begun}
        # A stopped book's entry has no cost, but its run's artifact has.
        wanted = {
            str(self._house.outbox / name): name
            for name, it in entries.items()
            if it.state is State.RUNNING or (it.state is State.STOPPED and it.usd is None)
        }
        if not wanted:
            return
        with suppress(httpx.HTTPError, PrefectException):
            # A run in this process is known as a child of this run; the ledger has the ids of all others.
            is_here = any(not it.run for it in entries.values() if it.state is State.RUNNING)
            runs = [UUID(run) for name in wanted.values() if (run := entries[name].run)]
            for facts in await self._read_facts([] if is_here else runs):
                if name := wanted.pop(facts.get("folder", ""), ""):
                    usd, left = _figure(facts.get("usd")), _figure(facts.get("seconds_left"))
                    self._live[name] = LiveProgress(float(facts.get("percent", 0.0)), usd, left)

    async def _read_facts(self, runs: Sequence[UUID]) -> list[dict[str, str]]:
        """Return the metadata of the progress artifacts of runs, the last updated first; of this run's children if none is named."""
        artifacts = ArtifactFilter(type=ArtifactFilterType(any_=["progress"]))
        own = FlowRunFilterParentFlowRunId(any_=[UUID(str(flow_run.get_id()))])
        children: FlowRunFilter | None = FlowRunFilter(parent_flow_run_id=own)
        if runs:
            artifacts.flow_run_id = ArtifactFilterFlowRunId(any_=list(runs))
            children = None
        found = await self._client.read_artifacts(
            artifact_filter=artifacts,
            flow_run_filter=children,
            sort=ArtifactSort.UPDATED_DESC,
            limit=_MOST_ARTIFACTS,
        )
        return [artifact.metadata_ or {} for artifact in found]


def _figure(text: str | None) -> float | None:
    return None if text is None else float(text)


@asynccontextmanager
async def open_library_artifacts(house: House, at_once: int, link_base: str) -> AsyncIterator[LibraryArtifacts]:
    """Show a library's run in Prefect's pages for the time of the block; `link_base` is as in `[output]`."""
    async with get_client() as client:
        artifacts = LibraryArtifacts(client, house, at_once, link_base)
        async with refresh_periodically(artifacts.show):
            try:
                yield artifacts
            except RUN_ENDINGS as error:
                artifacts.fail(error)
                raise
            artifacts.finish()
