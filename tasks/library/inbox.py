"""The inbox: a folder at any URL that fsspec knows, with manuscripts and their side files. Nothing there is moved or changed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import fsspec
from slugify import slugify

from tasks.errors import ProfileError, SourceError
from tasks.library.side_file import SideFile, read_side_file
from tasks.readers import SUFFIXES

_SIDE = ".toml"
# No manuscript is so large, and a mistaken file of an hour's film is not to be fetched.
_MOST_BYTES = 1 << 30
_MOST_SIDE_BYTES = 1 << 20
# Under which of these a filesystem tells when a file was written last, or which version it has.
_VERSIONS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "modified", "created")


@dataclass(frozen=True, slots=True)
class Seen:
    """A manuscript as a listing shows it: `marks` has the size and the time of each of its files, and of its side file.

    `name` is that of its book in the outbox and the ledger. `paths` are its files, more than one only where several
    manuscripts would have that name; `side` is the path of its side file, empty where there is none.
    """

    name: str
    paths: tuple[str, ...]
    side: str
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in an inbox: manuscripts by their names, and the names of what is none and would be passed over in silence."""

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

    def listing(self) -> Listing:
        """List what lies in it, folders within it aside. Raises `ProfileError` where it cannot be reached any more."""
        try:
            rows = self._system.ls(self._base, detail=True)
        except Exception as error:
            raise ProfileError(
                f"{self.url}: the inbox cannot be listed ({error}); see that it is still there"
            ) from error
        files = {str(row["name"]): row for row in rows if row.get("type") == "file" and not _is_hidden(row["name"])}
        paths: dict[str, list[str]] = defaultdict(list)
        for path in sorted(files):
            if PurePosixPath(path).suffix.lower() in SUFFIXES:
                paths[_book_name(path)].append(path)
        manuscripts = {name: _seen(name, group, files) for name, group in paths.items()}
        taken = {path for seen in manuscripts.values() for path in (*seen.paths, seen.side)}
        folders = [f"{PurePosixPath(row['name']).name}/" for row in rows if row.get("type") == "directory"]
        others = [PurePosixPath(path).name for path in files.keys() - taken]
        return Listing(manuscripts, tuple(sorted(others + [name for name in folders if not name.startswith(".")])))

    def holds(self, seen: Seen) -> bool:
        """Return whether the files of a manuscript are still there; False if the inbox cannot be reached."""
        try:
            return all(self._system.exists(path) for path in seen.paths)
        except Exception:  # noqa: BLE001  # each filesystem raises kinds of its own
            return False

    def source(self, seen: Seen) -> str:
        """Tell where a manuscript lies, as `fetched` takes it. Raises `SourceError` where several have its name."""
        if len(seen.paths) > 1:
            names = " and ".join(PurePosixPath(path).name for path in seen.paths)
            raise SourceError(f"{names} would be one book in the outbox ({seen.name}); rename one of them")
        (path,) = seen.paths
        return path if self.folder else str(self._system.unstrip_protocol(path))

    def side_file(self, seen: Seen) -> SideFile:
        """Read what lies beside a manuscript; raises `ProfileError` for what is no side file."""
        if not seen.side:
            return SideFile()
        name = PurePosixPath(seen.side).name
        try:
            content = self._system.cat_file(seen.side, start=0, end=_MOST_SIDE_BYTES)
        except OSError as error:
            raise ProfileError(f"{name}: the side file cannot be read ({error}); see that it may be") from error
        return read_side_file(content, name, self.folder)


def check_apart(inbox: Inbox, outbox: Path) -> None:
    """Raise `ProfileError` if the outbox is the inbox or lies in it: every book would change the folder of manuscripts."""
    if inbox.folder and outbox.resolve().is_relative_to(inbox.folder.resolve()):
        raise ProfileError(f"{outbox}: the outbox lies in the inbox {inbox.url}; choose a folder outside of it")


@contextmanager
def fetched(source: str) -> Iterator[Path]:
    """Give a manuscript as a file of this machine: itself where it is one, else fetched for the time of the block.

    Raises `SourceError` for one that cannot be fetched, or is larger than 1 GiB, and `ProfileError` for a URL of no known kind.
    """
    if "://" not in source:
        yield Path(source).expanduser()
        return
    system, path = _reached(source)
    if _is_local(system):
        yield Path(path)
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


def _reached(url: str) -> tuple[Any, str]:
    if urlsplit(url).password:
        # Parameters stand in Prefect's pages, and the ledger is read by many.
        raise ProfileError(
            f"a password stands in the {urlsplit(url).scheme}:// URL; give it in the environment or in a file of your own, as the "
            "protocol's package says"
        )
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
    """Tell the names that programs give to what they have not finished."""
    return PurePosixPath(path).name.startswith((".", "~"))


def _book_name(path: str) -> str:
    stem = PurePosixPath(path).stem
    return slugify(stem) or stem


def _seen(name: str, paths: list[str], files: Mapping[str, Mapping[str, Any]]) -> Seen:
    place = PurePosixPath(paths[0])
    side = str(place.with_name(place.stem + _SIDE))
    side = side if side in files else ""
    return Seen(name, tuple(paths), side, tuple(_mark(files[path]) for path in (*paths, *([side] if side else []))))


def _mark(row: Mapping[str, Any]) -> str:
    """Tell one version of a file from another, without reading it."""
    version = next((row[name] for name in _VERSIONS if row.get(name) is not None), "")
    return f"{PurePosixPath(str(row['name'])).name} {row.get('size')} {version}"
