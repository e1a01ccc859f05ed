"""AI/ML API: one address, `/v1/tts`, many vendors' models. A model is a row of data in `aimlapi_models`, not a class."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.errors import BadAudio, OutOfCredit, ProfileError, ProviderError, Unavailable, Undelivered
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
from tasks.voices.aimlapi_models import CONTAINERS, DEFAULT_RATES, MODELS, RATES, ModelRow
from tasks.voices.limits import attempts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tasks.voices.answers import Answer, Service

_NAME = "AI/ML API"
_BASE_URL = "https://api.aimlapi.com/v1"
_ADAPTER_VERSION = 1
_CONCURRENCY = 8
_HEADERLESS = "none"
# Said by a gateway in front of it that passes speech on and nothing else.
_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


class DeepgramOptions(BaseModel):
    """Aura and Aura-2. `sample_rate` is in Hz; the service wants it in quotes, a profile may leave them out."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    encoding: Literal["linear16", "mulaw", "alaw", "mp3", "opus", "flac", "aac"] | None = None
    container: Literal["wav", "none", "ogg"] | None = None
    sample_rate: str | None = None
    stream: bool | None = None

    @model_validator(mode="after")
    def _pairs(self) -> "DeepgramOptions":
        encoding = self.encoding or "linear16"
        if self.sample_rate is not None and self.sample_rate not in RATES[encoding]:
            raise ValueError(f"{encoding} has no sample_rate {self.sample_rate}; choose {', '.join(RATES[encoding])}")
        containers = CONTAINERS.get(encoding, (_HEADERLESS,))
        if self.container is not None and self.container not in containers:
            raise ValueError(f"{encoding} has no container {self.container}; choose {', '.join(containers)}")
        return self

    def fields(self) -> dict[str, Any]:
        """Name what is sent: rate and container only where they are free."""
        encoding = self.encoding or "linear16"
        sent = self.model_dump(exclude_none=True)
        if len(RATES[encoding]) == 1:
            sent.pop("sample_rate", None)
        if len(CONTAINERS.get(encoding, ())) < 2:  # noqa: PLR2004  # one is no choice
            sent.pop("container", None)
        return sent

    def answered_in(self) -> tuple[str, int]:
        """Tell the encoding and rate of an answer without a header."""
        encoding = self.encoding or "linear16"
        return encoding, int(self.sample_rate or DEFAULT_RATES.get(encoding, 0))


class OpenAIOptions(BaseModel):
    """OpenAI's models. `speed` is from 0.25 to 4."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None
    speed: float | None = Field(None, ge=0.25, le=4)

    def fields(self) -> dict[str, Any]:
        """Name what is sent."""
        return self.model_dump(exclude_none=True)

    def answered_in(self) -> tuple[str, int]:
        """OpenAI's `pcm` is 24,000 Hz, signed 16-bit, without a header."""
        return ("linear16", 24_000) if self.response_format == "pcm" else (self.response_format or "", 0)


class InstructedOptions(OpenAIOptions):
    """gpt-4o-mini-tts, which can be told how to speak: AI/ML API calls it style."""

    style: str | None = None


class HumeOptions(BaseModel):
    """Octave-2, and Inworld's models, which are asked in the same way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["wav", "mp3"] | None = None

    def fields(self) -> dict[str, Any]:
        """Name what is sent."""
        return self.model_dump(exclude_none=True)

    def answered_in(self) -> tuple[str, int]:
        """Both formats say themselves what they are."""
        return self.format or "", 0


class OtherOptions(BaseModel):
    """A model that Declaim does not know: what its page names is passed on as it is."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def fields(self) -> dict[str, Any]:
        """Name what is sent."""
        return self.model_dump()

    def answered_in(self) -> tuple[str, int]:
        """Leave it to the answer to say what it is."""
        return "", 0


Options = DeepgramOptions | OpenAIOptions | HumeOptions | OtherOptions
_SHAPES: dict[str, type[Options]] = {
    "deepgram": DeepgramOptions,
    "openai": OpenAIOptions,
    "openai-instructed": InstructedOptions,
    "hume": HumeOptions,
    "inworld": HumeOptions,
    "other": OtherOptions,
}


def _row(settings: VoiceSettings) -> ModelRow:
    if settings.row:
        own = settings.row
        return ModelRow(settings.model, "other", own.limit, "", (), own.text_field, own.voice_field)
    if settings.model not in MODELS:
        near = [name for name in MODELS if settings.model and settings.model.strip("#") in name]
        choice = ", ".join(near[:5] or ["#g1_aura-2-helena-en", "openai/tts-1", "hume/octave-2"])
        raise ProfileError(
            f"[voice] model: there is no {settings.model or 'model'!r}; choose for example {choice} (`declaim voices --profile aimlapi` "
            "lists all), or describe it in [voice.row]"
        )
    return MODELS[settings.model]


def _voice_name(row: ModelRow, settings: VoiceSettings) -> str:
    if row.shape == "other" or (row.shape == "inworld" and settings.name):
        return settings.name
    if not row.voices:
        if settings.name:
            raise ProfileError(f"[voice] name: {row.name} is one voice itself; leave the name out")
        return ""
    if settings.name and settings.name not in row.voices:
        raise ProfileError(f"[voice] name: {row.name} has no voice {settings.name!r}; choose {', '.join(row.voices)}")
    return settings.name or row.voices[0]


def _checked(settings: VoiceSettings, row: ModelRow) -> Options:
    options = checked_options(settings, _SHAPES[row.shape])
    own = settings.row
    if own and own.format_field and own.formats:
        chosen = settings.options.get(own.format_field)
        if chosen is not None and chosen not in own.formats:
            raise ProfileError(f"[voice.options] {own.format_field}: {chosen!r} is none of {', '.join(own.formats)}")
    return options


def _describe(settings: VoiceSettings) -> Identity:
    row = _row(settings)
    fields = _checked(settings, row).fields()
    if settings.reference_audio:
        raise ProfileError(f"[voice] reference_audio: {_NAME} clones no voices; leave it out")
    identity = Identity(
        provider="aimlapi",
        model=row.name,
        voice=_voice_name(row, settings),
        options=sent_options(fields),
        adapter_version=_ADAPTER_VERSION,
    )
    return add_address(identity, settings.base_url, _BASE_URL)


def _catalogue(settings: VoiceSettings) -> "Iterator[VoiceRow]":
    del settings  # all can be chosen, whatever the profile has now
    for row in MODELS.values():
        for name in row.voices or ("",):
            language = name.rpartition("-")[2] if row.shape == "deepgram" and name else row.languages
            yield VoiceRow("aimlapi", row.name, name, language, row.limit)


def _build(settings: VoiceSettings, limits: LimitSettings, client: "httpx.AsyncClient") -> Voice:
    row = _row(settings)
    return _AimlVoice(row, _voice_name(row, settings), _checked(settings, row), settings, limits, client)


async def _reach(settings: VoiceSettings, limits: LimitSettings, client: "httpx.AsyncClient") -> Reached:
    """Ask for the account's balance, which is free and takes the key; the list of models is open to everybody."""
    from tasks.voices.wire import Wire  # noqa: PLC0415  # `plan` and `voices` send nothing

    base = settings.base_url or _BASE_URL
    answer = await Wire(_service(settings), limits, client).ask(f"{base}/billing/balance", _NOT_THERE)
    if answer.status in _NOT_THERE:
        return Reached(f"{base} answers and tells no balance, so that its key is untried")
    balance, is_low = (answer.document().get(name) for name in ("balance", "lowBalance"))
    if not isinstance(balance, int | float):
        return Reached("", f"{base} answers with something that is no balance; see that [voice] base_url is {_NAME}'s")
    if balance <= 0:
        raise OutOfCredit(f"{_NAME} takes the key, and its account has no credit; top up")
    return Reached(f"{base} takes the key", "its account's credit is low; top up before a long book" if is_low else "")


def _service(settings: VoiceSettings) -> "Service":
    from tasks.voices.answers import Service  # noqa: PLC0415
    from tasks.voices.result_hosts import ResultHosts  # noqa: PLC0415  # `plan` and `voices` send nothing

    hosts = ResultHosts(settings.base_url or _BASE_URL, settings.result_hosts)
    return Service(_NAME, secret(settings), settings.key_place, _own_reading, result_hosts=hosts)


def _own_reading(answer: "Answer", said: str) -> ProviderError | None:
    if answer.status == HTTPStatus.FORBIDDEN:
        return OutOfCredit(
            f"{said}; AI/ML API answers so when credits have run out: top up, then run the command again"
        )
    return None


class _AimlVoice:
    """A model of AI/ML API."""

    def __init__(  # noqa: PLR0917  # all that decides a request
        self,
        row: ModelRow,
        name: str,
        options: Options,
        settings: VoiceSettings,
        limits: LimitSettings,
        client: "httpx.AsyncClient",
    ) -> None:
        from tasks.voices.wire import Wire  # noqa: PLC0415  # `plan` and `voices` send nothing

        self._row = row
        self._options = options
        self._limits = limits
        self._url = f"{settings.base_url or _BASE_URL}/tts"
        self._fields = {"model": row.name, **({row.voice_field: name} if name else {}), **options.fields()}
        self._wire = Wire(_service(settings), limits, client)

    def prepare(self, first: Iterable[tuple[str, ...]]) -> None:
        """Begin nothing: there is nothing to load, and speech costs."""

    async def synthesize(self, sentences: tuple[str, ...]) -> Speech:
        document = {**self._fields, self._row.text_field: " ".join(sentences)}
        answer = await self._wire.post(self._url, document)
        encoding, sample_rate = self._options.answered_in()
        usd = _usd(answer)
        data = answer.body
        # Samples without a header may begin with any byte, a brace too.
        if answer.media_type == "application/json" or (data[:1] == b"{" and not answer.media_type.startswith("audio/")):
            data = await self._fetched(answer)
        return Speech(
            data,
            encoding,
            sample_rate,
            speed=getattr(self._options, "speed", None) or 1.0,
            usd=usd,
            request_id=answer.request_id,
        )

    async def _fetched(self, answer: "Answer") -> bytes:
        """Fetch the sound that a JSON answer tells of. It is made and billed, so only the fetching is tried again."""
        url = _find_url(answer)
        if not url:
            words = self._wire.quote(answer.body[:2_000].decode(errors="replace"))
            raise BadAudio(f"{_NAME} answered {answer.status} without a sound: {words}")
        try:
            async for attempt in attempts(self._limits):
                with attempt:
                    return (await self._wire.fetch(url)).body
        except Unavailable as error:
            raise Undelivered(f"{error} (request {answer.request_id or 'without a name'})") from error
        raise BadAudio(f"{_NAME} gave a result that was never fetched")

    async def close(self) -> None:
        """Leave the client to the run."""


def _find_url(answer: "Answer") -> str:
    """Return the URL of the sound that a JSON answer names; "" if it names none."""
    audio = answer.document().get("audio")
    url = audio.get("url") if isinstance(audio, dict) else audio
    return url if isinstance(url, str) else ""


def _usd(answer: "Answer") -> float | None:
    """Find what the service says that a request cost, in its JSON or in a header."""
    meta = answer.document().get("meta") if answer.media_type == "application/json" else None
    usage = meta.get("usage") if isinstance(meta, dict) else None
    said = usage.get("usd_spent") if isinstance(usage, dict) else None
    if said is None:
        said = answer.headers.get("x-aimlapi-usd-spent")
    try:
        usd = float(said) if said is not None else None
    except (TypeError, ValueError):
        return None
    return usd if usd is not None and 0 <= usd < float("inf") else None


SPEC = VoiceSpec(
    name="aimlapi",
    limit=lambda settings: _row(settings).limit,
    concurrency=lambda limits: limits.concurrency or _CONCURRENCY,
    describe=_describe,
    build=_build,
    catalogue=_catalogue,
    reach=_reach,
    unaddressed=lambda settings: drop_address(_describe(settings)),
    name_in_model=r"aura(?:-\d+)?-([a-z]+)-",
)
