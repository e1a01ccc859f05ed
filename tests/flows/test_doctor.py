"""What the doctor finds on machines, in profiles and at services that lack something."""

import asyncio
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import jsonschema
import numpy as np
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLOUD_API_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)

from flows.arguments import parser
from flows.doctor import Asked, examine, exit_code, machine, server, voices
from flows.doctor.finding import Finding
from flows.doctor_command import doctor
from flows.quota import slots_for
from tasks.audio.ffmpeg import executable
from tasks.errors import ProfileError, Rejected
from tasks.settings import load_profile, profile_names
from tasks.voices import _PROVIDERS, LimitSettings, Reached, VoiceSettings, provider
from tasks.voices.piper import model_path
from tests.conftest import Line
from tests.services.service import Service

from .conftest import KEY, Home

SECRET = "sk-of-the-tests-2718281828"  # noqa: S105  # no key of anybody's
PROFILES = {
    "aimlapi": 'provider = "aimlapi"\nmodel = "#g1_aura-2-helena-en"\nbase_url = "URL"\napi_key_env = "KEY"\n',
    "openai": 'provider = "openai"\nmodel = "tts-1"\nname = "coral"\nbase_url = "URL"\napi_key_env = "KEY"\n',
    "auralis": 'provider = "auralis"\nbase_url = "URL"\nreference_audio = ["voice.wav"]\n',
}
KEYED = ["aimlapi", "openai"]
DOCUMENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema", "checks", "ok"],
    "properties": {
        "schema": {"const": 1},
        "ok": {"type": "boolean"},
        "checks": {
            "type": "array",
            "minItems": 5,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "state", "said"],
                "properties": {
                    "name": {"type": "string"},
                    "state": {"enum": ["ok", "warn", "fail"]},
                    "said": {"type": "string", "minLength": 1, "pattern": "^[^\n]*$"},
                },
            },
        },
    },
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the key at hand, and none of the settings of the person who runs the tests."""
    monkeypatch.setenv(KEY, SECRET)
    with temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True}, restore_defaults={PREFECT_API_URL}):
        yield


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(key=SECRET) as service:
        yield service


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where nobody answers, and nobody else comes to answer meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def profile(folder: Path, name: str, url: str, more: str = "") -> Path:
    with wave.open(str(folder / "voice.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(1).normal(0, 3_000, 7 * 16_000).astype("<i2").tobytes())
    path = folder / "profile.toml"
    text = f"[voice]\n{PROFILES[name]}{more}".replace("URL", f"{url}/v1").replace("KEY", KEY)
    path.write_text(text, "utf-8")
    return path


def examined(path: Path | str, folder: Path, *overrides: str) -> list[Finding]:
    places = (f"store.url={folder / 'store'}", *overrides)
    return list(examine(Asked(str(path), places, str(folder / "out"))))


def told(findings: list[Finding], name: str) -> list[tuple[str, str]]:
    return [(finding.state, finding.said) for finding in findings if finding.name == name]


def only(findings: list[Finding], name: str) -> tuple[str, str]:
    (found,) = told(findings, name)
    return found


def failed(findings: list[Finding]) -> list[str]:
    return [finding.name for finding in findings if finding.state == "fail"]


@contextmanager
def answering(status: int, body: str = "", media_type: str = "application/json", but: str = "/health") -> Iterator[str]:
    """Be a server that answers the same to all, and 200 to what ends as `but` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.endswith(but) else status)
            self.send_header("Content-Type", media_type)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


# Where nothing is wrong


def test_every_provider_is_examined() -> None:
    assert {*PROFILES, "piper"} == set(_PROVIDERS)


@pytest.mark.parametrize("name", PROFILES)
def test_a_service_that_knows_the_key_is_asked_once_and_for_nothing_that_costs(
    name: str, service: Service, tmp_path: Path
) -> None:
    path = profile(tmp_path, name, service.url)
    findings = examined(path, tmp_path)
    assert {finding.state for finding in findings} == {"ok"}, findings
    assert [finding.name for finding in findings] == [
        "python",
        "profile",
        "ffmpeg",
        "voice",
        "key",
        "service",
        "prefect",
        "store",
        "output",
    ]
    assert exit_code(findings) == 0
    assert service.asked == []
    # Auralis has nothing to tell, and refuses the method before the service of the tests takes note.
    assert [seen.method for seen in service.seen] == (["GET"] if name in KEYED else [])
    # Nothing is left behind.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["profile.toml", "voice.wav"]


@pytest.mark.voice
def test_a_voice_of_this_machine_speaks(tmp_path: Path) -> None:
    findings = examined("piper", tmp_path)
    assert {finding.state for finding in findings} == {"ok"}, findings
    assert only(findings, "voice")[1].endswith("it loads and speaks")
    assert only(findings, "service") == ("ok", "none is asked: the voices speak on this machine")


@pytest.mark.parametrize("name", [name for name in profile_names() if name != "piper"])
def test_every_profile_that_comes_with_declaim_is_examined_to_the_end(name: str, nowhere: str, tmp_path: Path) -> None:
    findings = examined(name, tmp_path, f"voice.base_url={nowhere}/v1")
    assert {"python", "voice", "service", "prefect", "store", "output"} <= {finding.name for finding in findings}
    assert "fault" not in " ".join(finding.said for finding in findings)


# Services


@pytest.mark.parametrize("name", PROFILES)
def test_a_service_that_is_not_there(name: str, nowhere: str, tmp_path: Path) -> None:
    findings = examined(profile(tmp_path, name, nowhere), tmp_path)
    assert failed(findings) == ["service"]
    assert "check [voice] base_url and the network" in only(findings, "service")[1]
    assert exit_code(findings) == 2
    assert findings[-1].name == "output"


@pytest.mark.parametrize("name", KEYED)
def test_a_key_that_is_refused_is_told_and_never_shown(
    name: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, wrong := "sk-wrong-161803398")
    findings = examined(profile(tmp_path, name, service.url), tmp_path)
    assert failed(findings) == ["service"]
    said = only(findings, "service")[1]
    assert "answered 401" in said
    assert f"put a valid key in the environment variable {KEY}" in said
    assert exit_code(findings) == 4
    # The service echoes it.
    assert wrong not in str(findings)


@pytest.mark.parametrize("name", KEYED)
def test_a_key_that_is_missing(name: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY)
    findings = examined(profile(tmp_path, name, service.url), tmp_path)
    assert failed(findings) == ["key"]
    assert f"the environment variable {KEY} is not set; put the key in it" in only(findings, "key")[1]
    assert only(findings, "service") == ("warn", f"it answers, and wants the key that is missing: set {KEY}")
    assert exit_code(findings) == 2


@pytest.mark.parametrize("end", ["\n", " ", "…"])
@pytest.mark.parametrize("name", KEYED)
def test_a_key_that_can_be_none_is_told_and_never_shown(
    name: str, end: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, SECRET + end)
    findings = examined(profile(tmp_path, name, service.url), tmp_path)
    assert failed(findings) == ["key", "service"]
    assert "put the key alone in it" in only(findings, "key")[1]
    assert SECRET not in str(findings)
    assert service.seen == []


def test_an_account_without_credit_or_with_little(service: Service, tmp_path: Path) -> None:
    path = profile(tmp_path, "aimlapi", service.url)
    service.behave(low_on_credit=True)
    findings = examined(path, tmp_path)
    assert only(findings, "service")[0] == "warn"
    assert exit_code(findings) == 0
    service.behave(out_of_credit=True)
    findings = examined(path, tmp_path)
    assert only(findings, "service") == ("fail", "AI/ML API takes the key, and its account has no credit; top up")
    assert exit_code(findings) == 4


@pytest.mark.parametrize("name", KEYED)
def test_a_server_that_lists_nothing_is_there_all_the_same(name: str, service: Service, tmp_path: Path) -> None:
    service.behave(lists=False)
    state, said = only(examined(profile(tmp_path, name, service.url), tmp_path), "service")
    assert state == "ok"
    assert "untried" in said


TROUBLE = {
    "429": ("warn", "run again later"),
    "500": ("fail", "see that it is up"),
    "dropped": ("fail", "see that it is up"),
    "stalled": ("fail", "see that it is up"),
    "html": ("warn", "see that [voice] base_url is"),
    "json_error": ("warn", "see that [voice] base_url is"),
}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "_LIMITS", LimitSettings(first_byte_timeout_seconds=0.3))


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", KEYED)
@pytest.mark.parametrize("fault", ["stalled"])
def test_a_service_that_never_answers(name: str, fault: str, service: Service, tmp_path: Path) -> None:
    assert_in_trouble(name, fault, service, tmp_path)


@pytest.mark.parametrize("name", KEYED)
@pytest.mark.parametrize("fault", sorted({*TROUBLE} - {"stalled"}))
def test_a_service_in_trouble(name: str, fault: str, service: Service, tmp_path: Path) -> None:
    assert_in_trouble(name, fault, service, tmp_path)


def assert_in_trouble(name: str, fault: str, service: Service, tmp_path: Path) -> None:
    service.behave(free_script=[fault])
    findings = examined(profile(tmp_path, name, service.url), tmp_path)
    state, advice = TROUBLE[fault]
    assert only(findings, "service")[0] == state
    assert advice in only(findings, "service")[1]
    assert exit_code(findings) == (2 if state == "fail" else 0)


def test_a_copy_of_openais_that_does_not_list_the_model(service: Service, tmp_path: Path) -> None:
    service.behave(withdrawn=["tts-1"])
    state, said = only(examined(profile(tmp_path, "openai", service.url), tmp_path), "service")
    assert state == "warn"
    assert "does not list tts-1" in said


class Detour(httpx.AsyncHTTPTransport):
    """A way to the service of the tests for what is sent to somebody else."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = httpx.URL(url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = self._url.copy_with(path=request.url.path)
        return await super().handle_async_request(request)


def test_openai_itself_refuses_a_model_that_it_does_not_list(service: Service) -> None:
    settings = VoiceSettings(provider="openai", model="tts-1", name="coral", api_key_env=KEY)

    async def reach() -> Reached:
        async with httpx.AsyncClient(transport=Detour(service.url)) as client:
            return await provider("openai").reach(settings, LimitSettings(), client)

    assert asyncio.run(reach()) == Reached("https://api.openai.com/v1 lists tts-1")
    service.behave(withdrawn=["tts-1"])
    with pytest.raises(Rejected, match="does not list tts-1 for this key"):
        asyncio.run(reach())


RETELL = '[retell]\ntext = "openai"\nmodel = "MODEL"\nbase_url = "URL"\napi_key_env = "KEY"\n'


@pytest.mark.parametrize(
    ("model", "state", "said"),
    [("tts-1", "ok", "lists tts-1"), ("a-model", "warn", "does not list a-model; see that it has this [retell] model")],
)
def test_a_language_model_is_looked_for(model: str, state: str, said: str, service: Service, tmp_path: Path) -> None:
    path = profile(tmp_path, "auralis", service.url, RETELL.replace("MODEL", model))
    found = only(examined(path, tmp_path), "model")
    assert (found[0], said in found[1]) == (state, True)
    assert not service.asked


def test_a_language_model_that_is_not_there(service: Service, nowhere: str, tmp_path: Path) -> None:
    path = profile(tmp_path, "auralis", service.url, RETELL.replace("MODEL", "a-model"))
    findings = examined(path, tmp_path, f"retell.base_url={nowhere}/v1")
    assert failed(findings) == ["model"]
    assert nowhere in only(findings, "model")[1]


def test_a_language_model_without_its_key_or_its_auralis(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = profile(tmp_path, "openai", service.url, RETELL.replace("MODEL", "a-model"))
    behind = only(examined(path, tmp_path, "retell.text=auralis"), "model")
    assert (behind[0], '"auralis" speaks with a voice of Auralis' in behind[1]) == ("fail", True)
    monkeypatch.delenv(KEY)
    assert only(examined(path, tmp_path), "model") == (
        "fail",
        f"[retell] api_key_env: the environment variable {KEY} is not set; put the key in it",
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_speak_and_may_not_list_models_is_not_refused(status: int, tmp_path: Path) -> None:
    words = "You have insufficient permissions for this operation. Missing scopes: api.model.read."
    with answering(status, json.dumps({"error": {"message": words, "code": None}})) as url:
        findings = examined(profile(tmp_path, "openai", url), tmp_path)
    assert only(findings, "service")[0] == "warn"
    assert "may not list models, which says nothing of what else it may" in only(findings, "service")[1]


def test_what_is_no_auralis(tmp_path: Path) -> None:
    with answering(404, "<h1>Not found</h1>", "text/html") as url:
        findings = examined(profile(tmp_path, "auralis", url), tmp_path)
    assert failed(findings) == ["service"]
    assert "check [voice] model and base_url" in only(findings, "service")[1]
    with answering(200, "<h1>Welcome</h1>", "text/html") as url:
        findings = examined(profile(tmp_path, "auralis", url), tmp_path)
    assert only(findings, "service")[0] == "warn"


def test_an_account_is_asked_once_whoever_speaks_on_it(service: Service, tmp_path: Path) -> None:
    other = PROFILES["aimlapi"].replace("helena", "zeus")
    more = f"[cast.quote]\n{other}[[fallback]]\n{other}[[fallback]]\n{PROFILES['openai']}"
    findings = examined(profile(tmp_path, "aimlapi", service.url, more), tmp_path)
    assert exit_code(findings) == 0
    assert [said.partition(" of ")[0] for _, said in told(findings, "voice")] == [
        "aura-2-helena-en",
        "cast.quote: aura-2-zeus-en",
        "fallback.1: aura-2-zeus-en",
        "fallback.2: tts-1 coral",
    ]
    assert told(findings, "key") == [("ok", f"{KEY} is set")]
    assert [said.partition(":")[0] for _, said in told(findings, "service")] == ["http", "fallback.2"]
    assert [seen.path for seen in service.seen] == ["/v1/billing/balance", "/v1/models"]


# The profile and its voices


def test_voices_that_there_are_not_stop_no_other_check(service: Service, tmp_path: Path) -> None:
    more = '[cast.quote]\nprovider = "pipr"\n[[fallback]]\nmodel = "amy"\n'
    findings = examined(profile(tmp_path, "openai", service.url, more), tmp_path, "voice.options.speed=9")
    (speed, cast, fallback) = told(findings, "voice")
    assert speed[0] == cast[0] == fallback[0] == "fail"
    assert "[voice.options] speed: " in speed[1]
    assert "there is no provider 'pipr'; choose one of" in cast[1]
    assert "amy is no Piper voice" in fallback[1]
    assert failed(findings) == ["voice"] * 3
    assert exit_code(findings) == 2


def test_a_piper_voice_that_is_damaged(tmp_path: Path) -> None:
    whole = model_path(VoiceSettings())
    damaged = tmp_path / "amy.onnx"
    damaged.write_bytes(whole.read_bytes()[:100_000])
    Path(f"{damaged}.json").write_bytes(Path(f"{whole}.json").read_bytes())
    findings = examined("piper", tmp_path, f"voice.model={damaged}")
    assert failed(findings) == ["voice"]
    assert "cannot be loaded as a Piper voice" in only(findings, "voice")[1]
    assert "from the voice's page again" in only(findings, "voice")[1]


@pytest.mark.parametrize(
    ("override", "name", "said"),
    [
        ("voice.speed=2", "profile", "[voice] speed: there is no such key"),
        ("output.editions=['acx']", "", ""),
        ("limits.budget_usd=5", "voice", "what [voice] costs is not known"),
        ("voice.reference_audio=['voice.wav']", "voice", "this provider clones no voices"),
    ],
)
def test_what_a_profile_cannot_have(override: str, name: str, said: str, service: Service, tmp_path: Path) -> None:
    findings = examined(profile(tmp_path, "openai", service.url), tmp_path, override)
    assert failed(findings) == ([name] if name else [])
    assert any(said in text for _, text in told(findings, name or "profile"))


def test_without_a_profile_the_machine_is_examined(tmp_path: Path) -> None:
    findings = examined("prose", tmp_path)
    assert [finding.name for finding in findings] == ["python", "profile", "ffmpeg", "prefect", "output"]
    assert failed(findings) == ["profile"]
    assert "there is no profile 'prose'; choose" in only(findings, "profile")[1]
    assert exit_code(findings) == 2


# The machine


def test_a_python_that_is_too_old() -> None:
    assert machine.python((3, 10, 9)).state == "fail"
    assert machine.python((3, 11, 0)).state == "ok"


@pytest.fixture
def own_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where an ffmpeg is looked for in place of the usual one."""
    path = tmp_path / "ffmpeg"
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))
    executable.cache_clear()
    yield path
    executable.cache_clear()


def test_an_ffmpeg_without_an_encoder_that_the_editions_need(own_ffmpeg: Path) -> None:
    own_ffmpeg.write_text(
        "#!/bin/sh\ncase $* in *-version) echo 'ffmpeg version 4.4.1 of a test';; *) echo ' A....D aac    AAC';; esac\n"
    )
    own_ffmpeg.chmod(0o755)
    assert machine.ffmpeg(("m4b",)) == Finding("ffmpeg", "ok", "4.4.1, with aac")
    found = machine.ffmpeg(("m4b", "mp3", "flac"))
    assert found.state == "fail"
    assert f"4.4.1 at {own_ffmpeg} has no libmp3lame, flac; set IMAGEIO_FFMPEG_EXE" in found.said


def test_an_ffmpeg_that_is_not_there_or_fails(own_ffmpeg: Path, tmp_path: Path) -> None:
    for script in ("", "#!/bin/sh\necho 'invalid library' >&2\nexit 3\n"):
        if script:
            own_ffmpeg.write_text(script)
            own_ffmpeg.chmod(0o755)
        findings = examined("prose", tmp_path)
        assert failed(findings) == ["profile", "ffmpeg"]
        assert ("invalid library" if script else "cannot be run") in only(findings, "ffmpeg")[1]


def test_places_that_cannot_be_written(service: Service, tmp_path: Path) -> None:
    path = profile(tmp_path, "openai", service.url)
    (tmp_path / "store").write_text("a file")
    (tmp_path / "out").write_text("a file")
    findings = examined(path, tmp_path)
    assert failed(findings) == ["store", "output"]
    assert only(findings, "store")[1].startswith(f"{tmp_path / 'store'} cannot be written (Not a directory); ")
    assert "set [store] url" in only(findings, "store")[1]
    assert "give another --out" in only(findings, "output")[1]
    findings = list(examine(Asked(str(path), (f"store.url={tmp_path}/store/below",), f"{tmp_path}/out/below")))
    assert failed(findings) == ["store", "output"]


def test_a_store_that_lies_elsewhere(
    s3: dict[str, str], line: Line, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {**s3, "XDG_CACHE_HOME": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(variable, value)
    path = profile(tmp_path, "openai", service.url)
    state, said = only(list(examine(Asked(str(path), ("store.url=s3://books/clips",), str(tmp_path)))), "store")
    assert (state, said.partition(";")[0]) == ("ok", "s3://books/clips can be written")
    findings = list(examine(Asked(str(path), ("store.url=s3://no-such-bucket/clips",), str(tmp_path))))
    assert failed(findings) == ["store"]
    findings = list(examine(Asked(str(path), ("store.url=carrier-pigeon://books",), str(tmp_path))))
    assert failed(findings) == ["store"]
    line.cut()
    findings = list(examine(Asked(str(path), ("store.url=s3://books/clips",), str(tmp_path))))
    assert failed(findings) == ["store"]
    assert SECRET not in str(findings)


def test_little_room_stops_nobody() -> None:
    assert machine.space(1_900_000_000) == (
        "warn",
        "1.9 GB free, which a long book may fill: make room for 2 GB",
    )
    assert machine.space(4_000_000_000) == ("ok", "4.0 GB free")


# Prefect


def test_a_prefect_server_that_does_not_answer(nowhere: str, tmp_path: Path) -> None:
    address = nowhere.replace("://", "://anna:open-sesame@")
    with temporary_settings({PREFECT_API_URL: f"{address}/api"}):
        findings = examined("prose", tmp_path)
    assert failed(findings) == ["profile", "prefect"]
    said = only(findings, "prefect")[1]
    assert f"no Prefect server answers at {nowhere}/api" in said
    assert re.search(r"start one with `prefect server start --port \d+`, or unset the variable", said)
    assert "open-sesame" not in str(findings)


def test_a_prefect_server_that_wants_a_password(tmp_path: Path) -> None:
    with answering(401) as url, temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        findings = examined("prose", tmp_path)
    assert failed(findings) == ["profile", "prefect"]
    assert "asks for a password (401); set PREFECT_API_AUTH_STRING" in only(findings, "prefect")[1]


def test_prefect_cloud_tells_no_version(tmp_path: Path) -> None:
    with (
        answering(404) as url,
        temporary_settings(
            {PREFECT_API_URL: f"{url}/api/accounts/1/workspaces/2", PREFECT_CLOUD_API_URL: f"{url}/api"}
        ),
    ):
        findings = examined("prose", tmp_path)
    assert failed(findings) == ["profile"]
    assert only(findings, "prefect")[1].endswith("/workspaces/2 answers, and does not tell its version")


def test_a_prefect_server_of_another_age(tmp_path: Path) -> None:
    with answering(200, '"2.20.9"') as url, temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        findings = examined("prose", tmp_path)
    assert failed(findings) == ["profile", "prefect"]
    assert "is version 2.20.9, which does not work with the installed 3." in only(findings, "prefect")[1]


def test_a_prefect_server_that_may_not_be_started(tmp_path: Path) -> None:
    with temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}):
        findings = examined("prose", tmp_path)
    assert failed(findings) == ["profile", "prefect"]
    assert "name one in PREFECT_API_URL" in only(findings, "prefect")[1]


def test_a_limit_on_a_server(server_of_tests: str, service: Service, tmp_path: Path) -> None:
    assert server.prefect().said.startswith("3.8.8; the server at http://127.0.0.1:")
    name = f"doctor-{os.getpid()}"
    profile_of_it = load_profile(str(profile(tmp_path, "openai", service.url)), (f"limits.shared={name}",))
    assert voices.shared_limits(profile_of_it) == {name: 0}
    with pytest.raises(ProfileError, match=f"has no limit {name}; make it: `prefect gcl create {name} --limit 1000"):
        server.shared_limit(name, 0)
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, *slots_for(600))
        told = f"the limit {name} lets all runs together send 600 requests a minute"
        assert server.shared_limit(name, 600) == Finding("limits", "ok", told)
        differs = server.shared_limit(name, 300)
        assert differs.state == "warn"
        assert "600 requests a minute, and the profile says 300" in differs.said
        (update,) = re.findall(r"`(prefect gcl update .*)`", differs.said)
        program = [sys.executable, "-m", *shlex.split(update)]
        named = {**os.environ, "PREFECT_API_URL": server_of_tests}
        done = subprocess.run(program, env=named, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert server.shared_limit(name, 300).state == "ok"
        client.request(
            "PATCH", "/v2/concurrency_limits/{id_or_name}", path_params={"id_or_name": name}, json={"active": False}
        )
        with pytest.raises(ProfileError, match=f"{name} is not active.*remove it with `prefect gcl delete {name}`"):
            server.shared_limit(name, 300)


@pytest.fixture
def server_of_tests(server: str) -> Iterator[str]:
    with temporary_settings({PREFECT_API_URL: server}):
        yield server


def test_a_limit_cannot_be_looked_for_without_a_server() -> None:
    assert server.shared_limit("aimlapi", 600).state == "fail"


# The command


def command(*arguments: str) -> int:
    return doctor(parser().parse_args(["doctor", *arguments]))


def test_a_line_a_check_and_names_below_each_other(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, wrong := "sk-wrong-161803398")
    path = profile(tmp_path, "openai", service.url)
    assert command("--profile", str(path), "--set", f"store.url={tmp_path}", "--out", str(tmp_path)) == 4
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line[:4].strip() for line in lines] == ["ok"] * 5 + ["FAIL"] + ["ok"] * 3
    assert {line[6:13].strip() for line in lines} >= {"python", "profile", "service"}
    assert {line[13:15] for line in lines} == {"  "}
    assert wrong not in said.out + said.err


def test_the_document_of_a_process(home: Home, service: Service, tmp_path: Path) -> None:
    path = profile(tmp_path, "openai", service.url)
    done = home.run("doctor", "--profile", path, "--out", home.out, "--json")
    assert (done.returncode, done.stderr) == (2, "")
    document = json.loads(done.stdout)
    jsonschema.validate(document, DOCUMENT)
    assert not document["ok"]
    assert [check["name"] for check in document["checks"] if check["state"] == "fail"] == ["key"]
    home.environment[KEY] = SECRET
    done = home.run("doctor", "--profile", path, "--out", home.out, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    jsonschema.validate(document, DOCUMENT)
    assert document["ok"]
    assert SECRET not in done.stdout
    assert home.environment["PREFECT_API_URL"] in next(
        it["said"] for it in document["checks"] if it["name"] == "prefect"
    )


def test_what_no_check_foresees_is_a_line_of_its_own(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> Finding:
        raise ZeroDivisionError(f"with\n{SECRET}")

    monkeypatch.setattr(machine, "store", broken)
    path = profile(tmp_path, "openai", service.url)
    assert command("--profile", str(path), "--out", str(tmp_path), "--verbose") == 2
    said = capsys.readouterr()
    (line,) = [line for line in said.out.splitlines() if line.startswith("FAIL")]
    assert "a fault in the check itself (ZeroDivisionError: with •••)" in line
    assert said.out.splitlines()[-1].startswith("ok    output")
    assert "Traceback" in said.err
    assert SECRET not in said.out + said.err
