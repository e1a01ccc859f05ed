"""The speech services: one file a provider, each with one `SPEC`; here is what they have in common.

To add a provider, write its file and name it in `_PROVIDERS`.
"""

import json
import os
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tasks.errors import ProfileError
from tasks.model import Identity, Speech

if TYPE_CHECKING:
    import httpx

_PROVIDERS = {
    "aimlapi": "tasks.voices.aimlapi",
    "auralis": "tasks.voices.auralis",
    "openai": "tasks.voices.openai",
    "piper": "tasks.voices.piper",
}

# The keys that a flow has fetched, by the names of their blocks.
BLOCK_KEYS: ContextVar[dict[str, str]] = ContextVar("BLOCK_KEYS", default={})  # noqa: B039  # replaced, never changed


class RowSettings(BaseModel):
    """`[voice.row]`: how a model that Declaim does not know is asked, where its service knows many (AI/ML API).

    `limit` is in characters a request; what else the model needs goes into `[voice.options]` under the names of its page.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text_field: str = "text"
    voice_field: str = "voice"
    limit: int = Field(2_000, gt=0)
    format_field: str = ""
    formats: tuple[str, ...] = ()


class ServedSettings(BaseModel):
    """What a profile says of a service: its address, and its key by the name of an environment variable or a Secret block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = ""
    api_key_env: str = ""
    api_key_block: str = ""

    @property
    def key_place(self) -> str:
        """Where the key is to be found, in words."""
        if self.api_key_block:
            return f"the Secret block {self.api_key_block} of the Prefect server"
        return f"the environment variable {self.api_key_env or '(none is named)'}"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.api_key_env and self.api_key_block:
            raise ValueError("api_key_env and api_key_block name two places for one key; leave one of them empty")
        return self

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and not (parts.scheme in {"http", "https"} and parts.hostname):
            raise ValueError(f"{url} is no URL; give one like https://api.example.com/v1")
        if parts.username or parts.password:
            raise ValueError("it holds a password; put the key in an environment variable and name that in api_key_env")
        return url.rstrip("/")


# Prefect's server refuses the first five; after the last two its clients ask for another name than the one given.
_UNUSABLE_ON_A_SERVER = frozenset("/%&<>#?")


def check_server_name(name: str) -> str:
    """Return the name of something on a Prefect server; raises `ValueError` if the server or its clients cannot use it."""
    if not name.isprintable() or _UNUSABLE_ON_A_SERVER.intersection(name):
        raise ValueError(f"{name!r}: Prefect's server allows no {' '.join(sorted(_UNUSABLE_ON_A_SERVER))} in a name")
    return name


class VoiceSettings(ServedSettings):
    """`[voice]` of a profile: which voice speaks, and what it costs.

    `result_hosts` are hosts that results are fetched from though their addresses are not public.
    `options` go to the service under the names of its own page; the provider checks them. A price that is left out is not known,
    and is never taken for nothing.
    """

    provider: str = "piper"
    model: str = ""
    name: str = ""
    reference_audio: tuple[str, ...] = ()
    result_hosts: tuple[str, ...] = ()
    price_per_1000_characters: float | None = Field(None, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)
    row: RowSettings | None = None


class LimitSettings(BaseModel):
    """`[limits]` of a profile, and of a voice of its cast or a fallback. 0 leaves a figure to the provider, or is none.

    `shared` names a global concurrency limit of the Prefect server, which all runs of one account keep together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: int = Field(0, ge=0, le=1024)
    requests_per_minute: float = Field(0, ge=0)
    characters_per_minute: float = Field(0, ge=0)
    connect_timeout_seconds: float = Field(10, gt=0)
    first_byte_timeout_seconds: float = Field(60, gt=0)
    request_timeout_seconds: float = Field(120, gt=0)
    attempts: int = Field(6, ge=1, le=100)
    budget_usd: float = Field(0, ge=0)
    shared: str = Field("", max_length=200)

    @field_validator("shared")
    @classmethod
    def _is_usable_on_a_server(cls, name: str) -> str:
        return check_server_name(name)


class OtherVoiceSettings(VoiceSettings):
    """`[[fallback]]` and `[cast.…]`: another voice, with limits of its own where its service allows other ones."""

    limits: LimitSettings | None = None


class CastSettings(BaseModel):
    """`[cast]`: other voices for what stands in quotation marks, for headings and for notes that are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quote: OtherVoiceSettings | None = None
    heading: OtherVoiceSettings | None = None
    note: OtherVoiceSettings | None = None


class Voice(Protocol):
    """A voice that is ready to speak. Requests may overlap; `close` is called once, at the end."""

    def prepare(self, first: Iterable[tuple[str, ...]]) -> None:
        """Begin what takes time to begin, and return at once; need not be called.

        `first` are the requests that are likely to come first, in their order: a voice whose speech costs nothing may speak
        the first of them ahead, to have it when it is asked for. What costs is never bought ahead.
        """
        ...

    async def synthesize(self, sentences: tuple[str, ...]) -> Speech:
        """Speak the sentences in one go, within the times that the limits allow.

        Raises `Transient` for what may succeed when tried again, another `ProviderError` for what will not.
        """
        ...

    async def close(self) -> None:
        """Let go of processes and connections."""
        ...


@dataclass(frozen=True, slots=True)
class VoiceRow:
    """A voice that can be chosen, as `declaim voices` lists it. A `limit` of 0 characters is none."""

    provider: str
    model: str
    name: str
    language: str
    limit: int


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of asking a provider for what costs nothing. `doubt` says why a run may fail all the same, and what to do."""

    said: str
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class VoiceSpec:
    """A provider. Nothing but `build` and `reach` may load what is heavy.

    `describe` says what a voice's sound depends on and raises `ProfileError` for a voice that there is not; `limit` is the
    most characters of one request, `concurrency` how many requests are to be in flight, `build` a voice over the run's HTTP
    client. `reach` makes one request that is never billed, or has a voice of this machine say a word; it raises what speaking
    would, and `ProfileError`. `refuses` is true for a service of somebody else's, which may not know the key or the model: it
    is asked once before all else begins. `takes_phonemes` is true for a voice that says what stands in `[[…]]` as IPA.
    `cautions` are what a person should know of settings that are allowed. `unaddressed` is the identity that an earlier version gave
    the same voice at any address, None if that is still its identity. `name_in_model` is a pattern whose group finds a
    person's name in that of a model, where models have such.
    """

    name: str
    limit: Callable[[VoiceSettings], int]
    concurrency: Callable[[LimitSettings], int]
    describe: Callable[[VoiceSettings], Identity]
    build: Callable[[VoiceSettings, LimitSettings, "httpx.AsyncClient"], Voice]
    catalogue: Callable[[VoiceSettings], Iterable[VoiceRow]]
    reach: Callable[[VoiceSettings, LimitSettings, "httpx.AsyncClient"], Awaitable[Reached]]
    refuses: bool = True
    takes_phonemes: bool = False
    cautions: Callable[[VoiceSettings], tuple[str, ...]] = lambda _: ()
    unaddressed: Callable[[VoiceSettings], Identity | None] = lambda _: None
    name_in_model: str = ""


Options = TypeVar("Options", bound=BaseModel)


@cache
def provider(name: str) -> VoiceSpec:
    """Find a provider by its name in the profile; raises `ProfileError` with the names that there are."""
    if name not in _PROVIDERS:
        known = ", ".join(sorted(_PROVIDERS))
        raise ProfileError(f"[voice] provider: there is no provider {name!r}; choose one of: {known}")
    spec = import_module(_PROVIDERS[name]).SPEC
    if not isinstance(spec, VoiceSpec):
        raise TypeError(f"{_PROVIDERS[name]}.SPEC is no VoiceSpec")
    return spec


def secret(settings: ServedSettings, section: str = "voice") -> str:
    """Take a key from the environment or from its block; empty where the profile names neither.

    Raises `ProfileError` for what can be no key.
    """
    if settings.api_key_block:
        key = BLOCK_KEYS.get().get(settings.api_key_block, "")
    else:
        key = os.environ.get(settings.api_key_env, "") if settings.api_key_env else ""
    # A header with a line break in it is an error of HTTP's, whose message would tell the key.
    if any(not "!" <= character <= "~" for character in key):
        raise ProfileError(
            f"[{section}] {settings.key_place} holds a blank, a line break or a sign that is in no key; put the key alone in it"
        )
    return key


_ADDRESS = "base_url"


def add_address(identity: Identity, base_url: str, default_url: str) -> Identity:
    """Return the identity with the server's address, unless that is the service's own: another server's model is another model."""
    if base_url in {"", default_url}:
        return identity
    return replace(identity, options=tuple(sorted((*identity.options, (_ADDRESS, json.dumps(base_url))))))


def drop_address(identity: Identity) -> Identity | None:
    """Return the identity without the server's address; None if it has none."""
    options = tuple(option for option in identity.options if option[0] != _ADDRESS)
    return replace(identity, options=options) if options != identity.options else None


def sent_options(fields: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Word what is sent beside the text for a voice's identity."""
    return tuple(sorted((name, json.dumps(value, sort_keys=True)) for name, value in fields.items()))


def checked_options(settings: VoiceSettings, model: type[Options]) -> Options:
    """Check `[voice.options]` against a provider's own model; raises `ProfileError` that names the option at fault."""
    try:
        return model.model_validate(settings.options)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"[voice.options] {place}: {first['msg'].lower()} (provider {settings.provider})") from error
