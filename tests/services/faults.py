"""The ways in which an answer goes wrong on the wire."""

import asyncio
import random

from aiohttp import web

# Answered with that status, in the protocol's own words; what a gateway says of a 502 or 504 is a page.
STATUSES = frozenset({"401", "403", "404", "413", "422", "429", "500", "502", "503", "504"})
# Nothing is answered at all.
MUTE = frozenset({"dropped", "stalled"})
# Answered in place of what was asked for.
FALSE = frozenset({"html", "json_error", "empty", "garbage"})
# A good answer is begun and not finished.
BROKEN = frozenset({"cut", "cut_stream", "stalled_body"})
# A whole answer whose sound is not that of the text.
MISSPOKEN = frozenset({"short", "long", "silent"})
# A stream of events that is not as it should be: an error in the middle of a 200, an end without its mark, silence, sound that is
# no WAV, words that are never spoken, or events in every dress that the standard allows.
STREAMED = frozenset({"error_in_200", "unmarked_end", "stalled_stream", "other_audio", "unspoken", "dressed"})
# Those that come to no end.
ENDED = frozenset({"unmarked_end", "cut", "cut_stream", "stalled_stream", "stalled_body"})
KINDS = STATUSES | MUTE | FALSE | BROKEN | MISSPOKEN | STREAMED

_POLL_SECONDS = 0.02
_MESSAGES = {
    "401": "The key is not valid.",
    "403": "You have run out of credits.",
    "404": "The model is not available.",
    "413": "The text is too long.",
    "422": "The request cannot be processed.",
    "429": "Too many requests.",
    "500": "The model is under maintenance.",
    "503": "The service is not available.",
}


def message(kind: str) -> str:
    return _MESSAGES.get(kind, "The request failed.")


def page(title: str) -> str:
    """Draw a page such as gateways and maintenance answer with."""
    return f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"


def noise() -> bytes:
    """Make bytes that are no sound in any encoding."""
    return random.Random(0).randbytes(20_000)  # noqa: S311  # no secret


def false_answer(kind: str, mime: str, headers: dict[str, str]) -> web.Response:
    """Answer 200 with something that is no speech."""
    if kind == "html":
        return web.Response(text=page("We will be back soon"), content_type="text/html", headers=headers)
    if kind == "json_error":
        return web.json_response({"error": "The speech could not be made."}, headers=headers)
    if kind == "empty":
        return web.Response(body=b"", headers=headers | {"Content-Type": mime})
    return web.Response(body=noise(), headers=headers | {"Content-Type": "audio/wav"})


async def mute(kind: str, request: web.Request) -> web.StreamResponse:
    """Close the connection without a byte, or leave it open without one until the client goes away."""
    if kind == "stalled":
        await _gone(request)
    elif request.transport is not None:
        request.transport.abort()
    return web.Response()  # nobody is there to read it


async def broken(
    kind: str, request: web.Request, status: int, headers: dict[str, str], body: bytes
) -> web.StreamResponse:
    """Send half of the body, then cut the connection or fall silent."""
    response = web.StreamResponse(status=status, headers=headers)
    if kind == "cut_stream":
        response.enable_chunked_encoding()
    else:
        response.content_length = len(body)
    try:
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    except ConnectionError:  # the client went away before
        return response
    if kind == "stalled_body":
        await _gone(request)
    elif request.transport is not None:
        request.transport.close()  # what was written still goes out
    return response


async def end_of_stream(kind: str, request: web.Request, response: web.StreamResponse) -> None:
    """End a stream of events that was cut short: quietly, with silence, or with the connection."""
    if kind in {"stalled_stream", "stalled_body"}:
        await _gone(request)
    elif kind in {"cut", "cut_stream"}:
        if request.transport is not None:
            request.transport.close()
    else:
        await response.write_eof()


async def _gone(request: web.Request) -> None:
    while request.transport is not None:  # noqa: ASYNC110  # aiohttp tells of a lost connection by this alone
        await asyncio.sleep(_POLL_SECONDS)
