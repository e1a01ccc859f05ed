"""Files that lie elsewhere, at any URL that fsspec knows: read, written whole, created once, and waited for."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import fsspec
import tenacity

from tasks.errors import OutputError, ProfileError
from tasks.urls import describe_password

Value = TypeVar("Value")
# A store may be away for a minute, for a restart or a change of the network, and nothing is lost by waiting.
_PATIENCE_SECONDS = 120
_LONGEST_PAUSE_SECONDS = 5
# What these say is an answer; anything else may be a store that is away.
_ANSWERS = (FileNotFoundError, FileExistsError)
# Here a file appears under its name whole or not at all, and folders need not be made.
_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss"})
# botocore's retries within s3fs's within ours make a question that nobody answers last half a minute.
_OPTIONS = {"s3": {"config_kwargs": {"retries": {"total_max_attempts": 1}}}}
# Under which of these a filesystem tells when a file was written last.
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file: its bytes, and when it was written, in seconds since 1970 by the clock of where it lies."""

    bytes: int
    written: float


class RemoteFiles:
    """The files below a URL. While nothing answers, all that is asked is tried again; after two minutes it is an `OutputError`.

    A refusal is one at once. What they answer is raised as it is: `FileNotFoundError`, `FileExistsError`.
    """

    def __init__(self, url: str) -> None:
        """Reach out; raises `ProfileError` where the URL is of no known kind, or cannot be reached now."""
        self.url = url
        scheme = urlsplit(url).scheme
        if refusal := describe_password(url):
            raise ProfileError(f"[store] url: {refusal}")
        try:
            # A listing that is remembered is one that another run has changed since.
            self._system, base = fsspec.core.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True, **_OPTIONS.get(scheme, {})
            )
            self._system.exists(base)
        except ImportError as error:
            need = 'pip install "declaim[s3]"' if scheme.startswith("s3") else "the package that it names"
            raise ProfileError(
                f"[store] url: {scheme}:// needs more than is installed ({error}); install {need}"
            ) from error
        except Exception as error:
            # Each filesystem raises kinds of its own.
            raise ProfileError(
                f"[store] url: {url} cannot be reached ({_first_line(error)}); see that the address and the credentials are right"
            ) from error
        self._base = base.rstrip("/")
        self._is_object_store = scheme in _OBJECT_STORES
        self._is_closed = threading.Event()
        # It is the store that is away, and not one question: the next does not wait for two minutes of its own.
        self._away_since: float | None = None

    def exists(self, name: str) -> bool:
        """Tell whether there is a file of this name."""
        return bool(self._patiently(lambda: self._system.exists(self._place(name))))

    def read(self, name: str, length: int | None = None) -> bytes:
        """Read a file, or its first `length` bytes."""
        return bytes(self._patiently(lambda: self._system.cat_file(self._place(name), start=0, end=length)))

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all, in place of one that is there."""
        place = self._place(name)
        if self._is_object_store:
            self._patiently(lambda: self._system.pipe_file(place, content))
            return
        draft = f"{place}.{uuid4().hex}.part"
        self._make_folder(place)
        self._patiently(lambda: self._system.pipe_file(draft, content))
        self._patiently(lambda: self._system.mv(draft, place))

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one: of all who try at the same time with contents of their own, one has True.

        So it is in S3 and on the filesystems that open a file exclusively.
        """
        place = self._place(name)
        try:
            self._make_folder(place)
            self._patiently(lambda: self._create(place, content))
        except FileExistsError:
            # The answer to a first attempt may have got lost: then it is this very file that is there.
            return self._holds(name, content)
        return True

    def _create(self, place: str, content: bytes) -> None:
        if self._is_object_store:
            self._system.pipe_file(place, content, mode="create")
            return
        # fsspec's own way looks first and then writes: two that look at the same time would both write.
        with self._system.open(place, "xb") as file:
            file.write(content)

    def _holds(self, name: str, content: bytes) -> bool:
        try:
            return self.read(name) == content
        except FileNotFoundError:
            return False

    def delete(self, name: str) -> None:
        """Remove a file, where there is one."""
        with suppress(FileNotFoundError):
            self._patiently(lambda: self._system.rm_file(self._place(name)))

    def names(self, folder: str) -> list[str]:
        """List a folder; what is not there is empty."""
        try:
            places = self._patiently(lambda: self._system.ls(self._place(folder), detail=False))
        except FileNotFoundError:
            return []
        return sorted(str(place).rpartition("/")[2] for place in places)

    def below(self, folder: str) -> Mapping[str, Facts]:
        """Find all files below a folder, by their names."""
        try:
            found = self._patiently(lambda: self._system.find(self._place(folder), detail=True))
        except FileNotFoundError:
            return {}
        return {
            place.removeprefix(f"{self._base}/"): Facts(int(facts["size"] or 0), _written(facts))
            for place, facts in sorted(found.items())
        }

    def written(self, name: str) -> float:
        """Tell when a file was written, by the clock of where it lies."""
        return _written(self._patiently(lambda: self._system.info(self._place(name))))

    def close(self) -> None:
        """Wait no longer: what is being tried again fails."""
        self._is_closed.set()

    def _place(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _make_folder(self, place: str) -> None:
        if not self._is_object_store:
            self._patiently(lambda: self._system.makedirs(place.rpartition("/")[0], exist_ok=True))

    def _patiently(self, work: Callable[[], Value]) -> Value:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_not_exception_type((*_ANSWERS, PermissionError)),
            stop=lambda _: self._is_closed.is_set() or self._away_seconds() > _PATIENCE_SECONDS,
            wait=tenacity.wait_random_exponential(max=_LONGEST_PAUSE_SECONDS),
            sleep=tenacity.sleep_using_event(self._is_closed),
            reraise=True,
        )
        try:
            value: Value = retrying(self._noting, work)
        except _ANSWERS:
            raise
        except PermissionError as error:
            raise OutputError(
                f"{self.url}: the store refuses ({_first_line(error)}); give the credentials the right to list, read, write "
                "and delete there"
            ) from error
        except Exception as error:
            raise OutputError(
                f"{self.url}: the store does not answer ({_first_line(error)}); what was bought is kept on this machine: run "
                "the command again when the store is there"
            ) from error
        return value

    def _noting(self, work: Callable[[], Value]) -> Value:
        try:
            value = work()
        except (*_ANSWERS, PermissionError):
            self._away_since = None
            raise
        except Exception:
            self._away_since = self._away_since or time.monotonic()
            raise
        self._away_since = None
        return value

    def _away_seconds(self) -> float:
        since = self._away_since
        return time.monotonic() - since if since else 0.0


def _written(facts: Mapping[str, Any]) -> float:
    for name in _TIMES:
        told = facts.get(name)
        if isinstance(told, datetime):
            return told.timestamp()
        if isinstance(told, int | float):
            return float(told)
    return 0.0


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
