"""Who is buying which clip: runs that share a store, in many processes, buy each clip once.

A lease is a file `leases/3f/3fa9…` that holds the name of a job. A job is a run, or what else buys: while it lives it holds a
lock of the system's on `jobs/<name>.lock`. The system lets go of the lock when the process ends, however it ends, so that a
lease of a dead job is known at once and taken over, and no clock is asked.
"""

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Leases:
    """The leases of one job in a store. Methods may be called from several threads; `close` ends the job."""

    def __init__(self, root: Path) -> None:
        """Begin a job; raises `OSError` where the store cannot be written."""
        self._folder = root / "leases"
        self._jobs = root / "jobs"
        self._jobs.mkdir(parents=True, exist_ok=True)
        self.job = uuid.uuid4().hex
        self._lock = _job_lock(self._jobs, self.job)
        self._held = self._jobs / f"{self.job}.keys"
        self._lock.acquire()

    def take(self, key: str) -> bool:
        """Take the lease of a clip, unless a job that lives has it. Raises `OSError` where the store cannot be written."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._create(path):
            return True
        holder = _holder(path)
        if holder and _lives(self._jobs, holder):
            return False
        # Where two take over the same lease at the same time, one of them creates it anew, and the other waits.
        if _holder(path) == holder:
            path.unlink(missing_ok=True)
        return self._create(path)

    def leave(self, key: str) -> None:
        """Give a lease back: its clip is in the store, or could not be bought."""
        with suppress(OSError):
            self._path(key).unlink()

    def hold(self, keys: Iterable[str]) -> None:
        """Say which clips the job is going to use: `prune` leaves them alone while it lives. Raises `OSError`."""
        self._held.write_text("\n".join(keys), "ascii")

    def close(self) -> None:
        """End the job. What it still holds may be taken over."""
        self._held.unlink(missing_ok=True)
        self._lock.release()
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def _create(self, path: Path) -> bool:
        # Written beside and linked: a lease never stands under its name without its job's.
        draft = path.with_name(f".{self.job}-{uuid.uuid4().hex}")
        draft.write_text(self.job, "ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True


def held_by_jobs(root: Path) -> frozenset[str]:
    """Name the clips that jobs which live are using; what dead ones have left behind is removed."""
    held: set[str] = set()
    jobs = root / "jobs"
    for keys in jobs.glob("*.keys"):
        if _lives(jobs, keys.stem):
            held.update(keys.read_text("ascii").split())
        else:
            keys.unlink(missing_ok=True)
    for lease in root.glob("leases/*/*"):
        holder = _holder(lease)
        if holder and _lives(jobs, holder):
            held.add(lease.name)
        else:
            lease.unlink(missing_ok=True)
    return frozenset(held)


def _holder(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _lives(jobs: Path, job: str) -> bool:
    if not job.isalnum() or not (jobs / f"{job}.lock").exists():
        return False
    lock = _job_lock(jobs, job)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    with suppress(OSError):
        Path(lock.lock_file).unlink()
    return False


def _job_lock(jobs: Path, job: str) -> FileLock:
    # A soft lock would outlive its process: where the system has no locks, that is an error.
    return FileLock(jobs / f"{job}.lock", thread_local=False, is_singleton=False, fallback_to_soft=False)
