"""A booth: what a worker of a Dask cluster keeps while chapters of one run are performed there.

It is a plugin of the worker's, set up for the time of a run: an event loop in a thread of its own, and in it the studios,
so that a voice is loaded once for all chapters. Nothing of Declaim's is left in the worker when it has been torn down, which
its run does, or the scheduler where the run has gone.
"""

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from distributed import Scheduler, Worker, get_worker, secede
from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin
from typing_extensions import override

from flows.interrupts import GRACE_SECONDS
from flows.keys import block_keys
from flows.orders import TOPIC, Closing, Commission, News, Order, Performed
from flows.performing import recited
from flows.throttles import Throttles
from tasks.assemble import assemble
from tasks.casting import Casting, castings_of
from tasks.errors import DeclaimError, Interrupted, OutputError, ProfileError
from tasks.model import Identity, Recital, Track
from tasks.packagers.accounts import Performance
from tasks.settings import Profile, check_ready
from tasks.store import ClipStore, StoreSettings, open_store
from tasks.studio import Studio, open_studios
from tasks.synthesize import BOUGHT, CHUNK_DONE, synthesize
from tasks.voices.limits import Budget

# A chapter whose clips are all in the store is told of once, not for each clip.
_NEWS_SECONDS = 0.5
# CPython 3.11 may lock up for ever where a thread asks for the frames of all threads, as the profiler of Dask's workers does a
# hundred times a second (https://github.com/python/cpython/issues/106883, https://github.com/dask/distributed/issues/8616).
_PROFILER_LOCKS_UP = sys.version_info < (3, 12)
_PROFILER = "profile"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Hall:
    """The studios of a worker, a lane of the limits for each of its threads, and where tracks go."""

    profile: Profile
    studios: tuple[Studio, ...]
    lanes: asyncio.Queue[Throttles]
    mastering: asyncio.Semaphore

    @property
    def store(self) -> ClipStore:
        return self.studios[0].store


@dataclass(frozen=True, slots=True)
class _Spoken:
    recital: Recital
    spent: float
    closed: tuple[Closing, ...]


class Booth(WorkerPlugin):
    """The studios of a run in one worker; they open with its first chapter."""

    def __init__(self, commission: Commission) -> None:
        self._commission = commission

    @override
    def setup(self, worker: Worker) -> None:
        self._worker = worker
        self._threads = worker.state.nthreads
        self._done: dict[int, int] = {}
        self._budgets: dict[int, Budget] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._closed_by: DeclaimError | None = None
        self._at_work: dict[asyncio.Task[Any], tuple[Studio, ...]] = {}
        self._opening: asyncio.Future[_Hall] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        if _PROFILER_LOCKS_UP and _PROFILER in worker.periodic_callbacks:
            worker.periodic_callbacks[_PROFILER].stop()
        self._loop = asyncio.new_event_loop()
        Thread(target=self._run, name=self._commission.run, daemon=True).start()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    @override
    async def teardown(self, worker: Worker) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._end(), self._loop))
        self._loop.call_soon_threadsafe(self._loop.stop)
        if _PROFILER in worker.periodic_callbacks and not any(isinstance(it, Booth) for it in worker.plugins.values()):
            worker.periodic_callbacks[_PROFILER].start()

    def close(self, error: DeclaimError) -> None:
        """Let no new request out; what is in flight ends undisturbed. To be called by the worker."""
        self._loop.call_soon_threadsafe(self._close, error)

    def perform(self, order: Order) -> Performed:
        """Perform a chapter, in a thread of the worker's, which takes the next one while this one is mastered."""
        spoken = self._awaited(self._spoken(order))
        recital, track = spoken.recital, None
        if recital.voiced and not recital.failures and self._commission.codecs:
            self._tell((order.script.number, len(recital.voiced), True, spoken.spent))
            secede()
            track = self._awaited(self._mastered(recital))
        return Performed(Performance(recital, track), spoken.spent, spoken.closed)

    def _awaited(self, work: Coroutine[Any, Any, Value]) -> Value:
        # What runs in the loop has the context of this thread, and with it the task run that Prefect's log is told for.
        return asyncio.run_coroutine_threadsafe(self._counted(work), self._loop).result()

    async def _counted(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Do a work that counts as one until it ends; raises `Interrupted` where it is not waited for any longer."""
        doing = _current_task()
        self._at_work[doing] = ()
        try:
            return await work
        except asyncio.CancelledError as error:
            raise Interrupted from error
        finally:
            del self._at_work[doing]

    async def _spoken(self, order: Order) -> _Spoken:
        hall = await self._hall()
        lane, budget = await hall.lanes.get(), Budget(order.usd)
        studios = tuple(studio.behind(lane.of, budget) for studio in hall.studios)
        for closing in order.closed:
            studios[closing.place].accounts[closing.account].close(closing.error)
        self._at_work[_current_task()] = studios
        if self._closed_by:
            self._close(self._closed_by)
        self._budgets[order.script.number] = budget
        try:
            recital = await self._recited(order, studios)
        finally:
            self._done.pop(order.script.number, None)
            del self._budgets[order.script.number]
            hall.lanes.put_nowait(lane)
        return _Spoken(recital, budget.spent, _closings(studios))

    async def _recited(self, order: Order, studios: tuple[Studio, ...]) -> Recital:
        CHUNK_DONE.set(self._count)
        BOUGHT.set(order.bought or {})
        self._done[order.script.number] = 0
        self._tell((order.script.number, 0, False, 0.0))
        return await recited(studios, lambda place: order.scripts[place], synthesize.fn)

    def _count(self, number: int) -> None:
        self._done[number] += 1
        if self._telling is None:
            self._telling = self._loop.call_later(_NEWS_SECONDS, self._tell_all)

    def _tell_all(self) -> None:
        self._telling = None
        self._tell(*((number, done, False, self._budgets[number].spent) for number, done in self._done.items()))

    def _tell(self, *news: News) -> None:
        self._worker.log_event(TOPIC, {"run": self._commission.run, "news": news})

    async def _mastered(self, recital: Recital) -> Track:
        hall = await self._hall()
        async with hall.mastering:
            return await assemble.fn(recital, hall.profile.audio, self._commission.codecs, hall.store)

    async def _hall(self) -> _Hall:
        if self._opening is None:
            self._opening = self._loop.create_future()
            self._keeping = asyncio.create_task(self._keep(self._opening))
        return await asyncio.shield(self._opening)

    async def _keep(self, opening: asyncio.Future[_Hall]) -> None:
        """Keep the studios open until the run has ended."""
        async with AsyncExitStack() as stack:
            try:
                opening.set_result(await self._opened(stack))
            except Exception as error:  # noqa: BLE001  # each chapter raises it
                opening.set_exception(error)
                return
            await self._ended.wait()

    async def _opened(self, stack: AsyncExitStack) -> _Hall:
        it = self._commission
        profile = Profile.model_validate(it.profile)
        await stack.enter_async_context(block_keys(profile.voices))
        check_ready(profile)
        castings = castings_of(profile)
        if voices_of(castings) != it.voices:
            raise ProfileError(
                f"{self._worker.address}: the voices there are not those of the run; install the same versions of Declaim and "
                "of its voices on all machines"
            )
        store = open_store(StoreSettings(url=it.store))
        whole = tuple(casting.divided(it.lanes, self._threads) for casting in castings)
        studios = await stack.enter_async_context(open_studios(whole, Budget(0), store, it.language))
        if not await asyncio.to_thread(studios[0].leases.knows, it.job):
            raise OutputError(
                f"{store}: the worker at {self._worker.address} does not find the run there; let all machines share one clip "
                "store, at the same path or at a URL ([store] url)"
            )
        lanes: asyncio.Queue[Throttles] = asyncio.Queue()
        for _ in range(self._threads):
            lane = Throttles(stack)
            await lane.prepare(part for casting in castings for part in casting.divided(it.lanes).parts.values())
            lanes.put_nowait(lane)
        return _Hall(profile, studios, lanes, asyncio.Semaphore(self._threads))

    def _close(self, error: DeclaimError) -> None:
        self._closed_by = self._closed_by or error
        for studios in self._at_work.values():
            for gate in {gate for studio in studios for gate in studio.gates}:
                gate.close(error)

    async def _end(self) -> None:
        """End what is still at work, in good order while there is time, and let go of all."""
        self._close(Interrupted("interrupted"))
        if self._at_work:
            _, late = await asyncio.wait(self._at_work, timeout=GRACE_SECONDS)
            for doing in late:
                doing.cancel()
            if late:
                await asyncio.wait(late)
        self._ended.set()
        if self._keeping:
            await self._keeping


class Usher(SchedulerPlugin):
    """Clears a run's booths away when its client has gone, however that was: nobody waits for what they would buy."""

    def __init__(self, run: str, client: str) -> None:
        self.name = f"{run}-usher"
        self._run = run
        self._client = client

    @override
    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        if client == self._client:
            scheduler.loop.add_callback(self._clear, scheduler)

    async def _clear(self, scheduler: Scheduler) -> None:
        await scheduler.unregister_scheduler_plugin(name=self.name)
        if self._run in scheduler.worker_plugins:
            await scheduler.unregister_worker_plugin(None, self._run)


def voices_of(castings: Sequence[Casting]) -> tuple[Identity, ...]:
    """Name all voices of some castings, in their order."""
    return tuple(part.identity for casting in castings for part in casting.parts.values())


def _current_task() -> asyncio.Task[Any]:
    doing = asyncio.current_task()
    if doing is None:
        raise RuntimeError("there is no task where there is no event loop")
    return doing


def _closings(studios: tuple[Studio, ...]) -> tuple[Closing, ...]:
    return tuple(
        Closing(place, account, gate.closed_by)
        for place, studio in enumerate(studios)
        for account, gate in studio.accounts.items()
        if gate.closed_by
    )


def _booth_of(run: str, worker: Worker) -> Booth | None:
    """Find the booth of a run in a worker."""
    booth = worker.plugins.get(run)
    return booth if isinstance(booth, Booth) else None


def close(run: str, error: DeclaimError, dask_worker: Worker) -> None:
    """Close all gates of a run; runs in the worker, which Dask puts in under that name."""
    booth = _booth_of(run, dask_worker)
    if booth:
        booth.close(error)


def perform(order: Order) -> Performed:
    """Perform a chapter in the worker that this thread is one of."""
    booth = _booth_of(order.run, get_worker())
    if booth is None:
        raise Interrupted("interrupted")
    return booth.perform(order)
