"""A book in Prefect's pages while it is narrated: a progress bar, a table of its chapters, a summary, and events."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.events import emit_event
from prefect.runtime import flow_run
from slugify import slugify

from flows.artifacts.artifact import Artifact, refreshing
from flows.artifacts.texts import ChapterProgress, begun_summary, ended_summary, finished_summary, progress_line
from tasks.errors import BudgetExceeded, DeclaimError
from tasks.model import Book, Script
from tasks.packagers.accounts import Account, Performance, manifest
from tasks.publish import Published
from tasks.synthesize import CHUNK_DONE

# Over how many updates the speed is measured by which the time left is reckoned.
_SPEED_UPDATES = 24
_SUMMARY = "What was made, or how to go on"


def book_tag(title: str) -> str:
    """Name a book in tags, keys and events."""
    return slugify(title) or "untitled"


class BookArtifacts:
    """How far a book is, and the pages that tell it."""

    def __init__(
        self, client: PrefectClient, book: Book, scripts: Sequence[Script], spent: Callable[[], float | None]
    ) -> None:
        key = book_tag(book.title)
        self._title = book.title
        self._resource = {"prefect.resource.id": f"declaim.book.{key}", "prefect.resource.name": book.title}
        self._spent = spent
        self._chapters = {script.number: ChapterProgress(script) for script in scripts}
        self._total = sum(len(script.chunks) for script in scripts)
        self._passed = deque([(monotonic(), 0)], _SPEED_UPDATES)
        self._progress = Artifact(client, "progress", f"{key}-progress")
        self._table = Artifact(client, "table", f"{key}-chapters")
        self._summary = Artifact(client, "markdown", f"{key}-summary")

    def chunk_done(self, number: int) -> None:
        """Count a chunk of a chapter that is spoken, or was."""
        chapter = self._chapters[number]
        # Where a fallback speaks a chapter anew, its chunks are told anew.
        done = min(chapter.done + 1, len(chapter.script.chunks))
        self._chapters[number] = replace(chapter, done=done, state="speaking")

    def opened(self, script: Script) -> None:
        """Say that a chapter is being spoken."""
        self._chapters[script.number] = replace(self._chapters[script.number], state="speaking")

    def spoken(self, script: Script) -> None:
        """Say that a chapter waits to be mastered, or is."""
        self._chapters[script.number] = replace(self._chapters[script.number], state="mastering")

    def ended(self, performance: Performance) -> None:
        """Say how a chapter ended, to the pages and to whoever listens for events."""
        number = performance.recital.script.number
        chapter = self._chapters[number] = self._chapters[number].ended(performance)
        emit_event(f"declaim.chapter.{chapter.state}", self._resource, payload=chapter.row)

    async def published(self, account: Account, published: Published) -> None:
        """Show what has been made."""
        told = manifest(account)
        missing = [it.row for it in self._chapters.values() if it.state == "missing"]
        names = [f"{row['chapter']} · {row['title']}" for row in missing]
        editions = _linked(edition.path for edition in published.editions)
        await self._summary.show(
            finished_summary(self._title, told["totals"], published.folder, editions, names), _SUMMARY
        )
        if not missing:
            payload = {"folder": str(published.folder), "editions": editions, **told["totals"]}
            emit_event("declaim.book.finished", self._resource, payload=payload)

    async def show(self) -> None:
        """Bring the pages up to date."""
        done, now = sum(chapter.done for chapter in self._chapters.values()), monotonic()
        then, before = self._passed[0]
        self._passed.append((now, done))
        left = (self._total - done) * (now - then) / (done - before) if done > before else None
        line = progress_line(done, self._total, left, self._spent())
        await self._progress.show(100 * done / self._total if self._total else 100.0, line)
        await self._table.show([chapter.row for chapter in self._chapters.values()], "Chapters")

    async def begun(self) -> None:
        """Show what is to be done, and what if it ends in between."""
        await self._summary.show(begun_summary(self._title, flow_run.get_parameters()), _SUMMARY)

    async def broken_off(self, error: BaseException) -> None:
        """Show why the run ends before its book is done."""
        reason = str(error) if isinstance(error, DeclaimError) else f"{type(error).__name__}: {error}".rstrip(": ")
        await self._summary.show(ended_summary(self._title, reason, flow_run.get_parameters()), _SUMMARY)
        if isinstance(error, BudgetExceeded):
            emit_event("declaim.budget.reached", self._resource, payload={"spent_usd": self._spent(), "said": reason})


def _linked(paths: Any) -> list[str]:
    """Choose the editions that are worth a link: files of the whole book, and one of each folder of chapters."""
    first: dict[str, str] = {}
    for path in paths:
        folder = str(Path(path).parent)
        first.setdefault(path if folder == "." else folder, path if folder == "." else folder)
    return list(first.values())


@asynccontextmanager
async def open_book_artifacts(
    book: Book, scripts: Sequence[Script], spent: Callable[[], float | None]
) -> AsyncIterator[BookArtifacts]:
    """Show a book in Prefect's pages for the time of the block, and how it ended after that.

    `spent` tells what the run has spent so far, in US dollars; None where a price is not known.
    """
    async with get_client() as client:
        artifacts = BookArtifacts(client, book, scripts, spent)
        await artifacts.begun()
        token = CHUNK_DONE.set(_both(CHUNK_DONE.get(), artifacts.chunk_done))
        try:
            async with refreshing(artifacts.show):
                yield artifacts
        except (Exception, asyncio.CancelledError) as error:
            await artifacts.broken_off(error)
            raise
        finally:
            CHUNK_DONE.reset(token)


def _both(first: Callable[[int], None], second: Callable[[int], None]) -> Callable[[int], None]:
    def told(number: int) -> None:
        first(number)
        second(number)

    return told
