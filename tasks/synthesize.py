"""Stage three, synthesize: a chapter's chunks become clips in the store, each bought at most once."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.errors import OutputError, Transient, Unavailable
from tasks.model import Audio, Chunk, Clip, Failure, Identity, Recital, Script, Voiced
from tasks.store import ClipStore, clip_key
from tasks.voices import Voice
from tasks.voices.limits import LimitSettings, Turnstile, attempts

# Told of every chunk that is done, with its chapter's number; a terminal shows it. No one need listen.
CHUNK_DONE: ContextVar[Callable[[int], None]] = ContextVar("CHUNK_DONE", default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Studio:
    """What the chapters of a book share: the voice, its pace, and the store."""

    voice: Voice
    identity: Identity
    limits: LimitSettings
    turnstile: Turnstile
    store: ClipStore


@task(
    name="synthesize",
    task_run_name="{script.number} · {script.title}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def synthesize(script: Script, studio: Studio) -> Recital:
    """Speak a chapter. A chunk that cannot be spoken after all attempts is a failure of the chapter, not of the book.

    Raises `ProviderError` where the service refuses what no later attempt would mend, `OutputError` where the store
    cannot be written.
    """
    logger = get_run_logger()
    clips = await asyncio.to_thread(_cached, script, studio)
    missing = [chunk for chunk in script.chunks if chunk.id not in clips]
    # The longest first: the last ones then end together, and no worker waits.
    missing.sort(key=lambda chunk: -len(chunk.text))
    for _ in clips:
        CHUNK_DONE.get()(script.number)
    if missing:
        logger.info("%d of %d chunks to speak", len(missing), len(script.chunks))
    studio.turnstile.expect(len(missing))
    async with asyncio.TaskGroup() as group:
        spoken = [group.create_task(_speak(chunk, script.number, studio)) for chunk in missing]
    outcomes = {chunk.id: job.result() for chunk, job in zip(missing, spoken, strict=True)}
    outcomes |= {name: Voiced(chunk, clip, cached=True) for name, (chunk, clip) in clips.items()}
    ordered = [outcomes[chunk.id] for chunk in script.chunks]
    failures = tuple(outcome for outcome in ordered if isinstance(outcome, Failure))
    for failure in failures:
        logger.error("chunk %s could not be spoken: %s", failure.chunk, failure.error)
    return Recital(script, tuple(outcome for outcome in ordered if isinstance(outcome, Voiced)), failures)


def _cached(script: Script, studio: Studio) -> dict[str, tuple[Chunk, Clip]]:
    found = ((chunk, studio.store.get(_key(chunk, studio))) for chunk in script.chunks)
    return {chunk.id: (chunk, clip) for chunk, clip in found if clip}


def _key(chunk: Chunk, studio: Studio) -> str:
    return clip_key(studio.identity, _sentences(chunk))


def _sentences(chunk: Chunk) -> tuple[str, ...]:
    return tuple(sentence.spoken for sentence in chunk.sentences)


async def _speak(chunk: Chunk, chapter: int, studio: Studio) -> Voiced | Failure:
    tried = 0
    try:
        async with studio.turnstile:
            async for attempt in attempts(studio.limits):
                with attempt:
                    tried += 1
                    audio = await _requested(chunk, studio)
            clip = await asyncio.to_thread(
                studio.store.put, _key(chunk, studio), audio, studio.identity, _sentences(chunk)
            )
    except Transient as error:
        return Failure(chapter, chunk.id, f"{error} ({tried} attempts)")
    except OSError as error:
        raise OutputError(
            f"{studio.store.root}: the clip store cannot be written ({error.strerror}); free space or set [store] url"
        ) from error
    CHUNK_DONE.get()(chapter)
    return Voiced(chunk, clip, cached=False, retries=tried - 1)


async def _requested(chunk: Chunk, studio: Studio) -> Audio:
    seconds = studio.limits.request_timeout_seconds
    try:
        async with asyncio.timeout(seconds):
            return await studio.voice.synthesize(_sentences(chunk))
    except TimeoutError as error:
        raise Unavailable(f"the voice did not answer within {seconds:g} s") from error
