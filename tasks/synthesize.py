"""Stage three, synthesize: a chapter's chunks become clips in the store, each bought at most once."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.errors import DeclaimError, Interrupted, ProviderError, Transient, Undelivered
from tasks.model import Chunk, Cost, Failure, Recital, Script, Voiced
from tasks.prefect_values import named
from tasks.studio import Studio, cost_of, key_of, speak
from tasks.text.chunking import in_order_of_requests
from tasks.voices.limits import Bill

# Told of every chunk that is done, with its chapter's number; a terminal shows it. No one need listen.
CHUNK_DONE: ContextVar[Callable[[int], None]] = ContextVar("CHUNK_DONE", default=lambda _: None)
# What was bought before the run began, by the ids of the chunks: it belongs to the run's account.
BOUGHT: ContextVar[Mapping[str, Cost]] = ContextVar("BOUGHT", default={})  # noqa: B039  # no one can change a Mapping
_LONGEST_QUOTE = 80


@task(
    name="synthesize",
    task_run_name=named("{script.number} · {script.title}"),
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def synthesize(script: Script, studio: Studio) -> Recital:
    """Speak a chapter. A chunk that cannot be spoken after all attempts is a failure of the chapter, not of the book.

    What stops the run (a service that refuses what no later attempt would mend, a budget that is spent, a store that
    cannot be written) closes the gates: what is in flight is paid for and still comes into the store. Raises
    `Interrupted` where an interrupt has closed them.
    """
    logger = get_run_logger()
    clips, damaged = await asyncio.to_thread(_found, script, studio)
    missing = in_order_of_requests(chunk for chunk in script.chunks if chunk.id not in clips)
    if damaged:
        logger.warning("%d clips were damaged and are spoken again: chunks %s", len(damaged), ", ".join(damaged))
    for _ in clips:
        CHUNK_DONE.get()(script.number)
    if missing:
        logger.info("%d of %d chunks to speak", len(missing), len(script.chunks))
    for chunk in missing:
        studio.speaker(chunk).gate.expect(1)
    outcomes = await asyncio.gather(*(_spoken(chunk, script.number, studio) for chunk in missing))
    told = {chunk.id: outcome for chunk, outcome in zip(missing, outcomes, strict=True)} | clips
    ordered = [told[chunk.id] for chunk in script.chunks]
    failures = tuple(outcome for outcome in ordered if isinstance(outcome, Failure))
    stopped_by = studio.stopped_by if failures else None
    if isinstance(stopped_by, Interrupted):
        raise stopped_by
    for line in dict.fromkeys(failure.error for failure in failures):
        logger.error("%d chunks could not be spoken: %s", sum(failure.error == line for failure in failures), line)
    voiced = tuple(outcome for outcome in ordered if isinstance(outcome, Voiced))
    return Recital(script, voiced, failures, stopped_by, damaged)


def _found(script: Script, studio: Studio) -> tuple[dict[str, Voiced], tuple[str, ...]]:
    """Get the clips that are in the store, by the ids of their chunks, and name the chunks whose clips are damaged."""
    keys = {chunk.id: key_of(chunk, studio.speaker(chunk).identity) for chunk in script.chunks}
    held = studio.store.bring(keys.values())
    kept = tuple(chunk for chunk in script.chunks if keys[chunk.id] in held)
    clips = {voiced.chunk.id: voiced for voiced in _got(kept, keys, studio)}
    return clips, tuple(chunk.id for chunk in kept if chunk.id not in clips)


def _got(chunks: Iterable[Chunk], keys: Mapping[str, str], studio: Studio) -> Iterable[Voiced]:
    for chunk in chunks:
        clip = studio.store.get(keys[chunk.id])
        if clip:
            yield Voiced(chunk, clip, studio.speaker(chunk).identity, BOUGHT.get().get(chunk.id, Cost()))


async def _spoken(chunk: Chunk, chapter: int, studio: Studio) -> Voiced | Failure:
    speaker = studio.speaker(chunk)
    bills: list[Bill] = []
    try:
        clip = await speak(chunk, studio, bills, speaker.part.limits)
    except (Transient, Undelivered) as error:
        speaker.gate.gave_up(error)
        quote = chunk.text if len(chunk.text) <= _LONGEST_QUOTE else f"{chunk.text[:_LONGEST_QUOTE]}…"
        return Failure(chapter, chunk.id, f"{error} ({len(bills)} attempts at {quote!r})", cost_of(bills))
    except DeclaimError as error:
        for gate in studio.gates if not isinstance(error, ProviderError) else {speaker.gate}:
            gate.close(error)
        return Failure(chapter, chunk.id, str(error), cost_of(bills))
    finally:
        speaker.gate.finished()
    speaker.gate.spoke()
    CHUNK_DONE.get()(chapter)
    return Voiced(chunk, clip, speaker.identity, cost_of(bills))
