"""The pace against simulated services, beside the best fixed pace in hindsight.

    python -m tests.benchmarks.pace [--requests 2000]

The best fixed pace is found by trying: the fastest of those of which at most 2 % of the requests are refused, or of all where the
service refuses by chance.
"""

import argparse
import math
from dataclasses import dataclass

from tasks.voices.pace import Pace
from tests.voices.simulated import KINDS, Kind, simulate

_RATES = (3, 4, 5, 6, 7, 8, 9, 9.5, 9.8, 10, 10.5, 11, 12, 13, 14, 15, 16, 18, 19, 20, 22, 25, 30, 40, 80, 200)
_MOST_REFUSED = 0.02


@dataclass
class Fixed:
    """A pace that learns nothing."""

    rate: float
    _next: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the next request is due."""
        return max(self._next - now, 0.0)

    def sent(self, now: float, characters: int) -> None:
        """Space the next request."""
        del characters
        self._next = max(self._next + 1 / self.rate, now)

    def accepted(self, now: float, sent_at: float) -> None:
        """Learn nothing."""

    def refused(self, now: float, sent_at: float, retry_after: float | None) -> float:
        """Have the request wait as it was told."""
        del now, sent_at
        return retry_after or 0.0


def find_best(kind: Kind, requests: int) -> float:
    """Return the seconds that the best fixed pace takes."""
    best = math.inf
    for rate in _RATES:
        outcome = simulate(Fixed(rate), kind.make(), requests, kind.retry_after, best)
        if kind.is_chance or outcome.refused <= _MOST_REFUSED * requests:
            best = min(best, outcome.seconds)
    return best


def main() -> None:
    """Print a line for each kind of service."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2_000)
    options = parser.parse_args()
    for name, kind in KINDS.items():
        best = find_best(kind, options.requests)
        outcome = simulate(Pace(), kind.make(), options.requests, kind.retry_after)
        print(
            f"{name:38} best {best:6.1f} s  pace {outcome.seconds:6.1f} s  ratio {outcome.seconds / best:5.2f}  "
            f"refused {outcome.refused / options.requests:6.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
