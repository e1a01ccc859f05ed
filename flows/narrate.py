"""The flow of one book: read, chunk, synthesize, assemble, package. A flow run a book, a task run a chapter and stage."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow, get_client, get_run_logger
from prefect.runtime import flow_run
from slugify import slugify

from flows.plan import chosen
from tasks.assemble import assemble
from tasks.chunk import chunk
from tasks.errors import ChaptersMissing, DeclaimError
from tasks.ingest import ingest
from tasks.model import Identity, Script
from tasks.package import Published, package
from tasks.packagers import CODEC_OF
from tasks.packagers.accounts import Account, Performance
from tasks.settings import DEFAULT_PROFILE, Profile, load_profile
from tasks.store import ClipStore, store_root
from tasks.synthesize import Studio, synthesize
from tasks.voices import provider
from tasks.voices.limits import Turnstile

# A chapter's samples lie on the disk while it is mastered, and its two encoders want a core each.
_MASTERED_AT_ONCE = max(1, (os.cpu_count() or 1) // 2)


@flow(name="narrate", validate_parameters=False, persist_result=False)
async def narrate(
    source: str,
    profile: str = DEFAULT_PROFILE,
    out: str = "",
    chapters: str = "",
    overrides: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Narrate a manuscript: EPUB, PDF or Markdown becomes an audiobook.

    `source` is the manuscript's path, `profile` a name in config/ or a path, `out` the output directory, `chapters` a
    choice like `1-3,7`, `overrides` settings like `limits.concurrency=4`. Returns where the editions are. Raises
    `ChaptersMissing` when all is done that could be, and some chapters could not.
    """
    settings = load_profile(profile, tuple(overrides))
    path = Path(source)
    book = ingest(path)
    await _name_run(book.title)
    spec = provider(settings.voice.provider)
    scripts = chosen(chunk(book, settings.text, spec.limit), chapters)
    identity = spec.describe(settings.voice)
    performances = await _perform(scripts, settings, identity)
    account = Account(
        source_name=path.name,
        source_sha256=_sha256(path),
        profile=settings.model_dump(mode="json"),
        book=book,
        voice=identity,
        performances=performances,
        editions=(),
        price=settings.voice.price_per_1000_characters,
    )
    folder = Path(out) if out else Path("narrated") / (slugify(book.title) or "untitled")
    published = await package(account, settings.output.editions, _narrator(identity), folder.absolute())
    _report_missing(performances, published)
    return {"folder": str(published.folder), "editions": [edition.path for edition in published.editions]}


async def _perform(scripts: tuple[Script, ...], settings: Profile, identity: Identity) -> tuple[Performance, ...]:
    """Speak and master all chapters: they open in order, and one is mastered while the next are spoken."""
    spec = provider(settings.voice.provider)
    codecs = tuple(dict.fromkeys(CODEC_OF[edition] for edition in settings.output.editions))
    turnstile = Turnstile(spec.concurrency(settings.limits))
    mastering = asyncio.Semaphore(_MASTERED_AT_ONCE)
    voice = spec.build(settings.voice, settings.limits)
    studio = Studio(voice, identity, settings.limits, turnstile, ClipStore(store_root(settings.store)))

    async def chapter(script: Script) -> Performance:
        recital = await synthesize(script, studio)
        if recital.failures or not recital.voiced:
            return Performance(recital, None)
        async with mastering:
            return Performance(recital, await assemble(recital, settings.audio, codecs, studio.store))

    jobs: list[asyncio.Task[Performance]] = []
    try:
        async with asyncio.TaskGroup() as group:
            for script in scripts:
                await turnstile.thirst()
                jobs.append(group.create_task(chapter(script)))
                # A chapter announces its requests when it has begun.
                await asyncio.sleep(0)
    except* DeclaimError as errors:
        raise _first(errors) from None
    finally:
        await voice.close()
    return tuple(job.result() for job in jobs)


def _first(errors: BaseExceptionGroup[DeclaimError]) -> DeclaimError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, DeclaimError):
        raise TypeError("a group of DeclaimErrors holds another error") from error
    return error


async def _name_run(title: str) -> None:
    """Name the run by its book, which is only known when the file has been read."""
    identifier = flow_run.get_id()
    if identifier:
        async with get_client() as client:
            await client.update_flow_run(UUID(identifier), name=title)


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


def _narrator(identity: Identity) -> str:
    model = identity.model.partition(":")[0]
    return f"{model} {identity.voice}".strip()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
