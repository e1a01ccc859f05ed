"""A book retold by a language model, from the services of the tests: its words and its sound are one telling's, whole.

Speech comes as tones, one for each word, so that it can be heard which words a clip speaks.
"""

import json
import re
import time
import wave
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.services import faults
from tests.services.service import Service
from tests.services.sounds import encode, frequency_of, heard, named, tone

from .conftest import BRISK, KEY, SAMPLE, Home, wait_for

INSTRUCTION = "Abridge it to a tenth."
CHAT = "/v1/chat/completions"
WORDS_AT_ONCE = 20
CHAPTERS = 3
TELLING = re.compile(r"telling (\d+)")
# Every way in which a stream or its answer goes wrong, but for those that a model's own refusal is.
FAULTS = sorted(faults.STREAMED | faults.BROKEN | faults.FALSE | faults.MUTE | {"429", "500", "502", "503", "504"})
# A few in one run, of three chapters: each is met by one of them.
GROUPS = [FAULTS[begin::4] for begin in range(4)]
RATE = 24_000
_SILENT = 50


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home, service: Service) -> Home:
    return replace(home, environment=home.environment | {KEY: service.key})


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    path.write_bytes(encode(tone("a voice", 7.0, RATE), named("wav", RATE)))
    return path


def by_auralis(folder: Path, service: Service, recording: Path) -> Path:
    path = folder / "profile.toml"
    path.write_text(
        f"""
        [voice]
        provider = "auralis"
        base_url = "{service.url}/v1"
        reference_audio = ["{recording}"]
        options = {{ vocalize_at_every_n_words = {WORDS_AT_ONCE} }}
        [retell]
        model = "a-model"
        base_url = "http://127.0.0.1:9/v1"
        api_key_env = "{KEY}"
        event_timeout_seconds = 6
        [limits]
        first_byte_timeout_seconds = 6
        [output]
        editions = ["mp3"]
        """,
        "utf-8",
    )
    return path


def by_any_model(folder: Path, service: Service) -> Path:
    path = folder / "profile.toml"
    path.write_text(
        f"""
        [voice]
        provider = "openai"
        model = "tts-1"
        name = "alloy"
        base_url = "{service.url}/v1"
        api_key_env = "{KEY}"
        [retell]
        text = "openai"
        model = "a-model"
        base_url = "{service.url}/v1"
        api_key_env = "{KEY}"
        event_timeout_seconds = 6
        [limits]
        first_byte_timeout_seconds = 6
        [output]
        editions = ["mp3"]
        """,
        "utf-8",
    )
    return path


def retell(place: Home, profile: Path, *more: str) -> str:
    """Have the sample retold; returns what is said on standard error."""
    arguments = ("retell", SAMPLE, "--profile", profile, "--instruction", INSTRUCTION, "--out", place.out)
    done = place.run(*arguments, *more)
    assert done.returncode == 0, done.stderr
    return done.stderr


def asked(service: Service) -> Counter[str]:
    """How often each text was asked to be retold."""
    return Counter(seen.text for seen in service.asked if seen.path == CHAT)


def assert_whole(place: Home) -> None:
    """Each chapter is of one telling, and its coverage and its text say the same words."""
    rows = place.document("coverage.json")["sentences"]
    (text,) = place.out.glob("*.md")
    told = text.read_text("utf-8").split("\n# ")[1:]
    assert len(told) == CHAPTERS
    for number, chapter in enumerate(told, start=1):
        said = " ".join(row["text"] for row in rows if row["chapter"] == number)
        assert said.split() == chapter.replace("\\", "").split()
        assert len(set(TELLING.findall(said))) == 1
        assert said.count("Thus it is told.") == said.count("So goes telling") > 5
        assert all(row["clip"] for row in rows)


def assert_spoken(place: Home, chapter: int) -> None:
    """In the clips of a chapter, every word is heard once and in order; one may be said in two halves."""
    rows = [row for row in place.document("coverage.json")["sentences"] if row["chapter"] == chapter][1:]
    for clip in dict.fromkeys(row["clip"] for row in rows):
        words = " ".join(row["text"] for row in rows if row["clip"] == clip).split()
        tones = heard_in(place.store / f"clips/{clip[:2]}/{clip}.wav")
        assert said_by(words, tones), f"{words} is not {tones}"


def heard_in(clip: Path) -> list[float]:
    """Hear the tones of a clip, with silence between them."""
    content = clip.read_bytes()
    samples = np.frombuffer(content[content.index(b"data") + 8 : content.rindex(b"sha2")], "<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _SILENT)
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > 0.01 * RATE) + 1)
    return [heard(_part(samples, group), RATE) for group in groups]


def _part(samples: NDArray[np.int16], places: NDArray[np.intp]) -> NDArray[np.int16]:
    return samples[places[0] : places[-1] + 1]


def said_by(words: list[str], tones: list[float]) -> bool:
    """Tell whether tones say words: each word has its tone, or each of its halves has."""
    if not words or not tones:
        return not words and not tones
    word, rest = words[0], words[1:]
    if tones[0] == frequency_of(word):
        return said_by(rest, tones[1:])
    halves = ((word[:cut], word[cut:]) for cut in range(1, len(word)))
    return any([frequency_of(it) for it in pair] == tones[:2] and said_by(rest, tones[2:]) for pair in halves)


@pytest.mark.parametrize(
    "script", [GROUPS[0], *(pytest.param(group, marks=pytest.mark.slow) for group in GROUPS[1:])], ids=" ".join
)
def test_whatever_the_stream_does(place: Home, service: Service, recording: Path, script: list[str]) -> None:
    service.behave(chat_script=script)
    retell(place, by_auralis(place.folder, service, recording))
    assert_whole(place)
    for chapter in range(1, CHAPTERS + 1):
        assert_spoken(place, chapter)
    assert sorted(seen.fault for seen in service.asked if seen.path == CHAT and seen.fault) == sorted(script)
    manifest = place.document("manifest.json")["retelling"]
    assert (manifest["instruction"], manifest["model"], manifest["by"]) == (INSTRUCTION, "a-model", "auralis")
    assert manifest["source"]["name"] == SAMPLE.name
    whole = [request for request in manifest["requests"] if not request["error"]]
    assert [request["chapter"] for request in whole] == [1, 2, 3]
    assert len(manifest["requests"]) - len(whole) == len([kind for kind in script if kind != "dressed"])
    # The headings are not the model's.
    assert sum(seen.path == "/v1/audio/speech" for seen in service.asked) == CHAPTERS


def test_in_another_language(place: Home, service: Service) -> None:
    profile = by_any_model(place.folder, service)
    retell(place, profile, "--set", "retell.language=de", "--chapters", "2-3")
    rules = [(seen.body or {})["messages"][0]["content"] for seen in service.asked if seen.path == CHAT]
    titles = [text for text in rules if "title of a chapter" in text]
    assert len(titles) == 2
    assert all("German (de)" in text for text in rules)
    assert sum("Write in German (de)." in text for text in rules) == len(rules) - len(titles) > 0
    manifest = place.document("manifest.json")
    assert [request["kind"] for request in manifest["retelling"]["requests"]].count("title") == 2
    assert all(chapter["title"].startswith("So goes telling") for chapter in manifest["chapters"])
    text = next(place.out.glob("*.md")).read_text("utf-8")
    assert "\nlanguage: de\n" in text
    # Of the words' own language are the rules by which they are cut and said.
    assert manifest["book"]["language"] == "de"


@pytest.mark.parametrize("script", [[""], ["error_in_200", "unmarked_end", "cut_stream", "stalled_stream", "dressed"]])
@pytest.mark.slow
def test_by_any_model_and_any_voice(place: Home, service: Service, script: list[str]) -> None:
    service.behave(chat_script=script)
    retell(place, by_any_model(place.folder, service))
    assert_whole(place)
    said = {row["spoken"] for row in place.document("coverage.json")["sentences"]}
    spoken = Counter(service.spoken)
    assert all(spoken[sentence] == 1 for sentence in said)
    # Of the tellings that broke off, no more is spoken than had come.
    assert script != [""] or spoken.keys() == said


def test_what_is_told_is_not_asked_for_again(place: Home, service: Service, recording: Path) -> None:
    profile = by_auralis(place.folder, service, recording)
    retell(place, profile)
    before = len(service.asked)
    text = next(place.out.glob("*.md")).read_text("utf-8")
    retell(place, profile)
    assert len(service.asked) == before
    assert next(place.out.glob("*.md")).read_text("utf-8") == text
    changed = place.run(
        "retell", SAMPLE, "--profile", profile, "--instruction", "Otherwise.", "--out", place.folder / "other"
    )
    assert changed.returncode == 0, changed.stderr
    assert sorted(asked(service).values()) == [2, 2, 2]


def test_killed_between_chapters_it_goes_on(place: Home, service: Service, recording: Path) -> None:
    profile = by_auralis(place.folder, service, recording)
    service.behave(told_per_second=150)
    arguments = ("retell", SAMPLE, "--profile", profile, "--instruction", INSTRUCTION, "--out", place.out)
    run = place.begin(*arguments, "--set", "limits.concurrency=1")
    wait_for(lambda: list(place.store.glob("tellings/*/*.json")), "the end of the first chapter")
    # There is time to end the run within the second.
    service.behave(told_per_second=2)
    wait_for(lambda: len(asked(service)) == 2, "the begin of the second chapter")
    run.kill()
    run.wait()
    service.behave(told_per_second=0)
    retell(place, profile, "--set", "limits.concurrency=1")
    assert_whole(place)
    assert sorted(asked(service).values()) == [1, 1, 2]


def test_the_first_sound_is_in_the_store_before_a_tenth_of_the_text_has_come(
    place: Home, service: Service, recording: Path
) -> None:
    # So slow that seconds pass between the first sound and the tenth; the rest is told at once.
    service.behave(told_words=1_000, told_per_second=10)
    arguments = ("--profile", by_auralis(place.folder, service, recording), "--instruction", INSTRUCTION)
    run = place.begin("retell", SAMPLE, *arguments, "--chapters", "1", "--out", place.out)
    while run.poll() is None and not any(place.store.rglob("*.wav")):
        time.sleep(0.05)
    told = service.told
    service.behave(told_per_second=0)
    assert run.wait() == 0
    assert WORDS_AT_ONCE <= told < 100


def test_a_chapter_in_parts(place: Home, service: Service, recording: Path) -> None:
    profile = by_auralis(place.folder, service, recording)
    retell(place, profile, "--set", "retell.part_characters=500", "--chapters", "1")
    chat = [seen for seen in service.asked if seen.path == CHAT]
    told = [seen for seen in chat if "audio" in (seen.body or {})["modalities"]]
    summaries = [seen for seen in chat if seen not in told]
    assert len(told) > 2
    assert len(summaries) == len(told) - 1
    assert all(len(seen.text) <= 500 for seen in told)
    # Each part knows what came before: the model's own summary, of which there is none at the beginning.
    rules = [(seen.body or {})["messages"][0]["content"] for seen in told]
    assert "told before" not in rules[0]
    assert all("told before" in text and "Thus it is told." in text for text in rules[1:])
    requests = place.document("manifest.json")["retelling"]["requests"]
    assert [request["kind"] for request in requests] == ["telling", *["summary", "telling"] * len(summaries)]


def test_bad_input(place: Home, service: Service, recording: Path, tmp_path: Path) -> None:
    profile = by_auralis(place.folder, service, recording)
    silent = tmp_path / "silent.wav"
    with wave.open(str(silent), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(7 * 32_000))
    no_sound = tmp_path / "no.wav"
    no_sound.write_bytes(b"no sound at all")
    expected: list[tuple[tuple[str, ...], dict[str, object], int, str]] = [
        (("--instruction", "  "), {}, 2, "--instruction"),
        (("--instruction", "x" * 30_000), {"limit_characters": 20_000}, 4, "part_characters"),
        (("--set", "retell.model=gone"), {"withdrawn": ["gone"]}, 4, "gone"),
        (("--set", "retell.model="), {}, 2, "[retell] model"),
        (("--set", "retell.base_url="), {}, 2, "[retell] base_url"),
        (("--set", f"voice.reference_audio=['{no_sound}']"), {}, 2, "reference_audio"),
        (("--set", f"voice.reference_audio=['{silent}']"), {}, 2, "reference_audio"),
        (("--set", "voice.base_url=http://127.0.0.1:9/v1", "--set", "limits.attempts=1"), {}, 4, "cannot be reached"),
        (("--set", "limits.attempts=2"), {"faults": {"other_audio": 1.0}}, 4, "other audio than WAV"),
        (("--set", "limits.budget_usd=1", "--set", "voice.price_per_1000_characters=0"), {}, 2, "budget_usd"),
        (("--set", "voice.provider='piper'"), {}, 2, "provider"),
    ]
    for arguments, behaviour, code, said in expected:
        service.behave(**dict[str, object](limit_characters=0, withdrawn=[], faults={}) | behaviour)
        given = arguments if "--instruction" in arguments else ("--instruction", INSTRUCTION, *arguments)
        done = place.run("retell", SAMPLE, "--profile", profile, "--out", place.out, *given)
        lines = [line for line in done.stderr.splitlines() if line.startswith("declaim: ")]
        assert (done.returncode, len(lines)) == (code, 1), done.stderr
        assert said in lines[0]
        assert "Traceback" not in done.stderr
    # What was received of the last streams is kept.
    assert list(place.store.glob("tellings/*/*/told.md"))


@pytest.mark.slow
def test_the_editions_pass_the_checks_of_a_narrated_book(place: Home, service: Service, recording: Path) -> None:
    service.behave(voice="speech")
    profile = by_auralis(place.folder, service, recording)
    editions = "output.editions=['mp3', 'm4b', 'captions', 'readalong']"
    # Its service speaks with the embedded voice, which takes as long as the machine lets it.
    retell(place, profile, "--set", editions, "--set", "retell.event_timeout_seconds=120", "--chapters", "2-3")
    done = place.run("check", place.out, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, [row for row in found["findings"] if not row["passes"]]
    kinds = {row["kind"] for row in place.document("manifest.json")["editions"]}
    assert kinds == {"manuscript", "mp3", "m4b", "captions", "readalong"}
    # Its text, narrated by itself, says the same.
    (text,) = place.out.glob("*.md")
    before = len(service.asked)
    done = place.run("narrate", text, "--profile", profile, "--out", place.folder / "again")
    assert done.returncode == 0, done.stderr
    assert len(service.asked) == before
