"""OpenAI's `/audio/speech`, and any server that copies it: give its address in [voice] base_url."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import ProfileError
from tasks.model import Identity, Speech
from tasks.voices import (
    LimitSettings,
    Reached,
    Voice,
    VoiceRow,
    VoiceSettings,
    VoiceSpec,
    checked_options,
    secret,
    sent_options,
)

if TYPE_CHECKING:
    import httpx

    from tasks.voices.answers import Service

OPENAI_URL = "https://api.openai.com/v1"
_ADAPTER_VERSION = 1
_CONCURRENCY = 8
_LIMIT = 4_096
_PCM_HZ = 24_000
_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
_VOICES = ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse")
# The code that OpenAI gives with status 429 to an account that has no credit, which no wait mends.


class OpenAIOptions(BaseModel):
    """`[voice.options]`: OpenAI's own, checked, and whatever else a copy of it takes, passed on as it is."""

    model_config = ConfigDict(extra="allow", frozen=True)

    response_format: str | None = None
    speed: float | None = Field(None, ge=0.25, le=4)
    instructions: str | None = None


def _describe(settings: VoiceSettings) -> Identity:
    options = checked_options(settings, OpenAIOptions)
    if not settings.model:
        raise ProfileError(f"[voice] model: name the service's model, for example {_MODELS[0]}")
    if not settings.base_url and settings.model in _MODELS and settings.name not in _VOICES:
        raise ProfileError(f"[voice] name: OpenAI has no voice {settings.name!r}; choose {', '.join(_VOICES)}")
    if settings.reference_audio:
        raise ProfileError("[voice] reference_audio: this provider clones no voices; leave it out")
    return Identity(
        provider="openai",
        # A copy's model of the same name is another model.
        model=f"{settings.model} at {settings.base_url}" if settings.base_url else settings.model,
        voice=settings.name,
        options=sent_options(options.model_dump(exclude_none=True)),
        adapter_version=_ADAPTER_VERSION,
    )


def _catalogue(settings: VoiceSettings) -> Iterator[VoiceRow]:
    if settings.base_url:
        # What a copy offers stands in its own documentation; this is what the profile has chosen.
        yield VoiceRow("openai", settings.model, settings.name, "as the server says", _LIMIT)
        return
    for model in _MODELS:
        for name in _VOICES:
            yield VoiceRow("openai", model, name, "many", _LIMIT)


def _build(settings: VoiceSettings, limits: LimitSettings, client: "httpx.AsyncClient") -> Voice:
    _describe(settings)
    return _OpenAIVoice(settings, checked_options(settings, OpenAIOptions), limits, client)


async def _reach(settings: VoiceSettings, limits: LimitSettings, client: "httpx.AsyncClient") -> Reached:
    from tasks.voices.listing import find_model  # noqa: PLC0415  # `plan` and `voices` send nothing

    return await find_model(settings.model, settings.base_url, _service(settings), limits, client)


def _service(settings: VoiceSettings) -> "Service":
    from tasks.voices.answers import Service  # noqa: PLC0415  # `plan` and `voices` send nothing

    return Service(settings.base_url or "OpenAI", secret(settings), settings.key_place)


class _OpenAIVoice:
    """A voice of OpenAI's or of a copy's."""

    def __init__(
        self, settings: VoiceSettings, options: OpenAIOptions, limits: LimitSettings, client: "httpx.AsyncClient"
    ) -> None:
        from tasks.voices.wire import Wire  # noqa: PLC0415  # `plan` and `voices` send nothing

        self._options = options
        self._url = f"{settings.base_url or OPENAI_URL}/audio/speech"
        self._fields: dict[str, Any] = {
            "model": settings.model,
            **({"voice": settings.name} if settings.name else {}),
            **options.model_dump(exclude_none=True),
        }
        self._wire = Wire(_service(settings), limits, client)

    def prepare(self, first: Iterable[tuple[str, ...]]) -> None:
        """Begin nothing: there is nothing to load, and speech costs."""

    async def synthesize(self, sentences: tuple[str, ...]) -> Speech:
        answer = await self._wire.post(self._url, {**self._fields, "input": " ".join(sentences)})
        encoding = "linear16" if self._options.response_format == "pcm" else self._options.response_format or ""
        return Speech(
            answer.body,
            encoding,
            _PCM_HZ,
            speed=self._options.speed or 1.0,
            request_id=answer.request_id,
        )

    async def close(self) -> None:
        """Leave the client to the run."""


SPEC = VoiceSpec(
    name="openai",
    limit=lambda _: _LIMIT,
    concurrency=lambda limits: limits.concurrency or _CONCURRENCY,
    describe=_describe,
    build=_build,
    catalogue=_catalogue,
    reach=_reach,
)
