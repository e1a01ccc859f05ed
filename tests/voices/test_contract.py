"""What every voice promises. A provider is tested by one more row of CASES."""

import asyncio
import multiprocessing
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest

from tasks.audio.decode import decode
from tasks.errors import ProfileError, Rejected, Transient, Unavailable
from tasks.model import Audio
from tasks.trust import trust
from tasks.voices import _PROVIDERS, LimitSettings, Voice, VoiceSettings, VoiceSpec, provider
from tasks.voices.piper import model_path
from tests import skip_reasons
from tests.services.service import Service

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


# A client's connections belong to one event loop.
RUNNER = asyncio.Runner()
KEY = "DECLAIM_TEST_KEY"


def aura(**options: object) -> VoiceSettings:
    return VoiceSettings(provider="aimlapi", model="#g1_aura-2-helena-en", options=options)


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
    "aimlapi": Case(
        settings=VoiceSettings(provider="aimlapi", model="#g1_aura-2-helena-en", api_key_env=KEY),
        heavy=("httpx", "numpy"),
        wrong=(
            (VoiceSettings(provider="aimlapi"), r"\[voice\] model: there is no 'model'; choose for example #g1_aura-2"),
            (VoiceSettings(provider="aimlapi", model="#g1_aura-2-bob-en"), r"there is no '#g1_aura-2-bob-en'"),
            (VoiceSettings(provider="aimlapi", model="openai/tts-1", name="bob"), r"has no voice 'bob'; choose alloy"),
            (VoiceSettings(provider="aimlapi", model="#g1_aura-zeus-en", name="zeus"), r"is one voice itself"),
            (aura(encoding="ogg"), r"\[voice.options\] encoding: "),
            (aura(encoding="mp3", sample_rate=48_000), r"mp3 has no sample_rate 48000; choose 22050"),
            (aura(encoding="mulaw", sample_rate=24_000), r"mulaw has no sample_rate 24000; choose 8000, 16000"),
            (aura(encoding="flac", container="ogg"), r"flac has no container ogg"),
            (aura(speed=1.2), r"\[voice.options\] speed: "),
            (
                VoiceSettings(provider="aimlapi", model="openai/tts-1", options={"speed": 5}),
                r"\[voice.options\] speed: ",
            ),
        ),
    ),
    "auralis": Case(
        settings=VoiceSettings(provider="auralis", options={"response_format": "wav"}),
        heavy=("httpx", "numpy"),
        wrong=(
            (VoiceSettings(provider="auralis"), r"reference_audio: Auralis clones a voice"),
            (VoiceSettings(provider="auralis", reference_audio=("missing.wav",)), r"missing.wav cannot be read"),
            (VoiceSettings(provider="auralis", options={"language": "sv"}), r"\[voice.options\] language: "),
            (VoiceSettings(provider="auralis", options={"top_p": 2}), r"\[voice.options\] top_p: "),
        ),
    ),
    "openai": Case(
        settings=VoiceSettings(provider="openai", model="tts-1", name="coral", api_key_env=KEY),
        heavy=("httpx", "numpy"),
        wrong=(
            (VoiceSettings(provider="openai"), r"\[voice\] model: name the service's model"),
            (VoiceSettings(provider="openai", model="tts-1", name="bob"), r"OpenAI has no voice 'bob'; choose alloy"),
            (VoiceSettings(provider="openai", model="own", options={"speed": 9}), r"\[voice.options\] speed: "),
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
def built(spec: VoiceSpec, settings: VoiceSettings, limits: LimitSettings = LIMITS) -> Iterator[Voice]:
    client = httpx.AsyncClient(verify=trust())
    voice = spec.build(settings, limits, client)
    try:
        yield voice
    finally:
        RUNNER.run(voice.close())
        RUNNER.run(client.aclose())


def said_by(voice: Voice, *sentences: str) -> Audio:
    return decode(RUNNER.run(voice.synthesize(sentences)))


@pytest.fixture(scope="module", params=sorted(CASES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def spec(name: str) -> VoiceSpec:
    return provider(name)


@pytest.fixture(scope="module", autouse=True)
def runner() -> Iterator[None]:
    with RUNNER:
        yield


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service, pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, service.key)
        yield service


@pytest.fixture(scope="module")
def settings(name: str, service: Service, tmp_path_factory: pytest.TempPathFactory) -> VoiceSettings:
    """The settings of a case, with the address of the tests' own service and a recording to clone."""
    settings = CASES[name].settings
    if name == "piper":
        return settings
    recordings: tuple[str, ...] = ()
    if name == "auralis":
        path = tmp_path_factory.mktemp("recordings") / "voice.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            noise = np.random.default_rng(1).normal(0, 3_000, 7 * 16_000).astype("<i2")
            file.writeframes(noise.tobytes())
        recordings = (str(path),)
    return settings.model_copy(update={"base_url": f"{service.url}/v1", "reference_audio": recordings})


@pytest.fixture(scope="module")
def voice(spec: VoiceSpec, settings: VoiceSettings) -> Iterator[Voice]:
    with built(spec, settings) as voice:
        yield voice


@pytest.fixture(scope="module")
def audio(voice: Voice) -> Audio:
    return said_by(voice, *SENTENCES)


def samples_of(audio: Audio) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.frombuffer(audio.pcm, dtype="<i2")


def test_it_speaks(name: str, audio: Audio) -> None:
    samples = samples_of(audio).astype(np.float64)
    assert 8_000 <= audio.sample_rate <= 48_000
    assert 1 < audio.seconds < 6
    assert np.abs(samples).max() > 3_000
    # Speech sounds and pauses by turns: some twentieths of a second are far louder than others. The service of the tests
    # answers with tones that rise and fall less.
    contrast = 5 if name == "piper" else 2
    window = audio.sample_rate // 20
    levels = np.sqrt(np.square(samples[: len(samples) // window * window].reshape(-1, window)).mean(axis=1))
    assert np.percentile(levels, 80) > contrast * np.percentile(levels, 5)


def test_sentences_end_where_it_says(voice: Voice, audio: Audio) -> None:
    if not audio.sentence_ends:
        pytest.skip(skip_reasons.NO_SENTENCE_ENDS)
    assert len(audio.sentence_ends) == len(SENTENCES)
    assert audio.sentence_ends[-1] == len(audio.pcm) // 2
    for (begin, end), sentence in zip(pairwise((0, *audio.sentence_ends)), SENTENCES, strict=True):
        assert audio.pcm[2 * begin : 2 * end] == said_by(voice, sentence).pcm


def test_requests_may_overlap(voice: Voice, audio: Audio) -> None:
    async def all_at_once() -> tuple[Audio, Audio, Audio]:
        spoken = await asyncio.gather(*(voice.synthesize(it) for it in (SENTENCES, OTHER, SENTENCES)))
        first, other, again = map(decode, spoken)
        return first, other, again

    first, other, again = RUNNER.run(all_at_once())
    assert first == again == audio
    assert other != audio


def test_the_same_request_sounds_the_same_in_other_processes(
    spec: VoiceSpec, settings: VoiceSettings, audio: Audio
) -> None:
    # Two workers where the fixture has one: these processes are not its.
    with built(spec, settings, LimitSettings(concurrency=2)) as other:
        assert said_by(other, *SENTENCES) == audio


def test_what_is_prepared_is_not_bought_and_sounds_the_same(
    spec: VoiceSpec, name: str, settings: VoiceSettings, service: Service, audio: Audio
) -> None:
    with built(spec, settings, LimitSettings(concurrency=2)) as prepared:
        before = len(service.asked)
        prepared.prepare([SENTENCES, OTHER, SENTENCES])
        # A request that was sent is at the service by the time that another is answered.
        first, other, again = (said_by(prepared, *it) for it in (SENTENCES, OTHER, SENTENCES))
        assert first == again == audio
        assert other != audio
        assert len(service.asked) - before == (0 if name == "piper" else 3)


def test_another_sentence_sounds_otherwise(voice: Voice, audio: Audio) -> None:
    assert said_by(voice, *OTHER).pcm != audio.pcm
    assert said_by(voice, "It rained all day!", SENTENCES[1]).pcm != audio.pcm


def test_equal_voices_have_equal_identities(spec: VoiceSpec, name: str, settings: VoiceSettings) -> None:
    assert spec.describe(settings) == spec.describe(settings.model_copy())
    assert spec.describe(settings).provider == name
    # What a voice costs does not decide how it sounds.
    assert spec.describe(settings) == spec.describe(settings.model_copy(update={"price_per_1000_characters": 3}))


def test_the_catalogue_names_voices_that_there_are(spec: VoiceSpec, name: str, settings: VoiceSettings) -> None:
    rows = list(spec.catalogue(settings))
    assert rows
    for row in rows:
        assert row.provider == name
        assert row.language
        chosen = settings.model_copy(update={"model": row.model, "name": row.name})
        assert row.name in spec.describe(chosen).voice


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
        provider(name).build(settings, LIMITS, httpx.AsyncClient(verify=trust()))
    assert multiprocessing.active_children() == before


def test_nothing_heavy_is_loaded_before_it_speaks(name: str, settings: VoiceSettings) -> None:
    program = f"""
import sys
from tasks.voices import VoiceSettings, provider
settings = VoiceSettings.model_validate_json({settings.model_dump_json()!r})
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


@pytest.fixture(scope="module")
def piper_audio() -> Iterator[Audio]:
    with built(provider("piper"), VoiceSettings()) as voice:
        yield said_by(voice, *SENTENCES)


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


def test_a_worker_that_dies_is_replaced_and_options_are_heeded(piper: VoiceSpec, piper_audio: Audio) -> None:
    before = set(multiprocessing.active_children())
    # An option of its own gives this voice processes of its own.
    with built(piper, VoiceSettings(options={"length_scale": 1.5})) as voice:
        first = said_by(voice, *SENTENCES)
        assert 1.2 * piper_audio.seconds < first.seconds < 1.8 * piper_audio.seconds

        async def interrupted() -> Audio:
            voice.prepare([OTHER * 10])
            speaking = asyncio.ensure_future(voice.synthesize(SENTENCES * 50))
            await asyncio.sleep(0.3)
            for worker in set(multiprocessing.active_children()) - before:
                worker.kill()
            return decode(await speaking)

        with pytest.raises(Unavailable, match="worker process"):
            RUNNER.run(interrupted())
        assert said_by(voice, *SENTENCES) == first
        # What the dead were speaking ahead is asked for anew.
        assert said_by(voice, *OTHER * 10).seconds > first.seconds


def test_phonemes_are_spoken_as_such(piper: VoiceSpec) -> None:
    assert piper.takes_phonemes
    with built(piper, VoiceSettings()) as voice:
        word, phonemes, letters = (
            said_by(voice, f"The {name} sailed away.").seconds for name in ("banana", "[[bənˈænə]]", "b ə n æ n ə")
        )
    assert abs(phonemes - word) < 0.25 * word < letters - word


def test_it_keeps_its_natural_variation(piper: VoiceSpec, piper_audio: Audio) -> None:
    with built(piper, VoiceSettings(options={"noise_scale": 0})) as voice:
        flat = said_by(voice, *SENTENCES)
    # Only the colour of the sound has lost its noise, so what is said takes as long, and is not the same.
    assert flat.sentence_ends == piper_audio.sentence_ends
    assert flat.pcm != piper_audio.pcm
