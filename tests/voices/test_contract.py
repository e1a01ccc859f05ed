"""What every voice promises. A provider is tested by one more row of CASES."""

import asyncio
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import ProfileError, Rejected, Transient, Unavailable
from tasks.model import Audio
from tasks.voices import _PROVIDERS, Voice, VoiceSettings, VoiceSpec, provider
from tasks.voices.limits import LimitSettings
from tasks.voices.piper import model_path

pytestmark = pytest.mark.voice

LIMITS = LimitSettings(concurrency=1)
SENTENCES = ("It rained all day.", "We went home.")
OTHER = ("We went home.", "It rained all day.")


@dataclass(frozen=True)
class Case:
    """A provider as it is tested. `heavy` names modules that only speaking may load."""

    settings: VoiceSettings
    heavy: tuple[str, ...]
    wrong: tuple[tuple[VoiceSettings, str], ...]


CASES = {
    "piper": Case(
        settings=VoiceSettings(provider="piper"),
        heavy=("onnx", "onnxruntime", "piper", "numpy"),
        wrong=(
            (VoiceSettings(model="amy"), r"\[voice\] model: amy is no Piper voice"),
            (VoiceSettings(model="missing/amy.onnx"), r"\[voice\] model: there is no file missing"),
            (VoiceSettings(name="bob"), r"\[voice\] name: .* has no speaker 'bob'"),
            (VoiceSettings(options={"speed": 2}), r"\[voice.options\] speed: "),
            (VoiceSettings(options={"length_scale": "slow"}), r"\[voice.options\] length_scale: "),
            (VoiceSettings(options={"length_scale": 0}), r"\[voice.options\] length_scale: "),
            (VoiceSettings(options={"noise_scale": -1}), r"\[voice.options\] noise_scale: "),
        ),
    ),
}
WRONG = [
    pytest.param(name, settings, said, id=f"{name}-{place}")
    for name, case in CASES.items()
    for place, (settings, said) in enumerate(case.wrong)
]


def test_every_provider_is_tested() -> None:
    assert set(CASES) == set(_PROVIDERS)


def test_an_unknown_provider_is_told_those_that_there_are() -> None:
    with pytest.raises(ProfileError, match=r"'pipr'; choose one of: .*piper"):
        provider("pipr")


@contextmanager
def built(spec: VoiceSpec, settings: VoiceSettings) -> Iterator[Voice]:
    voice = spec.build(settings, LIMITS)
    try:
        yield voice
    finally:
        asyncio.run(voice.close())


def said_by(voice: Voice, *sentences: str) -> Audio:
    return asyncio.run(voice.synthesize(sentences))


@pytest.fixture(scope="module", params=sorted(CASES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def spec(name: str) -> VoiceSpec:
    return provider(name)


@pytest.fixture(scope="module")
def voice(spec: VoiceSpec, name: str) -> Iterator[Voice]:
    with built(spec, CASES[name].settings) as voice:
        yield voice


@pytest.fixture(scope="module")
def audio(voice: Voice) -> Audio:
    return said_by(voice, *SENTENCES)


def samples_of(audio: Audio) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.frombuffer(audio.pcm, dtype="<i2")


def test_it_speaks(audio: Audio) -> None:
    samples = samples_of(audio).astype(np.float64)
    assert 8_000 <= audio.sample_rate <= 48_000
    assert 1 < audio.seconds < 6
    assert np.abs(samples).max() > 3_000
    # Speech sounds and pauses by turns: some twentieths of a second are far louder than others.
    window = audio.sample_rate // 20
    levels = np.sqrt(np.square(samples[: len(samples) // window * window].reshape(-1, window)).mean(axis=1))
    assert np.percentile(levels, 80) > 5 * np.percentile(levels, 5)


def test_sentences_end_where_it_says(voice: Voice, audio: Audio) -> None:
    if not audio.sentence_ends:
        pytest.skip("this voice cannot tell")
    assert len(audio.sentence_ends) == len(SENTENCES)
    assert audio.sentence_ends[-1] == len(audio.pcm) // 2
    for (begin, end), sentence in zip(pairwise((0, *audio.sentence_ends)), SENTENCES, strict=True):
        assert audio.pcm[2 * begin : 2 * end] == said_by(voice, sentence).pcm


def test_requests_may_overlap(voice: Voice, audio: Audio) -> None:
    async def all_at_once() -> tuple[Audio, Audio, Audio]:
        return await asyncio.gather(voice.synthesize(SENTENCES), voice.synthesize(OTHER), voice.synthesize(SENTENCES))

    first, other, again = asyncio.run(all_at_once())
    assert first == again == audio
    assert other != audio


def test_the_same_request_sounds_the_same_in_other_processes(spec: VoiceSpec, name: str, audio: Audio) -> None:
    # Two workers where the fixture has one: these processes are not its.
    other = spec.build(CASES[name].settings, LimitSettings(concurrency=2))
    try:
        assert said_by(other, *SENTENCES) == audio
    finally:
        asyncio.run(other.close())


def test_another_sentence_sounds_otherwise(voice: Voice, audio: Audio) -> None:
    assert said_by(voice, *OTHER).pcm != audio.pcm
    assert said_by(voice, "It rained all day!", SENTENCES[1]).pcm != audio.pcm


def test_equal_voices_have_equal_identities(spec: VoiceSpec, name: str) -> None:
    settings = CASES[name].settings
    assert spec.describe(settings) == spec.describe(settings.model_copy())
    assert spec.describe(settings).provider == name
    # What a voice costs does not decide how it sounds.
    assert spec.describe(settings) == spec.describe(settings.model_copy(update={"price_per_1000_characters": 3}))


def test_the_catalogue_names_voices_that_there_are(spec: VoiceSpec, name: str) -> None:
    rows = list(spec.catalogue(CASES[name].settings))
    assert rows
    for row in rows:
        assert row.provider == name
        assert row.language
        chosen = CASES[name].settings.model_copy(update={"model": row.model, "name": row.name})
        assert spec.describe(chosen).voice == row.name


def test_there_is_work_for_every_request_in_flight(spec: VoiceSpec) -> None:
    assert spec.concurrency(LimitSettings()) >= 1
    assert spec.concurrency(LimitSettings(concurrency=3)) >= 3


@pytest.mark.parametrize(("name", "settings", "said"), WRONG)
def test_a_voice_that_there_is_not_is_a_fault_of_the_profile(name: str, settings: VoiceSettings, said: str) -> None:
    before = multiprocessing.active_children()
    with pytest.raises(ProfileError, match=said) as caught:
        provider(name).describe(settings)
    assert "\n" not in str(caught.value)
    with pytest.raises(ProfileError, match=said):
        provider(name).build(settings, LIMITS)
    assert multiprocessing.active_children() == before


def test_nothing_heavy_is_loaded_before_it_speaks(name: str) -> None:
    program = f"""
import sys
from tasks.voices import VoiceSettings, provider
settings = VoiceSettings(provider={name!r})
spec = provider({name!r})
spec.describe(settings), list(spec.catalogue(settings))
print(*sorted(set({CASES[name].heavy!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.split() == []


# From here on, what is Piper's own.


@pytest.fixture
def piper() -> VoiceSpec:
    return provider("piper")


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07" * 2_000])
def test_a_file_that_is_no_model_is_rejected_at_once(piper: VoiceSpec, tmp_path: Path, content: bytes) -> None:
    model = tmp_path / "broken.onnx"
    model.write_bytes(content)
    configuration = Path(f"{model_path(VoiceSettings())}.json").read_text("utf-8")
    Path(f"{model}.json").write_text(configuration, "utf-8")
    with (
        built(piper, VoiceSettings(model=str(model))) as voice,
        pytest.raises(Rejected, match="cannot be loaded as a Piper voice") as caught,
    ):
        said_by(voice, *SENTENCES)
    assert not isinstance(caught.value, Transient)
    assert str(model) in str(caught.value)


def test_a_configuration_that_describes_no_voice_is_a_fault_of_the_profile(piper: VoiceSpec, tmp_path: Path) -> None:
    model = tmp_path / "broken.onnx"
    model.write_bytes(b"")
    Path(f"{model}.json").write_text("[]", "utf-8")
    with pytest.raises(ProfileError, match="does not describe a Piper voice"):
        piper.describe(VoiceSettings(model=str(model)))


def test_another_model_is_another_voice(piper: VoiceSpec, tmp_path: Path) -> None:
    identities = set()
    for content in (b"one", b"two"):
        model = tmp_path / content.decode() / "voice.onnx"
        model.parent.mkdir()
        model.write_bytes(content)
        Path(f"{model}.json").write_text('{"audio": {"sample_rate": 16000}}', "utf-8")
        identities.add(piper.describe(VoiceSettings(model=str(model))))
    assert len(identities) == 2


def test_options_are_part_of_the_voice(piper: VoiceSpec) -> None:
    plain, slow = (piper.describe(VoiceSettings(options=options)) for options in ({}, {"length_scale": 1.5}))
    assert plain != slow
    assert piper.describe(VoiceSettings(options={"length_scale": None})) == plain


def test_a_worker_that_dies_is_replaced_and_options_are_heeded(piper: VoiceSpec, audio: Audio) -> None:
    before = set(multiprocessing.active_children())
    # An option of its own gives this voice processes of its own.
    with built(piper, VoiceSettings(options={"length_scale": 1.5})) as voice:
        first = said_by(voice, *SENTENCES)
        assert 1.2 * audio.seconds < first.seconds < 1.8 * audio.seconds

        async def interrupted() -> Audio:
            speaking = asyncio.ensure_future(voice.synthesize(SENTENCES * 50))
            await asyncio.sleep(0.3)
            for worker in set(multiprocessing.active_children()) - before:
                worker.kill()
            return await speaking

        with pytest.raises(Unavailable, match="worker process"):
            asyncio.run(interrupted())
        assert said_by(voice, *SENTENCES) == first


def test_it_keeps_its_natural_variation(piper: VoiceSpec, audio: Audio) -> None:
    with built(piper, VoiceSettings(options={"noise_scale": 0})) as voice:
        flat = said_by(voice, *SENTENCES)
    # Only the colour of the sound has lost its noise, so what is said takes as long, and is not the same.
    assert flat.sentence_ends == audio.sentence_ends
    assert flat.pcm != audio.pcm
