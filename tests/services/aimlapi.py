"""`POST /v1/tts` of AI/ML API: a model is a row, its fields are checked strictly, so that no other field is ever sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.services.orders import Behaviour, Order, Refused, names
from tests.services.sounds import MIME, Encoding, named

Check = Callable[[Any], str]  # says what is wrong with a value, "" where nothing is
Row = Mapping[str, Check]

_AURA_2 = names(
    "amalthea-en andromeda-en apollo-en arcas-en aries-en asteria-en athena-en atlas-en aurora-en callista-en cora-en "
    "cordelia-en delia-en draco-en electra-en harmonia-en helena-en hera-en hermes-en hyperion-en iris-en janus-en "
    "juno-en jupiter-en luna-en mars-en minerva-en neptune-en odysseus-en ophelia-en orion-en orpheus-en pandora-en "
    "phoebe-en pluto-en saturn-en selene-en thalia-en theia-en vesta-en zeus-en celeste-es estrella-es nestor-es"
)
_AURA = names("angus arcas asteria athena helios hera luna orion orpheus perseus stella zeus")
_OPENAI = names("alloy ash ballad coral echo fable nova onyx sage shimmer verse")
_OCTAVE_2 = names(
    "Vince Douglas, Male English Actor, Ava Song, Campfire Narrator, TikTok Fashion Influencer, Colton Rivers, "
    "Literature Professor, Booming American Narrator, Imani Carter, Terrence Bentley, Nature Documentary Narrator, "
    "Alice Bennett, Sitcom Girl, Unserious Movie Trailer Narrator, Articulate ASMR British Narrator, Big Dicky, "
    "English Children's Book Narrator, Sebastian Lockwood, Donovan Sinclair, Booming British Narrator, "
    "Relaxing ASMR Woman, Lady Elizabeth, Male Protagonist, Tough Guy, French Chef, Spanish Instructor, "
    "Charming Cowgirl",
    ", ",
)
_INWORLD = names(
    "Alex Ashley Craig Deborah Dennis Dominus Edward Elizabeth Hades Heitor Julia Maitê Mark Olivia Pixie Priya Ronald "
    "Sarah Shaun Theodore Timothy Wendy"
)
_VIBEVOICE = (
    "Alice [EN]",
    "Alice [EN] (Background Music)",
    "Carter [EN]",
    "Frank [EN]",
    "Maya [EN]",
    "Anchen [ZH] (Background Music)",
    "Bowen [ZH]",
    "Xinran [ZH]",
)
_MOST_SPEAKERS = 4
_LOW_CREDITS = 10_000

_TELEPHONE = ("8000", "16000")
# Deepgram's valid pairs: codec -> containers and rates, the first of each its own choice. None: not to be chosen.
_DEEPGRAM: dict[str, tuple[tuple[str, ...], tuple[str, ...], int]] = {
    "linear16": (("wav", "none"), ("8000", "16000", "24000", "32000", "48000"), 24000),
    "mulaw": (("wav", "none"), _TELEPHONE, 8000),
    "alaw": (("wav", "none"), _TELEPHONE, 8000),
    "mp3": ((), (), 22050),
    "aac": ((), (), 22050),
    "opus": (("ogg",), (), 48000),
    "flac": ((), ("8000", "16000", "22050", "32000", "48000"), 48000),
}


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else "must be a string that is not empty"


def _string(value: Any) -> str:
    return "" if isinstance(value, str) else "must be a string"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be a boolean"


def _no_stream(value: Any) -> str:
    return "" if value is False else "must be false"


def _one_of(*choices: str) -> Check:
    return lambda value: "" if isinstance(value, str) and value in choices else f"must be one of {', '.join(choices)}"


def _number(low: float, high: float) -> Check:
    def check(value: Any) -> str:
        good = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return "" if good else f"must be a number from {low:g} to {high:g}"

    return check


def _speakers(value: Any) -> str:
    preset = _one_of(*_VIBEVOICE)
    good = isinstance(value, list) and 1 <= len(value) <= _MOST_SPEAKERS
    good = good and all(isinstance(one, dict) and set(one) == {"preset"} and not preset(one["preset"]) for one in value)
    return "" if good else "must be a list of 1 to 4 objects with a preset"


@dataclass(frozen=True)
class Model:
    """A model's own fields, beside `model` and the one that holds the text."""

    fields: Row
    encoding: Callable[[Mapping[str, Any]], Encoding]
    limit: int
    text: str = "text"
    required: tuple[str, ...] = ()
    streams: bool = False


def _deepgram(body: Mapping[str, Any]) -> Encoding:
    codec = body.get("encoding", "linear16")
    containers, rates, rate = _DEEPGRAM[codec]
    container = body.get("container", containers[0] if containers else "")
    if "container" in body and container not in containers:
        raise Refused(400, f"container {container} cannot hold encoding {codec}")
    if "sample_rate" in body:
        if body["sample_rate"] not in rates:
            raise Refused(400, f"sample_rate {body['sample_rate']} is not available for encoding {codec}")
        rate = int(body["sample_rate"])
    if container == "wav":
        return Encoding(codec, rate, "audio/wav", "wav", wav=True)
    mime, suffix = MIME[codec]
    mime = f"{mime};rate={rate}" if codec == "linear16" else mime
    return Encoding(codec, rate, mime, suffix)


_DEEPGRAM_FIELDS: Row = {
    "encoding": _one_of(*_DEEPGRAM),
    "container": _string,
    "sample_rate": _string,
    "stream": _flag,
}


def _aura(**extra: Check) -> Model:
    return Model({**_DEEPGRAM_FIELDS, **extra}, _deepgram, 2000, required=tuple(extra), streams=True)


def _openai(**extra: Check) -> Model:
    fields = {
        "voice": _one_of(*_OPENAI),
        "response_format": _one_of("mp3", "opus", "aac", "flac", "wav", "pcm"),
        "speed": _number(0.25, 4),
        "stream": _no_stream,
        **extra,
    }
    return Model(fields, lambda body: named(body.get("response_format", "mp3"), 24000), 4096)


def _formats(voices: list[str]) -> Model:
    fields = {"voice": _one_of(*voices), "format": _one_of("wav", "mp3"), "stream": _no_stream}
    return Model(fields, lambda body: named(body.get("format", "wav"), 48000), 5000)


def _voices(prefix: str, listed: list[str]) -> Check:
    # No page tells how much of the name stands in `voice` beside `deepgram/aura-2`: aura-2-luna-en, luna-en, luna.
    return _one_of(*(f"{prefix}-{name}" for name in listed), *listed, *(name.partition("-")[0] for name in listed))


_AURA_EN = [f"{name}-en" for name in _AURA]
MODELS: dict[str, Model] = {
    **{f"#g1_aura-2-{name}": _aura() for name in _AURA_2},
    **{f"#g1_aura-{name}": _aura() for name in _AURA_EN},
    "aura-2-amalthea-en": _aura(),
    "deepgram/aura-2": _aura(voice=_voices("aura-2", _AURA_2)),
    "deepgram/aura": _aura(voice=_voices("aura", _AURA_EN)),
    "openai/tts-1": _openai(),
    "openai/tts-1-hd": _openai(),
    "openai/gpt-4o-mini-tts": _openai(style=_string),
    "hume/octave-2": _formats(_OCTAVE_2),
    "inworld/tts-1": _formats(_INWORLD),
    "microsoft/vibevoice-1.5b": Model(
        {
            "speakers": _speakers,
            "speaker": _one_of(*_VIBEVOICE),
            "seed": _number(0, 1 << 32),
            "cfg_scale": _number(0.1, 2),
        },
        lambda _: named("wav", 24000),
        5000,
        text="script",
    ),
}


async def order(body: dict[str, Any], bearer: str, key: str, behaviour: Behaviour) -> Order:
    """Read a request as AI/ML API does: key, credit, model, fields, length."""
    if bearer != key:
        # Echoed as some gateways do, so that a test can see that no log of Declaim's holds a key.
        raise Refused(
            401, f"Unauthorized: the key {bearer} is not valid" if bearer else "Unauthorized: no key was sent"
        )
    if behaviour.out_of_credit:
        raise Refused(403, "You have run out of credits. Top up your balance to go on.")
    name = body.get("model")
    if not isinstance(name, str):
        raise Refused(400, "model: must be a string")
    model = MODELS.get(name)
    if model is None or name in behaviour.withdrawn:
        raise Refused(404, f"The model {name} is not available.")
    wrong = _wrong(model, body)
    if wrong:
        raise Refused(400, f"Validation failed: {'; '.join(wrong)}")
    text, limit = body[model.text], behaviour.limit_characters or model.limit
    if len(text) > limit:
        raise Refused(413, f"The text has {len(text)} characters; {name} takes {limit}.")
    encoding = model.encoding(body)
    answer = behaviour.answer or ("bytes" if model.streams else "json")
    streamed = model.streams and answer == "bytes" and body.get("stream", True)
    return Order(text, encoding, answer, streamed, float(body.get("speed", 1)))


def _wrong(model: Model, body: Mapping[str, Any]) -> list[str]:
    fields: Row = {"model": _string, model.text: _text, **model.fields}
    missing = [f"{name}: is required" for name in (model.text, *model.required) if name not in body]
    unknown = [f"{name}: is not a field of this model" for name in body if name not in fields]
    checked = [(name, fields[name](value)) for name, value in body.items() if name in fields]
    return missing + unknown + [f"{name}: {fault}" for name, fault in checked if fault]


def balance(bearer: str, key: str, behaviour: Behaviour) -> dict[str, Any]:
    """Answer `GET /v1/billing/balance`, which is free, as its page has it (service-endpoints/account-balance)."""
    if bearer != key:
        raise Refused(
            401, f"Unauthorized: the key {bearer} is not valid" if bearer else "Unauthorized: no key was sent"
        )
    if not behaviour.lists:
        raise Refused(404, "Cannot GET /v1/billing/balance")
    credits_left = 0 if behaviour.out_of_credit else 5_000 if behaviour.low_on_credit else 10_000_000
    return {
        "balance": credits_left,
        "lowBalance": credits_left < _LOW_CREDITS,
        "lowBalanceThreshold": _LOW_CREDITS,
        "lastUpdated": datetime.now(UTC).isoformat(),
        "autoDebitStatus": "disabled",
        "status": "current",
        "statusExplanation": "Balance is current and up to date",
    }


def refusal(refused: Refused, path: str, request_id: str) -> dict[str, Any]:
    """Say a refusal in the shape of AI/ML API's errors."""
    return {
        "message": refused.message,
        "path": path,
        "requestId": request_id,
        "statusCode": refused.status,
        "timestamp": datetime.now(UTC).isoformat(),
    }
