"""Tellings that are whole, kept in the store: what was told once is not asked for again, by any run or machine.

Beside them, on this machine alone, lies what came of a telling that is under way, or that broke off.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from tasks.store import ClipStore, atomic_file
from tasks.tellers.pieces import Piece

_SCHEMA = 1
_FOLDER = "tellings"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a model: what it was for (`telling`, `summary` or `title`), and what came of it.

    `part` is that of the chapter, from 1; `asked` and `told` are in characters, `usd` is by the profile's prices (None: not
    known). `error` is empty for one that was answered whole.
    """

    chapter: int
    part: int
    kind: str
    asked: int
    told: int
    words: int
    sounds: int
    usd: float | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """What a model wrote of a part, or in summary of one, as it came, and the requests that it took."""

    text: str
    requests: tuple[Request, ...]


def telling_key(**asked: Any) -> str:
    """Name the telling of all that was asked: 64 hexadecimal digits, equal if and only if all of it is."""
    return hashlib.sha256(json.dumps([_SCHEMA, asked], sort_keys=True).encode()).hexdigest()


class Shelf:
    """The tellings of a store."""

    def __init__(self, store: ClipStore) -> None:
        self._store = store

    def get(self, key: str) -> Telling | None:
        """Find a telling; None where there is none, or where it cannot be read. Raises `OSError`."""
        content = self._store.record(_name(key))
        try:
            document: Mapping[str, Any] = json.loads(content or b"")
            requests = tuple(Request(**request) for request in document["requests"])
            return Telling(document["text"], requests) if document["key"] == key else None
        except (ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, telling: Telling) -> None:
        """Keep a telling, whole or not at all, and forget what came of it before; raises `OSError`."""
        document = {"key": key, **asdict(telling)}
        self._store.keep_record(
            _name(key), json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
        )
        for draft in (self._store.root / _FOLDER / key[:2]).glob(f"{key}.*/"):
            shutil.rmtree(draft, ignore_errors=True)

    def draft(self, key: str) -> "Draft":
        """Begin to keep what comes of a telling."""
        return Draft(self._store.root / _FOLDER / key[:2] / f"{key}.{uuid.uuid4().hex[:8]}")


class Draft:
    """What has come of one telling: its words, and its sounds in files. No two tellings share one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pieces: list[Piece] = []
        self._words = StringIO()
        self._unspoken = StringIO()

    @property
    def text(self) -> str:
        """All words that have come."""
        return self._words.getvalue()

    @property
    def unspoken(self) -> str:
        """The words that have come since the last sound."""
        return self._unspoken.getvalue()

    def write(self, words: str) -> None:
        """Take words that have come."""
        self._words.write(words)
        self._unspoken.write(words)

    def speak(self, sound: bytes) -> None:
        """Keep the sound of the words since the last one; raises `OSError`."""
        path = self.folder / f"{len(self.pieces) + 1:05}.wav"
        with atomic_file(path) as file:
            file.write(sound)
        self.pieces.append(Piece(path, self.unspoken))
        self._unspoken = StringIO()

    def begin_at(self, words: str) -> None:
        """Go on with these, the last of the words since the last sound: what is before them is being spoken."""
        self._unspoken = StringIO()
        self._unspoken.write(words)

    def keep(self) -> None:
        """Keep the words too, where the telling broke off; raises `OSError`."""
        if self.text:
            with atomic_file(self.folder / "told.md") as file:
                file.write(self.text.encode("utf-8", "backslashreplace"))


def _name(key: str) -> str:
    return f"{_FOLDER}/{key[:2]}/{key}.json"
