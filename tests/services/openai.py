"""`POST /v1/audio/speech` as OpenAI and the servers that copy it speak it."""

from typing import Any

from tests.services.orders import Behaviour, Order, Refused
from tests.services.sounds import named

_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
_FIELDS = frozenset({"model", "input", "voice", "response_format", "speed", "instructions", "stream_format"})
_LIMIT = 4096
_KINDS = {401: "invalid_request_error", 429: "requests", 500: "server_error", 503: "server_error"}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


async def order(body: dict[str, Any], bearer: str, key: str, behaviour: Behaviour) -> Order:
    """Read a request as OpenAI does. A server that copies it has other models and voices: their names are free."""
    if bearer != key:
        raise Refused(401, f"Incorrect API key provided: {bearer}." if bearer else "You didn't provide an API key.")
    if behaviour.out_of_credit:
        raise Refused(429, "You exceeded your current quota, please check your plan.", "insufficient_quota")
    for name in ("model", "input", "voice"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Refused(400, f"Missing required parameter: '{name}'.", "missing_required_parameter")
    unknown = sorted(set(body) - _FIELDS)
    if unknown:
        raise Refused(400, f"Unrecognized request argument supplied: {', '.join(unknown)}", "unknown_parameter")
    if body["model"] in behaviour.withdrawn:
        raise Refused(404, f"The model `{body['model']}` does not exist or you do not have access to it.")
    codec, speed = body.get("response_format", "mp3"), body.get("speed", 1.0)
    if codec not in _FORMATS:
        raise Refused(400, f"Invalid value: '{codec}'. Supported values are: {', '.join(_FORMATS)}.", "invalid_value")
    if not isinstance(speed, int | float) or not 0.25 <= speed <= 4:
        raise Refused(400, "Invalid 'speed': expected a number from 0.25 to 4.0.", "invalid_value")
    limit = behaviour.limit_characters or _LIMIT
    if len(body["input"]) > limit:
        message = f"Invalid 'input': string too long. Expected a string with maximum length {limit}."
        raise Refused(400, message, "string_above_max_length")
    return Order(body["input"], named(codec, 24000), streamed=True, speed=float(speed))


def models(bearer: str, key: str, behaviour: Behaviour) -> dict[str, Any]:
    """Answer `GET /v1/models`, which is free, as OpenAI's reference has it."""
    if bearer != key:
        raise Refused(401, f"Incorrect API key provided: {bearer}." if bearer else "You didn't provide an API key.")
    if not behaviour.lists:
        raise Refused(404, "Invalid URL (GET /v1/models)")
    rows = [
        {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "system"}
        for name in _MODELS
        if name not in behaviour.withdrawn
    ]
    return {"object": "list", "data": rows}


def refusal(refused: Refused, path: str, request_id: str) -> dict[str, Any]:  # noqa: ARG001  # one shape for all protocols
    """Say a refusal in the shape of OpenAI's errors."""
    code = refused.code or _CODES.get(refused.status)
    kind = code if code == "insufficient_quota" else _KINDS.get(refused.status, "invalid_request_error")
    return {"error": {"message": refused.message, "type": kind, "param": None, "code": code}}
