"""The throttles of a process: all books that it narrates side by side speak by one for each account."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

from flows.quota import SharedQuota, open_quota
from tasks.casting import Part
from tasks.voices.limits import Throttle


class Throttles:
    """A throttle for each account that has been asked for, and the quotas that they share with other processes."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._throttles: dict[tuple[str, ...], Throttle] = {}
        self._quotas: dict[str, SharedQuota] = {}

    async def prepare(self, parts: Iterable[Part]) -> None:
        """Have a throttle for each of these; the first part of an account says its limits.

        Raises `ProfileError` for a shared limit that the server does not have.
        """
        for part in parts:
            name = part.limits.shared
            if name and name not in self._quotas:
                self._quotas[name] = await self._stack.enter_async_context(open_quota(name))
            in_flight = part.spec.concurrency(part.limits)
            self._throttles.setdefault(part.account, Throttle.of(in_flight, part.limits, self._quotas.get(name)))

    def of(self, part: Part) -> Throttle:
        """Give a part's throttle, once it is prepared."""
        return self._throttles[part.account]


_OPEN: ContextVar[Throttles] = ContextVar("_OPEN")


@asynccontextmanager
async def open_throttles() -> AsyncIterator[Throttles]:
    """Give the throttles of this process: those of the block that this one is within, where there is one."""
    if outer := _OPEN.get(None):
        yield outer
        return
    async with AsyncExitStack() as stack:
        own = Throttles(stack)
        token = _OPEN.set(own)
        try:
            yield own
        finally:
            _OPEN.reset(token)
