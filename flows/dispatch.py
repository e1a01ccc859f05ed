"""How a book of a library comes to be narrated: in this process, or by whichever worker of Prefect's takes it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, ParamSpec, TypeAlias, TypeVar
from uuid import UUID

import httpx
import tenacity
from prefect import get_client, get_run_logger
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import FlowRun, StateType
from prefect.client.schemas import State as PrefectState
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelled, Cancelling, Crashed

from flows.interrupts import CURRENT
from flows.narrate import narrate
from flows.outcomes import kept, suspended_until
from flows.restart import BOOK_OF_LIBRARY_TAG
from tasks.errors import OutputError, ProfileError
from tasks.library.ledger import State
from tasks.packagers.claim import claimed

_POLL_SECONDS = 2
# A worker that is killed takes its runs with it, and so may the next one that has a book which no machine bears.
_TRIES = 3
# A run claims its book's folder as the first thing that it does, and lets go of it as the last; a worker that takes a run has
# begun its process within seconds, within minutes where a machine is overrun. One that is scheduled waits for a worker.
_CLAIMED_WITHIN_SECONDS = {StateType.PENDING: 180.0, StateType.RUNNING: 60.0, StateType.CANCELLING: 60.0}
_AGAIN_SECONDS = 15
# A server may be away for a while, for a restart; and a worker has half a minute to end what was cancelled.
_PATIENCE_SECONDS = 600
_GRACE_SECONDS = 45
_SERVER_FAULT = 500
_DEAD = "its process ended without a word; what was spoken is kept"
Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Order:
    """The parameters of a book's run, as `narrate` takes them."""

    source: str
    profile: str
    out: str
    chapters: str
    overrides: tuple[str, ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """The same, as JSON has them."""
        return asdict(self) | {"overrides": list(self.overrides)}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a book's run ended: the ledger's state, the run's id, and the line that says why where it did not end well."""

    state: State
    run: str
    error: str = ""


# Is given the name of the book, what to do, the id of an earlier run of it that may still go on, and whom to tell the run's id.
Narrator: TypeAlias = Callable[[str, Order, str, Callable[[str], None]], Awaitable[Ended]]


async def here(name: str, order: Order, earlier: str, begun: Callable[[str], None]) -> Ended:
    """Narrate a book in this process, as a subflow."""
    begun("")
    state = await narrate.with_options(flow_run_name=name)(**order.parameters, return_state=True)
    run = str(state.state_details.flow_run_id or earlier)
    return _ended(state, run)


def by_deployment(deployment: str) -> Narrator:
    """Have books narrated by a deployment: whichever worker of its pool has room takes the next one."""

    async def narrated(name: str, order: Order, earlier: str, begun: Callable[[str], None]) -> Ended:
        async with get_client() as client:
            going = await _still_going(client, earlier)
            for number in range(_TRIES):
                key = f"{flow_run.get_id()}-{name}-{number}"
                run = await _patient(_dispatched, deployment, name, order, key) if going is None else going
                begun(str(run.id))
                state = await _watched(client, run.id, Path(order.out))
                ended, going = _ended(state, str(run.id)), None
                if state.type is not StateType.CRASHED:
                    break
                get_run_logger().warning("%s: its run was broken off (%s)", name, state.message)
            return ended

    return narrated


async def _dispatched(deployment: str, name: str, order: Order, key: str) -> FlowRun:
    try:
        return await arun_deployment(
            deployment,
            parameters=order.parameters,
            flow_run_name=name,
            timeout=0,
            idempotency_key=key,
            tags=[BOOK_OF_LIBRARY_TAG],
        )
    except ObjectNotFound as error:
        raise ProfileError(
            f"there is no deployment {deployment} on the Prefect server; make it by `declaim deploy`, or leave it out "
            "and all is narrated in this process"
        ) from error


async def _still_going(client: PrefectClient, run: str) -> FlowRun | None:
    """Find the run of a book that an earlier run of the library has begun, where it has not ended."""
    if not run:
        return None
    try:
        found = await _patient(client.read_flow_run, UUID(run))
    except ObjectNotFound:
        return None
    # One without a deployment was in the process of the library's earlier run, and ended with that.
    if not found.deployment_id or found.state is None or found.state.is_final():
        return None
    if not found.state.is_paused():
        return found
    # It was suspended with the library. A suspension that has expired ends the run.
    await _patient(client.resume_flow_run, found.id)
    resumed = await _patient(client.read_flow_run, found.id)
    return resumed if resumed.state and not resumed.state.is_final() else None


async def _watched(client: PrefectClient, run: UUID, folder: Path) -> PrefectState[Any]:
    """Wait for the end of a run, which may be that of its process alone; returns its last state."""
    interruption, vigil = CURRENT.get(), Vigil(folder)
    interruption.wait(_GRACE_SECONDS)
    is_cancelled = False
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        state: PrefectState[Any] | None = (await _patient(client.read_flow_run, run)).state
        if state is None or state.is_final():
            return state or Crashed(message="it has no state")
        if interruption.is_suspended and state.is_paused():
            return state
        if interruption.is_asked and not is_cancelled:
            is_cancelled = True
            await _stop_run(client, run, state, is_suspended=interruption.is_suspended)
        if vigil.is_over(state.type, monotonic()):
            dead: PrefectState[Any] = (Cancelled if state.is_cancelling() else Crashed)(message=_DEAD)
            await _patient(client.set_flow_run_state, run, dead, force=True)
            return dead


async def _stop_run(client: PrefectClient, run: UUID, state: PrefectState[Any], *, is_suspended: bool) -> None:
    """Suspend a book's run with its library's; cancel it if the library was interrupted, or if it has not begun."""
    if is_suspended and state.is_running():
        # By force, as Prefect's pages do it: the rule against suspending subflows holds for those without a deployment.
        await _patient(client.set_flow_run_state, run, suspended_until(None), force=True)
    else:
        await _patient(client.set_flow_run_state, run, Cancelling(message="its library's run was stopped"))


class Vigil:
    """Whether a run that is shown as begun has a process still: one that has holds its book's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state: StateType | None = None
        self._next = inf
        self._missed = 0

    def is_over(self, state: StateType, now: float) -> bool:
        """Tell whether nobody has held the folder twice, once the run has had the time to claim it.

        `state` is the run's, `now` a time in seconds that never goes back.
        """
        if state is not self._state:
            self._state, self._missed = state, 0
            self._next = now + _CLAIMED_WITHIN_SECONDS.get(state, inf)
        elif now >= self._next:
            self._next = now + _AGAIN_SECONDS
            self._missed = self._missed + 1 if _is_free(self._folder) else 0
        return self._missed > 1


def _is_free(folder: Path) -> bool:
    try:
        with claimed(folder):
            return True
    except OutputError:
        return False


async def _patient(
    ask: Callable[Arguments, Awaitable[Value]], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Value:
    """Ask the server, again while it is away."""
    again = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(_is_away),
        wait=tenacity.wait_random_exponential(multiplier=1, max=15),
        stop=tenacity.stop_after_delay(_PATIENCE_SECONDS),
        reraise=True,
    )
    return await again(ask, *arguments, **named)


def _is_away(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= _SERVER_FAULT
    return isinstance(error, httpx.TransportError)


def _ended(state: PrefectState[Any], run: str) -> Ended:
    if state.is_completed():
        return Ended(State.DONE, run)
    return Ended(kept(state.name or ""), run, (state.message or "it ended without a word").splitlines()[0])
