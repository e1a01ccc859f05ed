"""A chapter as it is performed, wherever that is: in the process of its run, or by a worker of a cluster."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from prefect import get_run_logger

from flows.plan import chosen, credit_scripts
from tasks.audio.encode import CODECS
from tasks.casting import Casting
from tasks.chunk import chunk
from tasks.errors import BudgetExceeded, OutputError
from tasks.model import Book, Recital, Script
from tasks.packagers import CODEC_OF, OutputSettings
from tasks.packagers.accounts import Performance
from tasks.prefect_values import stage, untouched
from tasks.settings import Profile
from tasks.studio import Studio
from tasks.text.chunking import diction_of

# A chapter's samples lie on the disk while it is mastered, and its two encoders want a core each.
MASTERED_AT_ONCE = max(1, (os.cpu_count() or 1) // 2)


@dataclass(frozen=True, slots=True)
class Reading:
    """What of a book is read, and how it is cut for the voices of a studio."""

    book: Book
    settings: Profile
    chapters: str

    def scripts(self, casting: Casting) -> tuple[Script, ...]:
        """Cut the chapters that are chosen, and the credits, for a casting."""
        diction = diction_of(self.settings.text, self.book, casting.takes_phonemes)
        scripts = stage(chunk)(
            untouched(self.book), self.settings.text, casting.limit, casting.roles, untouched(diction)
        )
        return (
            *chosen(scripts, self.chapters),
            *credit_scripts(self.book, self.settings, casting, diction),
        )


def codecs_of(output: OutputSettings) -> tuple[str, ...]:
    """Choose the codecs that the editions of a profile want."""
    wanted = {CODEC_OF[edition] for edition in output.editions}
    # The first is the one that is measured: what most listeners get.
    return tuple(codec for codec in CODECS if codec in wanted)


async def recited(
    studios: Sequence[Studio],
    script_for: Callable[[int], Script],
    synthesize: Callable[[Script, Studio], Awaitable[Recital]],
) -> Recital:
    """Have a chapter spoken whole by the first studio that can: no chapter changes its voice in the middle.

    `script_for` gives the chapter as it is cut for a studio, by the studio's place.
    """
    recital = await synthesize(script_for(0), studios[0])
    for place, studio in enumerate(studios[1:], 1):
        if not recital.failures or isinstance(recital.stopped_by, BudgetExceeded | OutputError):
            break
        get_run_logger().warning(
            "chapter %d (%s) is spoken by the next voice, %s: %s",
            recital.script.number,
            recital.script.title,
            studio.casting.narrator,
            recital.failures[0].error,
        )
        recital = await synthesize(script_for(place), studio)
    return recital


async def all_ended(jobs: Sequence[asyncio.Task[Performance]]) -> tuple[Performance, ...]:
    """Wait until all chapters that are begun have ended, before the first error is raised: what is in flight is paid for."""
    ended = await asyncio.gather(*jobs, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
    return tuple(outcome for outcome in ended if not isinstance(outcome, BaseException))
