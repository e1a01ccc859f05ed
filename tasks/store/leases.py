"""Who is buying which clip: runs that share a store, in many processes, buy each clip once.

A lease is a file `leases/3f/3fa9….0` that holds the name of a job. A job is a run, or what else buys. A lease of a job that
has died is taken over by the next generation, `3fa9….1`: whoever creates that has it, and no two can. How jobs are known
to live is the registry's to say; a folder's asks the system, as in `FolderRegistry`.
"""

import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from typing_extensions import override


class Registry(Protocol):
    """Where a store's jobs and leases are written down. All raise `OSError` or `OutputError` where that cannot be done."""

    poll_seconds: float
    """How often to ask whether another job has given a lease back, in seconds."""

    def enter(self) -> str:
        """Begin a job that lives until `close`, or until its process ends; returns its name."""

    def close(self) -> None:
        """End the job."""

    def create(self, key: str, generation: int) -> bool:
        """Write a lease down for the job; False where it stands there already."""

    def generations(self, key: str) -> list[int]:
        """Find the leases of a clip, the last one last."""

    def holder(self, key: str, generation: int) -> str | None:
        """Read whose a lease is: None where it has gone, empty where it names nobody."""

    def delete(self, key: str, generations: Sequence[int]) -> None:
        """Take leases away, in this order; it may be done a little later."""

    def lives(self, job: str) -> bool:
        """Tell whether a job has not ended."""

    def hold(self, keys: Iterable[str]) -> None:
        """Write down which clips the job is going to use."""

    def held(self) -> frozenset[str]:
        """Name the clips that jobs which live are using or buying; what dead ones have left behind is removed."""


class Leases:
    """The leases of one job in a store. Methods may be called from several threads; `close` ends the job."""

    def __init__(self, registry: Registry) -> None:
        """Begin a job; raises `OSError` or `OutputError` where the store cannot be written."""
        self._registry = registry
        self._generations: dict[str, int] = {}
        self.job = registry.enter()
        self.poll_seconds = registry.poll_seconds

    def take(self, key: str) -> bool:
        """Take the lease of a clip, unless a job that lives has it. Raises as the beginning does."""
        if self._create(key, 0):
            return True
        generations = self._registry.generations(key)
        if not generations:
            return self._create(key, 0)
        last = generations[-1]
        holder = self._registry.holder(key, last)
        if holder is None or self._registry.lives(holder) or not self._create(key, last + 1):
            return False
        # Had another taken it over and left it meanwhile, the dead job's would have gone first, and a third might have it now.
        if self._registry.holder(key, last) != holder:
            del self._generations[key]
            self._registry.delete(key, [last + 1])
            return False
        return True

    def leave(self, key: str) -> None:
        """Give a lease back: its clip is in the store, or could not be bought. It never fails."""
        last = self._generations.pop(key)
        # The job's own goes last: as long as it stands, nobody else has the lease.
        with suppress(OSError):
            self._registry.delete(key, range(last + 1))

    def knows(self, job: str) -> bool:
        """Tell whether another job lives, and uses this very store. Raises as the beginning."""
        return self._registry.lives(job)

    def hold(self, keys: Iterable[str]) -> None:
        """Say which clips the job is going to use: `prune` leaves them alone while it lives. Raises as the beginning."""
        self._registry.hold(keys)

    def held(self) -> frozenset[str]:
        """Name the clips that jobs which live are using or buying; what dead ones have left behind is removed."""
        return self._registry.held()

    def close(self) -> None:
        """End the job. What it still holds may be taken over."""
        self._registry.close()

    def _create(self, key: str, generation: int) -> bool:
        if not self._registry.create(key, generation):
            return False
        self._generations[key] = generation
        return True


class FolderRegistry(Registry):
    """The registry of a store in a folder: the system tells who lives.

    A job holds a lock of the system's on `jobs/<name>.lock`. The system lets go of it when the process ends, however it
    ends: a dead job is known at once, and no clock is asked.
    """

    poll_seconds = 0.2

    def __init__(self, root: Path) -> None:
        self._leases = root / "leases"
        self._jobs = root / "jobs"
        self._job = uuid.uuid4().hex
        self._name = self._jobs / f"{self._job}.name"
        self._held = self._jobs / f"{self._job}.keys"
        self._lock = _job_lock(self._jobs, self._job)

    @override
    def enter(self) -> str:
        self._jobs.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        self._name.write_text(self._job, "ascii")
        return self._job

    @override
    def close(self) -> None:
        self._held.unlink(missing_ok=True)
        self._name.unlink(missing_ok=True)
        self._lock.release()
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()

    @override
    def create(self, key: str, generation: int) -> bool:
        path = self._path(key, generation)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            # A link to the job's name: a lease never stands there without it.
            os.link(self._name, path)
        except FileExistsError:
            # Over a network the answer to a first attempt may have got lost: then it is this very link that is there.
            return self.holder(key, generation) == self._job
        return True

    @override
    def generations(self, key: str) -> list[int]:
        return sorted(int(path.suffix[1:]) for path in self._leases.glob(f"{key[:2]}/{key}.*"))

    @override
    def holder(self, key: str, generation: int) -> str | None:
        try:
            return self._path(key, generation).read_bytes().decode("ascii", "replace")
        except FileNotFoundError:
            return None

    @override
    def delete(self, key: str, generations: Sequence[int]) -> None:
        for generation in generations:
            self._path(key, generation).unlink(missing_ok=True)

    @override
    def lives(self, job: str) -> bool:
        return job_lives(self._jobs, job)

    @override
    def hold(self, keys: Iterable[str]) -> None:
        self._held.write_text("\n".join(keys), "ascii")

    @override
    def held(self) -> frozenset[str]:
        for path in self._jobs.glob("*.name"):
            if not self.lives(path.stem):
                path.unlink(missing_ok=True)
        return frozenset([*self._used(), *self._leased()])

    def _used(self) -> Iterator[str]:
        for path in self._jobs.glob("*.keys"):
            if self.lives(path.stem):
                yield from _content(path).split()
            else:
                path.unlink(missing_ok=True)

    def _leased(self) -> Iterator[str]:
        for path in self._leases.glob("*/*"):
            holder = _content(path)
            if holder and self.lives(holder):
                yield path.stem
            else:
                path.unlink(missing_ok=True)

    def _path(self, key: str, generation: int) -> Path:
        return self._leases / key[:2] / f"{key}.{generation}"


def job_lives(jobs: Path, job: str) -> bool:
    """Ask the system whether a job of this machine, whose lock is in the folder `jobs`, has not ended."""
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


def _content(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _job_lock(jobs: Path, job: str) -> FileLock:
    # A soft lock would outlive its process: where the system has no locks, that is an error.
    return FileLock(jobs / f"{job}.lock", thread_local=False, is_singleton=False, fallback_to_soft=False)
