"""Who may buy a clip: one job at a time, and never a dead one."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.store import ClipStore
from tasks.store.leases import FolderRegistry, Leases

KEY = "3f" * 32
OTHER = "40" * 32
ROUNDS = 40
BUYERS = 3
CONTEXT = multiprocessing.get_context("spawn")


def job(root: Path) -> Leases:
    return ClipStore(root).job()


def test_one_job_has_a_lease_and_the_next_when_it_is_left(tmp_path: Path) -> None:
    one, other = job(tmp_path), job(tmp_path)
    assert one.take(KEY)
    assert not other.take(KEY)
    assert other.take(OTHER)
    one.leave(KEY)
    assert other.take(KEY)
    assert not one.take(KEY)


def test_a_job_that_has_ended_holds_nothing(tmp_path: Path) -> None:
    one, other = job(tmp_path), job(tmp_path)
    assert one.take(KEY)
    one.close()
    assert other.take(KEY)
    other.leave(KEY)
    other.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def _take_and_wait(root: Path) -> None:
    leases = job(root)
    assert leases.take(KEY)
    time.sleep(600)


def test_the_lease_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    leases = job(tmp_path)
    process = CONTEXT.Process(target=_take_and_wait, args=(tmp_path,))
    process.start()
    while not (tmp_path / "leases" / KEY[:2] / f"{KEY}.0").exists():
        time.sleep(0.01)
    assert not leases.take(KEY)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert leases.take(KEY)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc/passwd", b"0123456789abcdef"])
def test_a_lease_that_names_no_job_is_taken_over(tmp_path: Path, content: bytes) -> None:
    leases = job(tmp_path)
    path = tmp_path / "leases" / KEY[:2] / f"{KEY}.0"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert leases.take(KEY)
    assert not job(tmp_path).take(KEY)
    leases.leave(KEY)
    assert not list(path.parent.iterdir())


def test_a_store_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("no folder")
    with pytest.raises(OSError, match="jobs"):
        job(tmp_path)


class HeldUp(FolderRegistry):
    """A registry whose answers come late: something else has happened since."""

    after_listing: Callable[[], object] | None = None
    after_reading: Callable[[], object] | None = None

    def generations(self, key: str) -> list[int]:
        found = super().generations(key)
        if self.after_listing:
            self.after_listing()
        return found

    def holder(self, key: str, generation: int) -> str | None:
        holder = super().holder(key, generation)
        between, self.after_reading = self.after_reading, None
        if between:
            between()
        return holder


def test_a_lease_that_is_left_while_another_looks_is_not_had_twice(tmp_path: Path) -> None:
    slow, one, other = HeldUp(tmp_path), job(tmp_path), job(tmp_path)
    assert one.take(KEY)
    slow.after_listing = lambda: one.leave(KEY)
    late = Leases(slow)
    assert not late.take(KEY)
    assert other.take(KEY)


def test_a_lease_that_is_taken_over_and_left_while_another_looks_is_not_had_twice(tmp_path: Path) -> None:
    dead, one, other, slow = job(tmp_path), job(tmp_path), job(tmp_path), HeldUp(tmp_path)
    assert dead.take(KEY)
    dead.close()
    late = Leases(slow)

    def meanwhile() -> None:
        assert one.take(KEY)
        one.leave(KEY)
        assert other.take(KEY)

    slow.after_reading = meanwhile
    assert not late.take(KEY)
    other.leave(KEY)
    assert late.take(KEY)


def _count(root: Path) -> None:
    """Add to a counter in two steps that no other may come between."""
    leases, counter = job(root), root / "counter"
    for _ in range(ROUNDS):
        while not leases.take(KEY):
            time.sleep(0.001)
        number = int(counter.read_text())
        counter.write_text(str(number + 1))
        leases.leave(KEY)
    leases.close()


def test_processes_that_want_one_clip_take_turns(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    buyers = [CONTEXT.Process(target=_count, args=(tmp_path,)) for _ in range(BUYERS)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join(60)
        assert buyer.exitcode == 0
    assert int((tmp_path / "counter").read_text()) == ROUNDS * BUYERS
