"""A book in Prefect's pages while a model retells it: a progress bar, a table of its chapters, a summary."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.runtime import flow_run

from flows.artifacts.artifact import Artifact, name_run, refreshing
from flows.artifacts.book import book_tag
from flows.artifacts.texts import begun_summary, ended_summary
from tasks.errors import DeclaimError
from tasks.model import Chapter
from tasks.retelling import Narrative, ToldChapter

_SUMMARY = "What was made, or how to go on"


class RetellingArtifacts:
    """How far a retelling is, and the pages that tell it."""

    def __init__(self, client: PrefectClient, title: str, chapters: Sequence[Chapter]) -> None:
        key = book_tag(title)
        self._title = title
        self._rows = {chapter.number: _row(chapter, "waiting") for chapter in chapters}
        self._ended = 0
        self._progress = Artifact(client, "progress", f"{key}-retelling")
        self._table = Artifact(client, "table", f"{key}-retold")
        self._summary = Artifact(client, "markdown", f"{key}-summary")

    @property
    def line(self) -> str:
        """How far it is, in words."""
        return f"{self._ended} of {len(self._rows)} chapters"

    def ended(self, chapter: Chapter, outcome: ToldChapter | DeclaimError) -> None:
        """Say how a chapter ended."""
        self._ended += 1
        if isinstance(outcome, ToldChapter):
            self._rows[chapter.number] = _row(chapter, "retold", outcome.words, len(outcome.requests))
        else:
            self._rows[chapter.number] = _row(chapter, f"missing: {outcome}")

    async def show(self) -> None:
        """Bring the pages up to date."""
        await self._progress.show(100 * self._ended / (len(self._rows) or 1), f"Retold: {self.line}")
        await self._table.show(list(self._rows.values()), "Chapters, retold")

    async def begun(self) -> None:
        """Show what is to be done, and what if it ends in between."""
        await self._summary.show(begun_summary(self._title, flow_run.get_parameters()), _SUMMARY)

    async def broken_off(self, error: BaseException) -> None:
        """Show why the run ends before its book is told."""
        reason = str(error) if isinstance(error, DeclaimError) else f"{type(error).__name__}: {error}".rstrip(": ")
        await self._summary.show(ended_summary(self._title, reason, flow_run.get_parameters()), _SUMMARY)


@asynccontextmanager
async def open_retelling_artifacts(
    narrative: Narrative, chapters: Sequence[Chapter]
) -> AsyncIterator[RetellingArtifacts]:
    """Show a book in Prefect's pages while it is told, for the time of the block; the run is named by it."""
    title, retell = narrative.book.title, narrative.settings.retell
    await name_run(f"{title}, retold", {book_tag(title), "retold", f"{retell.text}: {retell.model}"})
    async with get_client() as client:
        artifacts = RetellingArtifacts(client, title, chapters)
        await artifacts.begun()
        try:
            async with refreshing(artifacts.show):
                yield artifacts
        except (Exception, asyncio.CancelledError) as error:
            await artifacts.broken_off(error)
            raise


def _row(chapter: Chapter, state: str, words: int | str = "", requests: int | str = "") -> dict[str, Any]:
    return {"chapter": chapter.number, "title": chapter.title, "state": state, "words": words, "requests": requests}
