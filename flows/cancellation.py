"""Cancellation, as Prefect tells of it: asked for in its UI it is an interrupt, and an interrupt is shown as one."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

import httpx
from prefect import get_client
from prefect.exceptions import PrefectException, TerminationSignal
from prefect.runtime import flow_run
from prefect.utilities import engine

from flows.interrupts import Interruption
from flows.outcomes import shown
from tasks.errors import DeclaimError, Interrupted

# One small request each time; nobody tells a run that was not started by one of Prefect's workers.
_POLL_SECONDS = 3
_HANDLER = "_prefect_sigterm_handler"
Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


@contextmanager
def told_as_interrupt() -> Iterator[None]:
    """Raise `Interrupted` where Prefect takes a SIGTERM that comes just before a flow's function takes signals, or just after."""
    try:
        yield
    except TerminationSignal as ended:
        raise Interrupted from ended


def cancellable(
    body: Callable[Arguments, Coroutine[Any, Any, Value]],
) -> Callable[Arguments, Coroutine[Any, Any, Value]]:
    """Make a flow's function one that signals and a cancellation in Prefect interrupt.

    Prefect shows the run as cancelled then, and who awaits it gets `Interrupted`; another error of Declaim's own is shown as
    the line that it is.
    """

    @wraps(body)
    async def heeding(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Value:
        interruption = Interruption()
        watching = asyncio.create_task(_watch(interruption))
        try:
            return await interruption.heeded(body(*args, **kwargs))
        except DeclaimError as error:
            # Prefect takes the state from a flow that returns one, and raises its data.
            return cast(Value, shown(error))
        finally:
            watching.cancel()

    return heeding


@contextmanager
def leaving_signals_to_us() -> Iterator[None]:
    """Let flows that begin within the block, and within one that heeds signals, leave the signals to it.

    The engine puts a handler in place of ours while such a flow begins, and what that raises in the middle of whatever runs
    ends the whole process. It does not where it finds its own handler there: for the time of the block, that is ours. Prefect has
    no other way, nor a public name for this one (3.8.8, prefect.utilities.engine.capture_sigterm).
    """
    own = getattr(engine, _HANDLER)
    setattr(engine, _HANDLER, signal.getsignal(signal.SIGTERM))
    try:
        yield
    finally:
        setattr(engine, _HANDLER, own)


async def _watch(interruption: Interruption) -> None:
    """Ask Prefect every few seconds whether the run is to be cancelled."""
    identifier = flow_run.get_id()
    if not identifier:
        return
    async with get_client() as client:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                state = (await client.read_flow_run(UUID(identifier))).state
            except (httpx.HTTPError, PrefectException):
                # A server that is away for a while is no reason to stop.
                continue
            if state and (state.is_cancelling() or state.is_cancelled()):
                interruption.ask()
                return
