"""Cancelling and suspending a run in Prefect's pages: both stop its requests; interrupts are shown as cancellations."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import FlowRun, State, StateType
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.exceptions import Pause, PrefectException, TerminationSignal
from prefect.runtime import flow_run
from prefect.states import Cancelled, Crashed
from prefect.utilities import engine

from flows.interrupts import Interruption
from flows.outcomes import shown, suspended_until
from flows.runtime.events import emit_failure, emit_suspended
from tasks.errors import DeclaimError, Interrupted, Suspended

# One small request each time. Workers pass on a cancellation, but no suspension; runs without a worker hear of neither.
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
    """Return a flow's function that ends in good order on a signal, and when Prefect's pages cancel or suspend its run.

    Prefect shows an interrupted run as cancelled, and whoever awaits it gets `Interrupted`. A suspended run keeps its state;
    its process ends and starts again when the run is resumed. Another error of Declaim's is shown as its one line.
    """

    @wraps(body)
    async def run_until_stopped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Value:
        interruption = Interruption()
        watching = asyncio.create_task(_watch_state(interruption))
        try:
            return await interruption.heeded(body(*args, **kwargs))
        except Pause:
            # Prefect raises it between two tasks of a suspended run, and for the runs within it too.
            await _end_runs_within()
            emit_suspended()
            raise
        except Interrupted as error:
            state = watching.result() if watching.done() else None
            if state and state.is_paused():
                await _end_runs_within()
                emit_suspended()
                raise Pause(state=state) from error
            # What was taken for killed stays crashed: another run is on its way to take over.
            return cast(Value, Crashed(message=str(error), data=error) if state else shown(error))
        except DeclaimError as error:
            emit_failure(error)
            # Prefect takes the state from a flow that returns one, and raises its data.
            return cast(Value, shown(error))
        finally:
            watching.cancel()

    return run_until_stopped


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


async def _watch_state(interruption: Interruption) -> State[Any] | None:
    """Read the run's state every few seconds until it is to stop; return the state if it is suspended or taken for killed."""
    identifier = flow_run.get_id()
    if not identifier:
        return None
    async with get_client() as client:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                run = await client.read_flow_run(UUID(identifier))
                state = run.state
                if state and state.is_paused() and run.deployment_id:
                    suspended = await _suspend(client, run, state)
                    interruption.suspend()
                    return suspended
            except (httpx.HTTPError, PrefectException):
                # A server that is away for a while is no reason to stop.
                continue
            if state and state.is_crashed():
                # The server took it for killed, as on a machine that slept, and begins it again.
                interruption.give_way()
                return state
            if state and (state.is_cancelling() or state.is_cancelled()):
                interruption.ask()
                return None


async def _end_runs_within() -> None:
    """Show the runs of a suspended run's own process as cancelled: they are begun again when it is resumed."""
    if not (identifier := flow_run.get_id()):
        return
    within = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[UUID(identifier)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
    )
    with suppress(httpx.HTTPError, PrefectException):
        async with get_client() as client:
            for run in await client.read_flow_runs(flow_run_filter=within):
                if not run.deployment_id:
                    await client.set_flow_run_state(run.id, Cancelled(message=str(Suspended())), force=True)


async def _suspend(client: PrefectClient, run: FlowRun, state: State[Any]) -> State[Any]:
    """Return the run's suspension. A pause that expects a waiting process becomes one: resumed, the run starts in a new process."""
    if state.state_details.pause_reschedule:
        return state
    suspended = suspended_until(state.state_details.pause_timeout)
    await client.set_flow_run_state(run.id, suspended, force=True)
    return suspended
