"""Services of a dozen kinds in simulated time, and a client that asks them at a pace: no clock is read."""

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Protocol

LATENCY_SECONDS = 0.2
REFUSAL_SECONDS = 0.02
IN_FLIGHT = 8
_CHARACTERS = (60, 120, 200, 300)


class Limiter(Protocol):
    """What decides whether a service takes a request."""

    def refuses(self, now: float, characters: int, in_flight: int) -> bool:
        """Decide on a request that comes at a time in seconds, beside so many that are being answered."""
        ...


class Paced(Protocol):
    """What decides when a request goes: a `Pace`."""

    def wait(self, now: float) -> float: ...
    def sent(self, now: float, characters: int) -> None: ...
    def accepted(self, now: float, sent_at: float) -> None: ...
    def refused(self, now: float, sent_at: float, retry_after: float | None) -> float: ...


class Bucket:
    """So much a second on the whole, and a burst; of requests or of characters."""

    def __init__(self, rate: float, burst: float, *, counts_characters: bool = False) -> None:
        self._rate, self._burst, self._counts_characters = rate, burst, counts_characters
        self._left, self._at = burst, 0.0

    def refuses(self, now: float, characters: int, in_flight: int) -> bool:
        del in_flight
        wanted = characters if self._counts_characters else 1
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < wanted:
            return True
        self._left -= wanted
        return False


class FixedWindow:
    """So many requests from one full period to the next."""

    def __init__(self, requests: int, seconds: float) -> None:
        self._requests, self._seconds = requests, seconds
        self._counts: Counter[int] = Counter()

    def refuses(self, now: float, characters: int, in_flight: int) -> bool:
        del characters, in_flight
        window = int(now / self._seconds)
        if self._counts[window] >= self._requests:
            return True
        self._counts[window] += 1
        return False


class SlidingWindow:
    """So many requests in any second; half as many once `halved_after` were taken."""

    def __init__(self, requests: int, halved_after: float = math.inf) -> None:
        self._requests, self._halved_after = requests, halved_after
        self._taken: deque[float] = deque()
        self._count = 0

    def refuses(self, now: float, characters: int, in_flight: int) -> bool:
        del characters, in_flight
        while self._taken and self._taken[0] <= now - 1:
            self._taken.popleft()
        if len(self._taken) >= (self._requests if self._count < self._halved_after else self._requests // 2):
            return True
        self._taken.append(now)
        self._count += 1
        return False


class Concurrency:
    """So many requests at once."""

    def __init__(self, most: int) -> None:
        self._most = most

    def refuses(self, now: float, characters: int, in_flight: int) -> bool:
        del now, characters
        return in_flight >= self._most


class Chance:
    """A share of the requests is refused, whatever the speed."""

    def __init__(self, share: float, seed: int = 3) -> None:
        self._share, self._random = share, random.Random(seed)  # noqa: S311  # the same refusals each time

    def refuses(self, now: float, characters: int, in_flight: int) -> bool:
        del now, characters, in_flight
        return self._random.random() < self._share


class TwoAccounts:
    """Two limits behind one name: a request falls to either."""

    def __init__(self) -> None:
        self._buckets = (Bucket(10, 10), Bucket(6, 6))
        self._random = random.Random(5)  # noqa: S311  # the same each time

    def refuses(self, now: float, characters: int, in_flight: int) -> bool:
        return self._random.choice(self._buckets).refuses(now, characters, in_flight)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long a simulation took, and how many requests were refused."""

    seconds: float
    refused: int


def simulate(
    pace: Paced,
    limiter: Limiter,
    requests: int,
    retry_after: Callable[[float], float] | None = None,
    longest_seconds: float = 1e5,
) -> Outcome:
    """Ask until all requests are answered, eight at once; `retry_after` tells the wait of a refusal at a time."""
    chance = random.Random(1)  # noqa: S311  # jitter, the same each time
    now, to_send, answered, refused = 0.0, requests, 0, 0
    events: list[tuple[float, int, bool, float, float | None]] = []
    alone: list[float] = []
    order = count()
    while answered < requests and now <= longest_seconds:
        while alone and alone[0] <= now:
            heapq.heappop(alone)
            to_send += 1
        free = now + pace.wait(now) if to_send and len(events) < IN_FLIGHT else math.inf
        if events and events[0][0] <= min(free, alone[0] if alone else math.inf):
            now, _, is_borne, sent_at, wait = heapq.heappop(events)
            if is_borne:
                answered += 1
                pace.accepted(now, sent_at)
            else:
                refused += 1
                heapq.heappush(alone, now + pace.refused(now, sent_at, wait))
            continue
        if alone and alone[0] < free:
            now = alone[0]
            continue
        now = free + chance.uniform(0, 0.003)
        characters = chance.choice(_CHARACTERS)
        pace.sent(now, characters)
        at_work = sum(is_borne for _, _, is_borne, _, _ in events)
        is_refused = limiter.refuses(now + chance.uniform(0, 0.005), characters, at_work)
        takes = REFUSAL_SECONDS if is_refused else LATENCY_SECONDS * chance.uniform(0.8, 1.2)
        wait = retry_after(now) if is_refused and retry_after else None
        to_send -= 1
        heapq.heappush(events, (now + takes, next(order), not is_refused, now, wait))
    return Outcome(now if answered == requests else math.inf, refused)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of service: how it refuses, what wait it asks for, and whether it refuses by chance."""

    make: Callable[[], Limiter]
    retry_after: Callable[[float], float] | None = None
    is_chance: bool = False


def _a_second(_now: float) -> float:
    return 1.0


_LIMITED: dict[str, Callable[[], Limiter]] = {
    "token bucket": lambda: Bucket(10, 10),
    "fixed window of a second": lambda: FixedWindow(10, 1),
    "sliding window": lambda: SlidingWindow(10),
    "concurrency cap": lambda: Concurrency(4),
    "limit that is halved": lambda: SlidingWindow(20, halved_after=1_000),
    "limit by characters": lambda: Bucket(2_000, 2_000, counts_characters=True),
    "two accounts": TwoAccounts,
}
_CHANCES: dict[str, Callable[[], Limiter]] = {
    "chance of 1 %": lambda: Chance(0.01),
    "chance of 5 %": lambda: Chance(0.05),
    "chance of 20 %": lambda: Chance(0.2),
}
KINDS: dict[str, Kind] = {
    **{name: Kind(make) for name, make in _LIMITED.items()},
    **{f"{name}, Retry-After": Kind(make, _a_second) for name, make in _LIMITED.items()},
    "fixed window of a minute": Kind(lambda: FixedWindow(600, 60)),
    "fixed window of a minute, Retry-After": Kind(lambda: FixedWindow(600, 60), lambda now: 60 - now % 60),
    **{name: Kind(make, is_chance=True) for name, make in _CHANCES.items()},
    **{f"{name}, Retry-After": Kind(make, _a_second, is_chance=True) for name, make in _CHANCES.items()},
}
