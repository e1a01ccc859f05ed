"""What the events of a chat completion's stream say: words, sound, a failure on the way, the end.

Auralis answers 200 before it has asked the model, so what fails on the way comes as an event; and it passes the model's own
"stop" on and then says its own. Only `[DONE]` is an end.
"""

import base64
import binascii
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any

from tasks.errors import BadAudio, BrokenOff, ProviderError, Rejected
from tasks.tellers import Sound, Words
from tasks.voices.answers import Answer, Service, refusal

_DONE = "[DONE]"
_STATUS = re.compile(r"\s*(?:Error code:\s*)?([45]\d\d)\b")
# Why a model stopped before its end, and what to do.
_CUT_SHORT = {
    "length": "its answer is as long as it may be: raise max_tokens in [retell.options], or set [retell] part_characters lower",
    "content_filter": "its filter does not let it tell this: change the instruction",
}


async def told(events: AsyncIterator[str], service: Service) -> AsyncGenerator[Words | Sound, None]:
    """Read the data of a stream's events as words and sound, in order, to its `[DONE]`.

    Raises `BrokenOff` where the stream ends without one, and what a failure on the way means.
    """
    async for data in events:
        if data.strip() == _DONE:
            return
        if data.strip():
            for said in _read(_document(data, service), service):
                yield said
    raise BrokenOff(f"{service.name}'s stream ended before its {_DONE}")


def _document(data: str, service: Service) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BrokenOff(f"{service.name} sent an event that is no JSON object: {service.quote(data[:1000])}")
    return document


def _read(document: dict[str, Any], service: Service) -> Iterator[Words | Sound]:
    if document.get("error"):
        raise _failure(document["error"], service)
    if document.get("object") == "audio.chunk":
        yield Sound(_sound(document.get("data"), service))
        return
    choices = document.get("choices")
    # The last event of some models tells what was used, and has no choice.
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    delta = choice.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else None
    if isinstance(text, str) and text:
        yield Words(text)
    if choice.get("finish_reason") in _CUT_SHORT:
        raise Rejected(f"the model of {service.name} stopped: {_CUT_SHORT[choice['finish_reason']]}")


def _sound(data: Any, service: Service) -> bytes:
    try:
        sound = base64.b64decode(data, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise BadAudio(f"{service.name} sent a sound that is no base64") from error
    if not sound.startswith(b"RIFF"):
        raise BadAudio(f"{service.name} sent other audio than WAV: it begins with {sound[:4]!r}")
    return sound


def _failure(error: Any, service: Service) -> ProviderError:
    """Say what a failure on the way means: by its status, where it has one."""
    words = str(error.get("message") or error) if isinstance(error, dict) else str(error)
    code = error.get("code") if isinstance(error, dict) else None
    status = int(found[1]) if (found := _STATUS.match(str(code)) or _STATUS.match(words)) else 0
    if status >= HTTPStatus.BAD_REQUEST:
        return refusal(Answer(status, {}, json.dumps({"error": words}).encode()), service)
    return BrokenOff(f"{service.name} broke off: {service.quote(words)}")
