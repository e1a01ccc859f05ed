"""The HTTP client of a run: as many lanes as there are requests in flight, their connections kept alive, and bounded."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import httpx

from tasks.errors import ProfileError
from tasks.trust import trust

_KEEPALIVE_SECONDS = 30
# A result may lie on another origin than the service.
_LANE_CONNECTIONS = 2
# What a run opens beside its connections, as measured and a little more: Prefect, the store, encoders; and each thread that
# decodes has an ffmpeg behind pipes.
_FILES_OF_A_RUN = 32 + 6 * min(32, (os.cpu_count() or 1) + 4)


def open_client(in_flight: int) -> httpx.AsyncClient:
    """Open a client for so many requests in flight; more of them wait.

    Raises `ProfileError` where the system does not let the process open so many files.
    """
    _allow_files(in_flight)
    # httpx itself finds the proxies of the environment, and serves them; ALL_PROXY names the same requests as the lanes.
    mounts = {} if "all" in getproxies() else {"all://": _Lanes(in_flight)}
    bounds = _bounds(_LANE_CONNECTIONS * in_flight)
    # Speech is compressed already, and what is not compressed cannot grow.
    return httpx.AsyncClient(headers={"Accept-Encoding": "identity"}, verify=trust(), limits=bounds, mounts=mounts)


def _allow_files(in_flight: int) -> None:
    """Raise the process's own limit of open files to what is needed, as servers do.

    To reach it in the middle would lose what is bought: an answer that has come could not be written.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = sum(1 for _ in Path("/dev/fd").iterdir()) + _FILES_OF_A_RUN
    needed = others + _LANE_CONNECTIONS * in_flight
    if allowed == resource.RLIM_INFINITY or needed <= allowed:
        return
    if most != resource.RLIM_INFINITY and needed > most:
        room = (most - others) // _LANE_CONNECTIONS
        advice = f", or lower concurrency: there is room for {room}" if room > 0 else ""
        raise ProfileError(
            f"[limits] concurrency: {in_flight} at once need {needed} open files, and the system allows {most}; raise "
            f"that (ulimit -n {needed}){advice}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))


def _bounds(connections: int) -> httpx.Limits:
    return httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=_KEEPALIVE_SECONDS,
    )


class _Lanes(httpx.AsyncBaseTransport):
    """As many ways to the services as there are requests in flight, each with connections of its own.

    httpcore looks over all idle connections of a pool, with two system calls for each, whenever a request begins or ends:
    with 32 in flight that took half of the event loop's time. A lane has one connection to look at, or two.
    """

    def __init__(self, lanes: int) -> None:
        bounds = _bounds(_LANE_CONNECTIONS)
        self._lanes = [httpx.AsyncHTTPTransport(verify=trust(), limits=bounds) for _ in range(lanes)]
        # The lane that was used last goes first: its connection is the least likely to have been closed.
        self._free: asyncio.LifoQueue[httpx.AsyncHTTPTransport] = asyncio.LifoQueue()
        for lane in self._lanes:
            self._free.put_nowait(lane)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        lane = await self._free.get()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._free.put_nowait(lane)
            raise
        response.stream = _Laned(response.stream, lambda: self._free.put_nowait(lane))
        return response

    async def aclose(self) -> None:
        for lane in self._lanes:
            await lane.aclose()


class _Laned(httpx.AsyncByteStream):
    """The body of an answer, whose lane is free when it is closed."""

    def __init__(self, stream: Any, leave: Callable[[], None]) -> None:
        self._stream = stream
        self._leave = leave

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for block in self._stream:
            yield block

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._leave()
