"""Looking after a store: what is in it and what it is worth, whether it is whole, what may go, and moving a book's clips."""

import io
import re
import tarfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import OutputError
from tasks.store import ClipStore, atomic_file
from tasks.store.clip_file import read_clip, read_made_from
from tasks.store.leases import held_by_jobs

_MEMBER = re.compile(r"clips/([0-9a-f]{2})/(\1[0-9a-f]{62})\.wav")
# An hour of the highest rate that a service offers is 350 MB; no clip is a hundredth of that.
_LARGEST_CLIP_BYTES = 100_000_000
# A file that is being written is younger: what is left behind for longer, nobody is writing.
_LEFT_BEHIND_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Stock:
    """The clips of one voice: how many, their bytes, what was paid for them (US dollars), and for how many that is not known."""

    provider: str
    model: str
    voice: str
    clips: int
    bytes: int
    usd: float
    unpriced: int


def stock(store: ClipStore) -> list[Stock]:
    """Count a store, by voice, the largest first. A file that is no clip is left out: `damaged` finds it."""
    rows: dict[tuple[str, str, str], list[tuple[int, float | None]]] = defaultdict(list)
    for path in store.paths():
        try:
            with path.open("rb") as file:
                made_from = read_made_from(file)
            voice = (str(made_from["provider"]), str(made_from["model"]), str(made_from["voice"]))
            rows[voice].append((path.stat().st_size, made_from.get("usd")))
        except (OSError, ValueError, KeyError):
            continue
    stocks = [
        Stock(
            *voice,
            clips=len(clips),
            bytes=sum(size for size, _ in clips),
            usd=sum(usd or 0.0 for _, usd in clips),
            unpriced=sum(usd is None for _, usd in clips),
        )
        for voice, clips in rows.items()
    ]
    return sorted(stocks, key=lambda row: -row.bytes)


def damaged(store: ClipStore) -> Iterator[Path]:
    """Read every clip, and find those that are torn, altered, or under another's name."""
    for path in store.paths():
        try:
            read_clip(path.read_bytes(), path.stem)
        except (OSError, ValueError):
            yield path


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning takes away: clips and tracks (which are made from clips), and their bytes."""

    clips: tuple[Path, ...]
    tracks: tuple[Path, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """A clip or a track in a store: its files, their bytes, and when it was used last (seconds since 1970, to a day)."""

    path: Path
    bytes: int
    used: float


def prunable(store: ClipStore, unused_for_seconds: float | None, keep_under_bytes: int | None) -> Pruned:
    """Find what has not been used for so long, or, the longest unused first, what is more than may be kept.

    Nothing that a running job holds is found. Tracks go before clips that were used as recently: they cost nothing to make.
    """
    held = held_by_jobs(store.root)
    clips = [_kept(path, [path]) for path in store.paths() if path.stem not in held]
    folders = [path for path in store.root.glob("tracks/*/*") if not path.name.startswith(".")]
    tracks = [_kept(path, [file for file in path.iterdir() if file.is_file()]) for path in folders]
    if unused_for_seconds is not None:
        old = time.time() - unused_for_seconds
        gone = [it for it in (*tracks, *clips) if it.used < old]
    else:
        gone = list(_over(tracks, clips, _bytes(store) - (keep_under_bytes or 0)))
    ours = {it.path for it in tracks}
    return Pruned(
        clips=tuple(it.path for it in gone if it.path not in ours),
        tracks=tuple(it.path for it in gone if it.path in ours),
        bytes=sum(it.bytes for it in gone),
    )


def _kept(path: Path, files: list[Path]) -> _Kept:
    facts = [file.stat() for file in files]
    return _Kept(path, sum(fact.st_size for fact in facts), max((fact.st_mtime for fact in facts), default=0.0))


def _bytes(store: ClipStore) -> int:
    everything = (path for folder in ("clips", "tracks") for path in (store.root / folder).rglob("*"))
    return sum(path.stat().st_size for path in everything if path.is_file())


def _over(tracks: list[_Kept], clips: list[_Kept], surplus: int) -> Iterator[_Kept]:
    for it in (*sorted(tracks, key=_last_use), *sorted(clips, key=_last_use)):
        if surplus <= 0:
            return
        surplus -= it.bytes
        yield it


def _last_use(it: _Kept) -> float:
    return it.used


def remove(store: ClipStore, pruned: Pruned) -> None:
    """Take away what was found, and what processes that were killed have left behind. Raises `OSError`."""
    for clip in pruned.clips:
        clip.unlink(missing_ok=True)
    for folder in (*pruned.tracks, *_left_behind(store)):
        for file in folder.iterdir() if folder.is_dir() else [folder]:
            file.unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()


def _left_behind(store: ClipStore) -> Iterator[Path]:
    for pattern in ("clips/*/.*.part", "tracks/*/.*.part", "leases/*/.*"):
        for path in store.root.glob(pattern):
            if time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                yield path


def export_clips(store: ClipStore, keys: Iterable[str], target: Path) -> int:
    """Pack clips into a tar file, whole or not at all; returns how many.

    Raises `OutputError` where a clip is missing or damaged, `OSError` where the file cannot be written.
    """
    count = 0
    with atomic_file(target) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for key in keys:
            path = store.path(key)
            try:
                content = path.read_bytes()
                read_clip(content, key)
            except (OSError, ValueError) as error:
                raise OutputError(f"{path}: {error}; narrate the book again, then export") from error
            entry = tarfile.TarInfo(f"clips/{key[:2]}/{key}.wav")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
            count += 1
    return count


def import_clips(store: ClipStore, source: Path) -> tuple[int, int]:
    """Take the clips of a tar file into the store, each verified; returns how many are new, and how many were there.

    Raises `OutputError` for a file that is no export, or holds a clip that is damaged: those before it are kept.
    """
    new = known = 0
    try:
        with tarfile.open(source) as archive:
            for entry in archive:
                if _take_in(store, archive, entry):
                    new += 1
                else:
                    known += 1
    except (tarfile.TarError, EOFError) as error:
        raise OutputError(f"{source}: this is no export of a store ({error})") from error
    return new, known


def _take_in(store: ClipStore, archive: Any, entry: tarfile.TarInfo) -> bool:
    named = _MEMBER.fullmatch(entry.name)
    if not named or not entry.isfile() or entry.size > _LARGEST_CLIP_BYTES:
        raise OutputError(f"{archive.name}: {entry.name} is no clip; give a file that `declaim store export` made")
    key = named[2]
    if store.get(key):
        return False
    content = archive.extractfile(entry).read()
    try:
        read_clip(content, key)
    except ValueError as error:
        raise OutputError(f"{archive.name}: {entry.name}: {error}; export it again") from error
    with atomic_file(store.path(key)) as file:
        file.write(content)
    return True
