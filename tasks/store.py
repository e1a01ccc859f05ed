"""The clip store: what has been spoken once is never bought again, by any run, book or machine.

A clip is a WAV file named by the hash of all that decides its sound, in a folder named by the hash's first two letters:
`clips/3f/3fa9….wav`. Any player plays it. Before its samples stands a chunk `decl` of JSON that says what made it (text,
voice, options, the samples at which its sentences end), after them a chunk `sha2` with the hash of all before it. A clip
appears under its name whole or not at all: it is written beside, flushed, and renamed.
"""

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_cache_path
from pydantic import BaseModel, ConfigDict

from tasks.errors import ProfileError
from tasks.model import Audio, Clip, Identity

_FORMAT = struct.Struct("<HHIIHH")
_PCM = 1
_BYTES_A_SAMPLE = 2
_RIFF_HEAD_BYTES = 12
_CHUNK_HEAD_BYTES = 8
_DIGEST_BYTES = hashlib.sha256().digest_size


class StoreSettings(BaseModel):
    """`[store]` of a profile. An empty `url` is the user's cache directory; else a path or a `file://` URL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = ""


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


def store_root(settings: StoreSettings) -> Path:
    """Where the store of a profile lies; raises `ProfileError` for a URL of a kind that is not supported."""
    if not settings.url:
        return user_cache_path("declaim")
    scheme, separator, rest = settings.url.partition("://")
    if separator and scheme != "file":
        raise ProfileError(f"[store] url: {scheme}:// is not supported; give a path or a file:// URL")
    return Path(rest if separator else settings.url).expanduser().absolute()


class ClipStore:
    """The clips below a folder. Several processes may use one at the same time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Where the clip of this key is, or would be."""
        return self.root / f"clips/{key[:2]}/{key}.wav"

    def holds(self, key: str) -> bool:
        """Tell whether there is a clip of this key, without reading it."""
        return self.path(key).is_file()

    def get(self, key: str) -> Clip | None:
        """Find a clip and verify it; None where there is none, or where it is torn or altered."""
        path = self.path(key)
        try:
            audio = _read(path)
        except (OSError, ValueError):
            return None
        return Clip(key, path, audio.seconds, audio.sample_rate)

    def put(self, key: str, audio: Audio, identity: Identity, sentences: tuple[str, ...]) -> Clip:
        """Keep a clip. It is in the store whole when this returns, and not at all if this raises `OSError`."""
        made_from = {**asdict(identity), "text": " ".join(sentences), "sentence_ends": list(audio.sentence_ends)}
        path = self.path(key)
        with atomic_file(path) as file:
            _write(file, audio, json.dumps(made_from, ensure_ascii=False).encode())
        return Clip(key, path, audio.seconds, audio.sample_rate)

    def audio(self, clip: Clip) -> Audio:
        """Read a clip's samples; raises `OSError` or `ValueError` where it has gone or is damaged."""
        return _read(clip.path)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when the block has ended well; its folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _write(file: BinaryIO, audio: Audio, made_from: bytes) -> None:
    # RIFF puts each chunk at an even place: a space is still JSON.
    made_from += b" " * (len(made_from) % 2)
    form = _FORMAT.pack(
        _PCM, 1, audio.sample_rate, audio.sample_rate * _BYTES_A_SAMPLE, _BYTES_A_SAMPLE, 8 * _BYTES_A_SAMPLE
    )
    chunks = _chunk(b"fmt ", form) + _chunk(b"decl", made_from) + _chunk(b"data", audio.pcm)
    length = len(b"WAVE") + len(chunks) + _CHUNK_HEAD_BYTES + _DIGEST_BYTES
    content = b"RIFF" + struct.pack("<I", length) + b"WAVE" + chunks + b"sha2" + struct.pack("<I", _DIGEST_BYTES)
    file.write(content)
    file.write(hashlib.sha256(content).digest())


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body


def _read(path: Path) -> Audio:
    """Read a clip; raises `ValueError` for one that is torn or altered, or is no clip of this store."""
    content = path.read_bytes()
    if hashlib.sha256(content[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
        raise ValueError(f"{path}: the clip is torn or altered")
    chunks = dict(_chunks(content))
    sample_rate = _FORMAT.unpack(chunks[b"fmt "])[2]
    return Audio(chunks[b"data"], sample_rate, tuple(json.loads(chunks[b"decl"])["sentence_ends"]))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = _RIFF_HEAD_BYTES
    while place < len(content):
        name, length = struct.unpack_from("<4sI", content, place)
        place += _CHUNK_HEAD_BYTES
        yield name, content[place : place + length]
        place += length
