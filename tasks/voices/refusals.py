"""Refusals of late: whether they crowd, as behind a service's limit, or are scattered, as by chance."""

import math
from collections import deque
from itertools import islice

_KEPT = 200
_ROW = 8
_LATELY = 100
# Scattered refusals are looked into from so many on, of at least so many requests.
_FEW, _ENOUGH = 4, 20
# A share of refusals that is taken for granted while nothing is known, and how improbable a row must be under it: six of eight.
_USUAL = 0.1
_IMPROBABLE = 4e-4
_MORE, _MORE_BY, _UNLIKELY = 1.5, 0.02, 0.01


class Refusals:
    """The requests since some time, in the order in which they were sent, and which of them were refused.

    Requests are known by the seconds at which they were sent. One that is not answered yet counts as borne: refusals come
    sooner than speech, so those answered first would say too much.
    """

    def __init__(self) -> None:
        self._since = -math.inf
        self._sent: deque[float] = deque(maxlen=_KEPT)
        self._refused: set[float] = set()

    def clear(self, since: float) -> None:
        """Forget all requests, and leave out those that are sent before `since`."""
        self._since = since
        self._sent.clear()
        self._refused.clear()

    def send(self, now: float) -> None:
        """Count a request."""
        if now < self._since:
            return
        if len(self._sent) == _KEPT:
            self._refused.discard(self._sent[0])
        self._sent.append(now)

    def refuse(self, sent_at: float) -> bool:
        """Note that a request was refused; return False if it does not count."""
        if not self._sent or sent_at < max(self._since, self._sent[0]):
            return False
        self._refused.add(sent_at)
        return True

    def count(self, until: float) -> tuple[int, int]:
        """Return how many requests up to one were refused, and how many were sent."""
        return sum(sent <= until for sent in self._refused), sum(sent <= until for sent in self._sent)

    def is_crowded(self, until: float, usual: float) -> bool:
        """Return whether more of the last eight requests were refused than the share `usual` makes probable."""
        row = list(islice((sent in self._refused for sent in reversed(self._sent) if sent <= until), _ROW))
        return sum(row) > 1 and _tail(sum(row), len(row), max(usual, _USUAL)) < _IMPROBABLE

    def is_first_of_many(self, many: int) -> bool:
        """Return whether one request was refused, of at least so many."""
        return len(self._refused) == 1 and len(self._sent) >= many

    def find_share(self, usual: float) -> float:
        """Return the share of the last hundred requests that was refused, 0.0 if that is few or what is usual."""
        sent = list(islice(reversed(self._sent), _LATELY))
        refused = sum(each in self._refused for each in sent)
        if refused < _FEW or len(sent) < _ENOUGH or refused / len(sent) <= usual * _MORE + _MORE_BY:
            return 0.0
        return refused / len(sent) if _tail(refused, len(sent), max(usual, _UNLIKELY)) < _UNLIKELY else 0.0


def _tail(least: int, count: int, share: float) -> float:
    """Return the probability of at least so many of `count`, each of probability `share` (the binomial distribution)."""
    return sum(
        math.comb(count, number) * share**number * (1 - share) ** (count - number) for number in range(least, count + 1)
    )
