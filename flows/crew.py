"""The workers of a Dask cluster as a run sees them: it hands them chapters, hears how far they are, and has them stop."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect_dask.client import PrefectDaskClient

from flows.artifacts.book import BookArtifacts
from flows.booth import Booth, Usher, close, perform
from flows.orders import Commission, Order, Performed
from tasks.errors import DeclaimError, ProfileError, Unavailable
from tasks.model import Failure, Recital, Script
from tasks.packagers.accounts import Performance
from tasks.prefect_values import Sealed, named
from tasks.synthesize import CHUNK_DONE

_PATIENCE_SECONDS = 10
_LAST_SECONDS = 2
# Chapters that wait beside those that are spoken, so that no thread does, where no account's limits forbid it.
_WAITING = 2


@task(
    name="narrate chapter",
    task_run_name=named("{order.value.script.number} · {order.value.script.title}"),
    cache_policy=NO_CACHE,
    persist_result=False,
)
def narrate_chapter(order: Sealed[Order]) -> Performed:
    """Have a chapter spoken and mastered by the worker that this runs in."""
    return perform(order.value)


class Crew:
    """The workers while they perform a book. `lanes` are the chapters that may be spoken at once, 0 as many as have a thread."""

    def __init__(
        self, client: PrefectDaskClient, commission: Commission, threads: int, lanes: int, dashboard: BookArtifacts
    ) -> None:
        self._client = client
        self._commission = commission
        self._threads = threads
        self._lanes = lanes
        self._dashboard = dashboard
        self._count = CHUNK_DONE.get()
        # Chapters that are given out, and those of them that are spoken.
        self._open: dict[int, Script] = {}
        self._spoken: set[int] = set()
        self._told: dict[int, int] = {}
        # What open chapters have cost so far, in US dollars: the budget learns of it when they have ended.
        self._spent: dict[int, float] = {}
        self._closed_by: DeclaimError | None = None
        self._changed = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None

    @property
    def done(self) -> int:
        """How many chunks are spoken and kept, as far as the run has heard."""
        return sum(self._told.values())

    async def room(self) -> None:
        """Wait until another chapter can be given out; at once where no more are spoken."""
        while not self._closed_by:
            self._changed.clear()
            if len(self._open.keys() - self._spoken) < (self._lanes or await self._grown() + _WAITING):
                return
            await self._changed.wait()

    async def _grown(self) -> int:
        """Count the threads again: workers may have come."""
        with suppress(OSError):
            self._threads = sum((await self._client.nthreads()).values()) or self._threads
        return self._threads

    def close(self, error: DeclaimError) -> None:
        """Let no new request out, anywhere; what is in flight is kept."""
        self._closed_by = error
        self._changed.set()
        self._stopping = asyncio.create_task(self._told_to_close(error))

    async def _told_to_close(self, error: DeclaimError) -> None:
        # A scheduler that is away has lost the run, which ends by that.
        with suppress(OSError):
            await self._client.run(close, self._commission.run, error, on_error="ignore")

    async def performed(self, order: Order) -> Performed:
        """Have a chapter performed. Where a worker dies, another performs it again.

        Raises `ProfileError` where the cluster is lost, and what the worker raises.
        """
        script = order.script
        self._open[script.number] = script
        try:
            future = self._client.submit(narrate_chapter, parameters={"order": Sealed(order)}, return_type="state")
            performed: Performed = await (await future).aresult()
        except KilledWorker:
            return _unperformed(script)
        except FutureCancelledError as error:
            raise ProfileError(
                "the Dask cluster is lost, its scheduler has ended; start it, and run the command again to go on"
            ) from error
        finally:
            del self._open[script.number]
            self._spoken.discard(script.number)
            self._spent.pop(script.number, None)
            self._dashboard.set_open_cost(sum(self._spent.values()))
            self._changed.set()
        self._tell(script, len(performed.performance.recital.voiced))
        return performed

    def heard(self, event: tuple[float, dict[str, Any]]) -> None:
        """Take what a worker tells under our topic."""
        _, told = event
        for number, done, is_spoken, usd in told["news"] if told["run"] == self._commission.run else ():
            script = self._open.get(number)
            if script is None:
                continue
            if is_spoken and number not in self._spoken:
                self._dashboard.mark_mastering(script)
                self._spoken.add(number)
            self._tell(script, done)
            self._spent[number] = usd
        self._dashboard.set_open_cost(sum(self._spent.values()))
        self._changed.set()

    def _tell(self, script: Script, done: int) -> None:
        # One that is performed again, or by the next voice, begins anew: what was told stays so.
        for _ in range(self._told.get(script.number, 0), done):
            self._count(script.number)
        self._told[script.number] = max(done, self._told.get(script.number, 0))


def _unperformed(script: Script) -> Performed:
    """Word that one worker after another has died of a chapter."""
    error = Unavailable(
        f"chapter {script.number} ({script.title}): the workers that performed it died, one after another, perhaps for want of "
        "memory"
    )
    failures = tuple(Failure(script.number, chunk.id, str(error)) for chunk in script.chunks)
    return Performed(Performance(Recital(script, (), failures), None), 0.0, ())


async def threads_of(client: PrefectDaskClient, address: str) -> int:
    """Count the threads of all workers; raises `ProfileError` where there are none."""
    threads = int(sum((await client.nthreads()).values()))
    if not threads:
        raise ProfileError(
            f"[run] address: the Dask scheduler at {address} has no workers; start some: `dask worker {shlex.quote(address)}`"
        )
    return threads


def _start_command(address: str) -> str:
    """Return the shell command that starts a scheduler at the port of an address, if it names one."""
    port = address.rpartition(":")[2]
    return f"dask scheduler --port {port}" if port.isdecimal() else "dask scheduler"


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[PrefectDaskClient]:
    """Connect to a cluster for the time of the block; raises `ProfileError` where its scheduler does not answer."""
    try:
        client = await PrefectDaskClient(
            address, asynchronous=True, set_as_default=False, timeout=_PATIENCE_SECONDS, name="declaim"
        )
    except (OSError, ValueError) as error:
        raise ProfileError(
            f"[run] address: no Dask scheduler answers at {address}; start one with `{_start_command(address)}`, or leave out "
            'runner = "dask"'
        ) from error
    try:
        yield client
    finally:
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(client.close(_LAST_SECONDS), 2 * _LAST_SECONDS)


@asynccontextmanager
async def manned(client: PrefectDaskClient, commission: Commission) -> AsyncIterator[None]:
    """Have a booth in every worker for the time of the block, in those too that come later."""
    try:
        await client.register_plugin(Usher(commission.run, client.id))
        await client.register_plugin(Booth(commission), name=commission.run)
    except ImportError as error:
        raise ProfileError(
            f"[run] runner: a worker of the cluster lacks what Declaim needs ({error}); install the same version of Declaim "
            "on all machines"
        ) from error
    try:
        yield
    finally:
        # Where it does not come through, the scheduler does it when the client has gone.
        with suppress(OSError, TimeoutError, ValueError):
            await asyncio.wait_for(client.unregister_worker_plugin(commission.run), _LAST_SECONDS)
