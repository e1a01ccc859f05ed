"""The registry of a store that lies elsewhere: a job says that it lives by writing its name down again and again.

A job of another machine is dead when its name was written 90 seconds earlier than this job's own: both times are the
store's, so that no two clocks are compared. A store that is away for a minute kills nobody. For a job of this machine the
system is asked, as for a store in a folder: whoever was killed here is known to be dead at once.
"""

import queue
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from typing_extensions import override

from tasks.errors import OutputError
from tasks.store.leases import FolderRegistry, Registry, job_lives
from tasks.store.remote_files import RemoteFiles

_BEAT_SECONDS = 15.0
_DEAD_AFTER_SECONDS = 90.0


class RemoteRegistry(Registry):
    """Jobs and leases below a URL; `mirror` is the store's folder on this machine."""

    poll_seconds = 1.0

    def __init__(self, files: RemoteFiles, mirror: Path) -> None:
        self._files = files
        self._jobs = mirror / "jobs"
        self._here = FolderRegistry(mirror)
        self._machine = _machine(mirror)
        self._job = ""
        self._beaten = 0.0
        self._left: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._leaving: set[str] = set()
        self._clerk = threading.Thread(target=self._keep_up, name="declaim-leases", daemon=True)

    @override
    def enter(self) -> str:
        self._job = f"{self._machine}.{self._here.enter()}"
        self._beat()
        self._clerk.start()
        return self._job

    @override
    def close(self) -> None:
        # What waits for the store would keep whoever closes waiting.
        self._files.close()
        self._left.put(None)
        self._clerk.join()
        self._here.close()

    @override
    def create(self, key: str, generation: int) -> bool:
        name = _lease(key, generation)
        # What is being given back is nobody's until it has gone, for who gives it back would take it from itself.
        return name not in self._leaving and self._files.create(name, self._job.encode())

    @override
    def generations(self, key: str) -> list[int]:
        return sorted(int(name) for name in self._files.names(f"leases/{key[:2]}/{key}") if name.isdecimal())

    @override
    def holder(self, key: str, generation: int) -> str | None:
        try:
            return self._files.read(_lease(key, generation)).decode("ascii", "replace")
        except FileNotFoundError:
            return None

    @override
    def delete(self, key: str, generations: Sequence[int]) -> None:
        for generation in generations:
            name = _lease(key, generation)
            self._leaving.add(name)
            self._left.put(name)

    @override
    def lives(self, job: str) -> bool:
        machine, _, name = job.partition(".")
        if machine == self._machine:
            return job_lives(self._jobs, name)
        try:
            return self._beaten - self._files.written(f"jobs/{job}") < _DEAD_AFTER_SECONDS
        except FileNotFoundError:
            return False

    @override
    def hold(self, keys: Iterable[str]) -> None:
        # It stays when the job has ended: `prune` reads there what was used, and when.
        self._files.write(f"uses/{self._job}", "\n".join(keys).encode("ascii"))

    @override
    def held(self) -> frozenset[str]:
        return frozenset([*self._used(), *self._leased()])

    def _used(self) -> Iterator[str]:
        for name in self._files.names("uses"):
            if self.lives(name):
                with suppress(FileNotFoundError):
                    yield from self._files.read(f"uses/{name}").decode("ascii", "replace").split()

    def _leased(self) -> Iterator[str]:
        for name in self._files.below("leases"):
            *_, key, generation = name.split("/")
            if generation.isdecimal() and (holder := self.holder(key, int(generation))) and self.lives(holder):
                yield key
            else:
                self._files.delete(name)

    def _beat(self) -> None:
        self._files.write(f"jobs/{self._job}", b"")
        self._beaten = self._files.written(f"jobs/{self._job}")

    def _keep_up(self) -> None:
        """Say that the job lives, and take away the leases that it has given back, until it ends."""
        due = time.monotonic() + _BEAT_SECONDS
        left: str | None = ""
        while left is not None:
            with suppress(queue.Empty, OSError, OutputError):
                left = self._left.get(timeout=max(0.0, due - time.monotonic()))
                self._files.delete(left or f"jobs/{self._job}")
                self._leaving.discard(left or "")
            if time.monotonic() >= due:
                due = time.monotonic() + _BEAT_SECONDS
                with suppress(OSError, OutputError):
                    self._beat()


def _lease(key: str, generation: int) -> str:
    return f"leases/{key[:2]}/{key}/{generation}"


def _machine(mirror: Path) -> str:
    """Name this machine, by its mirror."""
    path = mirror / "machine"
    mirror.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), path.open("x") as file:
        file.write(uuid.uuid4().hex)
    return path.read_text("ascii")
