"""One run at a time into one folder."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.errors import FolderInUse, OutputError
from tasks.packagers.folder import check_writable, real_path

# A flow that the command line has begun is within its claim; two flows in one process are not within each other's.
_CLAIMED: ContextVar[frozenset[Path]] = ContextVar("CLAIMED", default=frozenset())


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a folder against all other runs until the block has ended; a claim within a claim of the same folder is free.

    A claim ends with its process, whatever ends that. Raises `FolderInUse`, at once, if another run holds the folder, and
    `OutputError` if no edition could be put there.
    """
    place = real_path(folder)
    if place in _CLAIMED.get():
        yield
        return
    with _writing(folder):
        path = _lock_file(place)
    lock = _locked(path, folder)
    token = _CLAIMED.set(_CLAIMED.get() | {place})
    try:
        with suppress(OSError):
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
        with _writing(folder):
            check_writable(folder)
        yield
    finally:
        _CLAIMED.reset(token)
        # Removed while it is held: who waits for it sees that it has gone, and takes a new one.
        with suppress(OSError):
            path.unlink()
        lock.release()


def _lock_file(place: Path) -> Path:
    """Name the file that is locked: beside the folder, as the folder itself is replaced."""
    # Where it cannot be replaced, the lock lies in it, and all who mount it see the same one.
    if place.is_dir() and (place.is_mount() or not os.access(place.parent, os.W_OK)):
        return place / ".declaim.lock"
    return place.with_name(f".{place.name}.lock")


def _locked(path: Path, folder: Path) -> FileLock:
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        with _writing(folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            # FileLock takes a file that cannot be made for one that another run has just removed.
            path.touch()
            lock.acquire()
    except Timeout as error:
        raise FolderInUse(
            f"{folder}: another run writes there ({_holder(path)}); wait for its end or give another --out"
        ) from error
    return lock


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:
        # An OSError too, and none of the file system's.
        raise
    except OSError as error:
        why = error.strerror
        if isinstance(error, NotADirectoryError | FileExistsError):
            place = real_path(folder)
            why = f"{next(path for path in (place, *place.parents) if path.exists())} is no directory"
        raise OutputError(f"{folder}: the output directory cannot be written ({why}); give another --out") from error


def _holder(path: Path) -> str:
    try:
        return path.read_text("utf-8") or "its process is not known"
    except (OSError, UnicodeDecodeError):
        return "its process is not known"
