"""A store that lies elsewhere: in an object store or on another machine, at any URL that fsspec knows.

It has the form of a folder's store: `clips/3f/3fa9….wav`, `leases/`, `jobs/`, and `uses/`, where each run has named the
clips that it used. A folder of this machine is its mirror: whatever is bought is kept there first and then sent, so that a
store that goes away takes nothing with it, and whatever is used is brought there. Tracks stay in the mirror.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from typing_extensions import override

from tasks.model import Audio, Clip, Identity, Receipt
from tasks.store import ClipStore, Shelved
from tasks.store.clip_file import read_clip, read_made_from
from tasks.store.leases import Leases
from tasks.store.remote_files import RemoteFiles
from tasks.store.remote_leases import RemoteRegistry

_AT_ONCE = 16
# What made a clip stands in its first bytes; one whose text is longer is read whole.
_HEAD_BYTES = 16_384
_CLIP = re.compile(r"clips/([0-9a-f]{2})/(\1[0-9a-f]{62})\.wav")


def open_remote(url: str, mirrors: Path) -> "RemoteStore":
    """Open the store at a URL, with a mirror of its own below `mirrors`; raises `ProfileError` where it cannot be reached."""
    return RemoteStore(RemoteFiles(url), mirrors / hashlib.sha256(url.encode()).hexdigest()[:16])


class RemoteStore(ClipStore):
    """The clips at a URL, and their mirror. Several processes and machines may use one at the same time.

    What a `ClipStore` raises as `OSError` is an `OutputError` here where the store does not answer.
    """

    shares_tracks = False

    def __init__(self, files: RemoteFiles, mirror: Path) -> None:
        super().__init__(mirror)
        self._files = files
        self._unsent = mirror / "unsent"

    def __str__(self) -> str:
        return self._files.url

    @override
    def check_writable(self) -> Path:
        mirror = super().check_writable()
        # Of its own, as it is closed: what these cannot do at once, nobody waits for.
        files = RemoteFiles(self._files.url)
        files.close()
        name = f"probes/{uuid4().hex}"
        files.write(name, b"declaim")
        files.delete(name)
        return mirror

    @override
    def job(self) -> Leases:
        """Begin a job, and send what an earlier one could not."""
        leases = Leases(RemoteRegistry(self._files, self.root))
        for mark in list(self._unsent.glob("*")):
            self._send(mark.name)
        return leases

    @override
    def holds(self, key: str) -> bool:
        return self._is_near(key) or self._files.exists(_name(key))

    @override
    def held(self, keys: Iterable[str]) -> frozenset[str]:
        wanted = frozenset(keys)
        here = {key for key in wanted if self._is_near(key)}
        # One listing answers for all keys of its folder; to ask for a key that is missing takes two requests.
        folders = sorted({key[:2] for key in wanted - here})
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            listings = pool.map(lambda folder: self._files.names(f"clips/{folder}"), folders)
            there = {name.removesuffix(".wav") for listing in listings for name in listing}
        return wanted & (here | there)

    @override
    def bring(self, keys: Iterable[str]) -> frozenset[str]:
        there = self.held(keys)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._fetch, (key for key in there if not self._is_near(key))))
        return there

    @override
    def get(self, key: str) -> Clip | None:
        clip = super().get(key)
        return clip or (super().get(key) if self._fetch(key) else None)

    @override
    def put(
        self,
        key: str,
        audio: Audio,
        identity: Identity,
        sentences: tuple[str, ...],
        receipt: Receipt = Receipt(),  # noqa: B008  # frozen
    ) -> Clip:
        """Keep a clip in the mirror, and send it. Where that fails, it is kept, and the next job sends it."""
        clip = super().put(key, audio, identity, sentences, receipt)
        self._mark(key)
        self._send(key)
        return clip

    @override
    def shelved(self) -> Iterator[Shelved]:
        uses = self._uses()
        for name, facts in self._files.below("clips").items():
            if clip := _CLIP.fullmatch(name):
                yield Shelved(clip[2], facts.bytes, max(facts.written, uses.get(clip[2], 0.0)))

    @override
    def content(self, key: str) -> bytes:
        return self._files.read(_name(key))

    @override
    def made_from(self, key: str) -> dict[str, Any]:
        try:
            return read_made_from(io.BytesIO(self._files.read(_name(key), _HEAD_BYTES)))
        except ValueError:
            return read_made_from(io.BytesIO(self.content(key)))

    @override
    def take_in(self, key: str, content: bytes) -> None:
        super().take_in(key, content)
        self._mark(key)
        self._send(key)

    @override
    def discard(self, key: str) -> None:
        self._files.delete(_name(key))
        super().discard(key)

    @override
    def record(self, name: str) -> bytes | None:
        here = super().record(name)
        if here is not None:
            return here
        try:
            return self._files.read(name)
        except FileNotFoundError:
            return None

    @override
    def keep_record(self, name: str, content: bytes) -> None:
        super().keep_record(name, content)
        self._files.write(name, content)

    @override
    def forget_uses(self, before: float) -> None:
        for name, facts in self._files.below("uses").items():
            if facts.written < before:
                self._files.delete(name)

    def _is_near(self, key: str) -> bool:
        return self.path(key).is_file()

    def _fetch(self, key: str) -> bool:
        """Bring a clip into the mirror; False where there is none, or where it is torn or altered."""
        try:
            content = self.content(key)
            read_clip(content, key)
        except (FileNotFoundError, ValueError):
            return False
        super().take_in(key, content)
        return True

    def _mark(self, key: str) -> None:
        self._unsent.mkdir(exist_ok=True)
        (self._unsent / key).touch()

    def _send(self, key: str) -> None:
        # The mirror may have been emptied since.
        with suppress(FileNotFoundError):
            self._files.write(_name(key), self.path(key).read_bytes())
        (self._unsent / key).unlink(missing_ok=True)

    def _uses(self) -> Mapping[str, float]:
        """Find when a run used a clip last."""
        uses: dict[str, float] = {}
        for name, facts in self._files.below("uses").items():
            # Another machine's `prune` may forget it meanwhile.
            with suppress(FileNotFoundError):
                for key in self._files.read(name).decode("ascii", "replace").split():
                    uses[key] = max(uses.get(key, 0.0), facts.written)
        return uses


def _name(key: str) -> str:
    return f"clips/{key[:2]}/{key}.wav"
