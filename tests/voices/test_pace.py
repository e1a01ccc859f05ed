"""The pace against services of several kinds, in simulated time: no clock is read."""

import heapq
import random
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.voices.pace import Pace

ALLOWED = 10
LATENCY = 0.2
IN_FLIGHT = 32


def sliding() -> Callable[[float], bool]:
    """Allow so many requests in any second."""
    taken: deque[float] = deque()

    def allows(now: float) -> bool:
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) >= ALLOWED:
            return False
        taken.append(now)
        return True

    return allows


def fixed() -> Callable[[float], bool]:
    """Allow so many requests from one full second to the next."""
    counts: dict[int, int] = {}

    def allows(now: float) -> bool:
        counts[int(now)] = counts.get(int(now), 0) + 1
        return counts[int(now)] <= ALLOWED

    return allows


def bucket() -> Callable[[float], bool]:
    """Allow so many requests a second on the whole, and a burst of as many."""
    state = [float(ALLOWED), 0.0]

    def allows(now: float) -> bool:
        state[0] = min(ALLOWED, state[0] + (now - state[1]) * ALLOWED)
        state[1] = now
        if state[0] < 1:
            return False
        state[0] -= 1
        return True

    return allows


def run(
    pace: Pace, allows: Callable[[float], bool], requests: int, retry_after: float | None, stalls: float = 0
) -> tuple[float, int]:
    """Send requests until all are answered; returns the seconds that took and how many were refused.

    This share of the requests goes late, by up to a tenth of a second, for this machine has other things to do.
    """
    chance = random.Random(1)  # noqa: S311  # jitter, the same each time
    now, left, in_flight, answered, refused = 0.0, requests, 0, 0, 0
    events: list[tuple[float, int, bool, float]] = []
    order = 0
    while answered < requests:
        free = now + pace.wait(now) if left and in_flight < IN_FLIGHT else float("inf")
        if events and events[0][0] <= free:
            now, _, good, sent_at = heapq.heappop(events)
            in_flight -= 1
            if good:
                answered += 1
                pace.accepted(now, sent_at)
            else:
                refused += 1
                left += 1
                pace.refused(now, sent_at, retry_after)
            continue
        now = free + chance.uniform(0, 0.003) + (chance.uniform(0, 0.1) if chance.random() < stalls else 0)
        pace.sent(now, 100)
        good = allows(now + chance.uniform(0, 0.005))
        left, in_flight, order = left - 1, in_flight + 1, order + 1
        heapq.heappush(events, (now + (LATENCY if good else 0.02), order, good, now))
    return now, refused


@pytest.mark.parametrize("service", [sliding, fixed, bucket])
@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_at_the_services_own_speed_it_is_used_to_the_full(
    service: Callable[[], Callable[[float], bool]], retry_after: float | None
) -> None:
    seconds, refused = run(Pace(ALLOWED), service(), 500, retry_after)
    assert 500 / seconds >= 0.95 * ALLOWED
    assert refused <= 5


@pytest.mark.parametrize("service", [sliding, fixed, bucket])
@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize("stalls", [0.05, 0.2])
def test_on_a_busy_machine_what_went_late_brings_no_refusals(
    service: Callable[[], Callable[[float], bool]], retry_after: float | None, stalls: float
) -> None:
    seconds, refused = run(Pace(ALLOWED), service(), 500, retry_after, stalls)
    assert 500 / seconds >= 0.94 * ALLOWED
    assert refused == 0


@pytest.mark.parametrize("service", [sliding, fixed, bucket])
@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize("asked", [0, 50, 400])
def test_asked_too_fast_it_settles_by_itself(
    service: Callable[[], Callable[[float], bool]], retry_after: float | None, asked: float
) -> None:
    seconds, _ = run(Pace(asked), service(), 500, retry_after)
    assert seconds <= 1.3 * 500 / ALLOWED


@pytest.mark.parametrize(("share", "bound"), [(0.05, 150), (0.1, 200), (0.2, 260)])
@pytest.mark.parametrize("retry_after", [None, 0.1])
@pytest.mark.parametrize("asked", [0, 8, 50])
def test_a_service_that_refuses_now_and_then_at_any_speed_is_not_crept_up_to(
    share: float, bound: float, retry_after: float | None, asked: float
) -> None:
    chance = random.Random(3)  # noqa: S311  # the same refusals each time
    seconds, _ = run(Pace(asked), lambda _: chance.random() >= share, 500, retry_after)
    # A pace that fell at each refusal took 238 s, 520 s and 2,021 s at least.
    assert seconds < bound


@pytest.mark.parametrize("retry_after", [None, 0.1, 1.0])
def test_a_limit_that_is_lowered_is_kept_to(retry_after: float | None) -> None:
    taken: deque[float] = deque()

    def allows(now: float) -> bool:
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) >= (ALLOWED if now < 30 else 2):
            return False
        taken.append(now)
        return True

    seconds, refused = run(Pace(), allows, 600, retry_after)
    assert seconds < 400
    assert refused < 120


def test_a_wait_that_is_asked_for_is_the_requests_own() -> None:
    pace = Pace()
    pace.sent(0.0, 10)
    assert pace.wait(0.0) == 0
    assert pace.refused(0.1, 0.0, 7.5) == 7.5
    assert pace.wait(0.1) == 0


def test_a_wait_is_kept_by_all_where_refusals_crowd() -> None:
    pace = Pace()
    for number in range(8):
        pace.sent(number / 100, 10)
    alone = [pace.refused(0.1 + number / 100, number / 100, 7.5) for number in range(8)]
    assert alone[0] == 7.5
    assert alone[-1] == 0 or pace.wait(0.2) > 7
    assert 7 < pace.wait(0.2) <= 7.5
    assert pace.wait(7.0) == pytest.approx(pace.wait(0.2) - 6.8)


def test_characters_are_paced_too() -> None:
    pace = Pace(characters_per_second=100)
    pace.sent(0.0, 50)
    assert pace.wait(0.0) == pytest.approx(0.5, rel=0.05)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sent", "accepted", "refused"]),
            st.floats(0, 5),
            st.one_of(st.none(), st.floats(0, 100)),
        )
    ),
    st.sampled_from([0.0, 0.5, 10.0, 1000.0]),
)
def test_it_never_stops_for_good_nor_passes_what_was_set(
    events: list[tuple[str, float, float | None]], limit: float
) -> None:
    pace, now, sent_at = Pace(limit), 0.0, 0.0
    for kind, later, retry_after in events:
        now += later
        if kind == "sent":
            pace.sent(now, 10)
            sent_at = now
        elif kind == "accepted":
            pace.accepted(now, sent_at)
        else:
            pace.refused(now, sent_at, retry_after)
        assert pace.rate > 0
        assert not limit or pace.rate <= limit
        assert 0 <= pace.wait(now) <= 110
