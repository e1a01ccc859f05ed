"""Whether a run has a process still, by the claim on its book's folder; the times are made up."""

from contextvars import Context
from pathlib import Path

import pytest
from prefect.client.schemas import StateType

from flows.dispatch import Vigil
from tasks.packagers.claim import claimed


def dead_after(vigil: Vigil, state: StateType, begun: float) -> float:
    """How many seconds a run may be in a state before it is taken for dead; an hour is for ever."""
    return next((now for now in range(3600) if vigil.is_over(state, begun + now)), 3600)


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        (StateType.SCHEDULED, 3600),
        (StateType.PAUSED, 3600),
        (StateType.PENDING, 195),
        (StateType.RUNNING, 75),
        (StateType.CANCELLING, 75),
    ],
)
def test_a_run_that_nobody_has_at_work(state: StateType, seconds: int, tmp_path: Path) -> None:
    assert dead_after(Vigil(tmp_path / "book"), state, 1000.5) == seconds


def test_whoever_holds_the_folder_lives(tmp_path: Path) -> None:
    vigil = Vigil(tmp_path / "book")
    with claimed(tmp_path / "book"):
        # As another process sees it: a claim within a claim is free.
        assert Context().run(dead_after, vigil, StateType.RUNNING, 0) == 3600
    # It has let go, and has a moment to say that it has ended.
    assert not vigil.is_over(StateType.RUNNING, 3610)
    assert vigil.is_over(StateType.RUNNING, 3625)


def test_every_state_has_its_time(tmp_path: Path) -> None:
    vigil = Vigil(tmp_path / "book")
    assert not any(vigil.is_over(StateType.PENDING, now) for now in range(190))
    assert dead_after(vigil, StateType.RUNNING, 190) == 75
