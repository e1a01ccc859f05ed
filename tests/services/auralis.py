"""`POST /v1/audio/speech` as Auralis 0.2.8 speaks it: no key, voices as recordings, and the faults of its own."""

import asyncio
import base64
import binascii
import hashlib
from typing import Any

from tests.services.orders import Behaviour, Order, Refused, names
from tests.services.sounds import decode, named

_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
_LANGUAGES = names("en es fr de it pt pl tr ru nl cs ar zh-cn hu ko ja hi auto")
_RATE = 24000
_SHORTEST, _LONGEST = 6.0, 60.0
# A book sends the same recordings with every request.
_seconds: dict[bytes, float] = {}
_TYPES: dict[str, tuple[type, ...]] = {
    "input": (str,),
    "model": (str,),
    "language": (str,),
    "speed": (int, float),
    "enhance_speech": (bool,),
    "max_ref_length": (int,),
    "gpt_cond_len": (int,),
    "gpt_cond_chunk_len": (int,),
    "temperature": (int, float),
    "top_p": (int, float),
    "top_k": (int,),
    "repetition_penalty": (int, float),
    "length_penalty": (int, float),
    "do_sample": (bool,),
}


async def order(body: dict[str, Any], bearer: str, key: str, behaviour: Behaviour) -> Order:  # noqa: ARG001
    """Read a request as Auralis does. A field that it does not know it ignores."""
    detail = _wrong(body) + await _wrong_voices(body.get("voice"))
    if detail:
        raise Refused(422, "", detail=detail)
    if "speed" not in body:
        _fail("'<=' not supported between instances of 'tuple' and 'int'")
    if body.get("language", "auto") not in _LANGUAGES:
        _fail(f"Language '{body['language']}' is not supported.")
    if not body["input"].strip():
        _fail("list index out of range")
    if body["speed"] <= 0:
        _fail("Speed factor must be positive")
    codec = body.get("response_format", "mp3")
    encoding = named(codec, _RATE)
    encoding = type(encoding)(encoding.codec, _RATE, f"audio/{codec}", encoding.suffix, encoding.wav)
    return Order(body["input"], encoding, speed=float(body["speed"]), keeps_length=True)


def _fail(message: str) -> None:
    raise Refused(500, f"Error generating audio: {message}")


def _wrong(body: dict[str, Any]) -> list[dict[str, Any]]:
    wrong = [
        detail("missing", name, "Field required", body) for name in ("input", "model", "voice") if name not in body
    ]
    for name, types in _TYPES.items():
        if name in body and not (isinstance(body[name], types) and (bool in types or not isinstance(body[name], bool))):
            wrong.append(detail("type_error", name, f"Input should be a valid {types[-1].__name__}", body[name]))
    if body.get("response_format", "mp3") not in _FORMATS:
        message = f"Input should be one of {', '.join(_FORMATS)}"
        wrong.append(detail("literal_error", "response_format", message, body["response_format"]))
    return wrong


async def _wrong_voices(voices: Any) -> list[dict[str, Any]]:
    if voices is None:
        return []
    if not isinstance(voices, list):
        return [detail("list_type", "voice", "Input should be a valid list", voices)]
    if not voices:
        return [detail("value_error", "voice", "Value error, At least one voice file is required", voices)]
    faults = [await asyncio.to_thread(_fault_of, voice) for voice in voices]
    return [detail("value_error", "voice", f"Value error, {fault}", voices) for fault in faults if fault]


def _fault_of(voice: Any) -> str:
    if not isinstance(voice, str):
        return "Input should be a valid string"
    name = hashlib.sha256(voice.encode()).digest()
    if name not in _seconds:
        try:
            _seconds[name] = len(decode(base64.b64decode(voice, validate=True), _RATE)) / _RATE
        except binascii.Error:
            return "Invalid base64 encoding in voice file"
        except ValueError:
            return "The voice file holds no sound"
    if not _SHORTEST <= _seconds[name] <= _LONGEST:
        return f"The voice file is {_seconds[name]:.1f} s long; it should be of 6 to 60 s"
    return ""


def detail(kind: str, name: str, message: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "loc": ["body", name], "msg": message, "input": value}


def refusal(refused: Refused, path: str, request_id: str) -> dict[str, Any]:  # noqa: ARG001  # one shape for all protocols
    """Say a refusal as FastAPI does, or as Auralis does where its engine failed."""
    if refused.status == 500:
        return {"error": refused.message}
    return {"detail": refused.detail or refused.message}
