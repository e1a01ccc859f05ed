"""The worker processes of the Piper voice: each holds a session of one thread, and on Linux all share what one has loaded.

Loading is two to three seconds of computing, whatever the voice's optimisation. On Linux it is done once, in a process of one
thread that the workers are forked from (multiprocessing's fork server); elsewhere each worker loads for itself. A process that
may have no children, as those of a Dask cluster, speaks itself, in threads that share the voice.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")
# By what name the process that is forked from learns which voice to load: it is given nothing else.
MODEL_VARIABLE = "DECLAIM_PIPER_MODEL"
_PRELOADED = "tasks.voices.piper_preloaded"
# Voices are prepared in threads, and all have one environment.
_naming = threading.Lock()
# The store, the encoders and Prefect want little, but at once; speech takes the rest.
_NICENESS = 10
# So long a result is on its way at most: some megabytes, to a process that is busy.
_SENDING_SECONDS = 2


def open_pool(model: Path, workers: int) -> Executor:
    """Make a pool of so many workers for a voice; they start as work is submitted. Raises `BrokenProcessPool`.

    Where this process may have no children, they are threads.
    """
    if multiprocessing.current_process().daemon:
        return ThreadPoolExecutor(workers, "piper")
    with _deaths_told():
        context = _context(model)
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin_worker, initargs=(context.Semaphore(max(1, workers - 1)),)
    )


def _context(model: Path) -> BaseContext:
    # A fork of the command itself, which has threads, may lock for ever.
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOADED])
    with _naming:
        os.environ[MODEL_VARIABLE] = str(model)
        try:
            with _no_signals():
                multiprocessing.forkserver.ensure_running()
        finally:
            del os.environ[MODEL_VARIABLE]
    return context


def submit(pool: Executor, work: Callable[..., Value], *arguments: object) -> Future[Value]:
    """Hand work to a pool, which may start a process for it, or wait for the voice to be loaded.

    Raises `BrokenProcessPool` where its processes have died.
    """
    with _deaths_told(), _no_signals():
        return pool.submit(_done, work, *arguments)


# In a worker: whether it does what it was asked for, and whether it was asked to end.
_at_work, _ending = threading.Event(), threading.Event()


def _done(work: Callable[..., Value], *arguments: object) -> Value:
    """Do work in a worker, which can be ended meanwhile."""
    if _ending.is_set():
        os._exit(1)
    _at_work.set()
    try:
        return work(*arguments)
    finally:
        _at_work.clear()


def _end_when_asked() -> None:
    """End a worker by SIGTERM, but not while it sends a result: whoever reads half of one would wait for the rest for ever."""
    signal.sigwait({signal.SIGTERM})
    _ending.set()
    if not _at_work.is_set():
        time.sleep(_SENDING_SECONDS)
    os._exit(1)


@contextmanager
def _deaths_told() -> Iterator[None]:
    """Say so where the process that others are forked from cannot be started, or died."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise BrokenProcessPool(str(error)) from error


@contextmanager
def _no_signals() -> Iterator[None]:
    """Keep signals from what is begun in the block: Ctrl-C reaches the whole group, and is the parent's to answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# Loading is all computing: worker processes leave a processor to what starts beside them, and of threads one does it for all.
_loading: AbstractContextManager[object] = threading.Lock()


def loading() -> AbstractContextManager[object]:
    """Wait, in a worker, for leave to load a voice."""
    return _loading


def _begin_worker(loading: AbstractContextManager[object]) -> None:
    """Make a worker process yield to those that it serves, and end when its parent does, however that was."""
    global _loading  # noqa: PLW0603  # a pool hands its workers a lock in no other way
    _loading = loading
    stand_back()
    # In all threads, but for the one that waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    for waiting in (_wait_for_parent, _end_when_asked):
        threading.Thread(target=waiting, daemon=True).start()


def stand_back() -> None:
    """Leave the group of the command, whose signals are the parent's to answer, and yield to all that wants the processor."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
