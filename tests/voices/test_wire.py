"""What a service's answer means: the status decides, what was bought is fetched and never asked for twice."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

import numpy as np
import pytest

from tasks.audio.decode import decode
from tasks.errors import (
    BadAudio,
    OutOfCredit,
    ProfileError,
    ProviderError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Undelivered,
)
from tasks.model import Speech
from tasks.voices import LimitSettings, VoiceSettings, provider, secret
from tasks.voices.answers import Answer, Service, refusal, retry_after
from tasks.voices.lanes import open_client
from tests.services.service import Service as LocalService
from tests.services.sounds import frequency_of, heard

KEY = "DECLAIM_TEST_KEY"
TEXT = "It rained all day."
QUICK = LimitSettings(attempts=2, first_byte_timeout_seconds=0.3, request_timeout_seconds=20)
AURA = VoiceSettings(provider="aimlapi", model="#g1_aura-2-helena-en", api_key_env=KEY)
OCTAVE = VoiceSettings(provider="aimlapi", model="hume/octave-2", name="Relaxing ASMR Woman", api_key_env=KEY)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalService]:
    with LocalService() as service:
        monkeypatch.setenv(KEY, service.key)
        yield service


@pytest.mark.parametrize("end", ["\n", " ", "\t", "…"])
def test_a_key_that_can_be_none_is_refused_before_a_message_of_http_tells_it(
    end: str, service: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, service.key + end)
    with pytest.raises(ProfileError, match="put the key alone in it") as refused:
        secret(AURA)
    assert service.key not in str(refused.value)
    monkeypatch.setenv(KEY, service.key)
    assert secret(AURA) == service.key


async def said(settings: VoiceSettings, limits: LimitSettings, *texts: str, in_flight: int = 1) -> list[Speech]:
    async with open_client(in_flight) as client:
        voice = provider(settings.provider).build(settings, limits, client)
        return list(await asyncio.gather(*(voice.synthesize((text,)) for text in texts)))


def speak(service: LocalService, settings: VoiceSettings, limits: LimitSettings = QUICK) -> Speech:
    at = settings.model_copy(update={"base_url": f"{service.url}/v1"})
    (speech,) = asyncio.run(said(at, limits, TEXT))
    return speech


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("401", Unauthorized, f"put a valid key in the environment variable {KEY}"),
        ("403", OutOfCredit, "top up"),
        ("404", Rejected, "check [voice] model"),
        ("413", Rejected, "max_characters lower"),
        ("422", Rejected, "check [voice]"),
        ("429", RateLimited, "Too many requests"),
        ("500", Unavailable, "answered 500"),
        ("502", Unavailable, "answered 502: 502 Bad Gateway"),
        ("503", Unavailable, "answered 503"),
        ("504", Unavailable, "answered 504"),
        ("dropped", Unavailable, "without an answer"),
        ("stalled", Unavailable, "sent nothing for 0.3 s"),
        ("cut", BadAudio, "cut off"),
        ("cut_stream", BadAudio, "cut off"),
        ("stalled_body", BadAudio, "cut off"),
    ],
)
def test_one_request_that_fails(fault: str, kind: type[ProviderError], words: str, service: LocalService) -> None:
    service.behave(script=[fault])
    with pytest.raises(ProviderError) as caught:
        speak(service, AURA)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    # To ask again is not the voice's to decide.
    assert len(service.asked) == 1


@pytest.mark.parametrize("audio_as", ["object", "string"])
def test_a_result_elsewhere_is_fetched_without_the_key(audio_as: str, service: LocalService) -> None:
    service.behave(audio_as=audio_as, usd_per_character=0.00003)
    speech = speak(service, OCTAVE)
    audio = decode(speech)
    assert heard(np.frombuffer(audio.pcm, "<i2"), audio.sample_rate) == frequency_of(TEXT)
    assert speech.usd == pytest.approx(len(TEXT) * 0.00003)
    assert [(seen.origin, "authorization" in seen.headers) for seen in service.seen] == [
        ("api", True),
        ("cdn", False),
        ("cdn", False),
    ]


@pytest.mark.parametrize("fault", ["500", "404", "dropped", "html", "cut", "empty"])
def test_fetching_is_tried_again_and_asking_is_not(fault: str, service: LocalService) -> None:
    service.behave(cdn_script=[fault])
    assert speak(service, OCTAVE).data
    assert len(service.asked) == 1
    assert service.spoken == [TEXT]


def test_what_cannot_be_fetched_is_undelivered_and_was_asked_for_once(service: LocalService) -> None:
    service.behave(cdn_script=["500"] * 9)
    with pytest.raises(Undelivered, match=r"answered 500 \(request \w+\)"):
        speak(service, OCTAVE)
    assert len(service.asked) == 1
    assert len(service.seen) == 1 + QUICK.attempts


@pytest.mark.parametrize("fault", ["json_error", "empty"])
def test_an_answer_that_tells_of_no_sound_is_bad_audio(fault: str, service: LocalService) -> None:
    service.behave(script=[fault])
    with pytest.raises(BadAudio):
        speak(service, OCTAVE)


def test_no_more_requests_go_out_than_there_are_lanes(service: LocalService) -> None:
    service.behave(latency_seconds=0.02, script=["dropped", "500", "cut"])
    at = AURA.model_copy(update={"base_url": f"{service.url}/v1"})

    async def all_at_once() -> list[Speech | BaseException]:
        async with open_client(2) as client:
            voice = provider("aimlapi").build(at, QUICK, client)
            texts = [f"It rained for {day} days." for day in range(12)]
            return await asyncio.gather(*(voice.synthesize((text,)) for text in texts), return_exceptions=True)

    outcomes = asyncio.run(all_at_once())
    # Those that fail leave their lanes to the others.
    assert sum(isinstance(outcome, Speech) for outcome in outcomes) == 9
    assert service.most_in_flight == 2


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_a_proxy_of_the_environment_is_used(
    variable: str, service: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, service.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    asyncio.run(said(AURA.model_copy(update={"base_url": "http://speech.invalid/v1"}), QUICK, TEXT))
    assert service.spoken == [TEXT]
    assert service.seen[0].headers["host"] == "speech.invalid"


def test_an_address_that_is_not_there_is_said_with_what_to_do() -> None:
    at = AURA.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    with pytest.raises(Unavailable, match=r"cannot be reached at 127\.0\.0\.1 .*check \[voice\] base_url"):
        asyncio.run(said(at, QUICK, TEXT))


def test_a_redirect_is_not_followed_with_the_key_but_named() -> None:
    answer = Answer(308, {"location": "https://new.example/v1/tts?signature=abc"}, b"")
    error = refusal(answer, Service("A service"))
    assert isinstance(error, Rejected)
    assert "set [voice] base_url to https://new.example/v1/tts" in str(error)
    assert "signature" not in str(error)


def test_a_key_that_a_service_echoes_is_masked() -> None:
    answer = Answer(401, {"content-type": "application/json"}, b'{"message": "no such key: sk-12345"}')
    error = refusal(answer, Service("A service", "sk-12345", "THE_KEY"))
    assert "sk-12345" not in str(error)
    assert "no such key: •••" in str(error)


ECHOED = "sk/12+345=a"
FORMS = [
    ECHOED,
    "sk%2F12%2B345%3Da",
    "sk%2f12%2b345%3da",
    *(
        base64.b64encode(f"{'x' * length}{ECHOED}{tail}".encode()).decode()
        for length in range(4)
        for tail in ("", "y", "yy")
    ),
    base64.urlsafe_b64encode(f":{ECHOED}".encode()).decode(),
]


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_masked_in_every_form_and_place(form: str) -> None:
    service = Service("A service", ECHOED, "THE_KEY")
    answers = [
        Answer(400, {}, json.dumps({"message": f"the key {form} is none"}).encode()),
        Answer(302, {"location": f"https://new.example/{form}"}, b""),
        Answer(400, {}, json.dumps({"requestId": form}).encode()),
        Answer(400, {}, f"<p>{form}</p>".encode()),
    ]
    for answer in answers:
        said = str(refusal(answer, service))
        assert ECHOED not in unquote(said)
        assert all(ECHOED.encode() not in _decoded(word, offset) for word in said.split() for offset in range(4))


def _decoded(word: str, offset: int) -> bytes:
    letters = re.sub(r"[^A-Za-z0-9+/]", "", word.translate(str.maketrans("-_", "+/")))[offset:]
    return base64.b64decode(letters[: len(letters) // 4 * 4])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("86400", 900.0),
        ("Fri, 31 Dec 2199 23:59:59 GMT", 900.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(header) == seconds


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:28:07 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 7.0),
        ("Wed, 21 Oct 2015 07:28:07 -0000", "Wed, 21 Oct 2015 07:28:00 GMT", 7.0),
        ("Fri, 31 Dec 2199 23:59:59 GMT", "Fri, 31 Dec 2199 23:59:58 GMT", 1.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:07 GMT", 0.0),
        ("Fri, 31 Dec 2199 23:59:59 GMT", "today", 900.0),
        ("3", "Wed, 21 Oct 2015 07:28:00 GMT", 3.0),
        ("soon", "Wed, 21 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_a_date_counts_from_the_service_s_own(header: str, date: str, seconds: float | None) -> None:
    assert retry_after(header, date) == seconds


def test_a_refused_rate_carries_the_wait_that_was_asked_for(service: LocalService) -> None:
    service.behave(script=["429"], retry_after="seconds", retry_after_seconds=7)
    with pytest.raises(RateLimited) as caught:
        speak(service, AURA)
    assert caught.value.retry_after == 7
