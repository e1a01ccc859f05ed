"""Pace, patience and money, in one place for all providers: how many requests at once, how fast, how often, for how much."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from tasks.errors import (
    BadAudio,
    BrokenOff,
    BudgetExceeded,
    DeclaimError,
    ProviderError,
    RateLimited,
    Transient,
    Unavailable,
    Undelivered,
)
from tasks.money import format_usd
from tasks.voices import LimitSettings
from tasks.voices.pace import Pace

_LONGEST_WAIT_SECONDS = 60
_MINUTE = 60
# A refusal for want of room says nothing of the request itself: it may be refused more often than it may fail.
_REFUSALS_AN_ATTEMPT = 10
# A service that fails so many chunks in a row, and twice as many as are in flight, is down: to go on would only cost time,
# and money where it answers with what is no speech.
_DEAD_CHUNKS = 10
_jittered = wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_SECONDS)


def lanes(limits: LimitSettings, in_flight: int) -> int:
    """Tell into how many parts an account's limits can be divided, each of which lets at least one request through."""
    return max(1, min(in_flight, int(limits.requests_per_minute) or in_flight))


def divided(limits: LimitSettings, in_flight: int, parts: int, taken: int) -> LimitSettings:
    """Take some of so many equal parts of what an account allows, `in_flight` at once among it; a part is at least 1 of each."""
    rates = {name: getattr(limits, name) for name in ("requests_per_minute", "characters_per_minute")}
    shares = {name: taken * max(1.0, rate / parts) for name, rate in rates.items() if rate}
    return limits.model_copy(update={"concurrency": taken * max(1, in_flight // parts), **shares})


class Patience:
    """Counts what went wrong with one request, and says when it is enough."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts
        self._failures = 0
        self._refusals = 0

    def is_over(self, state: RetryCallState) -> bool:
        """Tell whether to give up after this attempt."""
        if isinstance(_error(state), RateLimited):
            self._refusals += 1
        else:
            self._failures += 1
        return self._failures >= self._attempts or self._refusals >= self._attempts * _REFUSALS_AN_ATTEMPT


def attempts(limits: LimitSettings) -> AsyncRetrying:
    """Try again whatever raises `Transient`; the last error is raised as it is.

    Waits are jittered and grow; but for a rate that was passed, the gate and its pace say how long the request waits.
    """
    return AsyncRetrying(
        retry=retry_if_exception_type(Transient),
        stop=Patience(limits.attempts).is_over,
        wait=_wait_seconds,
        reraise=True,
    )


def _wait_seconds(state: RetryCallState) -> float:
    error = _error(state)
    return error.alone_seconds if isinstance(error, RateLimited) else _jittered(state)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


class Quota(Protocol):
    """What several processes may send to one account together."""

    async def take(self) -> None:
        """Wait for the right to send one request. Raises `ProfileError` where there is no such quota."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Throttle:
    """How many requests to one account at once and how fast, whichever book of this process they are for."""

    in_flight: int
    pace: Pace
    places: asyncio.Semaphore
    turns: asyncio.Lock
    quota: Quota | None

    @classmethod
    def of(cls, in_flight: int, limits: LimitSettings, quota: Quota | None = None) -> "Throttle":
        """Build one that nobody has used yet."""
        pace = Pace(limits.requests_per_minute / _MINUTE, limits.characters_per_minute / _MINUTE)
        return cls(in_flight, pace, asyncio.Semaphore(in_flight), asyncio.Lock(), quota)


class Gate:
    """Lets a book's requests to one account of a service through, as its throttle allows, until the gate is closed.

    Tells too when there is room for another chapter's requests. Chapters open in order, and only as many as keep the
    service busy: the first one is then finished early.
    """

    def __init__(self, throttle: Throttle) -> None:
        self.in_flight = throttle.in_flight
        self._throttle = throttle
        self._unfinished = 0
        self._given_up = 0
        self._thirsty = asyncio.Event()
        self._thirsty.set()
        self._closed = asyncio.Event()
        self.closed_by: DeclaimError | None = None

    def expect(self, requests: int) -> None:
        """Announce requests that are about to come; each is `finished` in the end."""
        self._count(requests)

    def finished(self) -> None:
        """Say that a request that was expected is through, well or not."""
        self._count(-1)

    def spoke(self) -> None:
        """Say that a chunk is spoken: the service is alive."""
        self._given_up = 0

    def gave_up(self, error: ProviderError) -> None:
        """Say that all attempts at a chunk have failed; closes the gate where that has happened too often in a row."""
        self._given_up += 1
        if self._given_up >= max(_DEAD_CHUNKS, 2 * self.in_flight):
            self.close(Unavailable(f"{error}; so ended {self._given_up} chunks in a row: run the command again later"))

    async def thirst(self) -> None:
        """Wait until fewer requests are under way than could be in flight and waiting."""
        await self._thirsty.wait()

    def close(self, error: DeclaimError) -> None:
        """Let no one through from now on; what is in flight ends undisturbed, for it is paid for."""
        self.closed_by = self.closed_by or error
        self._closed.set()
        self._thirsty.set()

    async def pause(self, seconds: float) -> None:
        """Wait so long before another attempt; a gate that closes ends the wait, for it will let no attempt through."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    @asynccontextmanager
    async def admitted(self, characters: int) -> AsyncIterator[None]:
        """Wait for a place and a turn, and learn from how the block ends. Raises what the gate was closed by."""
        pace = self._throttle.pace
        async with self._throttle.places:
            sent_at = await self._turn(characters)
            try:
                yield
            except RateLimited as error:
                alone = pace.refused(monotonic(), sent_at, error.retry_after, is_limit=error.is_limit)
                raise RateLimited(str(error), error.retry_after, alone) from error
            else:
                pace.accepted(monotonic(), sent_at)

    async def _turn(self, characters: int) -> float:
        throttle = self._throttle
        async with throttle.turns:
            while not self.closed_by and (seconds := throttle.pace.wait(monotonic())):
                await self.pause(seconds)
            if throttle.quota and not self.closed_by:
                await self._granted(throttle.quota)
            if self.closed_by:
                raise self.closed_by
            now = monotonic()
            throttle.pace.sent(now, characters)
            return now

    async def _granted(self, quota: Quota) -> None:
        """Wait for a request of the quota; a gate that closes ends the wait."""
        taking, closing = asyncio.create_task(quota.take()), asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait({taking, closing}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                taking.result()
        finally:
            taking.cancel()
            closing.cancel()

    def _count(self, change: int) -> None:
        self._unfinished += change
        if self._unfinished < 2 * self.in_flight or self.closed_by:
            self._thirsty.set()
        else:
            self._thirsty.clear()


class Bill:
    """What one request costs: `usd` by the profile's price, `charged` as the service says; None where it is not known."""

    def __init__(self, usd: float | None) -> None:
        self.usd = usd
        self.charged: float | None = None
        self.is_due = False


class Budget:
    """What a run may spend, in US dollars, and has spent; 0 is no limit."""

    def __init__(self, usd: float, spent: float = 0.0) -> None:
        self._usd = usd
        self._reserved = 0.0
        self.spent = spent

    @contextmanager
    def spending(self, usd: float | None) -> Iterator[Bill]:
        """Make one request that should cost `usd`; raises `BudgetExceeded` where that would pass the budget.

        The block says of its bill that it is due; one that ends in speech which is none, or in half of a stream, is due too.
        """
        price = usd or 0.0
        if self._usd and self.spent + self._reserved + price > self._usd:
            raise BudgetExceeded(
                f"the next request would pass the budget of {format_usd(self._usd)}: {format_usd(self.spent, 4)} is spent, "
                f"{format_usd(self._reserved, 4)} reserved for requests in flight, and it costs {format_usd(price, 4)}; what was "
                "bought is in the store: raise [limits] budget_usd and run the command again to go on"
            )
        bill = Bill(usd)
        self._reserved += price
        try:
            yield bill
        except (BadAudio, BrokenOff, Undelivered):
            bill.is_due = True
            raise
        finally:
            self._reserved -= price
            if bill.is_due:
                self.spent += price if bill.charged is None else bill.charged
