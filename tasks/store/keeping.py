"""Looking after a store: what is in it and what it is worth, whether it is whole, what may go, and moving a book's clips."""

import io
import re
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tasks.errors import OutputError
from tasks.store import ClipStore, Shelved, atomic_file
from tasks.store.clip_file import read_clip
from tasks.store.clip_origin import find_sentences

_MEMBER = re.compile(r"clips/([0-9a-f]{2})/(\1[0-9a-f]{62})\.wav")
# An hour of the highest rate that a service offers is 350 MB; no clip is a hundredth of that.
_LARGEST_CLIP_BYTES = 100_000_000
# A file that is being written is younger: what is left behind for longer, nobody is writing.
_LEFT_BEHIND_SECONDS = 86_400
# For a store that lies elsewhere, whose every answer takes its time.
_AT_ONCE = 16


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
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        shelved = list(store.shelved())
        for it, made_from in zip(shelved, pool.map(partial(_made_from, store), shelved), strict=True):
            if made_from:
                voice = (str(made_from["provider"]), str(made_from["model"]), str(made_from["voice"]))
                rows[voice].append((it.bytes, made_from.get("usd")))
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


def _made_from(store: ClipStore, it: Shelved) -> dict[str, Any] | None:
    try:
        made_from = store.made_from(it.key)
    except (OSError, ValueError):
        return None
    return made_from if {"provider", "model", "voice"} <= made_from.keys() else None


def damaged(store: ClipStore) -> Iterator[str]:
    """Read every clip, and yield the keys of those that are torn, altered, or not the clips of their names."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        keys = [it.key for it in store.shelved()]
        for key, is_whole in zip(keys, pool.map(partial(_is_whole, store), keys), strict=True):
            if not is_whole:
                yield key


def _is_whole(store: ClipStore, key: str) -> bool:
    try:
        made_from = read_clip(store.content(key), key).made_from
    except (OSError, ValueError):
        return False
    try:
        return find_sentences(made_from, key) is not None
    except ValueError:
        # A clip of an earlier version that cannot be decided. It was made here, or taken in when nothing was checked.
        return True


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning takes away: the keys of clips, the folders of tracks (which are made from clips), and their bytes."""

    clips: tuple[str, ...]
    tracks: tuple[Path, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class _Track:
    """A track's folder, the bytes of its files, and when it was used last (seconds since 1970, to a day)."""

    folder: Path
    bytes: int
    used: float


def prunable(
    store: ClipStore, held: frozenset[str], unused_for_seconds: float | None, keep_under_bytes: int | None
) -> Pruned:
    """Find what has not been used for so long, or, the longest unused first, what is more than may be kept.

    Clips that are `held` are not found. Tracks go before clips: they cost nothing to make.
    """
    shelved = list(store.shelved())
    clips = [it for it in shelved if it.key not in held]
    tracks = [_track(path) for path in store.root.glob("tracks/*/*") if not path.name.startswith(".")]
    if unused_for_seconds is not None:
        old = time.time() - unused_for_seconds
        loose: list[Shelved | _Track] = [*tracks, *clips]
        gone = [it for it in loose if it.used < old]
    else:
        whole = sum(it.bytes for it in tracks) + sum(it.bytes for it in shelved)
        gone = list(_over(tracks, clips, whole - (keep_under_bytes or 0)))
    return Pruned(
        clips=tuple(it.key for it in gone if isinstance(it, Shelved)),
        tracks=tuple(it.folder for it in gone if isinstance(it, _Track)),
        bytes=sum(it.bytes for it in gone),
    )


def _track(folder: Path) -> _Track:
    facts = [file.stat() for file in folder.iterdir() if file.is_file()]
    return _Track(folder, sum(fact.st_size for fact in facts), max((fact.st_mtime for fact in facts), default=0.0))


def _over(tracks: list[_Track], clips: list[Shelved], surplus: int) -> Iterator[Shelved | _Track]:
    ordered: list[Shelved | _Track] = [
        *sorted(tracks, key=lambda track: track.used),
        *sorted(clips, key=lambda clip: clip.used),
    ]
    for it in ordered:
        if surplus <= 0:
            return
        surplus -= it.bytes
        yield it


def remove(store: ClipStore, pruned: Pruned) -> None:
    """Take away what was found, and what processes that were killed have left behind. Raises `OSError`, `OutputError`."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(store.discard, pruned.clips))
    for folder in (*pruned.tracks, *_left_behind(store)):
        for file in folder.iterdir() if folder.is_dir() else [folder]:
            file.unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()


def _left_behind(store: ClipStore) -> Iterator[Path]:
    # Of a telling that broke off, and was not asked for again since.
    for pattern in ("clips/*/.*.part", "tracks/*/.*.part", "tellings/*/*.????????"):
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
            try:
                content = store.content(key)
                read_clip(content, key)
            except (OSError, ValueError) as error:
                raise OutputError(f"{store}: clip {key}: {error}; narrate the book again, then export") from error
            entry = tarfile.TarInfo(f"clips/{key[:2]}/{key}.wav")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
            count += 1
    return count


@dataclass(frozen=True, slots=True)
class Imported:
    """How many clips of a file are new in the store, were there before, and were left out because they cannot be checked."""

    new: int
    known: int
    unchecked: int


def import_clips(store: ClipStore, source: Path) -> Imported:
    """Take the clips of a tar file into the store, each verified: it is whole, and it is the clip of its name.

    Raises `OutputError` for a file that is no export, or holds a clip that is damaged or another's: those before it are kept.
    """
    counts: Counter[str] = Counter()
    try:
        with tarfile.open(source) as archive:
            counts.update(_take_in(store, archive, entry) for entry in archive)
    except (tarfile.TarError, EOFError) as error:
        raise OutputError(f"{source}: this is no export of a store ({error})") from error
    return Imported(counts["new"], counts["known"], counts["unchecked"])


def _take_in(store: ClipStore, archive: Any, entry: tarfile.TarInfo) -> str:
    """Take one clip in; return "new", "known" or "unchecked"."""
    named = _MEMBER.fullmatch(entry.name)
    if not named or not entry.isfile() or entry.size > _LARGEST_CLIP_BYTES:
        raise OutputError(f"{archive.name}: {entry.name} is no clip; give a file that `declaim store export` made")
    key = named[2]
    if store.get(key):
        return "known"
    content = archive.extractfile(entry).read()
    try:
        made_from = read_clip(content, key).made_from
    except ValueError as error:
        raise OutputError(f"{archive.name}: {entry.name}: {error}; export it again") from error
    try:
        sentences = find_sentences(made_from, key)
    except ValueError:
        return "unchecked"
    if sentences is None:
        raise OutputError(f"{archive.name}: {entry.name}: the clip is of another text or voice than its name says")
    store.take_in(key, content)
    return "new"
