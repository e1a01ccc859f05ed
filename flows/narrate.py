"""The flow of one book: read, chunk, synthesize, assemble, package. A flow run a book, a task run a chapter and stage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from flows.artifacts.artifact import name_run, show_how_to_resume
from flows.artifacts.book import BookArtifacts, BookRun, book_tag, open_book_artifacts
from flows.cancellation import cancellable
from flows.interrupts import CURRENT
from flows.keys import block_keys
from flows.parameters import Overrides, ProfileName
from flows.performing import MASTERED_AT_ONCE, Reading, all_ended, codecs_of, recited
from flows.runtime.clock import check_clock
from flows.runtime.deployed import book_folder, check_store_outlives_worker, fill_empty, hold_folder
from flows.throttles import open_throttles
from tasks.assemble import assemble
from tasks.casting import Casting, castings_of
from tasks.errors import ChaptersMissing
from tasks.ingest import ingest
from tasks.library.inbox import fetched
from tasks.model import Book, Recital, Script
from tasks.package import package
from tasks.packagers.accounts import Account, Performance, Retelling
from tasks.prefect_values import stage, untouched
from tasks.publish import Published
from tasks.readers import source_sha256
from tasks.settings import DEFAULT_PROFILE, Profile, check_ready, load_profile
from tasks.store import ClipStore, open_store
from tasks.studio import Studio, open_studios
from tasks.synthesize import BOUGHT, synthesize
from tasks.voices.limits import Budget


@flow(
    name="narrate",
    flow_run_name="{source}",
    validate_parameters=False,
    persist_result=False,
    on_crashed=[show_how_to_resume],
    on_cancellation=[show_how_to_resume],
)
@cancellable
async def narrate(  # noqa: PLR0917  # Prefect's form shows them in this order
    source: str,
    profile: ProfileName = DEFAULT_PROFILE,
    out: str = "",
    chapters: str = "",
    overrides: Overrides = (),
    outbox: str = "",
    inbox: str = "",
) -> dict[str, Any]:
    """Narrate a manuscript: EPUB, PDF or Markdown becomes an audiobook.

    Return the folder and the names of the editions. Raises `ChaptersMissing` if chapters could not be spoken, and
    `Interrupted`.

    Args:
        source: The manuscript: a path or a URL.
        profile: Settings of voice, limits, levels and editions.
        out: The folder for the editions. Empty: a folder in the outbox, named after the title.
        chapters: Only these chapters, such as 1-3,7. Empty: all.
        overrides: Settings that replace the profile's, such as limits.concurrency=4.
        outbox: The folder in which a book's folder is made if `out` is empty or relative.
        inbox: The folder that the manuscript must lie in, links followed. Empty: anywhere.
    """
    settings = load_profile(fill_empty("profile", profile, DEFAULT_PROFILE), tuple(overrides or ()))
    check_ready(settings)
    check_store_outlives_worker(settings.store)
    await check_clock()
    async with block_keys(settings.voices):
        manuscript = fetched(source, inbox or "")
        return await _narrate_source(manuscript, settings, out or "", fill_empty("outbox", outbox, ""), chapters or "")


async def _narrate_source(
    manuscript: AbstractContextManager[Path], settings: Profile, out: str, outbox: str, chapters: str
) -> dict[str, Any]:
    """Read a manuscript and narrate it.

    Not in the flow's own function: Dask gets that by value, with all that it names, and a stage names what cannot be sent.
    """
    with manuscript as path:
        book = settings.metadata.told(stage(ingest)(path))
        folder = book_folder(out, outbox, book.title)
        async with hold_folder(folder):
            return await narrated(path, book, settings, folder, chapters=chapters)


async def narrated(
    path: Path,
    book: Book,
    settings: Profile,
    folder: Path,
    *,
    chapters: str = "",
    retelling: Retelling | None = None,
) -> dict[str, Any]:
    """Narrate a book that has been read from `path`, within a flow; the caller holds the folder's claim.

    `retelling` says how it came from another book; what that has cost counts for the budget.
    """
    castings = castings_of(settings)
    await name_run(f"{book.title}, retold" if retelling else book.title, _tags(book.title, settings))
    # Of what is narrated, whatever becomes of the file meanwhile.
    sha256 = source_sha256(path)
    reading = Reading(book, settings, chapters)
    scripts = reading.scripts(castings[0])
    spent = sum(cost.usd or 0.0 for cost in BOUGHT.get().values()) + (retelling.usd if retelling else 0.0)
    budget = Budget(settings.limits.budget_usd, spent)
    prices = [part.usd(1) for casting in castings for part in casting.parts.values()]
    prices += [request["usd"] for request in retelling.told["requests"]] if retelling else []
    is_priced = None not in prices
    run = BookRun(book, scripts, folder, settings.output, lambda: budget.spent if is_priced else None)
    async with open_book_artifacts(run) as dashboard:
        performances = await _performed(reading, scripts, castings, budget, dashboard)
        account = replace(_account(path, sha256, reading, performances), retelling=retelling)
        stopped_by = next((it.recital.stopped_by for it in performances if it.recital.stopped_by), None)
        if stopped_by and not any(performance.track for performance in performances):
            raise stopped_by
        dashboard.start_packaging()
        published = await stage(package)(untouched(account), settings.output, castings[0].narrator, folder)
        await dashboard.show_editions(account, published)
        if stopped_by:
            raise stopped_by
    _report_missing(performances, published)
    return {"folder": str(published.folder), "editions": [edition.path for edition in published.editions]}


def _account(path: Path, sha256: str, reading: Reading, performances: tuple[Performance, ...]) -> Account:
    numbers = {chapter.number for chapter in reading.book.chapters}
    return Account(
        source=path,
        source_sha256=sha256,
        profile=reading.settings.model_dump(mode="json", exclude={"library"}),
        book=reading.book,
        performances=tuple(it for it in performances if it.recital.script.number in numbers),
        editions=(),
        credits=tuple(it for it in performances if it.recital.script.number not in numbers),
    )


async def _performed(
    reading: Reading,
    scripts: tuple[Script, ...],
    castings: tuple[Casting, ...],
    budget: Budget,
    dashboard: BookArtifacts,
) -> tuple[Performance, ...]:
    """Have all chapters spoken and mastered, here or where the profile says."""
    settings = reading.settings
    if settings.run.runner == "dask":
        from flows.cluster import perform_on_cluster  # noqa: PLC0415  # an extra of Declaim's, for those who have it

        return await perform_on_cluster(
            reading, scripts, castings, store=_store(settings), budget=budget, dashboard=dashboard
        )
    async with _at_work(castings, settings, budget, reading.book.language) as studios:
        return await _perform(reading, scripts, studios, dashboard)


@asynccontextmanager
async def _at_work(
    castings: tuple[Casting, ...], settings: Profile, budget: Budget, language: str
) -> AsyncIterator[tuple[Studio, ...]]:
    """Open the studios of a book, behind the throttles of this process."""
    async with open_throttles() as throttles:
        await throttles.prepare(part for casting in castings for part in casting.parts.values())
        async with open_studios(castings, budget, _store(settings), language, throttles.of) as studios:
            yield studios


def _store(settings: Profile) -> ClipStore:
    return open_store(settings.store)


async def _perform(
    reading: Reading, scripts: tuple[Script, ...], studios: tuple[Studio, ...], dashboard: BookArtifacts
) -> tuple[Performance, ...]:
    """Speak and master all chapters: they open in order, and one is mastered while the next are spoken."""
    settings, main = reading.settings, studios[0]
    codecs = codecs_of(settings.output)
    mastering = asyncio.Semaphore(MASTERED_AT_ONCE)
    interruption = CURRENT.get()
    interruption.heed(studios, scripts)
    main.hold(scripts)

    async def chapter(script: Script) -> Performance:
        recital, track = await _spoken(script, reading, studios), None
        if recital.voiced and not recital.failures and codecs:
            dashboard.mark_spoken(script)
            async with mastering:
                dashboard.mark_mastering(script)
                track = await stage(assemble)(untouched(recital), settings.audio, codecs, main.store)
        performance = Performance(recital, track)
        dashboard.end_chapter(performance)
        return performance

    jobs: list[asyncio.Task[Performance]] = []
    for script in scripts:
        for gate in main.gates:
            await gate.thirst()
        if interruption.is_asked:
            break
        jobs.append(asyncio.create_task(chapter(script)))
        # A chapter announces its requests when it has begun.
        await asyncio.sleep(0)
    performances = await all_ended(jobs)
    interruption.check()
    return performances


async def _spoken(script: Script, reading: Reading, studios: tuple[Studio, ...]) -> Recital:
    """Have a chapter spoken, and each attempt of a voice shown as a task run."""

    def script_for(place: int) -> Script:
        if not place:
            return script
        return next(it for it in reading.scripts(studios[place].casting) if it.number == script.number)

    async def shown(script: Script, studio: Studio) -> Recital:
        return await stage(synthesize)(untouched(script), untouched(studio))

    return await recited(studios, script_for, shown)


def _tags(title: str, settings: Profile) -> set[str]:
    """Tag a run by book and voices, which are only known when it has begun."""
    voices = {f"{voice.provider}{f': {voice.model}' if voice.model else ''}" for voice in settings.voices.values()}
    profile = Path(flow_run.get_parameters().get("profile") or DEFAULT_PROFILE).stem
    return {book_tag(title), profile, *voices}


def _report_missing(performances: tuple[Performance, ...], published: Published) -> None:
    missing = [performance.recital.script for performance in performances if performance.is_missing]
    if missing:
        names = ", ".join(f"{script.number} ({script.title})" for script in missing)
        get_run_logger().error("not finished: chapters %s", names)
        failures = [failure for performance in performances for failure in performance.recital.failures]
        why = f": {failures[0].error}" if failures else ""
        raise ChaptersMissing(
            f"{published.folder}: chapters {names} are missing{why}; run the command again to speak what is missing"
        )
