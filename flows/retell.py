"""The flow of a book that a language model retells: told and spoken chapter by chapter, then narrated as a book of its own."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow

from flows.artifacts.artifact import show_how_to_resume
from flows.artifacts.retelling import open_retelling_artifacts
from flows.cancellation import cancellable
from flows.interrupts import CURRENT, GRACE_SECONDS
from flows.keys import block_keys
from flows.narrate import narrated
from flows.parameters import Overrides, ProfileName
from flows.plan import chosen
from flows.retell_settings import check_retelling, retelling_settings
from flows.runtime.clock import check_clock
from flows.runtime.deployed import book_folder, check_store_outlives_worker, fill_empty, hold_folder
from flows.throttles import open_throttles
from tasks.casting import castings_of
from tasks.errors import ChaptersMissing, DeclaimError, Transient, Undelivered
from tasks.ingest import ingest
from tasks.library.inbox import fetched
from tasks.model import Book, Chapter, Cost, Role
from tasks.packagers.accounts import Retelling
from tasks.packagers.names import file_name
from tasks.prefect_values import untouched
from tasks.readers import source_sha256
from tasks.retell import retell as tell
from tasks.retelling import Narrative, ToldChapter
from tasks.settings import DEFAULT_PROFILE, Profile, check_ready, load_profile
from tasks.store import open_store
from tasks.studio import Studio, key_of, open_studios
from tasks.synthesize import BOUGHT
from tasks.tellers.prose import markdown_of
from tasks.tellers.shelf import Shelf
from tasks.tellers.teller import build_teller
from tasks.text.chunking import diction_of, scripts_of
from tasks.voices import LimitSettings
from tasks.voices.lanes import open_client
from tasks.voices.limits import Budget, Gate, Throttle

# Told in a line of every chapter that is retold; a terminal shows it. No one need listen.
CHAPTER_TOLD: ContextVar[Callable[[str], None]] = ContextVar("CHAPTER_TOLD", default=lambda _: None)


@flow(
    name="retell",
    flow_run_name="{source}, retold",
    validate_parameters=False,
    persist_result=False,
    on_crashed=[show_how_to_resume],
    on_cancellation=[show_how_to_resume],
)
@cancellable
async def retell(  # noqa: PLR0917  # Prefect's form shows them in this order
    source: str,
    instruction: str,
    profile: ProfileName = DEFAULT_PROFILE,
    out: str = "",
    chapters: str = "",
    overrides: Overrides = (),
    outbox: str = "",
) -> dict[str, Any]:
    """Have a language model retell a manuscript, and narrate the new text: an audiobook, and the text as Markdown.

    Return the folder and the names of the editions. Raises `ChaptersMissing` if chapters could not be retold or spoken, and
    `Interrupted`.

    Args:
        source: The manuscript: a path or a URL.
        instruction: How to retell it, such as "Abridge it to a tenth" or "Retell it for children of six".
        profile: Settings of language model, voice, limits, levels and editions.
        out: The folder for the editions. Empty: a folder in the outbox, named after the title.
        chapters: Only these chapters, such as 1-3,7. Empty: all.
        overrides: Settings that replace the profile's, such as retell.model=gpt-4o-mini.
        outbox: The folder in which a book's folder is made if `out` is empty or relative.
    """
    settings = retelling_settings(load_profile(fill_empty("profile", profile, DEFAULT_PROFILE), tuple(overrides or ())))
    check_ready(settings)
    check_store_outlives_worker(settings.store)
    await check_clock()
    check_retelling(settings, instruction or "")
    async with block_keys({**settings.voices, "retell": settings.retell}):
        folder_of = partial(book_folder, out or "", fill_empty("outbox", outbox, ""), kind="retold")
        return await _retell_source(source, settings, folder_of, instruction.strip(), chapters or "")


async def _retell_source(
    source: str, settings: Profile, folder_of: Callable[[str], Path], instruction: str, chapters: str
) -> dict[str, Any]:
    """Read a manuscript, have it retold and narrate it; `folder_of` returns the output folder for a title.

    Not in the flow's own function: Dask gets that by value, with all that it names, and a stage names what cannot be sent.
    """
    with fetched(source) as path:
        book = _in_language(settings.metadata.told(ingest(path)), settings)
        folder = folder_of(book.title)
        async with hold_folder(folder):
            return await _retold(path, book, settings, folder, instruction=instruction, chapters=chapters)


async def _retold(
    path: Path, book: Book, settings: Profile, folder: Path, *, instruction: str, chapters: str
) -> dict[str, Any]:
    sha256 = source_sha256(path)
    budget = Budget(settings.limits.budget_usd)
    async with _at_work(book, settings, instruction, budget) as narrative:
        told = await _told(chosen(book.chapters, chapters), narrative, folder)
    facts = {
        "title": book.title,
        "author": list(book.authors),
        "language": book.language,
        "series": book.series,
        "series_position": book.series_position,
    }
    markdown = markdown_of(facts, [it.chapter for it in told])
    requests = [asdict(request) for it in told for request in it.requests]
    account = {
        "source": {"name": path.name, "sha256": sha256},
        "instruction": instruction,
        "by": settings.retell.text,
        "model": settings.retell.model,
        "requests": requests,
    }
    with tempfile.TemporaryDirectory(prefix="declaim-") as place:
        manuscript = _written(markdown, Path(place) / f"{file_name(book.title)}.md", path)
        text = _in_language(replace(settings.metadata.told(ingest(manuscript)), cover=book.cover), settings)
        token = BOUGHT.set(_costs(text, settings, narrative))
        try:
            spent = budget.spent - sum(cost.usd or 0.0 for cost in BOUGHT.get().values())
            return await narrated(manuscript, text, settings, folder, retelling=Retelling(account, markdown, spent))
        finally:
            BOUGHT.reset(token)


def _in_language(book: Book, settings: Profile) -> Book:
    """Take a book for one in the language that it is told in, which decides how its text is cut and said."""
    return replace(book, language=settings.retell.language or book.language)


def _written(markdown: str, manuscript: Path, source: Path) -> Path:
    """Write the text of a retold book, as old as its source: editions tell its time, and the same command makes the same files."""
    manuscript.write_text(markdown, "utf-8", "backslashreplace")
    modified = source.stat().st_mtime
    os.utime(manuscript, (modified, modified))
    return manuscript


def _costs(book: Book, settings: Profile, narrative: Narrative) -> dict[str, Cost]:
    """Say what the narration's chunks have cost already, by their ids."""
    casting = narrative.studio.casting
    diction = diction_of(settings.text, book, casting.takes_phonemes)
    scripts = scripts_of(book, settings.text, casting.limit, casting.roles, diction)
    spent = dict(narrative.spent)
    keyed = ((chunk.id, key_of(chunk, casting.part(chunk).identity)) for script in scripts for chunk in script.chunks)
    return {identifier: spent.pop(key) for identifier, key in keyed if key in spent}


@asynccontextmanager
async def _at_work(book: Book, settings: Profile, instruction: str, budget: Budget) -> AsyncIterator[Narrative]:
    """Have model and voice ready, behind the throttles of this process."""
    casting = castings_of(settings)[0]
    async with open_throttles() as throttles:
        await throttles.prepare(casting.parts.values())
        store = open_store(settings.store)
        async with (
            open_studios((casting,), budget, store, book.language, throttles.of) as (studio,),
            open_client(settings.retell.concurrency) as client,
        ):
            teller = build_teller(settings.retell, settings.voice, settings.limits, client)
            gate = studio.speakers[Role.NARRATION].gate
            if not teller.speaks:
                gate = Gate(Throttle.of(settings.retell.concurrency, LimitSettings()))
            CURRENT.get().heed_there(partial(_close, studio, gate), None, GRACE_SECONDS)
            yield Narrative(book, settings, instruction, teller, gate, studio, Shelf(store))


def _close(studio: Studio, gate: Gate, error: DeclaimError) -> None:
    for each in {gate, *studio.gates}:
        each.close(error)


async def _told(chapters: Sequence[Chapter], narrative: Narrative, folder: Path) -> tuple[ToldChapter, ...]:
    """Have all chapters told; they begin in order, and each that has begun comes to its end.

    Raises what stopped the run, or why nothing could be told, or `ChaptersMissing`.
    """
    async with open_retelling_artifacts(narrative, chapters, folder) as pages:

        async def one(chapter: Chapter) -> ToldChapter | DeclaimError:
            outcome = await tell(untouched(chapter), untouched(narrative))
            pages.end_chapter(chapter, outcome)
            if isinstance(outcome, ToldChapter):
                CHAPTER_TOLD.get()(
                    f"{chapter.number} · {chapter.title}: retold in {outcome.words:,} words ({pages.line})"
                )
            return outcome

        outcomes = await asyncio.gather(*(one(chapter) for chapter in chapters))
        CURRENT.get().check()
        _check_told(chapters, outcomes)
    return tuple(outcome for outcome in outcomes if isinstance(outcome, ToldChapter))


def _check_told(chapters: Sequence[Chapter], outcomes: Sequence[ToldChapter | DeclaimError]) -> None:
    errors = [outcome for outcome in outcomes if isinstance(outcome, DeclaimError)]
    if not errors:
        return
    stopped = next((error for error in errors if not isinstance(error, Transient | Undelivered)), None)
    if stopped or len(errors) == len(chapters):
        raise stopped or errors[0]
    missing = (it for it, outcome in zip(chapters, outcomes, strict=True) if isinstance(outcome, DeclaimError))
    names = ", ".join(f"{chapter.number} ({chapter.title})" for chapter in missing)
    raise ChaptersMissing(
        f"chapters {names} could not be retold: {errors[0]}; what is told and spoken is kept: run the command again to go on"
    )
