"""Pace and patience, in one place for all providers: how many requests at once, how often one is tried, how long."""

import asyncio

from pydantic import BaseModel, ConfigDict, Field
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tasks.errors import Transient

_LONGEST_WAIT_SECONDS = 60


class LimitSettings(BaseModel):
    """`[limits]` of a profile. A `concurrency` of 0 leaves it to the provider."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: int = Field(0, ge=0, le=1024)
    request_timeout_seconds: float = Field(120, gt=0)
    attempts: int = Field(6, ge=1, le=100)


def attempts(limits: LimitSettings) -> AsyncRetrying:
    """Try again, after jittered exponential waits, whatever raises `Transient`; the last error is raised as it is."""
    return AsyncRetrying(
        retry=retry_if_exception_type(Transient),
        stop=stop_after_attempt(limits.attempts),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_SECONDS),
        reraise=True,
    )


class Turnstile:
    """Lets so many requests through at once, and tells when there is room for another chapter's.

    Chapters open in order, and only as many as keep the voice busy: the first one is then finished early.
    """

    def __init__(self, in_flight: int) -> None:
        self._in_flight = in_flight
        self._places = asyncio.Semaphore(in_flight)
        self._waiting = 0
        self._thirsty = asyncio.Event()
        self._thirsty.set()

    def expect(self, requests: int) -> None:
        """Announce requests that are about to come."""
        self._count(requests)

    async def thirst(self) -> None:
        """Wait until fewer requests wait than could be in flight."""
        await self._thirsty.wait()

    async def __aenter__(self) -> None:
        await self._places.acquire()
        self._count(-1)

    async def __aexit__(self, *_: object) -> None:
        self._places.release()

    def _count(self, change: int) -> None:
        self._waiting += change
        if self._waiting < self._in_flight:
            self._thirsty.set()
        else:
            self._thirsty.clear()
