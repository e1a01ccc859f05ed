"""A clip as a file: a WAV that any player plays, and that says what made it.

Before its samples (mono, signed 16 bit) stands a chunk `decl` of JSON: `key` (the clip's name), `provider`, `model`, `voice`, `options`,
`adapter_version`, `by_sentence`, `text`, `sentence_ends` (counts of samples), `request_id` and `usd` of the request that
bought it (null: not known), and `sentences` if the voice was given several, one by one. After them stands a chunk `sha2` with the
SHA-256 of all before it.
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from tasks.model import Audio, Identity, Receipt

_FORMAT = struct.Struct("<HHIIHH")
_PCM = 1
_BYTES_A_SAMPLE = 2
_RIFF_HEAD_BYTES = 12
_CHUNK_HEAD_BYTES = 8
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Kept:
    """A clip as it was read: its sound, and what made it."""

    audio: Audio
    made_from: dict[str, Any]


def clip_bytes(  # all that a clip tells
    key: str, audio: Audio, identity: Identity, sentences: tuple[str, ...], receipt: Receipt
) -> tuple[bytes, bytes]:
    """Return the content of a clip's file, in two parts, the second of them the hash."""
    made_from = {
        "key": key,
        **asdict(identity),
        "text": " ".join(sentences),
        **({"sentences": list(sentences)} if identity.by_sentence and len(sentences) > 1 else {}),
        "sentence_ends": list(audio.sentence_ends),
        **asdict(receipt),
    }
    content = _riff(audio, json.dumps(made_from, ensure_ascii=False).encode())
    return content, hashlib.sha256(content).digest()


def read_clip(content: bytes, key: str) -> Kept:
    """Read a clip; raises `ValueError` for one that is torn, altered or malformed, or is not the clip of this key."""
    if hashlib.sha256(content[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
        raise ValueError("the clip is torn or altered")
    try:
        chunks = dict(_chunks(content))
        made_from = _parse(chunks[b"decl"])
        sample_rate = _FORMAT.unpack(chunks[b"fmt "])[2]
        audio = Audio(chunks[b"data"], sample_rate, tuple(made_from["sentence_ends"]))
        _check(audio)
    except (LookupError, TypeError, struct.error) as error:
        # Anyone can make a file with a hash that is right.
        raise ValueError("the clip is malformed") from error
    # A clip of the first days does not say its key.
    if made_from.get("key", key) != key:
        raise ValueError("the clip is another's")
    return Kept(audio, made_from)


def _parse(made_from: bytes) -> dict[str, Any]:
    try:
        document = json.loads(made_from)
    except RecursionError as error:
        raise ValueError("the clip is malformed") from error
    if not isinstance(document, dict):
        raise TypeError("what made the clip is no JSON object")
    return document


def _check(audio: Audio) -> None:
    """Raise `ValueError` unless the samples are whole, and the ends of sentences are in order and within them."""
    ends = audio.sentence_ends
    are_whole = audio.sample_rate > 0 and len(audio.pcm) % _BYTES_A_SAMPLE == 0
    samples = len(audio.pcm) // _BYTES_A_SAMPLE
    are_in_order = all(isinstance(end, int) for end in ends) and list(ends) == sorted(ends)
    if not (are_whole and are_in_order and all(0 <= end <= samples for end in ends)):
        raise ValueError("the clip is malformed")


def read_made_from(file: BinaryIO) -> dict[str, Any]:
    """Read what made a clip, without its samples and without verifying it; raises `ValueError` where it does not say."""
    file.seek(_RIFF_HEAD_BYTES)
    while len(head := file.read(_CHUNK_HEAD_BYTES)) == _CHUNK_HEAD_BYTES:
        name, length = struct.unpack("<4sI", head)
        if name == b"decl":
            try:
                return _parse(file.read(length))
            except TypeError:
                break
        file.seek(length, os.SEEK_CUR)
    raise ValueError("this is no clip")


def _riff(audio: Audio, made_from: bytes) -> bytes:
    # RIFF puts each chunk at an even place: a space is still JSON.
    made_from += b" " * (len(made_from) % 2)
    form = _FORMAT.pack(
        _PCM, 1, audio.sample_rate, audio.sample_rate * _BYTES_A_SAMPLE, _BYTES_A_SAMPLE, 8 * _BYTES_A_SAMPLE
    )
    chunks = _chunk(b"fmt ", form) + _chunk(b"decl", made_from) + _chunk(b"data", audio.pcm)
    length = len(b"WAVE") + len(chunks) + _CHUNK_HEAD_BYTES + _DIGEST_BYTES
    return b"RIFF" + struct.pack("<I", length) + b"WAVE" + chunks + b"sha2" + struct.pack("<I", _DIGEST_BYTES)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = _RIFF_HEAD_BYTES
    while place < len(content):
        name, length = struct.unpack_from("<4sI", content, place)
        place += _CHUNK_HEAD_BYTES
        yield name, content[place : place + length]
        place += length
