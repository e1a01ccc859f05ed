"""The inbox: a folder at any URL that fsspec knows, with manuscripts and their side files. Nothing there is moved or changed.

Whoever puts files there is not trusted: links are not followed, what is no file is not opened, and every name has its own book.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
from slugify import slugify

from tasks.errors import ProfileError, SourceError, escape_unprintable
from tasks.library.book_settings import BookSettings, read_book_settings, resolve_inside
from tasks.readers import SUFFIXES
from tasks.settings import LibrarySettings
from tasks.urls import describe_password

_SIDE = ".toml"
# No manuscript is so large, and a mistaken file of an hour's film is not to be fetched.
_MOST_BYTES = 1 << 30
_MOST_SIDE_BYTES = 1 << 20
# A name of more bytes leaves no room for what is added to it while a folder is written: file systems allow 255.
_MOST_NAME_BYTES = 180
# Under which of these a filesystem tells when a file was written last, or which version it has.
_VERSIONS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "modified", "created")


@dataclass(frozen=True, slots=True)
class Seen:
    """A manuscript as a listing shows it: `marks` has the size and the time of its file, then of its side file if it has one.

    `name` is that of its book in the outbox and the ledger, `path` its file, `side` its side file or "". `fault` says why it cannot be
    read: it is a link, or no file, or its name is not UTF-8.
    """

    name: str
    path: str
    side: str
    marks: tuple[str, ...]
    fault: str = ""

    @property
    def file_name(self) -> str:
        """The name of the manuscript's file, in printable characters."""
        return _file_name(self.path)


@dataclass(frozen=True, slots=True)
class Listing:
    """What an inbox holds: manuscripts by the names of their books, and the printable names of everything else."""

    manuscripts: Mapping[str, Seen]
    others: tuple[str, ...]

    def settled(self, before: "Listing") -> Iterator[Seen]:
        """Give the manuscripts that are as in an earlier listing: those that are not being copied in."""
        return (seen for name, seen in self.manuscripts.items() if before.manuscripts.get(name) == seen)

    def unsettled(self, before: "Listing") -> tuple[str, ...]:
        """Name the manuscripts that came or changed since an earlier listing."""
        return tuple(name for name, seen in self.manuscripts.items() if before.manuscripts.get(name) != seen)


class Inbox:
    """The manuscripts at a URL."""

    def __init__(self, url: str) -> None:
        """Reach out; raises `ProfileError` where there is no such folder, or none that can be reached."""
        self.url = url
        self._system, self._base = _reached(url)
        try:
            is_there = self._system.isdir(self._base)
        except Exception as error:
            # Each filesystem raises kinds of its own.
            raise ProfileError(
                f"{url}: the inbox cannot be reached ({error}); see that its address and the credentials are right"
            ) from error
        if not is_there:
            raise ProfileError(
                f"{url}: there is no such inbox; make the folder, or name the one that manuscripts lie in"
            )

    @property
    def folder(self) -> Path | None:
        """Its folder, where it is one of this machine."""
        return Path(self._base) if _is_local(self._system) else None

    def listing(self, owners: Mapping[str, str] | None = None) -> Listing:
        """List what lies in it, folders within it aside.

        Several files of one name are several books: the one that `owners` has for the name keeps it (the first mark of an
        earlier listing), else the first in order; the others get names of their own. Raises `ProfileError` if the inbox cannot be
        listed.
        """
        try:
            rows = self._system.ls(self._base, detail=True)
        except Exception as error:
            raise ProfileError(
                f"{self.url}: the inbox cannot be listed ({error}); see that it is still there"
            ) from error
        entries = {str(row["name"]): row for row in rows if not _is_hidden(row["name"])}
        files = {path: row for path, row in entries.items() if row.get("type") != "directory"}
        groups: dict[str, list[str]] = defaultdict(list)
        for path in sorted(files):
            if PurePosixPath(path).suffix.lower() in SUFFIXES:
                groups[_book_name(path)].append(path)
        named = _assign_names(groups, owners or {})
        manuscripts = {name: _seen(name, path, files) for name, path in sorted(named.items())}
        taken = {path for seen in manuscripts.values() for path in (seen.path, seen.side)}
        folders = [f"{_file_name(path)}/" for path in entries.keys() - files.keys()]
        others = [_file_name(path) for path in files.keys() - taken]
        return Listing(manuscripts, tuple(sorted(others + folders)))

    def holds(self, seen: Seen) -> bool:
        """Return whether the file of a manuscript is still there; False if the inbox cannot be reached."""
        try:
            return bool(self._system.exists(seen.path))
        except Exception:  # noqa: BLE001  # each filesystem raises kinds of its own
            return False

    def source(self, seen: Seen) -> str:
        """Return where a manuscript lies, as `fetched` takes it. Raises `SourceError` for what cannot be read."""
        if seen.fault:
            raise SourceError(f"{seen.file_name}: {seen.fault}")
        return seen.path if self.folder else str(self._system.unstrip_protocol(seen.path))

    def book_settings(self, seen: Seen, allowed: LibrarySettings) -> BookSettings:
        """Read the side file of a manuscript; raises `ProfileError` for what is none, and for what it may not set."""
        if not seen.side:
            return BookSettings()
        name = _file_name(seen.side)
        if self.folder and resolve_inside(self.folder, Path(seen.side)) is None:
            raise ProfileError(f"{name}: the side file is not a file in the inbox; put the file itself there")
        try:
            content = self._system.cat_file(seen.side, start=0, end=_MOST_SIDE_BYTES + 1)
        except OSError as error:
            raise ProfileError(f"{name}: the side file cannot be read ({error}); check its rights") from error
        if len(content) > _MOST_SIDE_BYTES:
            raise ProfileError(f"{name}: the side file is larger than 1 MiB; is it a side file?")
        return read_book_settings(content, name, allowed, self.folder)


def check_apart(inbox: Inbox, outbox: Path) -> None:
    """Raise `ProfileError` if the outbox is the inbox or lies in it: every book would change the folder of manuscripts."""
    if inbox.folder and outbox.resolve().is_relative_to(inbox.folder.resolve()):
        raise ProfileError(f"{outbox}: the outbox lies in the inbox {inbox.url}; choose a folder outside of it")


@contextmanager
def fetched(source: str, inbox: str = "") -> Iterator[Path]:
    """Yield a manuscript as a file of this machine: itself if it is one, else fetched for the time of the block.

    A file of this machine must lie below the folder `inbox`, links followed, if that is given. Raises `SourceError` for one that
    does not, cannot be fetched, or is larger than 1 GiB, and `ProfileError` for a URL of an unknown kind.
    """
    if "://" not in source:
        yield _contained(Path(source).expanduser(), inbox)
        return
    system, path = _reached(source)
    if _is_local(system):
        yield _contained(Path(path), inbox)
        return
    with TemporaryDirectory(prefix="declaim-") as folder:
        target = Path(folder) / PurePosixPath(path).name
        try:
            if (system.size(path) or 0) > _MOST_BYTES:
                raise SourceError(f"{source}: the file is larger than 1 GiB; is it a manuscript?")
            system.get_file(path, str(target))
        except OSError as error:
            raise SourceError(
                f"{source}: the manuscript cannot be fetched ({error.strerror or error}); see that it may be read"
            ) from error
        yield target


def _contained(path: Path, inbox: str) -> Path:
    if inbox and resolve_inside(Path(inbox), path) is None:
        raise SourceError(f"{path}: this is not a file in the inbox; put the file itself there")
    return path


def _reached(url: str) -> tuple[Any, str]:
    if refusal := describe_password(url):
        raise ProfileError(refusal)
    try:
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise ProfileError(
            f"{url}: this needs more than is installed ({error}); install the package it names"
        ) from error
    except Exception as error:
        raise ProfileError(
            f"{url}: this cannot be reached ({error}); see that its address and the credentials are right"
        ) from error
    return system, path


def _is_local(system: Any) -> bool:
    return bool(
        {"file", "local"} & {system.protocol}
        if isinstance(system.protocol, str)
        else {"file", "local"} & {*system.protocol}
    )


def _is_hidden(path: str) -> bool:
    """Return whether a name is one that programs give to what they have not finished."""
    return PurePosixPath(path).name.startswith((".", "~"))


def _file_name(path: str) -> str:
    return escape_unprintable(PurePosixPath(path).name)


def _encodable_name(path: str) -> str:
    return PurePosixPath(path).name.encode("utf-8", "backslashreplace").decode()


def _book_name(path: str) -> str:
    # A name that is not UTF-8 has halves of characters, which neither a ledger nor a page can hold.
    stem = PurePosixPath(path).stem.encode("utf-8", "replace").decode()
    name = slugify(stem) or escape_unprintable(stem)
    return name if len(os.fsencode(name)) <= _MOST_NAME_BYTES else f"{name[: _MOST_NAME_BYTES // 4]}-{_digest(path)}"


def _digest(path: str) -> str:
    return hashlib.sha256(os.fsencode(PurePosixPath(path).name)).hexdigest()[:8]


def _assign_names(groups: Mapping[str, list[str]], owners: Mapping[str, str]) -> dict[str, str]:
    """Return the paths by the names of their books: the owner's of a group, and one with a hash for each other file."""
    named: dict[str, str] = {}
    for name, paths in groups.items():
        owner = _find_owner(paths, owners.get(name, ""))
        named |= {name if path == owner else f"{name}-{_digest(path)}": path for path in paths}
    return named


def _find_owner(paths: list[str], mark: str) -> str:
    """Return the path whose file an earlier mark names, else the first."""
    return next((path for path in paths if mark.startswith(f"{_encodable_name(path)} ")), paths[0])


def _seen(name: str, path: str, files: Mapping[str, Mapping[str, Any]]) -> Seen:
    place = PurePosixPath(path)
    side = str(place.with_name(place.stem + _SIDE))
    side = side if side in files else ""
    marks = tuple(_mark(files[each]) for each in (path, side) if each)
    return Seen(name, path, side, marks, _find_fault(path, files[path]))


def _find_fault(path: str, row: Mapping[str, Any]) -> str:
    """Return why a file of an inbox is left alone; "" if it is read."""
    if row.get("islink"):
        return "this is a symbolic link, and links in an inbox are not followed; put the file itself there"
    if row.get("type") != "file":
        return "this is not a regular file; put a manuscript there"
    try:
        PurePosixPath(path).name.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8; rename the file"
    return ""


def _mark(row: Mapping[str, Any]) -> str:
    """Return what tells one version of a file from another, without reading it."""
    version = next((row[name] for name in _VERSIONS if row.get(name) is not None), "")
    return f"{_encodable_name(str(row['name']))} {row.get('size')} {version}"
