"""A book in Prefect's pages while a model retells it: a progress bar, a table of its chapters, a summary."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prefect import get_client
from prefect.client.orchestration import PrefectClient

from flows.artifacts.artifact import (
    RUN_ENDINGS,
    Artifact,
    current_resume_section,
    describe_error,
    name_run,
    refresh_periodically,
)
from flows.artifacts.book import book_tag
from flows.artifacts.texts import book_in_progress, escape_cells, mark_unfinished, retold_book
from tasks.errors import DeclaimError
from tasks.model import Chapter
from tasks.retelling import Narrative, ToldChapter

_SUMMARY = "What was made, or how to run it again"


class RetellingArtifacts:
    """The artifacts of a retelling."""

    def __init__(self, client: PrefectClient, title: str, chapters: Sequence[Chapter], folder: Path) -> None:
        key = book_tag(title)
        self._title = title
        self._summary_text = book_in_progress(title, current_resume_section(folder))
        self._rows = {chapter.number: _row(chapter, "waiting") for chapter in chapters}
        self._ended = 0
        self._progress = Artifact(client, "progress", f"{key}-retelling")
        self._table = Artifact(client, "table", f"{key}-retold")
        self._summary = Artifact(client, "markdown", f"{key}-summary")

    @property
    def line(self) -> str:
        """How far the retelling is, in words."""
        return f"{self._ended} of {len(self._rows)} chapters"

    def end_chapter(self, chapter: Chapter, outcome: ToldChapter | DeclaimError) -> None:
        """Show how a chapter ended."""
        self._ended += 1
        if isinstance(outcome, ToldChapter):
            self._rows[chapter.number] = _row(chapter, "retold", outcome.words, len(outcome.requests))
        else:
            self._rows[chapter.number] = _row(chapter, f"missing: {outcome}")

    async def show(self) -> None:
        """Bring progress bar and table up to date."""
        await self._progress.show(100 * self._ended / (len(self._rows) or 1), f"Retold: {self.line}")
        await self._table.show([escape_cells(row) for row in self._rows.values()], "Chapters, retold")

    async def begin(self) -> None:
        """Show how to run the retelling again, should this run be killed."""
        await self._summary.show(self._summary_text, _SUMMARY)

    async def finish(self) -> None:
        """Show that the book is retold; its narration has another summary."""
        await self._summary.show(retold_book(self._title, self.line), _SUMMARY)

    async def show_error(self, error: BaseException) -> None:
        """Show why the run ends before its book is retold."""
        await self._summary.show(mark_unfinished(self._summary_text, describe_error(error)), _SUMMARY)


@asynccontextmanager
async def open_retelling_artifacts(
    narrative: Narrative, chapters: Sequence[Chapter], folder: Path
) -> AsyncIterator[RetellingArtifacts]:
    """Show a book in Prefect's pages while a model retells it, for the time of the block, and name the run after it.

    `folder` is the resolved output folder.
    """
    title, retell = narrative.book.title, narrative.settings.retell
    await name_run(f"{title}, retold", {book_tag(title), "retold", f"{retell.text}: {retell.model}"})
    async with get_client() as client:
        artifacts = RetellingArtifacts(client, title, chapters, folder)
        await artifacts.begin()
        try:
            async with refresh_periodically(artifacts.show):
                yield artifacts
            await artifacts.finish()
        except RUN_ENDINGS as error:
            await artifacts.show_error(error)
            raise


def _row(chapter: Chapter, state: str, words: int | str = "", requests: int | str = "") -> dict[str, Any]:
    return {"chapter": chapter.number, "title": chapter.title, "state": state, "words": words, "requests": requests}
