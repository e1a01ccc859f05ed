"""The speech services: one file a provider, each with one `SPEC`; here is what they have in common.

To add a provider, write its file and name it in `_PROVIDERS`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.errors import ProfileError
from tasks.model import Audio, Identity
from tasks.voices.limits import LimitSettings

_PROVIDERS = {
    "piper": "tasks.voices.piper",
}


class VoiceSettings(BaseModel):
    """`[voice]` of a profile: which voice speaks, and what it costs.

    A secret is given by the name of an environment variable alone. `options` go to the provider under the names of its own page; the provider checks them. A price that is left out is
    not known, and is never taken for nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = "piper"
    model: str = ""
    name: str = ""
    api_key_env: str = ""
    price_per_1000_characters: float | None = Field(None, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)


class Voice(Protocol):
    """A voice that is ready to speak. Requests may overlap; `close` is called once, at the end."""

    def prepare(self) -> None:
        """Begin what takes time to begin, and return at once; need not be called."""
        ...

    async def synthesize(self, sentences: tuple[str, ...]) -> Audio:
        """Speak the sentences in one go.

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
class VoiceSpec:
    """A provider. Nothing but `build` may load what is heavy.

    `describe` says what a voice's sound depends on and raises `ProfileError` for a voice that there is not;
    `limit` is the most characters of one request, `concurrency` how many requests are to be in flight.
    """

    name: str
    limit: int
    concurrency: Callable[[LimitSettings], int]
    describe: Callable[[VoiceSettings], Identity]
    build: Callable[[VoiceSettings, LimitSettings], Voice]
    catalogue: Callable[[VoiceSettings], Iterable[VoiceRow]]


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


def checked_options(settings: VoiceSettings, model: type[Options]) -> Options:
    """Check `[voice.options]` against a provider's own model; raises `ProfileError` that names the option at fault."""
    try:
        return model.model_validate(settings.options)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"[voice.options] {place}: {first['msg'].lower()} (provider {settings.provider})") from error
