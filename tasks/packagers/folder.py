"""The output folder: a whole new edition is made beside it, and takes its place in one step.

Beside `DIR` lie, while a run puts its edition there, `.DIR.draft-…`, which may always be deleted, and `.DIR.old-…`, the
last edition with what a person has put to it. Who opens the folder once, reads through what they opened, and finds the
manifest there still when they are done, has read one edition.
"""

import ctypes
import errno
import filecmp
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from slugify import slugify

MANIFEST = "manifest.json"
_DRAFT, _OLD = ".draft-", ".old-"
_RANDOM = "[a-z0-9_]{8}"
_AT_WORKING_DIRECTORY = -100
_EXCHANGE = 2


def output_folder(out: str, title: str, otherwise: str = "narrated") -> Path:
    """Where the editions of a book go: to `out`, or where that is empty to `narrated/<title>`."""
    return absolute(out or str(Path(otherwise) / title_slug(title)))


def title_slug(title: str) -> str:
    """Return the name of the folder for a book of this title."""
    return slugify(title) or "untitled"


def absolute(folder: str) -> Path:
    """Name a folder so that it is the same from anywhere; `~` is the user's own."""
    return Path(folder).expanduser().absolute()


def real_path(folder: Path) -> Path:
    """Where a folder lies once all links are followed, be it there or not."""
    return Path(os.path.realpath(folder))


def check_writable(folder: Path) -> None:
    """Raise `OSError` where no edition could be put in a folder that is there; the caller must hold its claim."""
    place = real_path(folder)
    if os.path.lexists(place):
        Path(tempfile.mkdtemp(dir=place, prefix=_DRAFT)).rmdir()


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; when the block has ended well, what is in it is the edition in `folder`.

    A file that has not changed stays the same file, with its time. What the last manifest names as an edition and the
    new one does not bring is gone; what Declaim has not made stays. The whole is put in place at once, or else file by
    file with the manifest last: in a mount point, where the parent folder cannot be written, where the run was started
    in the folder, and where a person keeps folders or links of their own in it.

    What a killed run has left is cleared first, so the caller must hold the folder's claim. Raises `OSError`.
    """
    place = real_path(folder)
    _heal(place)
    place.mkdir(parents=True, exist_ok=True)
    draft = _draft(place)
    try:
        yield draft
        _put(draft, place)
    finally:
        _remove(draft)


def _heal(place: Path) -> None:
    """Clear up behind a run that was killed: what it had put aside comes back, what it had half made goes."""
    for old in _beside(place, _OLD):
        if place.exists():
            _retire(old, place)
        else:
            old.rename(place)
    for draft in (*_beside(place, _DRAFT), *_found(place, re.compile(_DRAFT.replace(".", r"\.") + _RANDOM))):
        _remove(draft)


def _beside(place: Path, kind: str) -> list[Path]:
    return _found(place.parent, re.compile(re.escape(f".{place.name}{kind}") + _RANDOM))


def _found(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    # A parent that cannot be listed cannot be written either: nothing was ever left in it.
    with suppress(OSError):
        return [path for path in folder.iterdir() if pattern.fullmatch(path.name) and path.is_dir()]
    return []


def _draft(place: Path) -> Path:
    """Make a draft beside the folder, or inside where it cannot be beside."""
    # Made inside, it has the group and the access list that all in the folder has; and it can be moved out exactly
    # where a swap can be: not from a mount point, not to a parent that cannot be written.
    inside = Path(tempfile.mkdtemp(dir=place, prefix=_DRAFT))
    try:
        beside = inside.rename(place.with_name(f".{place.name}{inside.name}"))
    except (OSError, ValueError):
        return inside
    shutil.copystat(place, beside)
    return beside


def _put(draft: Path, place: Path) -> None:
    names = [path.relative_to(draft) for path in sorted(draft.rglob("*")) if path.is_file()]
    for name in names:
        _settle(draft / name, place / name)
    if not _swapped(draft, place):
        _move(draft, place, names)


def _settle(file: Path, last: Path) -> None:
    """Make a file that is as it was one with the last edition's; flush one that is new, as power may fail."""
    if last.is_file() and not last.is_symlink() and filecmp.cmp(file, last, shallow=False):
        link = file.with_name(".link")
        try:
            link.hardlink_to(last)
            link.replace(file)
        except OSError:
            # Not every file system has links: the bytes are equal, the time is left to set.
            shutil.copystat(last, file)
    else:
        with file.open("rb") as written:
            os.fsync(written.fileno())


def _swapped(draft: Path, place: Path) -> bool:
    """Put the draft in the folder's place, with all that is to stay; False where that cannot be, and nothing has changed."""
    if draft.parent == place or _is_stood_in(place):
        return False
    guests = _guests(place, draft)
    folders = [path.relative_to(draft) for path in draft.rglob("*") if path.is_dir()]
    # Folders cannot be linked, and may be of any size; one of ours that is a link or a mount leads where a person wants it.
    if any(_is_folder(place / name) for name in guests) or any(_leads_away(place / name) for name in folders):
        return False
    old = place.with_name(f".{place.name}{_OLD}{draft.name.rpartition('-')[2]}")
    try:
        _link(guests, place, draft)
        aside = _exchange(draft, place, old)
    except OSError:
        _unlink(guests, draft)
        return False
    aside.rename(old)
    _retire(old, place, guests)
    return True


def _is_stood_in(place: Path) -> bool:
    """Tell whether the run was started in the folder: the shell behind it would be left in one that is deleted."""
    try:
        return Path.cwd().is_relative_to(place)
    except FileNotFoundError:
        return False


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _leads_away(path: Path) -> bool:
    return path.is_symlink() or path.is_mount()


def _guests(place: Path, other: Path) -> list[Path]:
    """Name what lies in a folder that its edition did not bring, and that the other one has nothing in the place of."""
    ours = _edition(place)
    ours |= {parent for name in ours for parent in name.parents}
    names = (path.relative_to(place) for path in place.rglob("*"))
    return sorted(name for name in names if name not in ours and not os.path.lexists(other / name))


def _edition(place: Path) -> set[Path]:
    """Name what the manifest in a folder does."""
    try:
        manifest = json.loads((place / MANIFEST).read_text("utf-8"))
        return {Path(MANIFEST), *(Path(str(edition["path"])) for edition in manifest["editions"])}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _link(names: Iterable[Path], place: Path, draft: Path) -> None:
    for name in names:
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(place / name, draft / name, follow_symlinks=False)


def _unlink(names: Iterable[Path], draft: Path) -> None:
    for name in names:
        with suppress(OSError):
            (draft / name).unlink()


def _exchange(draft: Path, place: Path, old: Path) -> Path:
    """Put the draft in the folder's place, and tell where the folder is now. Raises `OSError`, and nothing has changed."""
    try:
        _swap_names(draft, place)
    except OSError:
        # Two steps, for file systems without the one: between them the folder is not there, and `_heal` puts it back.
        place.rename(old)
        try:
            draft.rename(place)
        except OSError:
            old.rename(place)
            raise
        return old
    return draft


def _swap_names(one: Path, other: Path) -> None:
    """Exchange the names of two folders in one step; raises `OSError` where the system or the file system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform == "darwin":
            failed = library.renamex_np(*names, _EXCHANGE)
        else:
            failed = library.renameat2(_AT_WORKING_DIRECTORY, names[0], _AT_WORKING_DIRECTORY, names[1], _EXCHANGE)
    except AttributeError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _retire(old: Path, place: Path, guests: Iterable[Path] = ()) -> None:
    """Delete the edition that was put aside, once what a person has put to it or changed meanwhile is in the new one."""
    changed = (name for name in guests if os.path.lexists(old / name) and not _is_same(old / name, place / name))
    for name in (*changed, *_guests(old, place)):
        # With its folder, what is in it has come too.
        if os.path.lexists(old / name):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (old / name).replace(place / name)
    # From here on there is nothing in it that is not elsewhere too, as in a draft.
    _remove(old.rename(old.with_name(f".{place.name}{_DRAFT}{old.name.rpartition('-')[2]}")))


def _is_same(one: Path, other: Path) -> bool:
    return os.path.lexists(other) and os.path.samestat(one.lstat(), other.lstat())


def _remove(draft: Path) -> None:
    # The manifest first: who still reads an edition that is being deleted can tell by it.
    with suppress(OSError):
        (draft / MANIFEST).unlink()
    shutil.rmtree(draft, ignore_errors=True)


def _move(draft: Path, place: Path, names: Iterable[Path]) -> None:
    """Move every file into place, the manifest last; one that is there already, byte for byte, is left untouched."""
    for name in _edition(place) - set(names):
        file = (place / name).resolve()
        if file.is_relative_to(place) and file.is_file():
            file.unlink()
    for name in sorted(names, key=lambda name: (name == Path(MANIFEST), name)):
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.is_file() and filecmp.cmp(draft / name, target, shallow=False)):
            (draft / name).replace(target)
