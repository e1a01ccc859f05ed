"""The service is only worth what it is true to: each fault reaches a client, each encoding speaks its text."""

import base64
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tasks.trust import trust
from tests.services import aimlapi
from tests.services import service as service_module
from tests.services.faults import STATUSES
from tests.services.service import Service
from tests.services.sounds import decode, encode, frequency_of, heard, named, speech, tone

TEXT = "It was the best of times."
SECONDS = len(TEXT) / 15
AURA = {"model": "#g1_aura-2-helena-en", "text": TEXT}
TTS_1 = {"model": "openai/tts-1", "text": TEXT}
OCTAVE = {"model": "hume/octave-2", "text": TEXT}
OPENAI = {"model": "tts-1", "input": TEXT, "voice": "alloy"}
PATIENCE_SECONDS = 20


Post = Callable[..., httpx.Response]


def recording(seconds: float) -> str:
    return base64.b64encode(encode(tone("a reader", seconds, 8000), named("wav", 8000))).decode()


AURALIS: dict[str, Any] = {"model": "xttsv2", "input": TEXT, "voice": [recording(8)], "speed": 1.0}


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(verify=trust(), timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.fixture
def post(service: Service, client: httpx.Client) -> Post:
    def send(body: dict[str, Any], key: str = service.key, **options: Any) -> httpx.Response:
        path = "/v1/audio/speech" if "input" in body else "/v1/tts"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return client.post(service.url + path, json=body, headers=headers, **options)

    return send


def audio_of(answer: httpx.Response) -> httpx.Response:
    """The answer itself, or what its link leads to."""
    answer.raise_for_status()
    if not answer.headers["content-type"].startswith("application/json"):
        return answer
    return httpx.get(answer.json()["audio"]["url"], follow_redirects=True).raise_for_status()


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


# Sounds

# What is asked of Aura, the content type of the answer, and, where it has no header, its encoding and rate.
DEEPGRAM: list[tuple[dict[str, Any], str, tuple[Any, ...]]] = [
    ({}, "audio/wav", ()),
    ({"sample_rate": "48000"}, "audio/wav", ()),
    ({"stream": False}, "audio/wav", ()),
    (
        {"encoding": "linear16", "container": "none", "sample_rate": "16000"},
        "audio/l16;rate=16000",
        ("s16le", 16000),
    ),
    ({"encoding": "mulaw"}, "audio/wav", ()),
    ({"encoding": "mulaw", "container": "none"}, "audio/mulaw", ("mulaw", 8000)),
    ({"encoding": "alaw", "sample_rate": "16000"}, "audio/wav", ()),
    ({"encoding": "mp3"}, "audio/mpeg", ()),
    ({"encoding": "opus", "container": "ogg"}, "audio/ogg", ()),
    ({"encoding": "flac", "sample_rate": "22050"}, "audio/flac", ()),
    ({"encoding": "aac"}, "audio/aac", ()),
]
FORMATS = ["mp3", "opus", "aac", "flac", "wav"]
CASES: list[tuple[dict[str, Any], str, tuple[Any, ...]]] = [
    *((AURA | extra, mime, raw) for extra, mime, raw in DEEPGRAM),
    *((body | {"response_format": name}, "", ()) for body in (TTS_1, OPENAI, AURALIS) for name in FORMATS),
    *((body | {"response_format": "pcm"}, "audio/pcm", ("s16le", 24000)) for body in (TTS_1, OPENAI, AURALIS)),
    (AURALIS | {"response_format": "mp3"}, "audio/mp3", ()),
    (OCTAVE, "audio/wav", ()),
    (OCTAVE | {"format": "mp3", "voice": "Relaxing ASMR Woman"}, "audio/mpeg", ()),
    ({"model": "inworld/tts-1", "text": TEXT}, "audio/wav", ()),
    ({"model": "microsoft/vibevoice-1.5b", "script": TEXT, "speakers": [{"preset": "Frank [EN]"}]}, "audio/wav", ()),
    ({"model": "deepgram/aura-2", "text": TEXT, "voice": "aura-2-draco-en"}, "audio/wav", ()),
    ({"model": "deepgram/aura", "text": TEXT, "voice": "luna-en"}, "audio/wav", ()),
    ({"model": "aura-2-amalthea-en", "text": TEXT}, "audio/wav", ()),
]


@pytest.mark.parametrize(("body", "mime", "raw"), CASES)
def test_every_encoding_speaks_its_text(
    post: Post, service: Service, body: dict[str, Any], mime: str, raw: tuple[Any, ...]
) -> None:
    answer = audio_of(post(body))
    samples = decode(answer.content, 24000, *(("-f", raw[0], "-ar", str(raw[1])) if raw else ()))
    assert heard(samples, 24000) == frequency_of(TEXT)
    assert len(samples) / 24000 == pytest.approx(SECONDS, abs=0.15)
    assert answer.headers["content-type"] == (mime or answer.headers["content-type"])
    assert service.spoken == [TEXT]
    assert service.billed == {TEXT: 1}


def test_every_tone_is_told_from_the_next_in_a_short_clip_on_the_telephone() -> None:
    texts = {frequency_of(f"Word {number}."): f"Word {number}." for number in range(2000)}
    assert len(texts) == 120
    assert all(heard(tone(text, 0.3, 8000), 8000) == frequency for frequency, text in texts.items())


def test_a_tone_outlives_limiting_and_a_change_of_rate() -> None:
    loud = np.clip(tone(TEXT, 1.5, 44100).astype(np.int32) * 12, -20000, 20000).astype(np.int16)
    again = decode(encode(loud, named("mp3", 44100)), 22050)
    assert heard(again, 22050) == frequency_of(TEXT)


def test_a_streamed_wav_does_not_know_its_length(post: Post, service: Service) -> None:
    streamed = post(AURA)
    assert streamed.headers["transfer-encoding"] == "chunked"
    assert (streamed.content[4:8], streamed.content[40:44]) == (b"\xff\xff\xff\xff",) * 2
    service.behave(unknown_size=0x7FFFFFFF)
    assert post(AURA).content[40:44] == b"\xff\xff\xff\x7f"
    whole = post(AURA | {"stream": False})
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert int.from_bytes(whole.content[40:44], "little") == len(whole.content) - 44


def test_speed_shortens_and_auralis_keeps_the_length(post: Post) -> None:
    quick = decode(post(OPENAI | {"speed": 2, "response_format": "wav"}).content)
    assert len(quick) / 24000 == pytest.approx(SECONDS / 2, abs=0.01)
    padded = decode(post(AURALIS | {"speed": 2, "response_format": "wav"}).content)
    assert len(padded) / 24000 == pytest.approx(SECONDS, abs=0.01)
    assert not padded[len(padded) * 3 // 5 :].any()


def test_a_fixed_length_can_be_asked_for(post: Post, service: Service) -> None:
    service.behave(fixed_seconds=2)
    assert len(post(AURA).content) == 96044


@pytest.mark.voice
def test_it_can_speak(post: Post, service: Service) -> None:
    service.behave(voice="speech")
    samples = decode(post(AURA).content)
    assert len(samples) == len(speech(TEXT, 24000)) > 12000


# Faults

SHAPES = {"aimlapi": AURA, "openai": OPENAI, "auralis": AURALIS}


@pytest.mark.parametrize("kind", sorted(STATUSES))
@pytest.mark.parametrize("protocol", sorted(SHAPES))
def test_a_status_comes_in_the_words_of_its_protocol(post: Post, service: Service, protocol: str, kind: str) -> None:
    service.behave(script=[kind])
    answer = post(SHAPES[protocol])
    assert answer.status_code == int(kind)
    assert answer.headers["x-request-id"]
    if kind in {"502", "504"}:
        assert answer.headers["content-type"].startswith("text/html")
        return
    body = answer.json()
    if protocol == "aimlapi":
        assert set(body) == {"message", "path", "requestId", "statusCode", "timestamp"}
        assert (body["statusCode"], body["path"]) == (int(kind), "/v1/tts")
        assert body["requestId"] == answer.headers["x-request-id"]
    elif protocol == "openai":
        assert set(body["error"]) == {"message", "type", "param", "code"}
    else:
        assert set(body) == ({"error"} if kind == "500" else {"detail"})
    assert (service.spoken, service.billed, service.seen[0].fault) == ([], {}, kind)
    assert post(SHAPES[protocol]).status_code == 200


@pytest.mark.parametrize("body", [AURA, TTS_1, OPENAI, AURALIS])
@pytest.mark.parametrize("kind", ["cut", "cut_stream", "dropped"])
def test_a_connection_is_cut(post: Post, service: Service, body: dict[str, Any], kind: str) -> None:
    service.behave(script=[kind])
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        post(body)
    status = 0 if kind == "dropped" else 200
    assert (service.seen[0].status, service.seen[0].fault, service.spoken) == (status, kind, [])
    assert service.billed.total() == (kind != "dropped")


def test_half_of_the_body_arrives_before_a_cut(service: Service) -> None:
    service.behave(script=["cut"])
    headers = {"Authorization": f"Bearer {service.key}"}
    with httpx.stream("POST", f"{service.url}/v1/tts", json=AURA, headers=headers) as answer:
        length = int(answer.headers["content-length"])
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
        assert answer.num_bytes_downloaded == length // 2


@pytest.mark.parametrize("kind", ["stalled", "stalled_body"])
def test_an_answer_stalls_until_the_client_goes_away(post: Post, service: Service, kind: str) -> None:
    service.behave(script=[kind], allowed_in_flight=1)
    with pytest.raises(httpx.ReadTimeout):
        post(AURA, timeout=0.3)
    wait_for(lambda: service.seen and service.seen[0].fault)
    assert service.seen[0].status == (200 if kind == "stalled_body" else 0)
    wait_for(lambda: post(AURA).status_code == 200)


@pytest.mark.parametrize("body", [AURA, TTS_1, OPENAI, AURALIS])
def test_an_answer_is_no_speech_at_all(post: Post, service: Service, body: dict[str, Any]) -> None:
    service.behave(script=["html", "json_error", "empty"])
    page, error, empty = post(body), post(body), post(body)
    assert [page.status_code, error.status_code, empty.status_code] == [200, 200, 200]
    assert page.headers["content-type"].startswith("text/html")
    assert "error" in error.json()
    assert empty.content == b""
    assert (service.spoken, service.billed) == ([], {TEXT: 3})


@pytest.mark.parametrize("body", [AURA, TTS_1, OPENAI, AURALIS])
def test_garbage_is_no_sound_file(post: Post, service: Service, body: dict[str, Any]) -> None:
    service.behave(script=["garbage"])
    with pytest.raises(ValueError, match=r"Invalid data|no sound"):
        decode(audio_of(post(body)).content)
    assert service.spoken == []


@pytest.mark.parametrize("body", [AURA, OCTAVE, OPENAI | {"response_format": "flac"}])
def test_the_sound_is_not_that_of_the_text(post: Post, service: Service, body: dict[str, Any]) -> None:
    service.behave(script=["short", "long", "silent", ""])
    short, long, silent, good = (decode(audio_of(post(body)).content) for _ in range(4))
    assert len(short) == pytest.approx(len(good) / 10, abs=600)
    assert len(long) == pytest.approx(len(good) * 20, abs=600)
    assert len(silent) == len(good)
    assert not silent.any()
    assert (service.spoken, service.billed) == ([TEXT], {TEXT: 4})


def test_shares_of_faults_are_drawn_the_same_each_time(post: Post, service: Service) -> None:
    def statuses() -> list[int]:
        service.behave(faults={"500": 0.3, "429": 0.2})
        return [post(AURA).status_code for _ in range(60)]

    first = statuses()
    assert {first.count(status) > 5 for status in (200, 429, 500)} == {True}
    assert statuses() == first


def test_a_fault_that_there_is_not_is_refused(service: Service) -> None:
    with pytest.raises(ValueError, match="no such fault: 418"):
        service.behave(script=["418"])


# Limits


@pytest.fixture
def _endless_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "_WINDOW_SECONDS", 3600.0)


@pytest.mark.usefixtures("_endless_second")
def test_so_many_a_second_are_let_in(post: Post, service: Service) -> None:
    service.behave(allowed_per_second=3)
    assert [post(AURA).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert service.billed == {TEXT: 3}


def test_so_many_are_let_in_at_once(post: Post, service: Service) -> None:
    service.behave(allowed_in_flight=1, script=["stalled"])

    with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as waiting:
        waiting.sendall(b"POST /v1/tts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        wait_for(lambda: service.seen and service.seen[0].fault)
        assert post(AURA).status_code == 429
    wait_for(lambda: post(AURA).status_code == 200)
    assert service.most_in_flight == 2


@pytest.mark.usefixtures("_endless_second")
def test_it_says_when_to_come_again(post: Post, service: Service) -> None:
    service.behave(script=["429", "503"], retry_after="seconds", retry_after_seconds=2)
    assert [post(AURA).headers["retry-after"] for _ in range(2)] == ["2", "2"]
    service.behave(allowed_per_second=1, retry_after="date")
    assert parsedate_to_datetime(post(AURA).headers["retry-after"]).tzinfo is not None
    service.behave(retry_after="")
    assert "retry-after" not in post(AURA).headers


# What AI/ML API checks

WRONG = [
    ({"text": TEXT}, 400, "model"),
    ({"model": "#g1_aura-2-nobody-en", "text": TEXT}, 404, "nobody"),
    ({"model": AURA["model"]}, 400, "text: is required"),
    (AURA | {"text": " "}, 400, "text"),
    (AURA | {"speed": 1}, 400, "speed: is not a field"),
    (AURA | {"voice": "helena"}, 400, "voice: is not a field"),
    (AURA | {"sample_rate": 24000}, 400, "sample_rate: must be a string"),
    (AURA | {"sample_rate": "44100"}, 400, "sample_rate 44100"),
    (AURA | {"encoding": "mp3", "sample_rate": "22050"}, 400, "sample_rate 22050"),
    (AURA | {"encoding": "mp3", "container": "wav"}, 400, "container wav"),
    (AURA | {"encoding": "mulaw", "sample_rate": "24000"}, 400, "sample_rate 24000"),
    (AURA | {"encoding": "opus", "container": "wav"}, 400, "container wav"),
    (AURA | {"encoding": "vorbis"}, 400, "encoding"),
    (AURA | {"stream": "true"}, 400, "stream"),
    (AURA | {"text": "a" * 2001}, 413, "2000"),
    ({"model": "deepgram/aura-2", "text": TEXT}, 400, "voice: is required"),
    ({"model": "deepgram/aura", "text": TEXT, "voice": "draco"}, 400, "voice"),
    (TTS_1 | {"stream": True}, 400, "stream: must be false"),
    (TTS_1 | {"voice": "Alex"}, 400, "voice"),
    (TTS_1 | {"response_format": "ogg"}, 400, "response_format"),
    (TTS_1 | {"speed": 5}, 400, "speed"),
    (TTS_1 | {"format": "mp3"}, 400, "format: is not a field"),
    (TTS_1 | {"text": "a" * 4097}, 413, "4096"),
    (OCTAVE | {"stream": True}, 400, "stream"),
    (OCTAVE | {"voice": "coral"}, 400, "voice"),
    (OCTAVE | {"response_format": "mp3"}, 400, "response_format: is not a field"),
    (OCTAVE | {"text": "a" * 5001}, 413, "5000"),
    ({"model": "microsoft/vibevoice-1.5b", "text": TEXT}, 400, "script: is required; text: is not a field"),
]


@pytest.mark.parametrize(("body", "status", "said"), WRONG)
def test_a_wrong_field_is_refused(post: Post, service: Service, body: dict[str, Any], status: int, said: str) -> None:
    answer = post(body)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert said in answer.json()["message"]
    assert not service.billed


def test_all_voices_of_the_pages_are_there(post: Post) -> None:
    assert sum(name.startswith("#g1_aura-2-") for name in aimlapi.MODELS) == 44
    assert sum(name.startswith("#g1_aura-") and "aura-2" not in name for name in aimlapi.MODELS) == 12
    offered = {
        name: post({"model": name, "text": TEXT, "voice": "?"}).json()["message"]
        for name in (TTS_1["model"], OCTAVE["model"])
    }
    assert offered[TTS_1["model"]].count(",") == 10
    assert offered[OCTAVE["model"]].count(",") == 26


@pytest.mark.parametrize("body", [AURA, OPENAI])
def test_a_wrong_key_is_refused_and_echoed(post: Post, body: dict[str, Any]) -> None:
    answer = post(body, key="sk-of-mine")
    assert answer.status_code == 401
    assert "sk-of-mine" in answer.text
    assert post(body, key="").status_code == 401


def test_no_credit_no_model_and_other_limits(post: Post, service: Service) -> None:
    service.behave(limit_characters=10)
    assert [post(body).status_code for body in (AURA, OPENAI)] == [413, 400]
    service.behave(withdrawn=[AURA["model"], OPENAI["model"]])
    assert [post(body).status_code for body in (AURA, OPENAI)] == [404, 404]
    service.behave(out_of_credit=True)
    assert [post(body).status_code for body in (AURA, OPENAI)] == [403, 429]
    assert post(OPENAI).json()["error"]["code"] == "insufficient_quota"


@pytest.mark.parametrize("data", [b"", b"[1]", b"{"])
def test_a_body_that_is_no_object_is_refused(service: Service, data: bytes) -> None:
    assert httpx.post(f"{service.url}/v1/tts", content=data).status_code == 400


# Links


def test_a_link_leads_to_the_second_origin_by_one_redirect(post: Post, service: Service) -> None:
    url = post(OCTAVE).json()["audio"]["url"]
    assert url.startswith(f"{service.cdn}/generations/")
    assert service.spoken == []
    first = httpx.get(url)
    signed = first.headers["location"]
    assert first.status_code == 302
    assert signed.startswith(f"{service.cdn}/signed/")
    assert httpx.get(signed.partition("?")[0]).status_code == 403
    assert httpx.get(f"{signed}0", headers={"Authorization": "Bearer leaked"}).status_code == 403
    assert service.seen[-1].headers["authorization"] == "Bearer leaked"
    assert httpx.get(signed).status_code == 200
    assert service.spoken == [TEXT]
    assert [seen.origin for seen in service.seen] == ["api"] + ["cdn"] * 4
    assert httpx.get(f"{service.cdn}/generations/lion/none.wav").status_code == 404


def test_a_result_may_fail_to_come_and_come_the_next_time(post: Post, service: Service) -> None:
    url = post(OCTAVE).json()["audio"]["url"]
    kinds = ["503", "dropped", "cut", "html", "empty", "garbage", "short", "silent", "404", ""]
    service.behave(cdn_script=kinds)
    told: list[Any] = []
    with httpx.Client(verify=trust(), follow_redirects=True, timeout=PATIENCE_SECONDS) as client:
        for _ in kinds:
            try:
                answer = client.get(url)
            except httpx.TransportError:
                told.append("cut")
            else:
                told.append(answer.status_code if answer.is_error else len(answer.content))
    whole = round(SECONDS * 48000) * 2 + 44
    assert told == [503, "cut", "cut", told[3], 0, 20_000, (whole - 44) // 20 * 2 + 44, whole, 404, whole]
    assert (service.spoken, service.billed) == ([TEXT], {TEXT: 1})


def test_a_link_stands_in_an_object_or_alone_and_the_price_beside_it(post: Post, service: Service) -> None:
    answer = post(OCTAVE)
    assert set(answer.json()["audio"]) == {"url"}
    assert set(answer.json()["meta"]["usage"]) == {"credits_used"}
    assert "x-aimlapi-usd-spent" not in answer.headers
    service.behave(audio_as="string", usd_per_character=0.0001, status=201)
    answer = post(OCTAVE)
    assert answer.status_code == 201
    assert answer.json()["audio"].startswith(service.cdn)
    assert answer.json()["meta"]["usage"]["usd_spent"] == pytest.approx(len(TEXT) * 0.0001)
    assert float(answer.headers["x-aimlapi-usd-spent"]) == answer.json()["meta"]["usage"]["usd_spent"]
    assert "x-aimlapi-credits-used" not in post(AURA).headers


def test_any_model_can_be_made_to_answer_either_way(post: Post, service: Service) -> None:
    service.behave(answer="json")
    assert "audio" in post(AURA).json()
    service.behave(answer="bytes")
    assert post(TTS_1).headers["content-type"] == "audio/mpeg"


# What is never billed


@pytest.mark.parametrize(("path", "found"), [("/v1/models", "data"), ("/v1/billing/balance", "balance")])
def test_what_is_free_takes_the_key_and_is_no_request_for_speech(service: Service, path: str, found: str) -> None:
    headers = {"Authorization": f"Bearer {service.key}"}
    assert httpx.get(service.url + path).status_code == 401
    assert httpx.get(service.url + path, headers=headers).raise_for_status().json()[found]
    service.behave(free_script=["503"], lists=False)
    assert [httpx.get(service.url + path, headers=headers).status_code for _ in range(2)] == [503, 404]
    assert [seen.path for seen in service.seen] == [path] * 4
    assert service.asked == []


def test_a_balance_falls_and_a_withdrawn_model_is_not_listed(service: Service) -> None:
    def told(path: str) -> Any:
        return httpx.get(service.url + path, headers={"Authorization": f"Bearer {service.key}"}).json()

    assert not told("/v1/billing/balance")["lowBalance"]
    assert "tts-1" in {row["id"] for row in told("/v1/models")["data"]}
    service.behave(low_on_credit=True, withdrawn=["tts-1"])
    assert told("/v1/billing/balance")["lowBalance"]
    assert "tts-1" not in {row["id"] for row in told("/v1/models")["data"]}
    service.behave(out_of_credit=True)
    assert told("/v1/billing/balance")["balance"] == 0


# Auralis


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"voice": []}, 422, "At least one voice"),
        ({"voice": ["no base64!"]}, 422, "Invalid base64"),
        ({"voice": [base64.b64encode(b"no sound").decode()]}, 422, "no sound"),
        ({"voice": [recording(5)]}, 422, "5.0 s"),
        ({"voice": [recording(8), recording(61)]}, 422, "61.0 s"),
        ({"response_format": "ogg"}, 422, "Input should be one of"),
        ({"temperature": "hot"}, 422, "temperature"),
        ({"speed": None}, 422, "speed"),
        ({"speed": -1}, 500, "Speed factor must be positive"),
        ({"language": "tlh"}, 500, "tlh"),
        ({"input": ""}, 500, "Error generating audio"),
    ],
)
def test_auralis_refuses(post: Post, changed: dict[str, Any], status: int, said: str) -> None:
    answer = post(AURALIS | changed)
    assert answer.status_code == status
    assert said in answer.text
    if status == 422 and "voice" in changed:
        assert answer.json()["detail"][0]["input"] == changed["voice"], "the recordings come back whole"


def test_auralis_needs_the_speed_and_no_key(service: Service) -> None:
    url = f"{service.url}/v1/audio/speech"
    without = {name: value for name, value in AURALIS.items() if name != "speed"}
    assert httpx.post(url, json=without).status_code == 500
    assert httpx.post(url, json=AURALIS | {"sound_norm_refs": False}).status_code == 200
    service.behave(speech="auralis")
    assert httpx.post(url, json=OPENAI).status_code == 422


# On its own


def test_it_runs_as_a_process_of_its_own() -> None:
    behaviour = json.dumps({"fixed_seconds": 1, "script": ["503"]})
    command = [sys.executable, "-m", "tests.services", "--behaviour", behaviour]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        try:
            assert process.stdout
            where = json.loads(process.stdout.readline())
            assert httpx.get(f"{where['url']}/health").is_success
            headers = {"Authorization": f"Bearer {where['key']}"}
            for _ in range(3):
                httpx.post(f"{where['url']}/v1/tts", json=AURA, headers=headers)
            told = httpx.get(f"{where['url']}/_seen").json()
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert told["by_status"] == {"503": 1, "200": 2}
    assert (told["requests"], told["billed"], told["twice"]) == (3, 2, 1)
    assert told["first"] < told["last"]
