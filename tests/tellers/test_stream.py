"""What the events of a stream mean, in every dress that the standard allows, and whatever ends it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from tasks.errors import BadAudio, BrokenOff, ProviderError, RateLimited, Rejected, Unauthorized, Unavailable
from tasks.tellers import Sound, Words
from tasks.tellers.stream import told
from tasks.voices import LimitSettings
from tasks.voices.answers import Service
from tasks.voices.lanes import open_client
from tasks.voices.wire import Wire
from tests.services.service import Service as LocalService

SERVICE = Service("Auralis", "sk-secret", "the environment variable K")
WAV = base64.b64encode(b"RIFF....WAVE").decode()


def chunk(content: object, reason: str | None = None) -> str:
    return json.dumps({"choices": [{"delta": {"content": content}, "finish_reason": reason}]})


def read(*events: str) -> list[Words | Sound]:
    async def given() -> AsyncIterator[str]:
        for event in events:
            yield event

    async def all_of_it() -> list[Words | Sound]:
        return [said async for said in told(given(), SERVICE)]

    return asyncio.run(all_of_it())


def test_words_and_sounds_in_their_order() -> None:
    sound = json.dumps({"object": "audio.chunk", "data": WAV})
    said = read(
        chunk(""), chunk("Once"), sound, chunk(" more.", "stop"), chunk(None, "stop"), "", "[DONE]", chunk("no")
    )
    assert said == [Words("Once"), Sound(b"RIFF....WAVE"), Words(" more.")]


@pytest.mark.parametrize(
    "event",
    [
        '{"choices": []}',
        '{"choices": [{"delta": {}}]}',
        '{"choices": [{"delta": {"content": ["x"]}}]}',
        '{"choices": [null]}',
        '{"usage": {"total_tokens": 3}}',
        "{}",
    ],
)
def test_what_says_nothing(event: str) -> None:
    assert read(event, "[DONE]") == []


@pytest.mark.parametrize(
    ("event", "error", "words"),
    [
        ('{"error": "429: rate limit"}', RateLimited, "429"),
        ('{"error": "Error code: 401 - bad key sk-secret"}', Unauthorized, "the environment variable K"),
        ('{"error": {"message": "no such model", "code": 404}}', Rejected, "no such model"),
        ('{"error": {"message": "overloaded", "code": "503"}}', Unavailable, "overloaded"),
        ('{"error": "the engine has gone"}', BrokenOff, "the engine has gone"),
        ("no JSON", BrokenOff, "no JSON object"),
        ("[1]", BrokenOff, "no JSON object"),
        ('{"object": "audio.chunk"}', BadAudio, "no base64"),
        ('{"object": "audio.chunk", "data": "SUQz"}', BadAudio, "other audio than WAV"),
        (chunk("x", "length"), Rejected, "max_tokens"),
        (chunk("x", "content_filter"), Rejected, "filter"),
    ],
)
def test_what_ends_it(event: str, error: type[ProviderError], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        read(chunk("Once"), event, "[DONE]")
    assert "sk-secret" not in str(raised.value)


def test_without_its_mark_it_has_not_ended() -> None:
    with pytest.raises(BrokenOff, match="before its \\[DONE\\]"):
        read(chunk("Once"), chunk(None, "stop"))


@pytest.fixture
def service() -> Iterator[LocalService]:
    with LocalService() as service:
        yield service


def listened(service: LocalService, seconds: float = 5.0) -> list[str]:
    asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "It rained.\n\nIt snowed."}]}
    limits = LimitSettings(first_byte_timeout_seconds=seconds)

    async def listen() -> list[str]:
        async with open_client(1) as client:
            wire = Wire(Service("The model", service.key, "K"), limits, client)
            return [data async for data in wire.listen(f"{service.url}/v1/chat/completions", asked)]

    return asyncio.run(listen())


def test_events_are_heard_as_the_standard_says(service: LocalService) -> None:
    service.behave(chat_script=["", "dressed"])
    plain, dressed = (listened(service) for _ in range(2))
    assert plain[-1] == dressed[-1] == "[DONE]"
    texts = [
        "".join(json.loads(data)["choices"][0]["delta"].get("content", "") for data in events[:-1])
        for events in (plain, dressed)
    ]
    assert texts[0] == texts[1].replace("telling 2", "telling 1")


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("cut_stream", BrokenOff, "cut off"),
        ("stalled_stream", BrokenOff, "no event for 0.5 s"),
        ("html", BrokenOff, "no stream but text/html"),
        ("json_error", BrokenOff, "no stream but application/json"),
        ("garbage", BrokenOff, "no stream but audio/wav"),
        ("dropped", Unavailable, "without an answer"),
        ("401", Unauthorized, "put a valid key in K"),
        ("429", RateLimited, "429"),
    ],
)
def test_a_stream_that_fails(service: LocalService, fault: str, error: type[ProviderError], words: str) -> None:
    service.behave(chat_script=[fault])
    with pytest.raises(error, match=words):
        listened(service, 0.5)
