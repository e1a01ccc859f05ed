"""Narrate a book of a library in this process, or by a worker of Prefect's that takes its run."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

import httpx
import tenacity
from prefect import get_client, get_run_logger
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import FlowRun, OrchestrationResult, StateType
from prefect.client.schemas import State as PrefectState
from prefect.client.schemas.responses import SetStateStatus
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelled, Cancelling, Crashed, Pending

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
# A worker asks for runs every 10 s, and takes the run that it finds. One that has not come within six of these has no free slot.
UNTAKEN_SECONDS = 60.0
# Once a run was not taken, the workers are known to be busy or gone: the next one has time for one request of a worker.
_UNTAKEN_AGAIN_SECONDS = 15.0
# A server may be away for a while, for a restart; and a worker has half a minute to end what was cancelled.
_PATIENCE_SECONDS = 600
_GRACE_SECONDS = 45
_SERVER_FAULT = 500
_DEAD = "its process ended without a word; what was spoken is kept"
_WITHDRAWN = "no worker took the run in time; the library's own process narrates the book"
_UNTAKEN = (
    "%s is narrated in this process: no worker has taken its run in %.0f s. All slots are taken, one of them perhaps by this "
    "library's own run; start more workers, or with a higher --limit"
)
Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Order:
    """The parameters of a book's run, as `narrate` takes them; `inbox` is the folder that its files must lie in, if any."""

    source: str
    profile: str
    out: str
    chapters: str
    overrides: tuple[str, ...]
    inbox: str = ""

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


class Begun(Protocol):
    """What a runner calls when a book's run has begun, with its id ("" for a subflow) and a line while it only waits."""

    def __call__(self, run: str, waits: str = "") -> None:
        """Take the run's id and the line."""


class Narrator(Protocol):
    """A way to narrate a book."""

    async def __call__(self, name: str, order: Order, earlier: str, begun: Begun) -> Ended:
        """Return how the book's run ended; `earlier` is the id of a run of it that may still go on.

        Raises `ProfileError` if the way does not exist.
        """
        ...


async def here(name: str, order: Order, earlier: str, begun: Begun) -> Ended:
    """Narrate a book in this process, as a subflow."""

    async def narrate_as_subflow() -> PrefectState[Any]:
        return await narrate.with_options(flow_run_name=name)(**order.parameters, return_state=True)

    begun("")
    # What fails in the flow is in its state. What is raised is the engine's: a server that is away when the run begins or ends.
    state = await _patient(narrate_as_subflow)
    run = str(state.state_details.flow_run_id or earlier)
    return _ended(state, run)


def by_deployment(deployment: str) -> Narrator:
    """Return a runner that dispatches books to the workers of a deployment's pool.

    A book that no worker takes in time is narrated in this process (`WorkerWait`), at once if the pool is paused.
    """
    wait = WorkerWait()

    async def narrate_by_worker(name: str, order: Order, earlier: str, begun: Begun) -> Ended:
        # From here on there may be a run that an interrupt must cancel.
        CURRENT.get().wait(_GRACE_SECONDS)
        async with get_client() as client:
            run = ""
            try:
                going = await _still_going(client, earlier, Path(order.out))
                for number in range(_TRIES):
                    if going is None and (pause := await _find_pause(client, deployment)):
                        get_run_logger().warning("%s is narrated in this process: %s", name, pause)
                        return await wait.narrate(name, order, begun)
                    # A library that was suspended runs again under its own id.
                    key = f"{flow_run.get_id()}-{flow_run.get_run_count()}-{name}-{number}"
                    found = await _patient(_dispatched, deployment, name, order, key) if going is None else going
                    run = str(found.id)
                    if result := await wait.narrate_if_untaken(client, found.id, name, order, begun):
                        return result
                    begun(run)
                    state = await _watched(client, found.id, Path(order.out))
                    ended, going = _ended(state, run), None
                    if state.type is not StateType.CRASHED:
                        break
                    get_run_logger().warning("%s: its run was broken off (%s)", name, state.message)
            except ObjectNotFound:
                # A deployment takes its waiting runs with it.
                return Ended(
                    State.STOPPED, run, f"its run was deleted on the Prefect server, perhaps with {deployment}"
                )
            return ended

    return narrate_by_worker


class WorkerWait:
    """How long dispatched runs wait for a worker before this process narrates their books, one book at a time.

    The first run waits for `UNTAKEN_SECONDS`; after one that no worker took, the next wait for 15 s, until a worker takes one.
    A run whose time is over stays on the server until this process has finished the book before: a worker may still take it.
    """

    def __init__(self) -> None:
        self._seconds = UNTAKEN_SECONDS
        self._busy = asyncio.Lock()

    async def narrate_if_untaken(
        self, client: PrefectClient, run: UUID, name: str, order: Order, begun: Begun
    ) -> Ended | None:
        """Wait until a worker has taken a run, and return None; if none has in time, narrate its book in this process.

        Returns None for an interrupted library too: whoever watches the run cancels it. Raises `ObjectNotFound` for a run that
        was deleted.
        """
        since, begun_at = datetime.now(UTC), monotonic()
        while await _is_scheduled(client, run) and not CURRENT.get().is_asked:
            begun(str(run), f"waits for a worker since {since:%H:%M:%S} UTC")
            if monotonic() - begun_at >= self._seconds and not self._busy.locked():
                async with self._busy:
                    if await _withdraw(client, run):
                        self._seconds = _UNTAKEN_AGAIN_SECONDS
                        get_run_logger().warning(_UNTAKEN, name, monotonic() - begun_at)
                        return await here(name, order, str(run), begun)
            await asyncio.sleep(_POLL_SECONDS)
        self._seconds = UNTAKEN_SECONDS
        return None

    async def narrate(self, name: str, order: Order, begun: Begun) -> Ended:
        """Narrate a book in this process after those before it; raises `Interrupted` if it does not begin."""
        async with self._busy:
            CURRENT.get().check()
            return await here(name, order, "", begun)


async def _is_scheduled(client: PrefectClient, run: UUID) -> bool:
    state = (await _patient(client.read_flow_run, run)).state
    return state is not None and state.type is StateType.SCHEDULED


async def _withdraw(client: PrefectClient, run: UUID) -> bool:
    """Cancel a run that no worker has taken; return False if one has meanwhile, and leave the run to it.

    The run is first taken as a worker takes it, by the transition to Pending: the server accepts that from one process alone.
    """
    taken: OrchestrationResult[Any] = await _patient(client.set_flow_run_state, run, Pending(message=_WITHDRAWN))
    if taken.status is not SetStateStatus.ACCEPT:
        return False
    await _patient(client.set_flow_run_state, run, Cancelled(message=_WITHDRAWN))
    return True


async def _find_pause(client: PrefectClient, deployment: str) -> str:
    """Return why no worker can take the runs of a deployment: its pool or its queue is paused; else ""."""
    try:
        found = await _patient(client.read_deployment_by_name, deployment)
        pool, queue = found.work_pool_name, found.work_queue_name
        if pool and (await _patient(client.read_work_pool, pool)).is_paused:
            return f"the work pool {pool} is paused (`prefect work-pool resume {shlex.quote(pool)}`)"
        if pool and queue and (await _patient(client.read_work_queue_by_name, queue, pool)).is_paused:
            return f"the work queue {queue} of the pool {pool} is paused"
    except ObjectNotFound:
        # Whoever dispatches the run says what is missing.
        pass
    return ""


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
        raise _missing(deployment) from error


async def check_deployment(deployment: str) -> None:
    """Raise `ProfileError` if the Prefect server has no such deployment; do nothing for an empty name."""
    if not deployment:
        return
    async with get_client() as client:
        try:
            await _patient(client.read_deployment_by_name, deployment)
        except (ObjectNotFound, ValueError) as error:
            raise _missing(deployment) from error


def _missing(deployment: str) -> ProfileError:
    return ProfileError(
        f"there is no deployment {deployment} on the Prefect server; make it with `declaim deploy INBOX --out OUTBOX`, or leave "
        "it out and all is narrated in this process"
    )


async def _still_going(client: PrefectClient, run: str, folder: Path) -> FlowRun | None:
    """Return the run of a book that an earlier run of the library has begun, None if it has ended; first wait for one that ends."""
    if not run:
        return None
    try:
        found = await _patient(client.read_flow_run, UUID(run))
    except ObjectNotFound:
        return None
    # One without a deployment was in the process of the library's earlier run, and ended with that.
    if not found.deployment_id or found.state is None or found.state.is_final():
        return None
    if found.state.is_cancelling():
        # With the library before this one, which wants the book.
        await _watched(client, found.id, folder)
        return None
    if not found.state.is_paused():
        return found
    # It was suspended with the library. A suspension that has expired ends the run.
    await _patient(client.resume_flow_run, found.id)
    resumed = await _patient(client.read_flow_run, found.id)
    return resumed if resumed.state and not resumed.state.is_final() else None


async def _watched(client: PrefectClient, run: UUID, folder: Path) -> PrefectState[Any]:
    """Wait for the end of a run, which may be that of its process alone, and return its last state.

    Raises `Interrupted`, and leaves the run at work, if another run of the library takes over.
    """
    interruption, vigil = CURRENT.get(), Vigil(folder)
    interruption.wait(_GRACE_SECONDS)
    is_cancelled = False
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        state: PrefectState[Any] | None = (await _patient(client.read_flow_run, run)).state
        if state is None or state.is_final():
            return state or Crashed(message="it has no state")
        if interruption.is_replaced:
            # The library's next run finds it in the ledger.
            interruption.check()
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
