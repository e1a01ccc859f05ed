"""Stage five and six, package and account: tracks become editions, and the accounts say what was made."""

import asyncio
import filecmp
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mutagen import MutagenError
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.audio.bind import bind
from tasks.errors import OutputError, PackageError
from tasks.model import Book, Edition, Track
from tasks.packagers.accounts import Account, coverage, manifest
from tasks.packagers.m4b import chapter_marks, m4b_name, tag_m4b
from tasks.packagers.mp3 import write_mp3

_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Published:
    """Where the editions lie, and which there are."""

    folder: Path
    editions: tuple[Edition, ...]


@task(name="package", task_run_name="editions", cache_policy=NO_CACHE, persist_result=False)
async def package(account: Account, kinds: tuple[str, ...], narrator: str, folder: Path) -> Published:
    """Write the editions and the accounts of a book to `folder`, each file whole or not at all.

    MP3s of finished chapters are always kept; the M4B is only made when no chapter is missing. Raises `AudioError`,
    `PackageError` where a file cannot be tagged, and `OutputError` where the folder cannot be written.
    """
    try:
        published = await asyncio.to_thread(_published, account, kinds, narrator, folder)
    except OSError as error:
        raise _unwritten(folder, error) from error
    except MutagenError as error:
        # mutagen wraps what the system says, a full disk among it.
        if isinstance(error.__cause__, OSError):
            raise _unwritten(folder, error.__cause__) from error
        raise PackageError(
            f"{folder}: an edition cannot be tagged ({error}); remove the chapters' tracks from the store, or the cover "
            "from the source, and run the command again"
        ) from error
    get_run_logger().info("%d files in %s", len(published.editions), folder)
    return published


def _unwritten(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"{folder}: the editions cannot be written ({error.strerror}); free space or give another --out")


def _published(account: Account, kinds: tuple[str, ...], narrator: str, folder: Path) -> Published:
    with _beside(folder) as draft:
        editions = tuple(_editions(account, kinds, narrator, draft))
        _write_accounts(replace(account, editions=editions), draft)
        _retire(folder, {edition.path for edition in editions})
        _move(draft, folder)
    return Published(folder, editions)


def _editions(account: Account, kinds: tuple[str, ...], narrator: str, draft: Path) -> Iterator[Edition]:
    tracks: list[Track] = [performance.track for performance in account.performances if performance.track]
    whole = not any(performance.is_missing for performance in account.performances)
    if "mp3" in kinds:
        yield from write_mp3(account.book, tuple(tracks), narrator, draft)
    if "m4b" in kinds and whole and tracks:
        yield _m4b(account.book, tuple(tracks), narrator, draft)


def _m4b(book: Book, tracks: tuple[Track, ...], narrator: str, draft: Path) -> Edition:
    target, marks = draft / m4b_name(book), draft / "chapters.txt"
    marks.write_text(chapter_marks(tracks), "utf-8")
    bind([track.encoded["aac"] for track in tracks], marks, target)
    marks.unlink()
    tag_m4b(target, book, narrator)
    return Edition("m4b", target.name)


def _write_accounts(account: Account, draft: Path) -> None:
    for name, document in (
        ("coverage.json", coverage(account.book, account.performances)),
        (_MANIFEST, manifest(account)),
    ):
        (draft / name).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder, prefix=".draft-"))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _retire(folder: Path, kept: set[str]) -> None:
    """Remove what the last manifest names as an edition and the new one does not."""
    try:
        last = json.loads((folder / _MANIFEST).read_text("utf-8"))
        paths = {str(edition["path"]) for edition in last["editions"]}
    except (OSError, ValueError, KeyError, TypeError):
        return
    for path in paths - kept:
        file = (folder / path).resolve()
        if file.is_relative_to(folder.resolve()) and file.is_file():
            file.unlink()


def _move(draft: Path, folder: Path) -> None:
    """Move every file into place, the manifest last; one that is there already, byte for byte, is left untouched."""
    files = [path for path in draft.rglob("*") if path.is_file()]
    for file in sorted(files, key=lambda path: (path.name == _MANIFEST, path)):
        target = folder / file.relative_to(draft)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.is_file() and filecmp.cmp(file, target, shallow=False)):
            file.replace(target)
