"""Whole books spoken by the services, over HTTP, from the local service of the tests."""

import json
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.services.service import Service

from .conftest import SAMPLE, Home

KEY = "DECLAIM_TEST_KEY"
SECRET = "sk-of-the-tests-3141592653"  # noqa: S105  # no key of anybody's


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(key=SECRET) as service:
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
    path.write_text(text.replace("URL", f"{service.url}/v1"), "utf-8")
    return path


def planned(place: Home, path: Path) -> list[str]:
    """List what is sent for the whole book, in its order."""
    plan = json.loads(place.run("plan", SAMPLE, "--profile", path, "--json").stdout)
    return [chunk["text"] for chapter in plan["chapters"] for chunk in chapter["chunks"]]


VOICES = {
    "aura 2": 'provider = "aimlapi"\nmodel = "#g1_aura-2-helena-en"',
    "aura": 'provider = "aimlapi"\nmodel = "#g1_aura-athena-en"',
    "tts-1": 'provider = "aimlapi"\nmodel = "openai/tts-1"\nname = "coral"',
    "octave 2": 'provider = "aimlapi"\nmodel = "hume/octave-2"\nname = "Relaxing ASMR Woman"',
    "auralis": 'provider = "auralis"\nreference_audio = ["voice.wav"]',
    "openai": 'provider = "openai"\nmodel = "tts-1"\nname = "coral"',
}


@pytest.mark.parametrize("name", VOICES)
def test_a_book_by_each_service(name: str, service: Service, place: Home, recording: Path) -> None:
    text = f'[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\nprice_per_1000_characters = 0.03\n{VOICES[name]}\n'
    path = profile(recording.parent, service, text)
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 0, done.stderr
    # Every chunk once.
    assert sorted(service.spoken) == sorted(planned(place, path))
    manifest = place.document("manifest.json")
    assert manifest["totals"]["retries"] == 0
    assert manifest["totals"]["requests"] == len(service.billed)
    assert manifest["totals"]["usd"] == pytest.approx(0.03 * manifest["totals"]["characters"] / 1000)
    # The key goes to the service alone.
    told = [done.stdout, done.stderr, *(file.read_text("utf-8") for file in place.out.glob("*.json"))]
    assert SECRET not in "".join(told)
    for seen in service.seen:
        carried = "authorization" in seen.headers
        assert carried == (seen.origin == "api")


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
    path = profile(tmp_path, service, f'[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\n{VOICES["aura 2"]}\n')
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert said in line
    assert SECRET not in line
    assert len(service.seen) == 1


def test_a_book_is_whole_whatever_the_service_does(service: Service, place: Home, tmp_path: Path) -> None:
    faults = {"429": 0.2, "500": 0.05, "cut_stream": 0.03, "dropped": 0.02, "stalled": 0.01, "silent": 0.01}
    service.behave(faults=faults, retry_after="seconds", retry_after_seconds=0.2)
    limits = "[limits]\nfirst_byte_timeout_seconds = 3\n"
    path = profile(tmp_path, service, f'{limits}[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\n{VOICES["aura 2"]}\n')
    done = place.run("narrate", SAMPLE, "--profile", path, "--out", place.out)
    assert done.returncode == 0, done.stderr
    texts = planned(place, path)
    assert set(service.spoken) == set(texts)
    # Nothing that came whole was bought again.
    assert len(service.spoken) == len(texts)


def test_a_budget_stops_before_it_is_passed(service: Service, place: Home, tmp_path: Path) -> None:
    text = (
        f'[limits]\nbudget_usd = 0.05\n[voice]\nbase_url = "URL"\napi_key_env = "{KEY}"\n'
        f"price_per_1000_characters = 0.03\n{VOICES['aura 2']}\n"
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
        tmp_path, service, f"[voice]\n{common}{VOICES['aura 2']}\n[[fallback]]\n{common}{VOICES['octave 2']}\n"
    )
    done = place.run("narrate", SAMPLE, "--chapters", "1", "--profile", path, "--out", place.out)
    assert done.returncode == 0, done.stderr
    manifest = place.document("manifest.json")
    assert [voice["model"] for voice in manifest["voices"]] == ["hume/octave-2"]
    assert manifest["chapters"][0]["voices"] == [0]


def test_dialogue_and_headings_have_voices_of_their_own(service: Service, place: Home, tmp_path: Path) -> None:
    common = f'base_url = "URL"\napi_key_env = "{KEY}"\n'
    path = profile(
        tmp_path,
        service,
        f"[voice]\n{common}{VOICES['aura 2']}\n[cast.quote]\n{common}{VOICES['tts-1']}\n"
        f"[cast.heading]\n{common}{VOICES['openai']}\n",
    )
    done = place.run("narrate", SAMPLE, "--chapters", "1", "--profile", path, "--out", place.out)
    assert done.returncode == 0, done.stderr
    by_model: dict[str, list[str]] = {}
    for seen in service.asked:
        assert seen.body is not None
        by_model.setdefault(f"{seen.path} {seen.body['model']}", []).append(seen.text)
    assert by_model["/v1/audio/speech tts-1"] == ["Chapter One"]
    assert all(text[0] in "“‘" for text in by_model["/v1/tts openai/tts-1"])
    assert not any("“" in text for text in by_model["/v1/tts #g1_aura-2-helena-en"])
