"""Auralis: cloned voices from reference recordings, on a server of one's own."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import ProfileError, ProviderError, Rejected
from tasks.model import Identity, Speech
from tasks.voices import (
    LimitSettings,
    Reached,
    Voice,
    VoiceRow,
    VoiceSettings,
    VoiceSpec,
    add_address,
    checked_options,
    drop_address,
    secret,
    sent_options,
)

if TYPE_CHECKING:
    import httpx

    from tasks.voices.answers import Answer, Service

_NAME = "Auralis"
_BASE_URL = "http://127.0.0.1:8000/v1"
_ADAPTER_VERSION = 1
# The server's own `--max_concurrency`: beyond it requests wait inside, unseen.
_CONCURRENCY = 8
# The model cuts longer texts itself; this keeps what a failure costs small.
_LIMIT = 2_000
_MODEL = "xttsv2"
_SAMPLE_RATE = 24_000
# A language that it lacks and a text without words come as a 500 that no retry mends.
_PERMANENT = re.compile(r"language|empty|unsupported|not supported|invalid", re.IGNORECASE)

_OF_THE_STREAM = {"vocalize_at_every_n_words"}
_OF_SPEECH_ALONE = {"response_format"}

Language = Literal[
    "auto", "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi"
]


class AuralisOptions(BaseModel):
    """`[voice.options]`, under the names and in the ranges of Auralis's page. What is left out is the server's to say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # It answers 500 where the speed is left out.
    speed: float = Field(1.0, gt=0, le=4)
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None
    language: Language | None = None
    enhance_speech: bool | None = None
    sound_norm_refs: bool | None = None
    max_ref_length: int | None = Field(None, gt=0)
    gpt_cond_len: int | None = Field(None, gt=0)
    gpt_cond_chunk_len: int | None = Field(None, gt=0)
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, gt=0)
    repetition_penalty: float | None = Field(None, gt=0)
    length_penalty: float | None = None
    do_sample: bool | None = None
    # Of the stream in which a language model retells a book; it decides where the sound is joined.
    vocalize_at_every_n_words: int | None = Field(None, gt=0)


@cache
def _recording(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ProfileError(f"[voice] reference_audio: {path} cannot be read ({error.strerror})") from error


def _describe(settings: VoiceSettings) -> Identity:
    fields = checked_options(settings, AuralisOptions).model_dump(exclude_none=True)
    if not settings.reference_audio:
        raise ProfileError(
            "[voice] reference_audio: Auralis clones a voice: name one or more recordings of 6 to 60 s of it"
        )
    if settings.name:
        raise ProfileError("[voice] name: Auralis has no named voices; the recordings in reference_audio are the voice")
    voices = [hashlib.sha256(_recording(path)).hexdigest()[:16] for path in settings.reference_audio]
    identity = Identity(
        provider="auralis",
        model=settings.model or _MODEL,
        voice=" ".join(voices),
        options=sent_options(fields),
        adapter_version=_ADAPTER_VERSION,
    )
    return add_address(identity, settings.base_url, _BASE_URL)


def _cautions(settings: VoiceSettings) -> tuple[str, ...]:
    if checked_options(settings, AuralisOptions).speed == 1:
        return ()
    caution = (
        "[voice.options] speed: Auralis stretches its sound within its old length, so that slowed speech may lose its end; "
        "listen to a chapter first, or set 1.0"
    )
    return (caution,)


def _catalogue(settings: VoiceSettings) -> Iterator[VoiceRow]:
    languages = " ".join(code for code in get_args(Language) if code != "auto")
    yield VoiceRow("auralis", settings.model or _MODEL, "", languages, _LIMIT)


def _build(settings: VoiceSettings, limits: LimitSettings, client: "httpx.AsyncClient") -> Voice:
    _describe(settings)
    return _AuralisVoice(settings, checked_options(settings, AuralisOptions), limits, client)


async def _reach(settings: VoiceSettings, limits: LimitSettings, client: "httpx.AsyncClient") -> Reached:
    """Get what it only takes a POST at: it lists nothing, and that it refuses the method shows that it is there."""
    from tasks.voices.wire import Wire  # noqa: PLC0415  # `plan` and `voices` send nothing

    address = _address(settings)
    answer = await Wire(_service(settings), limits, client).ask(address, {HTTPStatus.METHOD_NOT_ALLOWED})
    if answer.is_success:
        return Reached("", f"{address} answers as no {_NAME} does; see that [voice] base_url is its address")
    return Reached(f"{address} is there")


def _address(settings: VoiceSettings) -> str:
    return f"{settings.base_url or _BASE_URL}/audio/speech"


def chat_address(settings: VoiceSettings) -> str:
    """Where a language model's words are passed on and spoken."""
    return f"{settings.base_url or _BASE_URL}/chat/completions"


def chat_fields(settings: VoiceSettings) -> dict[str, Any]:
    """Build what a request there says of the voice; raises `ProfileError`. Sound comes as WAV whatever is asked for."""
    options = checked_options(settings, AuralisOptions)
    return {
        "speaker_files": [base64.b64encode(_recording(path)).decode() for path in settings.reference_audio],
        **options.model_dump(exclude_none=True, exclude=_OF_SPEECH_ALONE),
    }


def _service(settings: VoiceSettings) -> "Service":
    from tasks.voices.answers import Service  # noqa: PLC0415  # `plan` and `voices` send nothing

    return Service(_NAME, secret(settings), settings.key_place, _own_reading)


def _own_reading(answer: "Answer", said: str) -> ProviderError | None:
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR and _PERMANENT.search(str(answer.document().get("error", ""))):
        return Rejected(f"{said}; check [voice.options] language, and the text")
    return None


class _AuralisVoice:
    """A cloned voice."""

    def __init__(
        self, settings: VoiceSettings, options: AuralisOptions, limits: LimitSettings, client: "httpx.AsyncClient"
    ) -> None:
        from tasks.voices.wire import Wire  # noqa: PLC0415  # `plan` and `voices` send nothing

        self._options = options
        self._url = _address(settings)
        self._fields: dict[str, Any] = {
            "model": settings.model or _MODEL,
            "voice": [base64.b64encode(_recording(path)).decode() for path in settings.reference_audio],
            **options.model_dump(exclude_none=True, exclude=_OF_THE_STREAM),
        }
        self._wire = Wire(_service(settings), limits, client)

    def prepare(self, first: Iterable[tuple[str, ...]]) -> None:
        """Begin nothing: there is nothing to load, and speech costs."""

    async def synthesize(self, sentences: tuple[str, ...]) -> Speech:
        answer = await self._wire.post(self._url, {**self._fields, "input": " ".join(sentences)})
        encoding = "linear16" if self._options.response_format == "pcm" else self._options.response_format or ""
        return Speech(answer.body, encoding, _SAMPLE_RATE, speed=self._options.speed, request_id=answer.request_id)

    async def close(self) -> None:
        """Leave the client to the run."""


SPEC = VoiceSpec(
    name="auralis",
    limit=lambda _: _LIMIT,
    concurrency=lambda limits: limits.concurrency or _CONCURRENCY,
    describe=_describe,
    build=_build,
    catalogue=_catalogue,
    reach=_reach,
    cautions=_cautions,
    unaddressed=lambda settings: drop_address(_describe(settings)),
)
