"""Patience, the gate and the budget: what they let through, and what they do not."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tasks.errors import (
    BadAudio,
    BudgetExceeded,
    ProviderError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Undelivered,
)
from tasks.voices import LimitSettings
from tasks.voices.limits import Budget, Gate, Throttle, attempts


async def settle() -> None:
    """Let all that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def counted(errors: list[Exception], limits: LimitSettings) -> int:
    """Make attempts that fail with these errors in turn; returns how many were made, the one that went well with them."""
    made = 0
    async for attempt in attempts(limits):
        with attempt:
            made += 1
            if errors:
                raise errors.pop(0)
    return made


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_seconds: float) -> None: ...

    monkeypatch.setattr("tenacity.asyncio._portable_async_sleep", at_once)


def test_what_may_pass_is_tried_again() -> None:
    errors: list[Exception] = [Unavailable("down"), BadAudio("noise"), RateLimited("slow", 1)]
    assert asyncio.run(counted(errors, LimitSettings(attempts=3))) == 4


def test_patience_ends_with_the_last_error() -> None:
    errors: list[Exception] = [Unavailable("first"), Unavailable("second"), Unavailable("third")]
    with pytest.raises(Unavailable, match="second"):
        asyncio.run(counted(errors, LimitSettings(attempts=2)))


@pytest.mark.parametrize("error", [Rejected("no"), Unauthorized("who?"), Undelivered("lost"), ValueError("a fault")])
def test_what_no_later_attempt_mends_is_tried_once(error: Exception) -> None:
    errors = [error, Unavailable("never reached")]
    with pytest.raises(type(error)):
        asyncio.run(counted(errors, LimitSettings(attempts=5)))
    assert len(errors) == 1


def test_a_service_may_refuse_more_often_than_it_may_fail() -> None:
    assert asyncio.run(counted([RateLimited("slow", None)] * 19, LimitSettings(attempts=2))) == 20
    with pytest.raises(RateLimited):
        asyncio.run(counted([RateLimited("slow", None)] * 20, LimitSettings(attempts=2)))


def in_a_gate(in_flight: int, story: Callable[[Gate], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        await story(Gate(Throttle.of(in_flight, LimitSettings())))

    asyncio.run(told())


class Requests:
    """Requests that stay in flight until they are told to end."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.in_flight = 0
        self.end = asyncio.Event()

    def begin(self, many: int) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._one()) for _ in range(many)]

    async def _one(self) -> None:
        async with self.gate.admitted(100):
            self.in_flight += 1
            await self.end.wait()
            self.in_flight -= 1


def test_so_many_go_through_at_once_and_the_others_wait() -> None:
    async def story(gate: Gate) -> None:
        requests = Requests(gate)
        tasks = requests.begin(5)
        await settle()
        assert requests.in_flight == 3
        requests.end.set()
        await asyncio.gather(*tasks)

    in_a_gate(3, story)


def test_a_closed_gate_lets_those_in_flight_end_and_no_other_through() -> None:
    async def story(gate: Gate) -> None:
        requests = Requests(gate)
        tasks = requests.begin(5)
        await settle()
        gate.close(Unauthorized("the key is wrong"))
        gate.close(Unavailable("said later"))
        requests.end.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == ["None"] * 2 + ["the key is wrong"] * 3

    in_a_gate(2, story)


def test_chapters_open_while_the_service_has_room() -> None:
    async def story(gate: Gate) -> None:
        gate.expect(3)
        await gate.thirst()
        gate.expect(1)
        task = asyncio.create_task(gate.thirst())
        await settle()
        assert not task.done()
        gate.finished()
        await settle()
        assert task.done()

    in_a_gate(2, story)


def test_a_service_that_is_down_closes_the_gate() -> None:
    async def story(gate: Gate) -> None:
        for _ in range(9):
            gate.gave_up(Unavailable("down"))
        gate.spoke()
        for _ in range(9):
            gate.gave_up(Unavailable("down"))
        assert gate.closed_by is None
        gate.gave_up(Unavailable("down for good"))
        assert "down for good; so ended 10 chunks in a row" in str(gate.closed_by)

    in_a_gate(2, story)


def test_what_is_in_flight_at_once_does_not_make_a_service_down() -> None:
    async def story(gate: Gate) -> None:
        for _ in range(2 * 32 - 1):
            gate.gave_up(Unavailable("down"))
        assert gate.closed_by is None

    in_a_gate(32, story)


def test_a_budget_stops_before_the_request_that_would_pass_it() -> None:
    budget = Budget(0.10)
    with budget.spending(0.06) as first:
        # What is in flight counts.
        message = (
            r"budget of \$0\.10: \$0\.00 is spent, \$0\.0600 reserved for requests in flight, and it costs \$0\.0600"
        )
        with pytest.raises(BudgetExceeded, match=message), budget.spending(0.06):
            pytest.fail("it was let through")
        first.is_due = True
    with budget.spending(0.04) as second:
        second.is_due = True
    assert budget.spent == pytest.approx(0.10)


def test_what_the_service_says_of_its_price_counts_more_than_the_profile() -> None:
    budget = Budget(1)
    with budget.spending(0.06) as bill:
        bill.is_due, bill.charged = True, 0.05
    assert budget.spent == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("error", "spent"),
    [(BadAudio("noise"), 0.06), (Undelivered("lost"), 0.06), (Unavailable("down"), 0.0), (RateLimited("slow", 1), 0.0)],
)
def test_speech_that_is_none_is_due_too(error: ProviderError, spent: float) -> None:
    budget = Budget(1)
    with pytest.raises(type(error)), budget.spending(0.06):
        raise error
    assert budget.spent == pytest.approx(spent)


def test_no_budget_is_no_limit() -> None:
    budget = Budget(0)
    with budget.spending(1e6) as bill:
        bill.is_due = True
    with budget.spending(None) as unknown:
        unknown.is_due = True
    assert budget.spent == 1e6
