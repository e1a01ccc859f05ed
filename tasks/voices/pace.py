"""How fast a service may be asked.

A service refuses for one of two reasons. Its limit is passed: then it refuses nearly all that is above the limit, and nothing
below. Or it refuses some requests at any speed: then to go slower only costs time. Both look alike at first, so the pace tries:

- Refusals that crowd are a limit. The pace falls at once to nine tenths of what was borne, and all requests wait.
- Scattered ones make the refused request wait alone. Are there more than a few, the pace goes a little slower than the service
  answered. If refusals go on there, they are chance: the pace climbs back and lets them be, until they are more than usual. If
  they end, the limit is found.
- Below a limit the pace climbs by growing steps, near it by small ones.

Pure arithmetic over the times that it is told (seconds of any steady clock), so that it can be tested without one. The figures
were found by simulating services of a dozen kinds (tests/voices/test_pace_regret.py).
"""

import math
from collections import deque

from tasks.voices.refusals import Refusals

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
_SLOWEST = 0.2
# Steps are taken once a second: growing ones up to near the speed that was refused, then small ones that grow slowly.
_STEP_SECONDS = 1.0
_FIRST_STEP, _GROWTH, _MOST_GROWTHS = 0.03, 1.5, 8
_NEAR, _PAST = 0.9, 1.1
_CAREFUL_STEP, _CAREFUL_GROWTH, _LARGEST_CAREFUL_STEP = 0.01, 1.15, 0.2
# After chance, growth begins with larger steps.
_STEPS_AFTER_CHANCE = 5
# To climb on is no use where not so many requests come.
_UNUSED, _UNUSED_BY = 1.5, 2
# Of a trial: its share of what was answered; of what was borne, while the service has not answered for a second.
_TRIAL = 0.88
_EARLY_TRIAL = 0.44
_LEAST_TRIED, _MOST_TRIED = 0.03, 0.3
_REFUSED_BY_CHANCE, _SAME_SHARE = 3, 0.25
_TRIAL_REQUESTS, _LONG_TRIAL_REQUESTS, _MOST_TRIAL_REQUESTS = 9, 14, 120
_MOST_BY_CHANCE = 0.25
# One refusal at the speed that was refused before says that it is the limit, where those below were borne.
_AT_LIMIT, _BELOW_LIMIT = 0.97, 25
# What a request waits for by itself where the service does not say; what all wait for where it answers none, at most.
_ALONE_SECONDS = 0.3
_FIRST_HOLD_SECONDS, _LONGEST_HOLD_SECONDS = 0.25, 8.0
_ANSWERS = 60
_FEW_ANSWERS = 10


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
        self._answers: deque[float] = deque(maxlen=_ANSWERS)
        self._refusals = Refusals()
        # The share of refusals that is being looked into, and the one that was found to be chance.
        self._tried = self._usual = 0.0
        self._fell_at = self._stepped_at = -math.inf
        self._deepest = _DEEPEST_FIRST_FALL
        self._refused_rate = self._limit = math.inf
        self._steps = self._careful_steps = 0
        self._has_answered = True
        self._hold_seconds = _FIRST_HOLD_SECONDS

    def wait(self, now: float) -> float:
        """Return how many seconds the next request is to wait; may have grown when they are over."""
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
        self._refusals.send(now)
        self._forget(now)

    def accepted(self, now: float, sent_at: float) -> None:
        """Take a step up where one is due: a request that was sent at `sent_at` was answered."""
        self._forget(now)
        if sent_at < self._fell_at:
            return
        self._has_answered, self._hold_seconds = True, _FIRST_HOLD_SECONDS
        self._answers.append(now)
        if self._tried:
            self._end_trial(now, sent_at)
        is_used = self.rate <= _UNUSED * len(self._borne) + _UNUSED_BY
        if self._tried or self.rate >= self._ceiling or not is_used or now - self._stepped_at < _STEP_SECONDS:
            return
        self._stepped_at, self._deepest = now, _DEEPEST_FALL
        self._step_up()

    def refused(self, now: float, sent_at: float, retry_after: float | None, *, is_limit: bool = False) -> float:
        """Take a refusal of a request that was sent at `sent_at`; return how many seconds that request is to wait by itself.

        `retry_after` is the wait in seconds that the service asks for, `is_limit` whether it says that nothing is left of a limit.
        All requests wait, if a limit was passed.
        """
        if sent_at in self._borne:
            self._borne.remove(sent_at)
        self._forget(now)
        alone = _ALONE_SECONDS if retry_after is None else retry_after
        if sent_at < self._fell_at or not self._refusals.refuse(sent_at):
            return alone
        if not self._has_answered:
            # An account that has nothing left for now: to ask more slowly is no use.
            self._hold_seconds = min(2 * self._hold_seconds, _LONGEST_HOLD_SECONDS)
            self._fell_at = now
            self._hold(now, self._hold_seconds if retry_after is None else retry_after)
            return 0.0
        if is_limit or self._refusals.is_crowded(sent_at, self._usual) or self._is_at_limit():
            return self._fall(now, retry_after)
        if self._tried:
            self._end_trial(now, sent_at)
        elif share := self._refusals.find_share(self._usual):
            if self._limit * _AT_LIMIT <= self.rate < math.inf:
                return self._fall(now, retry_after)
            self._begin_trial(now, share)
        return alone

    def _is_at_limit(self) -> bool:
        """Return whether the first refusal for long has come at the speed that was refused before."""
        is_there = self._limit * _AT_LIMIT <= self.rate < math.inf
        return is_there and not self._usual and not self._tried and self._refusals.is_first_of_many(_BELOW_LIMIT)

    def _begin_trial(self, now: float, share: float) -> None:
        """Go a little slower than the service answered; requests of the next second do not count, for its window is full."""
        self._tried = self._usual or min(max(share, _LEAST_TRIED), _MOST_TRIED)
        self._refused_rate = min(self.rate, self._answered_rate(now))
        self.rate = max(_SLOWEST, self._refused_rate * _TRIAL)
        self._start_over(now, now + _WINDOW_SECONDS)

    def _end_trial(self, now: float, until: float) -> None:
        """Decide on a trial once the requests up to one say enough: refusals go on, as by chance, or have ended."""
        refused, sent = self._refusals.count(until)
        if refused >= _REFUSED_BY_CHANCE and refused >= self._tried * _SAME_SHARE * sent:
            self._usual = min(max(refused / sent, self._tried / 2), _MOST_BY_CHANCE)
            self._limit = self._refused_rate = math.inf
            self._steps = _STEPS_AFTER_CHANCE
        elif sent >= min(
            (_TRIAL_REQUESTS if refused <= 1 else _LONG_TRIAL_REQUESTS) / self._tried, _MOST_TRIAL_REQUESTS
        ):
            self._usual, self._limit, self._steps = 0.0, self._refused_rate, 0
        else:
            return
        self._tried, self._stepped_at = 0.0, now
        self._answers.clear()
        self._refusals.clear(-math.inf)

    def _fall(self, now: float, retry_after: float | None) -> float:
        """Slow down and hold all requests, for a limit was passed; return 0.0, as none has to wait by itself."""
        borne = max(1, len(self._borne))
        fell_from = min(self.rate, borne * _PAST)
        self._refused_rate, self._limit = fell_from, min(fell_from, borne)
        self.rate = max(_SLOWEST, min(fell_from * _FALL, max(borne * _FALL, fell_from * self._deepest)))
        self._tried = self._usual = 0.0
        self._steps, self._stepped_at, self._has_answered = 0, now, False
        self._start_over(now, -math.inf)
        if retry_after is None:
            # A second's worth has been sent: wait until its first request is a second old.
            oldest = self._borne[0] if self._borne else now - _WINDOW_SECONDS
            retry_after = oldest + _WINDOW_SECONDS + _WINDOW_MARGIN_SECONDS - now
        self._hold(now, retry_after)
        return 0.0

    def _start_over(self, now: float, since: float) -> None:
        self._fell_at, self._careful_steps = now, 0
        self._answers.clear()
        self._refusals.clear(since)

    def _hold(self, now: float, seconds: float) -> None:
        self._held_until = max(self._held_until, now + seconds)

    def _answered_rate(self, now: float) -> float:
        """Return how many requests a second were answered lately; half of what was sent, where that is not known yet."""
        borne = max(1, len(self._borne))
        if len(self._answers) >= _FEW_ANSWERS and now - self._answers[0] >= _WINDOW_SECONDS:
            return min(borne, len(self._answers) / (now - self._answers[0]))
        return borne * _EARLY_TRIAL

    def _step_up(self) -> None:
        near = self._refused_rate * _NEAR
        if self.rate < near:
            self.rate = min(self.rate * (1 + _FIRST_STEP * _GROWTH ** min(self._steps, _MOST_GROWTHS)), near)
            self._steps += 1
        else:
            self.rate *= 1 + min(_CAREFUL_STEP * _CAREFUL_GROWTH**self._careful_steps, _LARGEST_CAREFUL_STEP)
            self._careful_steps += 1
            if self.rate > self._refused_rate * _PAST:
                self._refused_rate, self._steps = math.inf, 0
        self.rate = min(self.rate, self._ceiling)

    def _forget(self, now: float) -> None:
        while self._borne and self._borne[0] <= now - _WINDOW_SECONDS:
            self._borne.popleft()


def _following(due: float, now: float, interval: float) -> float:
    """Space requests evenly; what one was late is made up for, but no more than one interval."""
    return due + interval if now - due < interval else now + interval
