"""Whole books spoken by the services, over HTTP, from the local service of the tests."""

import base64
import json
import wave
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import httpx
import numpy as np
import pytest

from tasks.trust import trust
from tests.services.service import Service
from tests.services.sounds import decode, frequency_of, heard

from .conftest import BRISK, KEY, SAMPLE, Home

HEARD_AT = 16_000
SECRET = "sk-of-the-tests-3141592653"  # noqa: S105  # no key of anybody's


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(key=SECRET, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home) -> Home:
    return replace(home, environment=home.environment | {KEY: SECRET})


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(1).normal(0, 3_000, 7 * 16_000).astype("<i2").tobytes())
    return path


def profile(folder: Path, service: Service, text: str) -> Path:
    path = folder / "profile.toml"
    path.write_text(f"[output]\neditions = ['mp3']\n{text.replace('URL', f'{service.url}/v1')}", "utf-8")
    return path


def planned(place: Home, path: Path) -> dict[str, str]:
    """Tell what is sent for the whole book, in its order, by the keys of the clips."""
    plan = json.loads(place.run("plan", SAMPLE, "--profile", path, "--json").stdout)
    return {chunk["key"]: chunk["text"] for chapter in plan["chapters"] for chunk in chapter["chunks"]}


def assert_heard_in_order(place: Home, texts: dict[str, str]) -> None:
    """Listen to the MP3s: at each clip's time there is the tone of its text, and the clips come in the book's order."""
    rows = place.document("coverage.json")["sentences"]
    assert list(dict.fromkeys(row["clip"] for row in rows)) == list(texts)
    tracks = sorted((place.out / "mp3").glob("*.mp3"))
    for number, track in enumerate(tracks, 1):
        samples = decode(track.read_bytes(), HEARD_AT)
        told = [row for row in rows if row["chapter"] == number]
        for clip, sentences in groupby(told, itemgetter("clip")):
            first, *_, last = 2 * list(sentences)
            sound = samples[round(first["start"] * HEARD_AT) : round(last["end"] * HEARD_AT)]
            assert heard(sound, HEARD_AT) == frequency_of(texts[clip])


def assert_the_key_went_nowhere_else(service: Service, place: Home, server: str) -> None:
    """Search all that a run leaves behind for the key: its files, and all that Prefect was told."""
    for seen in service.seen:
        assert ("authorization" in seen.headers) == (seen.origin == "api")
        assert SECRET not in json.dumps(seen.body)
        assert SECRET not in seen.path
    files = [path for folder in (place.out, place.store) for path in folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    for what in ("flow_runs", "task_runs", "logs", "artifacts", "flow_run_states", "variables", "deployments"):
        answer = httpx.post(f"{server}/{what}/filter", json={}, verify=trust(), timeout=200)
        found = (
            answer.text
            if answer.status_code != 405
            else httpx.get(f"{server}/{what}", verify=trust(), timeout=200).text
        )
        assert what in {"artifacts", "variables", "deployments", "flow_run_states"} or len(found) > 2
        assert SECRET not in found


# The voice of a profile, and the fields of a request beside the words: exactly those of the service's page.
VOICES: dict[str, tuple[str, dict[str, object]]] = {
    "aura 2": (
        'provider = "aimlapi"\nmodel = "#g1_aura-2-helena-en"',
        {"model": "#g1_aura-2-helena-en"},
    ),
    "aura": (
        'provider = "aimlapi"\nmodel = "#g1_aura-athena-en"',
        {"model": "#g1_aura-athena-en"},
    ),
    "tts-1": (
        'provider = "aimlapi"\nmodel = "openai/tts-1"\nname = "coral"',
        {"model": "openai/tts-1", "voice": "coral"},
    ),
    "octave 2": (
        'provider = "aimlapi"\nmodel = "hume/octave-2"\nname = "Relaxing ASMR Woman"',
        {"model": "hume/octave-2", "voice": "Relaxing ASMR Woman"},
    ),
    "auralis": (
        """provider = "auralis"
        reference_audio = ["voice.wav"]
        [voice.options]
        response_format = "mp3"
        enhance_speech = true
        sound_norm_refs = false
        max_ref_length = 60
        gpt_cond_len = 30
        gpt_cond_chunk_len = 4
        temperature = 0.75
        top_p = 0.85
        top_k = 50
        repetition_penalty = 5.0
        length_penalty = 1.0
        do_sample = true
        language = "auto"
        """,
        {
            "model": "xttsv2",
            "response_format": "mp3",
            "speed": 1.0,
            "enhance_speech": True,
            "sound_norm_refs": False,
            "max_ref_length": 60,
            "gpt_cond_len": 30,
            "gpt_cond_chunk_len": 4,
            "temperature": 0.75,
            "top_p": 0.85,
            "top_k": 50,
            "repetition_penalty": 5.0,
            "length_penalty": 1.0,
            "do_sample": True,
            "language": "auto",
        },
    ),
    "openai": (
        'provider = "openai"\nmodel = "tts-1"\nname = "coral"',
        {"model": "tts-1", "voice": "coral"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VOICES)
def test_a_book_by_each_service(name: str, service: Service, place: Home, recording: Path, server: str) -> None:
    voice, fields = VOICES[name]
    text = f'[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\nprice_per_1000_characters = 0.03\n{voice}\n'
    path = profile(recording.parent, service, text)
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 0, done.stderr
    # Every chunk once.
    texts = planned(place, path)
    assert sorted(service.spoken) == sorted(texts.values())
    for seen in service.asked:
        assert seen.body is not None
        sent = dict(seen.body)
        assert sent.pop("input" if "input" in sent else "text") == seen.text
        if name == "auralis":
            assert [base64.b64decode(it) for it in sent.pop("voice")] == [(recording.parent / "voice.wav").read_bytes()]
        assert sent == fields
    assert_heard_in_order(place, texts)
    manifest = place.document("manifest.json")
    assert manifest["totals"]["retries"] == 0
    assert manifest["totals"]["requests"] == len(service.billed)
    assert manifest["totals"]["usd"] == pytest.approx(0.03 * manifest["totals"]["characters"] / 1000)
    assert SECRET not in done.stdout + done.stderr
    assert_the_key_went_nowhere_else(service, place, server)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ({"script": ["401"]}, f"put a valid key in the environment variable {KEY}"),
        ({"out_of_credit": True}, "top up"),
        ({"withdrawn": {"#g1_aura-2-helena-en"}}, "check [voice] model"),
        ({"limit_characters": 40}, "set [text] max_characters lower"),
    ],
)
def test_a_refusal_is_one_line_after_one_request(
    behaviour: dict[str, object], said: str, service: Service, place: Home, tmp_path: Path
) -> None:
    service.behave(**behaviour)
    path = profile(tmp_path, service, f'[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\n{VOICES["aura 2"][0]}\n')
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert said in line
    assert SECRET not in line
    assert len(service.seen) == 1


def test_a_key_that_is_withdrawn_in_the_middle_ends_the_run_and_loses_nothing(
    service: Service, place: Home, tmp_path: Path, server: str
) -> None:
    service.behave(script=[*[""] * 9, *["401"] * 200])
    text = f'[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\n{VOICES["aura 2"][0]}\n'
    path = profile(tmp_path, service, text)
    loud = replace(place, environment=place.environment | {"PREFECT_LOGGING_LEVEL": "DEBUG"})
    done = loud.run("narrate", SAMPLE, "--profile", path, "--out", place.out, "--verbose")
    assert done.returncode == 4
    assert f"put a valid key in the environment variable {KEY}" in done.stderr.splitlines()[-1]
    assert SECRET not in done.stdout + done.stderr
    assert_the_key_went_nowhere_else(service, place, server)
    # What was in flight when the key was refused has still been kept; no chunk was tried a second time.
    assert len(place.clips()) == len(service.spoken) == 9
    assert len(service.asked) <= 9 + 8
    service.behave(script=[])
    again = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert again.returncode == 0, again.stderr
    assert sorted(service.spoken) == sorted(planned(place, path).values())


def test_a_service_that_is_down_ends_the_run_before_all_patience_is_spent(
    service: Service, place: Home, tmp_path: Path
) -> None:
    service.behave(script=[*[""] * 20, *["500"] * 1000])
    limits = "[limits]\nattempts = 2\nconcurrency = 4\n"
    text = f'{limits}[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\n{VOICES["aura 2"][0]}\n'
    path = profile(tmp_path, service, text)
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 4
    assert "so ended 10 chunks in a row: run the command again later" in done.stderr.splitlines()[-1]
    # Two attempts at ten chunks, and what was in flight.
    assert 20 <= len(service.asked) - 20 <= 20 + 2 * 4
    assert len(place.clips()) == 20


def test_a_book_is_whole_whatever_the_service_does(service: Service, place: Home, tmp_path: Path) -> None:
    faults = {"429": 0.2, "500": 0.05, "cut_stream": 0.03, "dropped": 0.02, "stalled": 0.01, "silent": 0.01}
    service.behave(faults=faults, retry_after="seconds", retry_after_seconds=0.2)
    limits = "[limits]\nfirst_byte_timeout_seconds = 3\n"
    path = profile(
        tmp_path, service, f'{limits}[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\n{VOICES["aura 2"][0]}\n'
    )
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 0, done.stderr
    texts = planned(place, path)
    assert set(service.spoken) == set(texts.values())
    assert_heard_in_order(place, texts)
    # Nothing that came whole was bought again.
    assert len(service.spoken) == len(texts)


def test_a_budget_stops_before_it_is_passed(service: Service, place: Home, tmp_path: Path) -> None:
    text = (
        f'[limits]\nbudget_usd = 0.05\n[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\n'
        f"price_per_1000_characters = 0.03\n{VOICES['aura 2'][0]}\n"
    )
    path = profile(tmp_path, service, text)
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 6, done.stderr
    characters = sum(map(len, service.spoken))
    assert 0 < characters * 0.03 / 1000 <= 0.05
    assert len(place.clips()) == len(service.spoken)


def test_a_chapter_that_its_voice_cannot_finish_is_spoken_whole_by_the_next(
    service: Service, place: Home, tmp_path: Path
) -> None:
    service.behave(withdrawn={"#g1_aura-2-helena-en"})
    common = f'base_url = "URL"\napi_key_env = "{KEY}"\n'
    path = profile(
        tmp_path, service, f"[voice]\n{common}{VOICES['aura 2'][0]}\n[[fallback]]\n{common}{VOICES['octave 2'][0]}\n"
    )
    done = place.run("narrate", SAMPLE, "--chapters", "1", "--profile", path, "--out", place.out)
    assert done.returncode == 0, done.stderr
    manifest = place.document("manifest.json")
    assert [voice["model"] for voice in manifest["voices"]] == ["hume/octave-2"]
    assert manifest["chapters"][0]["voices"] == [0]


def test_a_book_by_several_services_at_once(service: Service, place: Home, tmp_path: Path, server: str) -> None:
    common = f'base_url = "URL"\napi_key_env = "{KEY}"\n'
    path = profile(
        tmp_path,
        service,
        f"[voice]\n{common}{VOICES['aura 2'][0]}\n[cast.quote]\n{common}{VOICES['tts-1'][0]}\n"
        f"[cast.heading]\n{common}{VOICES['openai'][0]}\n",
    )
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 0, done.stderr
    texts = planned(place, path)
    assert sorted(service.spoken) == sorted(texts.values())
    assert_heard_in_order(place, texts)
    assert_the_key_went_nowhere_else(service, place, server)
    by_model: dict[str, list[str]] = {}
    for seen in service.asked:
        assert seen.body is not None
        by_model.setdefault(f"{seen.path} {seen.body['model']}", []).append(seen.text)
    assert sorted(by_model["/v1/audio/speech tts-1"]) == ["Chapter One", "Chapter Two", "The Third Winter"]
    assert all(text[0] in "“‘" for text in by_model["/v1/tts openai/tts-1"])
    assert not any("“" in text for text in by_model["/v1/tts #g1_aura-2-helena-en"])
