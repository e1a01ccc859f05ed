"""A provider's quota that all runs share: a global concurrency limit of Prefect's, taken in portions.

A limit of requests a minute is kept by each process for itself (tasks/voices/pace.py). Where several, on several machines, use
one account, `[limits] shared` names a limit that the Prefect server keeps for all. To ask the server for each request would
slow them down, so half a second's worth is taken at once, while the last of it is still being spent.
"""

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from random import uniform

import httpx
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.exceptions import ObjectNotFound, PrefectException

from tasks.errors import ProfileError

# Prefect counts the slots that have decayed in whole ones, and rounds down at each grant: where a request is many slots, next
# to nothing is lost.
SLOTS_A_REQUEST = 100
# A part of what is allowed in a second: a slower limit gives one request at a time.
PORTION_SECONDS = 0.5
# So much may have gathered: a server that is slow to answer is not to cost what it would have given meanwhile.
_GATHERED_SECONDS = 1.0
# What has gathered at the beginning comes on top.
_MARGIN = 0.985
# A server that is busy, or away for a while, ends no run.
_BUSY_SECONDS = 0.1
_AWAY_SECONDS = 1.0


class SharedQuota:
    """Requests of an account that a process may send, as the server grants them."""

    def __init__(self, client: PrefectClient, name: str, slots: int, slots_per_second: float) -> None:
        self._client = client
        self._name = name
        requests_per_second = slots_per_second / SLOTS_A_REQUEST
        self._portion = min(max(1, int(requests_per_second * PORTION_SECONDS)), slots // SLOTS_A_REQUEST)
        self._pause = self._portion / requests_per_second / 2
        self._left = 0
        self._coming: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Wait for the right to send one request. Raises `ProfileError` where the limit has gone."""
        while not self._left:
            await asyncio.shield(self._asked())
        self._left -= 1
        if self._left <= self._portion // 2:
            self._asked()

    def _asked(self) -> "asyncio.Task[None]":
        """Have a portion come, unless one is about to."""
        if self._coming is None or self._coming.done():
            self._coming = asyncio.create_task(self._granted())
        return self._coming

    async def _granted(self) -> None:
        """Take a portion, as soon as the server has one to give."""
        while True:
            try:
                answer = await self._client.increment_concurrency_slots(
                    [self._name], self._portion * SLOTS_A_REQUEST, mode="rate_limit"
                )
            except httpx.HTTPStatusError as error:
                # How long to wait, as the server words it, is drawn by lot, and far longer than need be.
                pauses = {HTTPStatus.LOCKED: self._pause, HTTPStatus.SERVICE_UNAVAILABLE: _BUSY_SECONDS}
                pause = pauses.get(HTTPStatus(error.response.status_code), _AWAY_SECONDS)
                await asyncio.sleep(uniform(0.5, 1) * pause)  # noqa: S311  # no secret
            except (httpx.TransportError, PrefectException):
                await asyncio.sleep(_AWAY_SECONDS)
            else:
                # A name that the server does not know limits nothing, and it says so by naming no limit.
                if not answer.json():
                    raise missing(self._name)
                self._left += self._portion
                return

    async def close(self) -> None:
        """Stop asking; what was granted and not used is lost, a part of a second's worth."""
        if self._coming:
            self._coming.cancel()
            with suppress(asyncio.CancelledError, ProfileError, httpx.HTTPError):
                await self._coming


@asynccontextmanager
async def open_quota(name: str) -> AsyncIterator[SharedQuota]:
    """Take part in a limit; raises `ProfileError` where the server has none of that name, or one that never refills."""
    async with get_client() as client:
        try:
            limit = await client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound as error:
            raise missing(name) from error
    async with get_client(httpx_settings={"event_hooks": {"response": [_told_at_once]}}) as client:
        quota = SharedQuota(client, name, *checked_rate(name, limit))
        try:
            yield quota
        finally:
            await quota.close()


async def _told_at_once(response: httpx.Response) -> None:
    """Raise that a server is busy, before Prefect's client waits two seconds: one on SQLite is, whenever two ask at once."""
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        raise httpx.HTTPStatusError("the server is busy", request=response.request, response=response)


def checked_rate(name: str, limit: GlobalConcurrencyLimitResponse) -> tuple[int, float]:
    """Give a limit's slots, and how many come back a second; raises `ProfileError` where it is no rate, or lets all through."""
    decay = limit.slot_decay_per_second or 0.0
    if not limit.active or decay <= 0 or limit.limit < SLOTS_A_REQUEST:
        raise ProfileError(
            f"[limits] shared: the limit {name} is not active, or no rate (a request is {SLOTS_A_REQUEST} slots); remove it with "
            f"`prefect gcl delete {shlex.quote(name)}`, and make it again: {command(name)}"
        )
    return limit.limit, decay


def slots_for(requests_per_minute: float) -> tuple[int, float]:
    """Reckon the slots of a limit, and how many of them come back a second; at most a second's worth gathers."""
    decay = requests_per_minute / 60 * SLOTS_A_REQUEST
    return max(SLOTS_A_REQUEST, int(decay * _GATHERED_SECONDS)), round(decay * _MARGIN, 3)


def requests_per_minute_of(slots_per_second: float) -> float:
    """Return the rate for which `slots_for` chooses this decay."""
    return round(slots_per_second / _MARGIN / SLOTS_A_REQUEST * 60, 1)


def command(name: str, requests_per_minute: float = 600) -> str:
    """Return the shell command that makes a limit; ten requests a second unless another rate is known."""
    return f"`prefect gcl create {shlex.quote(name)} {_rate_options(requests_per_minute)}` ({requests_per_minute:g} requests a minute)"


def update_command(name: str, requests_per_minute: float) -> str:
    """Return the shell command that gives an existing limit this rate."""
    return f"`prefect gcl update {shlex.quote(name)} {_rate_options(requests_per_minute)}`"


def _rate_options(requests_per_minute: float) -> str:
    slots, decay = slots_for(requests_per_minute)
    return f"--limit {slots} --slot-decay-per-second {decay:g}"


def missing(name: str, requests_per_minute: float = 0) -> ProfileError:
    """Return the error of a limit that the server does not have, with the command that makes it."""
    return ProfileError(
        f"[limits] shared: the Prefect server has no limit {name}; make it: {command(name, requests_per_minute or 600)}"
    )
