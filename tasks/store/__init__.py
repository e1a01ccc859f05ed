"""The clip store: what has been spoken once is never bought again, by any run, book or machine.

A clip is named by the hash of all that decides its sound, and lies in a folder named by the hash's first two letters:
`clips/3f/3fa9….wav` (`clip_file` tells what is in it). It appears under its name whole or not at all: it is written beside,
flushed, and renamed. `leases/` says which clips are being bought, and by which run (`leases`). Such a store is a folder of
this machine, or lies elsewhere and has a folder here as its mirror (`remote`).
"""

import hashlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from platformdirs import user_cache_path
from pydantic import BaseModel, ConfigDict

from tasks.model import Audio, Clip, Identity, Receipt
from tasks.store.clip_file import clip_bytes, read_clip, read_made_from
from tasks.urls import ShownUrl

if TYPE_CHECKING:
    from tasks.store.leases import Leases

_DAY_SECONDS = 86_400
_PROBE_BYTES = 4_096


class StoreSettings(BaseModel):
    """`[store]` of a profile. An empty `url` is the user's cache directory; else a path, or any URL that fsspec knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: ShownUrl = ""


def clip_key(identity: Identity, sentences: tuple[str, ...]) -> str:
    """Name the clip of these sentences in this voice: 64 hexadecimal digits.

    Two keys are equal if and only if all that decides the sound is: the voice's identity and the text as it is sent,
    and for a voice that speaks sentence by sentence where they are cut.
    """
    text: list[str] | str = list(sentences) if identity.by_sentence else " ".join(sentences)
    return hashlib.sha256(f"{_identity_json(identity)}\n{json.dumps(text)}".encode()).hexdigest()


@lru_cache
def _identity_json(identity: Identity) -> str:
    return json.dumps(asdict(identity), sort_keys=True)


def open_store(settings: StoreSettings) -> "ClipStore":
    """Open the store of a profile; raises `ProfileError` for one whose kind is not known, or that cannot be reached."""
    if not settings.url:
        return ClipStore(user_cache_path("declaim"))
    scheme, separator, rest = settings.url.partition("://")
    if separator and scheme != "file":
        from tasks.store.remote import open_remote  # noqa: PLC0415  # fsspec, which a folder does not need

        return open_remote(settings.url, user_cache_path("declaim") / "mirrors")
    return ClipStore(Path(rest if separator else settings.url).expanduser().absolute())


@dataclass(frozen=True, slots=True)
class Shelved:
    """A clip's file in a store: its key, its bytes, and when it was used last (seconds since 1970, to a day)."""

    key: str
    bytes: int
    used: float


class ClipStore:
    """The clips below a folder. Several processes may use one at the same time."""

    # Whether all who share the store find the tracks that one of them has made.
    shares_tracks = True

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def check_writable(self) -> Path:
        """Write a file and remove it again, without patience; returns the folder of this machine that it was in.

        Raises `OSError` or `OutputError`.
        """
        return probe_folder(self.root)

    def job(self) -> "Leases":
        """Begin a job that may buy clips; raises `OSError` or `OutputError` where the store cannot be written."""
        from tasks.store.leases import FolderRegistry, Leases  # noqa: PLC0415  # file locks, which `plan` does not need

        return Leases(FolderRegistry(self.root))

    def path(self, key: str) -> Path:
        """Where on this machine the clip of this key is, or would be."""
        return self.root / f"clips/{key[:2]}/{key}.wav"

    def holds(self, key: str) -> bool:
        """Tell whether there is a clip of this key, without reading it."""
        return self.path(key).is_file()

    def held(self, keys: Iterable[str]) -> frozenset[str]:
        """Tell which of these clips there are, without reading them."""
        return frozenset(key for key in keys if self.holds(key))

    def bring(self, keys: Iterable[str]) -> frozenset[str]:
        """Tell which of these clips there are, and bring them to this machine, many at once: they are about to be got."""
        return self.held(keys)

    def get(self, key: str) -> Clip | None:
        """Find a clip and verify it; None where there is none, or where it is torn or altered."""
        path = self.path(key)
        note_use(path)
        try:
            audio = read_clip(path.read_bytes(), key).audio
        except (OSError, ValueError):
            return None
        return Clip(key, path, audio.seconds, audio.sample_rate)

    def put(
        self,
        key: str,
        audio: Audio,
        identity: Identity,
        sentences: tuple[str, ...],
        receipt: Receipt = Receipt(),  # noqa: B008  # frozen
    ) -> Clip:
        """Keep a clip. It is in the store whole when this returns, and not at all if this raises `OSError`."""
        path = self.path(key)
        with atomic_file(path) as file:
            file.writelines(clip_bytes(key, audio, identity, sentences, receipt))
        return Clip(key, path, audio.seconds, audio.sample_rate)

    def audio(self, clip: Clip) -> Audio:
        """Read a clip's samples; raises `OSError` or `ValueError` where it has gone or is damaged."""
        return read_clip(clip.path.read_bytes(), clip.key).audio

    def shelved(self) -> Iterator[Shelved]:
        """Find all clips, in the order of their keys."""
        for folder in sorted(self.root.glob("clips/*")):
            for path in sorted(path for path in folder.glob("*.wav") if not path.name.startswith(".")):
                facts = path.stat()
                yield Shelved(path.stem, facts.st_size, facts.st_mtime)

    def content(self, key: str) -> bytes:
        """Read a clip's file as it is; raises `OSError` where there is none."""
        return self.path(key).read_bytes()

    def made_from(self, key: str) -> dict[str, Any]:
        """Read what made a clip, without verifying it; raises `OSError`, or `ValueError` where it does not say."""
        with self.path(key).open("rb") as file:
            return read_made_from(file)

    def take_in(self, key: str, content: bytes) -> None:
        """Keep a clip's file as it is, in place of one that is there; raises `OSError`."""
        with atomic_file(self.path(key)) as file:
            file.write(content)

    def discard(self, key: str) -> None:
        """Remove a clip, where there is one; raises `OSError`."""
        self.path(key).unlink(missing_ok=True)

    def record(self, name: str) -> bytes | None:
        """Read what was kept under a name beside the clips; None where there is nothing. Raises `OSError`."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def keep_record(self, name: str, content: bytes) -> None:
        """Keep what belongs to no clip under a name, whole or not at all; raises `OSError`."""
        with atomic_file(self.root / name) as file:
            file.write(content)

    def forget_uses(self, before: float) -> None:
        """Forget what was used before then (seconds since 1970); where a clip's own file tells that, there is nothing to do."""


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when the block has ended well; its folders are made.

    When this ends, the file and its name are on the disk: a power cut takes neither.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by tempfile, whose files are for one user alone: a store may be shared by several.
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _flush_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def probe_folder(folder: Path) -> Path:
    """Write a file into a folder, and remove it again; where there is none yet, into the nearest above it that there is.

    Returns the folder that it was in; raises `OSError`.
    """
    place = folder.absolute()
    there = next(path for path in (place, *place.parents) if os.path.lexists(path))
    with tempfile.NamedTemporaryFile(dir=there, prefix=".declaim-") as file:
        file.write(bytes(_PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return there


def note_use(path: Path) -> None:
    """Let a file's time of change say, to a day, when it was used last: `prune` goes by it."""
    # Who may only read a store may use it all the same.
    with suppress(OSError):
        now = time.time()
        if now - path.stat().st_mtime > _DAY_SECONDS:
            os.utime(path, (now, now))


def _flush_folder(folder: Path) -> None:
    # Windows has no folders to flush: there, NTFS keeps names in its journal.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
