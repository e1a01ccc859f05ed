"""Interrupts: the first one ends a work in good order, the second at once. Nothing of Prefect is here."""

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from types import FrameType
from typing import Any, TypeVar

from tasks.audio import ffmpeg
from tasks.errors import DeclaimError, Interrupted, Suspended
from tasks.model import Chunk, Script
from tasks.studio import Studio, key_of

# For what is in flight: it is paid for.
GRACE_SECONDS = 10
_LAST_WORD_SECONDS = 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Value = TypeVar("Value")


class Interruption:
    """What an interrupt does to one work: its gates close, it has ten seconds to end by itself, then it is cancelled.

    A work that has nothing in flight is cancelled at once; so is any other at the second signal. What is begun within a work
    is asked with it, and has the time that it needs.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._within: set[Interruption] = set()
        self._waits = 0.0
        self._close: Callable[[DeclaimError], None] = lambda _: None
        self._kept: Callable[[], tuple[int, int]] | None = None
        self._is_signalled = False
        self._is_suspended = False
        self._is_replaced = False
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()

    def heed(self, studios: Sequence[Studio], scripts: Sequence[Script]) -> None:
        """Say whose gates an interrupt closes, and what is spoken there: the first of them speaks `scripts`.

        What another of them has spoken, as a fallback, counts as spoken too, where it is cut the same.
        """
        self.heed_there(partial(_close_gates, studios), partial(_count_kept, studios, scripts), GRACE_SECONDS)

    def heed_there(
        self, close: Callable[[DeclaimError], None], kept: Callable[[], tuple[int, int]] | None, seconds: float
    ) -> None:
        """Say what closes the gates, wherever they are, and how long what is in flight there may take.

        `kept` tells how many chunks are spoken and kept, and of how many, where the work is such.
        """
        self._close, self._kept, self._waits = close, kept, seconds
        if self.is_asked:
            self.ask()

    def wait(self, seconds: float) -> None:
        """Say how long the work may take to end, where what it has in flight is elsewhere."""
        self._waits = seconds

    def ask(self) -> None:
        """Let no new request out, and have the work end."""
        self._asked.set()
        self._close(Interrupted("interrupted"))
        for inner in tuple(self._within):
            inner.ask()

    def suspend(self) -> None:
        """Stop as `ask` does, and have the work raise `Suspended` instead of `Interrupted`."""
        self._is_suspended = True
        for inner in tuple(self._within):
            inner.suspend()
        self.ask()

    def give_way(self) -> None:
        """Stop as `ask` does, for another run that takes over what runs elsewhere."""
        self._is_replaced = True
        self.ask()

    @property
    def is_replaced(self) -> bool:
        """Return whether the work stops because another run takes over."""
        return self._is_replaced

    @property
    def is_suspended(self) -> bool:
        """Return whether the work stops because its run was suspended."""
        return self._is_suspended

    @property
    def is_asked(self) -> bool:
        """Tell whether the work is to end."""
        return self._asked.is_set()

    def check(self) -> None:
        """Raise `Interrupted` where the work is to end: whoever comes to its end in time does not begin the next."""
        if self.is_asked:
            raise self._told()

    def signalled(self) -> None:
        """Take a signal: the first asks, the second is not willing to wait."""
        if self._is_signalled:
            self._at_once.set()
        self._is_signalled = True
        self.ask()

    def post_signal(self) -> None:
        """Take a signal between two steps of the work, from where Python handles signals."""
        self._loop.call_soon_threadsafe(self.signalled)

    async def heeded(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Do a work under this interruption; raises `Interrupted` where it did not come to its end."""
        outer = CURRENT.get(None)
        token = CURRENT.set(self)
        with _signals_to(self), outer.holding(self) if outer else nullcontext():
            doing = asyncio.create_task(work)
            ending = asyncio.create_task(self._end(doing))
            try:
                return await doing
            except (asyncio.CancelledError, Exception) as error:
                if self.is_asked:
                    raise self._told() from error
                raise
            finally:
                ending.cancel()
                CURRENT.reset(token)

    @contextmanager
    def holding(self, inner: "Interruption") -> Iterator[None]:
        """Pass on what is asked to a work that is begun within this one."""
        self._within.add(inner)
        if self.is_suspended:
            inner.suspend()
        elif self.is_asked:
            inner.ask()
        try:
            yield
        finally:
            self._within.remove(inner)

    @property
    def patience_seconds(self) -> float:
        """How long the work may take to end: a little longer than what is within it, which is to say how it ended."""
        return max([self._waits, *(inner.patience_seconds + _LAST_WORD_SECONDS for inner in self._within)])

    async def _end(self, doing: asyncio.Task[Any]) -> None:
        await self._asked.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._at_once.wait(), self.patience_seconds)
        if self._is_signalled:
            end_processes()
        doing.cancel()

    def _told(self) -> Interrupted:
        if not self._kept:
            return Suspended() if self.is_suspended else Interrupted()
        kept, chunks = self._kept()
        count = f"{kept} of {chunks} chunks are spoken and kept"
        if self.is_suspended:
            return Suspended(f"suspended; {count}, resume the run to go on")
        return Interrupted(f"interrupted; {count}, run the command again to go on")


def _close_gates(studios: Sequence[Studio], error: DeclaimError) -> None:
    for gate in {gate for studio in studios for gate in studio.gates}:
        gate.close(error)


def _count_kept(studios: Sequence[Studio], scripts: Sequence[Script]) -> tuple[int, int]:
    chunks = [chunk for script in scripts for chunk in script.chunks]
    return sum(any(_is_kept(chunk, studio) for studio in studios) for chunk in chunks), len(chunks)


def _is_kept(chunk: Chunk, studio: Studio) -> bool:
    # On this machine: whoever ends does not ask a store that may be away.
    return studio.store.path(key_of(chunk, studio.speaker(chunk).identity)).is_file()


CURRENT: ContextVar[Interruption] = ContextVar("CURRENT")
_heeding: list[Interruption] = []
_before: dict[signal.Signals, Any] = {}


@contextmanager
def _signals_to(interruption: Interruption) -> Iterator[None]:
    """Take the process's signals; works that are done side by side all hear of each."""
    if threading.current_thread() is not threading.main_thread():
        # Python lets no other thread take them.
        yield
        return
    # Prefect's own handler of SIGTERM breaks off whatever runs, and each flow that begins, within another too, puts it in place
    # of ours. The first that was there is put back, for Prefect looks for it.
    found = {number: signal.signal(number, _take) for number in _SIGNALS}
    if not _heeding:
        _before.update(found)
    _heeding.append(interruption)
    try:
        yield
    finally:
        _heeding.remove(interruption)
        for number in _SIGNALS:
            signal.signal(number, _take if _heeding else _before.pop(number))


def _take(_number: int, _frame: FrameType | None) -> None:
    for interruption in _heeding:
        interruption.post_signal()


def end_processes() -> None:
    """End all that this process has at work, for it is about to end itself: no cancellation reaches a process."""
    ffmpeg.end_all()
    for worker in multiprocessing.active_children():
        worker.terminate()
