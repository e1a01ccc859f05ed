"""A book in Prefect's pages while it is narrated: a progress bar, a table of its chapters, a summary, and events."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.runtime import flow_run
from slugify import slugify

from flows.artifacts.artifact import RUN_ENDINGS, Artifact, current_resume_section, describe_error, refresh_periodically
from flows.artifacts.links import OutboxLinks
from flows.artifacts.texts import (
    ChapterProgress,
    add_reason,
    book_in_progress,
    escape_cells,
    finished_book,
    incomplete_book,
    progress_line,
)
from flows.artifacts.work import BookWork
from flows.runtime.events import BOOK_FINISHED, BUDGET_REACHED, emit_about_book
from tasks.errors import BudgetExceeded
from tasks.model import Book, Script
from tasks.packagers import OutputSettings
from tasks.packagers.accounts import Account, Performance, manifest
from tasks.publish import Published
from tasks.synthesize import CHUNK_DONE

_SUMMARY = "What was made, or how to run it again"
# Called with the book's work whenever that changes; the terminal's progress bar listens.
WORK_CHANGED: ContextVar[Callable[[BookWork], None]] = ContextVar("WORK_CHANGED", default=lambda _: None)


def book_tag(title: str) -> str:
    """Return the name of a book in tags, keys and events."""
    return slugify(title) or "untitled"


@dataclass(frozen=True, slots=True)
class BookRun:
    """What the artifacts show of a run: a book, its chapters, the resolved output folder, and the run's cost so far.

    `spent` returns the cost in US dollars, None if a price is unknown.
    """

    book: Book
    scripts: Sequence[Script]
    folder: Path
    output: OutputSettings
    spent: Callable[[], float | None]

    @property
    def links(self) -> OutboxLinks:
        """The links to its editions."""
        outbox = str(flow_run.get_parameters().get("outbox") or "")
        return OutboxLinks.for_book(self.output.link_base, outbox, self.folder)


class BookArtifacts:
    """The artifacts of a book's run, and the events of its chapters."""

    def __init__(self, client: PrefectClient, run: BookRun) -> None:
        title, key = run.book.title, book_tag(run.book.title)
        self._run = run
        self._chapters = {script.number: ChapterProgress(script) for script in run.scripts}
        chunks = {script.number: len(script.chunks) for script in run.scripts}
        self._work = BookWork(chunks, monotonic(), has_mastering=bool(run.output.editions))
        self._open_usd = 0.0
        self._changed = WORK_CHANGED.get()
        self._progress = Artifact(client, "progress", f"{key}-progress")
        self._table = Artifact(client, "table", f"{key}-chapters")
        self._summary = Artifact(client, "markdown", f"{key}-summary")
        self._summary_text = book_in_progress(title, current_resume_section(run.folder))

    def count_chunk(self, number: int) -> None:
        """Count a chunk of a chapter that is spoken, or was found in the store."""
        self._work.count_chunk(number)
        chapter = self._chapters[number]
        # A fallback voice speaks a chapter again, and counts its chunks again.
        done = min(chapter.done + 1, len(chapter.script.chunks))
        self._chapters[number] = replace(chapter, done=done, state="speaking")
        self._changed(self._work)

    def mark_spoken(self, script: Script) -> None:
        """Show that a chapter waits for mastering."""
        self._show_mastering(script, "spoken")

    def mark_mastering(self, script: Script) -> None:
        """Show that a chapter is being mastered."""
        self._show_mastering(script, "mastering")

    def _show_mastering(self, script: Script, state: str) -> None:
        self._work.start_mastering(script.number, monotonic())
        self._chapters[script.number] = replace(self._chapters[script.number], state=state)
        self._changed(self._work)

    def end_chapter(self, performance: Performance) -> None:
        """Show how a chapter ended, and emit the event of that."""
        number = performance.recital.script.number
        chapter = self._chapters[number] = self._chapters[number].with_result(performance)
        self._work.end_chapter(number, monotonic(), is_mastered=performance.track is not None)
        self._changed(self._work)
        emit_about_book(f"declaim.chapter.{chapter.state}", self._run.book.title, chapter.row)

    def set_open_cost(self, usd: float) -> None:
        """Set what chapters have cost that are spoken elsewhere, in US dollars, as far as the run's own cost has it not yet."""
        self._open_usd = usd

    def start_packaging(self) -> None:
        """Show that the editions are being made."""
        self._work.is_packaging = True
        self._changed(self._work)

    async def show_editions(self, account: Account, published: Published) -> None:
        """Show what has been made, and emit the event of a finished book if no chapter is missing."""
        totals = manifest(account)["totals"]
        # The same figure as in the progress bar: with what a language model was paid, and what the service says it charged.
        shown = totals | {"usd": self._run.spent()}
        editions = _choose_editions(edition.path for edition in published.editions)
        run, missing = self._run, [it.row for it in self._chapters.values() if it.state == "missing"]
        text = finished_book(run.book.title, shown, published.folder, editions, run.links)
        self._work.is_packaging = False
        if missing:
            names = [f"{row['chapter']} · {row['title']}" for row in missing]
            text = incomplete_book(text, names, current_resume_section(run.folder))
        else:
            self._work.is_finished = len(self._work.ended) == len(self._chapters)
            payload = {"folder": str(published.folder), "editions": editions, **totals}
            emit_about_book(BOOK_FINISHED, run.book.title, payload)
        self._changed(self._work)
        self._summary_text = text
        await self._summary.show(text, _SUMMARY)

    async def show(self) -> None:
        """Bring progress bar and table up to date."""
        now, usd, work = monotonic(), self._run.spent(), self._work
        usd = None if usd is None else usd + self._open_usd
        work.sample(now)
        self._changed(work)
        left, percent = work.seconds_left(now), work.percent(now)
        facts = {"folder": str(self._run.folder), "percent": f"{percent:.2f}"}
        facts |= {"usd": f"{usd:.6f}"} if usd is not None else {}
        facts |= {"seconds_left": f"{left:.0f}"} if left is not None else {}
        await self._progress.show(round(percent, 1), progress_line(work, left, usd), facts)
        await self._table.show([escape_cells(chapter.row) for chapter in self._chapters.values()], "Chapters")

    async def begin(self) -> None:
        """Show how to run the book again, should this run be killed."""
        await self._summary.show(self._summary_text, _SUMMARY)

    async def show_error(self, error: BaseException) -> None:
        """Show why the run ends before its book is done."""
        reason = describe_error(error)
        if not self._work.is_finished:
            await self._summary.show(add_reason(self._summary_text, reason), _SUMMARY)
        if isinstance(error, BudgetExceeded):
            payload = {"spent_usd": self._run.spent(), "said": reason}
            emit_about_book(BUDGET_REACHED, self._run.book.title, payload)


def _choose_editions(paths: Iterable[str]) -> list[str]:
    """Return the editions that are worth a link: files of the whole book, and each folder of chapters."""
    names = (path if (folder := str(Path(path).parent)) == "." else folder for path in paths)
    return list(dict.fromkeys(names))


@asynccontextmanager
async def open_book_artifacts(run: BookRun) -> AsyncIterator[BookArtifacts]:
    """Show a book in Prefect's pages for the time of the block, and how it ended after that."""
    async with get_client() as client:
        artifacts = BookArtifacts(client, run)
        await artifacts.begin()
        token = CHUNK_DONE.set(_call_both(CHUNK_DONE.get(), artifacts.count_chunk))
        try:
            async with refresh_periodically(artifacts.show):
                yield artifacts
        except RUN_ENDINGS as error:
            await artifacts.show_error(error)
            raise
        finally:
            CHUNK_DONE.reset(token)


def _call_both(first: Callable[[int], None], second: Callable[[int], None]) -> Callable[[int], None]:
    def call(number: int) -> None:
        first(number)
        second(number)

    return call
