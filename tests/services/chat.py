"""`POST /v1/chat/completions`: Auralis's, which speaks what a language model writes, and a language model's own, which only writes.

Auralis 0.2.8 passes the model's events on as they come. Whenever the words since its last sound are as many as it was told
to wait for, which may be in the middle of a word, it speaks them, and sends the sound as a whole WAV; at the end what is left.
"""

import base64
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.services import auralis, faults
from tests.services.orders import Behaviour, Refused
from tests.services.sounds import Samples, encode, named, speech, tone

RATE = 24_000
_EVERY = 100
_WORD_SECONDS, _GAP_SECONDS, _SENTENCE_SECONDS, _PARAGRAPH_SECONDS = 0.2, 0.03, 0.25, 0.6
# A model writes a word in one piece or in several, the space before it with it.
_TOKEN = re.compile(r"\s*\S{1,6}")
_OPENING = 8


@dataclass(frozen=True)
class Telling:
    """What a request is answered: the words, how many of them a sound holds (0: none is sent), and in whose voice."""

    text: str
    every: int
    number: int
    voice: str


def order(body: dict[str, Any], bearer: str, key: str, behaviour: Behaviour, number: int) -> Telling:
    """Read a request, the `number`th that was let in; raises `Refused`."""
    is_spoken = "speaker_files" in body
    check = _check_auralis if is_spoken else _check_model
    check(body, bearer, key)
    if body["model"] in behaviour.withdrawn:
        raise Refused(404, f"The model `{body['model']}` does not exist or you do not have access to it.")
    asked = "\n\n".join(message["content"] for message in body["messages"])
    if behaviour.limit_characters and len(asked) > behaviour.limit_characters:
        raise Refused(400, "This model's maximum context length is exceeded.", "context_length_exceeded")
    speaks = is_spoken and "audio" in body.get("modalities", ["text", "audio"])
    text = retold(body["messages"][-1]["content"], number, behaviour.told_words)
    return Telling(text, body.get("vocalize_at_every_n_words", _EVERY) if speaks else 0, number, behaviour.voice)


def retold(source: str, number: int, words: int = 0) -> str:
    """Tell a text in other words, which say in which telling they stand; in so many of them, or in a sentence a paragraph."""
    paragraphs = [" ".join(part.split()[:_OPENING]).rstrip(".,:;!?") for part in source.split("\n\n") if part.strip()]
    told = [f"So goes telling {number}: {opening}. Thus it is told." for opening in paragraphs]
    if not words:
        return "\n\n".join(told)
    repeated: list[str] = []
    count = 0
    while count < words:
        repeated.append(f"Passage {len(repeated)}. {told[len(repeated) % len(told)]}")
        count += len(repeated[-1].split())
    return "\n\n".join(repeated)


def _check_model(body: dict[str, Any], bearer: str, key: str) -> None:
    if bearer != key:
        raise Refused(401, f"Incorrect API key provided: {bearer}." if bearer else "You didn't provide an API key.")
    for name, kind in (("model", str), ("messages", list)):
        if not isinstance(body.get(name), kind) or not body[name]:
            raise Refused(400, f"Missing required parameter: '{name}'.", "missing_required_parameter")


def _check_auralis(body: dict[str, Any], bearer: str, _key: str) -> None:
    if not bearer:
        raise Refused(400, "Authorization header with Bearer token is required")
    wrong = [
        auralis.detail("missing", name, "Field required", sorted(body))
        for name in ("model", "messages")
        if name not in body
    ]
    if body.get("stream") is not True:
        wrong.append(
            auralis.detail("value_error", "stream", "Value error, Only streaming is supported", body.get("stream"))
        )
    if not set(body.get("modalities", [])) <= {"text", "audio"}:
        wrong.append(
            auralis.detail("literal_error", "modalities", "Input should be 'text' or 'audio'", body["modalities"])
        )
    if wrong:
        raise Refused(422, "", detail=wrong)


def text_of(body: dict[str, Any]) -> str:
    """Take what is to be retold out of a request: its last message."""
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return str(last.get("content", "")) if isinstance(last, dict) else ""


def events(telling: Telling, kind: str) -> Iterator[tuple[bytes, int]]:
    """Word a stream, event by event, each with how many words it tells, with a fault of faults.STREAMED in the middle of it."""
    for document, words in _documents(telling, kind):
        for event in _event(document, kind):
            yield event, words
    if kind not in faults.ENDED and kind != "error_in_200":
        yield b"data: [DONE]\n\n", 0


def _documents(telling: Telling, kind: str) -> Iterator[tuple[dict[str, Any], int]]:
    name = uuid.uuid4().hex
    tokens = _TOKEN.findall(telling.text)
    yield _chunk(name, {"role": "assistant", "content": ""}), 0
    unspoken = ""
    for place, token in enumerate(tokens):
        if place == len(tokens) // 2:
            if kind == "error_in_200":
                yield {"error": "429: rate limit of the model"}, 0
                return
            if kind in faults.ENDED:
                return
        yield _chunk(name, {"content": token}), int(token[0].isspace())
        unspoken += token
        if telling.every and len(unspoken.split()) >= telling.every:
            yield _sound(name, unspoken, telling.voice, kind), 0
            unspoken = ""
    yield _chunk(name, {}, "stop"), 0
    if unspoken.strip() and telling.every:
        if kind != "unspoken":
            yield _sound(name, unspoken, telling.voice, kind), 0
        yield _chunk(name, {}, "stop"), 0


def _chunk(name: str, delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": name, "object": "chat.completion.chunk", "choices": [choice]}


def _sound(name: str, text: str, voice: str, kind: str) -> dict[str, str]:
    sound = speech(text, RATE) if voice == "speech" else words(text)
    data = faults.noise() if kind == "other_audio" else encode(sound, named("wav", RATE))
    return {"id": name, "object": "audio.chunk", "data": base64.b64encode(data).decode()}


def _event(document: dict[str, Any], kind: str) -> Iterator[bytes]:
    """Word an event; those that are dressed are worded in every way that the standard allows."""
    if kind != "dressed":
        yield f"data: {json.dumps(document)}\n\n".encode()
        return
    yield b": still here\n\n"
    yield b"event: message\r\n" + b"".join(b"data: " + line.encode() + b"\r\n" for line in _lines(document)) + b"\r\n"
    if "choices" in document:
        yield b'data: {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}}]}\n\n'


def _lines(document: dict[str, Any]) -> list[str]:
    return json.dumps(document, indent=1, ensure_ascii=False).splitlines()


def words(text: str) -> Samples:
    """Sound each word's own tone, with the pauses of speech between words, sentences and paragraphs."""
    sound: list[Samples] = []
    for paragraph in text.split("\n\n"):
        for word in paragraph.split():
            pause = _SENTENCE_SECONDS if word[-1] in ".?!" else _GAP_SECONDS
            sound += [tone(word, _WORD_SECONDS, RATE), np.zeros(round(pause * RATE), np.int16)]
        sound.append(np.zeros(round(_PARAGRAPH_SECONDS * RATE), np.int16))
    return np.concatenate(sound)
