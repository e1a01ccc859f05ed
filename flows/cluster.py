"""A book on a Dask cluster: its chapters are performed by the cluster's workers, through prefect-dask, a task run each.

The run keeps the book's budget, its pages and its end; a worker gets a chapter's text and gives back what it made of it. Clips
and tracks lie in the store that all share.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

from prefect import get_run_logger

from flows.artifacts.book import BookArtifacts
from flows.booth import voices_of
from flows.crew import Crew, connected, manned, threads_of
from flows.interrupts import CURRENT, GRACE_SECONDS
from flows.orders import TOPIC, Closing, Commission, Order, Performed
from flows.performing import MASTERED_AT_ONCE, Reading, all_ended, codecs_of
from tasks.assemble import assemble
from tasks.casting import Casting
from tasks.errors import BudgetExceeded, Interrupted, OutputError
from tasks.library.allotment import Allotment, BookBudget
from tasks.model import Cost, Recital, Script
from tasks.packagers.accounts import Performance
from tasks.prefect_values import stage, untouched
from tasks.store import ClipStore
from tasks.studio import hold, key_of, open_leases
from tasks.synthesize import BOUGHT
from tasks.voices.limits import Budget

# What is in flight has its grace in the workers, and then the news of it has to come.
_LAST_WORD_SECONDS = 5
# A budget of nothing would be no limit.
_LEAST_USD = 0.000_001


async def perform_on_cluster(
    reading: Reading,
    scripts: tuple[Script, ...],
    castings: tuple[Casting, ...],
    *,
    store: ClipStore,
    budget: Budget,
    dashboard: BookArtifacts,
) -> tuple[Performance, ...]:
    """Have all chapters spoken and mastered by the workers of a cluster; they open in order.

    Raises `ProfileError` where the cluster cannot be reached or is lost, and what performing raises elsewhere.
    """
    interruption, address = CURRENT.get(), reading.settings.run.address
    async with AsyncExitStack() as stack:
        leases = stack.enter_context(open_leases(store))
        hold(scripts, castings[0], store, leases)
        client = await stack.enter_async_context(connected(address))
        threads = await threads_of(client, address)
        most = [part.most_lanes for casting in castings for part in casting.parts.values() if part.most_lanes]
        commission = _commission(reading, castings, store, leases.job, min([threads, *most]))
        await stack.enter_async_context(manned(client, commission))
        crew = Crew(client, commission, threads, commission.lanes if most else 0, dashboard)
        chunks = sum(len(script.chunks) for script in scripts)
        interruption.heed_there(crew.close, lambda: (crew.done, chunks), GRACE_SECONDS + _LAST_WORD_SECONDS)
        get_run_logger().info("%d chapters for the %d threads of the cluster at %s", len(scripts), threads, address)
        till = _Till(budget, BookBudget(reading.settings.limits.budget_usd, budget.spent))
        book = _Book(reading, castings, store, commission, crew, till, dashboard)
        client.subscribe_topic(TOPIC, crew.heard)
        return await book.performed(scripts)


def _commission(reading: Reading, castings: tuple[Casting, ...], store: ClipStore, job: str, lanes: int) -> Commission:
    settings = reading.settings
    return Commission(
        run=f"declaim-{uuid4().hex}",
        profile=settings.model_dump(mode="json"),
        language=reading.book.language,
        # Another machine's user may have another cache.
        store=settings.store.url or str(store.root),
        job=job,
        lanes=lanes,
        voices=voices_of(castings),
        codecs=codecs_of(settings.output) if store.shares_tracks else (),
    )


class _Till:
    """What the chapters of a book may spend: each has its part set aside before it begins."""

    def __init__(self, budget: Budget, shared: BookBudget) -> None:
        self._budget = budget
        self._shared = shared
        self._open = 0
        self._settled = asyncio.Event()

    @property
    def is_limited(self) -> bool:
        """Tell whether there is a budget."""
        return self._shared.is_set

    @asynccontextmanager
    async def allotted(self, estimate: float) -> AsyncIterator[Allotment]:
        """Set aside what a chapter should cost; raises `BudgetExceeded` where nothing that may come back would pay for it."""
        allotment = Allotment(0.0)
        with ExitStack() as stack:
            if self.is_limited:
                while self._open and estimate > self._shared.left:
                    self._settled.clear()
                    await self._settled.wait()
                self._open += 1
                # Runs when what was not spent is back.
                stack.callback(self._close)
                allotment = stack.enter_context(self._shared.allotted(estimate))
            yield allotment
        self._budget.spent += allotment.spent

    def _close(self) -> None:
        self._open -= 1
        self._settled.set()


@dataclass(frozen=True, slots=True)
class _Book:
    """A book that is being performed. `closed` are the gates that are closed for all chapters that are still to begin."""

    reading: Reading
    castings: tuple[Casting, ...]
    store: ClipStore
    commission: Commission
    crew: Crew
    till: _Till
    dashboard: BookArtifacts
    closed: dict[tuple[int, tuple[str, ...]], Closing] = field(default_factory=dict)
    mastering: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MASTERED_AT_ONCE))

    async def performed(self, scripts: tuple[Script, ...]) -> tuple[Performance, ...]:
        """Have chapters performed in order, as many at once as the crew has room for."""
        interruption = CURRENT.get()
        cuts = {script.number: [script] for script in scripts}
        for casting in self.castings[1:]:
            for script in self.reading.scripts(casting):
                cuts[script.number].append(script)
        jobs: list[asyncio.Task[Performance]] = []
        for script in scripts:
            await self.crew.room()
            # An error that no chapter takes upon itself ends the run.
            if interruption.is_asked or any(job.done() and job.exception() for job in jobs):
                break
            begun = asyncio.Event()
            jobs.append(asyncio.create_task(self._chapter(tuple(cuts[script.number]), begun)))
            # What it may spend is set aside before the next one asks.
            await begun.wait()
        performances = await all_ended(jobs)
        interruption.check()
        return performances

    async def _chapter(self, scripts: tuple[Script, ...], begun: asyncio.Event) -> Performance:
        try:
            performed = await self._paid(scripts, begun.set)
            performance = await self._at_home(performed.performance)
        finally:
            begun.set()
        self.dashboard.end_chapter(performance)
        return performance

    async def _paid(self, scripts: tuple[Script, ...], begun: Callable[[], None]) -> Performed:
        """Have a chapter performed for what is set aside; again, for more, where that was too little and there is more."""
        bought = {chunk.id: cost for chunk in scripts[0].chunks if (cost := BOUGHT.get().get(chunk.id))}
        failed: frozenset[str] = frozenset()
        while not self._is_spent:
            unbought = await asyncio.to_thread(self._unbought, scripts, failed) if self.till.is_limited else {}
            try:
                async with self.till.allotted(sum(unbought.values())) as allotment:
                    begun()
                    performed = await self._sent(scripts, bought, max(allotment.usd, _LEAST_USD * self.till.is_limited))
                    allotment.spent = performed.spent + _bought_by_another(performed, unbought)
            except BudgetExceeded as error:
                self._close(error)
                break
            recital = performed.performance.recital
            if not isinstance(recital.stopped_by, BudgetExceeded):
                return performed
            if failed and not performed.spent:
                self._close(recital.stopped_by)
            bought |= {part.chunk.id: part.cost for part in recital.voiced if part.cost.requests}
            failed = frozenset(failure.chunk for failure in recital.failures)
        # What of it is in the store is still used.
        begun()
        return await self._sent(scripts, bought)

    def _unbought(self, scripts: tuple[Script, ...], failed: frozenset[str]) -> dict[str, float]:
        """Price what of a chapter is in no store yet, by its clips' keys; where some has failed, by the dearest voice."""
        castings = self.castings if failed else self.castings[:1]
        rows = (self._priced(script, casting, failed) for script, casting in zip(scripts, castings, strict=False))
        return max(rows, key=lambda row: sum(row.values()))

    def _priced(self, script: Script, casting: Casting, failed: frozenset[str]) -> dict[str, float]:
        keys = {key_of(chunk, casting.part(chunk).identity): chunk for chunk in script.chunks}
        held = self.store.held(keys)
        missing = {key: chunk for key, chunk in keys.items() if key not in held or chunk.id in failed}
        return {key: casting.part(chunk).usd(len(chunk.text)) or 0.0 for key, chunk in missing.items()}

    async def _sent(self, scripts: tuple[Script, ...], bought: Mapping[str, Cost], usd: float = 0.0) -> Performed:
        order = Order(self.commission.run, scripts, usd, bought, tuple(self.closed.values()))
        performed = await self.crew.performed(order)
        for closing in performed.closed:
            # What a chapter may not spend, another may; and an interrupt is told to all.
            if not isinstance(closing.error, BudgetExceeded | Interrupted):
                self.closed.setdefault((closing.place, closing.account), closing)
        return performed

    def _close(self, error: BudgetExceeded) -> None:
        """Have all chapters from now on spend nothing."""
        for place, casting in enumerate(self.castings):
            for part in casting.parts.values():
                self.closed[place, part.account] = Closing(place, part.account, error)

    @property
    def _is_spent(self) -> bool:
        return any(isinstance(closing.error, BudgetExceeded) for closing in self.closed.values())

    async def _at_home(self, performance: Performance) -> Performance:
        """Make sure that what a worker made is here; a track that is not shared is made here, of clips that are."""
        recital, track = performance.recital, performance.track
        if self.store.shares_tracks:
            gone = [path for path in (track.encoded.values() if track else ()) if not path.is_file()]
            if gone:
                raise OutputError(
                    f"{gone[0]}: a worker of the cluster made it, and it is not here; let all share [store] url"
                )
            return performance
        codecs = codecs_of(self.reading.settings.output)
        if not recital.voiced or recital.failures or not codecs:
            return performance
        self.dashboard.mark_spoken(recital.script)
        async with self.mastering:
            self.dashboard.mark_mastering(recital.script)
            brought = await asyncio.to_thread(_brought, recital, self.store)
            track = await stage(assemble)(untouched(brought), self.reading.settings.audio, codecs, self.store)
        return Performance(brought, track)


def _bought_by_another(performed: Performed, unbought: Mapping[str, float]) -> float:
    """Reckon what a worker that died, or another run, has bought of a chapter since its price was made."""
    voiced = performed.performance.recital.voiced
    own = {part.clip.key for part in voiced if part.cost.requests}
    return sum(unbought.get(key, 0.0) for key in {part.clip.key for part in voiced} - own)


def _brought(recital: Recital, store: ClipStore) -> Recital:
    """Bring a chapter's clips to this machine; raises `OutputError` where one has not come to the store yet."""
    store.bring(part.clip.key for part in recital.voiced)
    voiced = []
    for part in recital.voiced:
        clip = store.get(part.clip.key)
        if clip is None:
            raise OutputError(
                f"{store}: a clip of chapter {recital.script.number} is not there yet; run the command again to go on"
            )
        voiced.append(replace(part, clip=clip))
    return replace(recital, voiced=tuple(voiced))
