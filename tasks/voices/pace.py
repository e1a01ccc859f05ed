"""How fast a service may be asked: an even pace that falls at once when it is too fast, and climbs back by steps.

Pure arithmetic over the times that it is told (seconds of any steady clock), so that it can be tested without one.
The figures below were found by simulation: a service that allows ten requests a second (sliding and fixed windows, token
buckets, refusals with and without Retry-After) is used within 1.2 times the ideal from a start at any speed.
"""

import math
from collections import deque

# A service's clock is not ours, and the way to it is not even: just below what it allows, it refuses hardly any.
_MARGIN = 0.98
_UNEVEN_SECONDS = 0.01
# What counts as the speed that was borne: the requests of the last second that were not refused.
_WINDOW_SECONDS = 1.0
_WINDOW_MARGIN_SECONDS = 0.05
# After a refusal: this share of what was borne, and never less than a share of the speed before, which at first says little.
_FALL = 0.9
_DEEPEST_FIRST_FALL = 0.1
_DEEPEST_FALL = 0.5
# Steps are taken once a second: growing ones up to near the speed that was refused, then of one per cent.
_STEP_SECONDS = 1.0
_FIRST_STEP = 0.03
_GROWTH = 1.5
_MOST_GROWTHS = 8
_NEAR = 0.9
_CAREFUL_STEP = 0.01
_PAST = 1.1
_SLOWEST = 0.2
# A service may refuse some requests at any speed, for reasons of its own. What it refuses at less than this share of what it
# bore in the last minutes tells how many: as long as it refuses not many more, it is not the speed that it refuses.
_FAR_BELOW = 0.25
_HALF_LIFE_SECONDS = 300.0
_ANSWERS = 30
_MOST_BY_CHANCE = 0.25
_MORE = 1.5
_MORE_BY = 0.05


class Pace:
    """When the next request may go. `requests_per_second` and `characters_per_second` of 0 are no limit."""

    def __init__(self, requests_per_second: float = 0, characters_per_second: float = 0) -> None:
        self._ceiling = requests_per_second * _MARGIN or math.inf
        self._characters = characters_per_second * _MARGIN or math.inf
        self.rate = self._ceiling
        self._next_request = self._next_character = self._next_second = self._held_until = -math.inf
        # The last requests, as many as may be sent in a second.
        self._second: deque[float] = deque(maxlen=math.ceil(requests_per_second))
        self._borne: deque[float] = deque()
        self._most_borne = 0
        self._most_borne_at = 0.0
        self._refusals: deque[bool] = deque(maxlen=_ANSWERS)
        self._refusals_far_below: deque[bool] = deque(maxlen=_ANSWERS)
        self._fell_at = self._stepped_at = -math.inf
        self._fell_from = math.inf
        self._deepest = _DEEPEST_FIRST_FALL
        self._refused_rate = math.inf
        self._steps = 0

    def wait(self, now: float) -> float:
        """How many seconds the next request is to wait; may have grown when they are over."""
        return max(self._next_request, self._next_character, self._next_second, self._held_until, now) - now

    def sent(self, now: float, characters: int) -> None:
        """Count a request that goes now."""
        self._next_request = _following(self._next_request, now, 1 / self.rate)
        self._next_character = _following(self._next_character, now, characters / self._characters)
        # What was late and is made up for comes closer to those behind it: a service that counts by the second shall not see.
        self._second.append(now)
        if self._second.maxlen == len(self._second) > 0:
            self._next_second = self._second[0] + _WINDOW_SECONDS + _UNEVEN_SECONDS
        self._borne.append(now)
        self._forget(now)

    def refused(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """Slow down: a request that was sent at `sent_at` was refused, with the wait in seconds that the service asks for."""
        if sent_at in self._borne:
            self._borne.remove(sent_at)
        self._forget(now)
        borne = max(1, len(self._borne))
        self._note(now, is_refused=True)
        if self._is_chance():
            self._refused_rate = math.inf
        elif sent_at >= self._fell_at:
            self._fell_from = min(self.rate, borne) if math.isinf(self.rate) else self.rate
            self._refused_rate = min(self._fell_from, borne * _PAST)
            self._fall(borne)
            self._fell_at = self._stepped_at = now
            self._steps = 0
        else:
            # Sent before the fall: it tells that even less was borne.
            self._fall(borne, self.rate)
        self._hold(now, retry_after)

    def _note(self, now: float, *, is_refused: bool) -> None:
        """Count an answer among the last ones, and among those to requests that came far more slowly than others before."""
        self._refusals.append(is_refused)
        lately = self._most_borne * 0.5 ** ((now - self._most_borne_at) / _HALF_LIFE_SECONDS)
        if len(self._borne) >= lately:
            self._most_borne, self._most_borne_at = len(self._borne), now
        elif len(self._borne) < _FAR_BELOW * lately:
            self._refusals_far_below.append(is_refused)

    def _is_chance(self) -> bool:
        """Tell whether what is refused now is no more than what is refused at any speed."""
        if len(self._refusals_far_below) < _ANSWERS:
            return False
        usual = sum(self._refusals_far_below) / _ANSWERS
        return 0 < usual <= _MOST_BY_CHANCE and sum(self._refusals) / _ANSWERS <= usual * _MORE + _MORE_BY

    def _fall(self, borne: int, highest: float = math.inf) -> None:
        fallen = max(borne * _FALL, self._fell_from * self._deepest)
        self.rate = max(_SLOWEST, min(self._fell_from * _FALL, fallen, highest))

    def _hold(self, now: float, retry_after: float | None) -> None:
        if retry_after is None:
            # A second's worth has been sent: wait until its first request is a second old.
            oldest = self._borne[0] if self._borne else now - _WINDOW_SECONDS
            retry_after = oldest + _WINDOW_SECONDS + _WINDOW_MARGIN_SECONDS - now
        self._held_until = max(self._held_until, now + retry_after)

    def accepted(self, now: float, sent_at: float) -> None:
        """Take a step up where one is due: a request that was sent at `sent_at` was answered."""
        self._forget(now)
        self._note(now, is_refused=False)
        if self.rate >= self._ceiling or sent_at < self._fell_at or now - self._stepped_at < _STEP_SECONDS:
            return
        self._stepped_at = now
        self._deepest = _DEEPEST_FALL
        near = self._refused_rate * _NEAR
        if self.rate < near:
            self.rate = min(self.rate * (1 + _FIRST_STEP * _GROWTH ** min(self._steps, _MOST_GROWTHS)), near)
            self._steps += 1
        else:
            self.rate *= 1 + _CAREFUL_STEP
            if self.rate > self._refused_rate * _PAST:
                self._refused_rate, self._steps = math.inf, 0
        self.rate = min(self.rate, self._ceiling)

    def _forget(self, now: float) -> None:
        while self._borne and self._borne[0] <= now - _WINDOW_SECONDS:
            self._borne.popleft()


def _following(due: float, now: float, interval: float) -> float:
    """Space requests evenly; what one was late is made up for, but no more than one interval."""
    return due + interval if now - due < interval else now + interval
