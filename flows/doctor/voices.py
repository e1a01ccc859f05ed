"""What a profile's voices need, and its language model: that there are such, their keys, and services that answer.

Nothing that is asked of a service is ever billed.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from flows.doctor.finding import Finding
from flows.doctor.server import named_server
from tasks.casting import part_of, service_account
from tasks.errors import ProfileError, RateLimited, Unauthorized, Unavailable
from tasks.settings import Profile, check_key, check_voice
from tasks.tellers import RetellSettings
from tasks.voices import LimitSettings, OtherVoiceSettings, Reached, ServedSettings, VoiceSettings, provider

_PATIENCE_SECONDS = 10
_LIMITS = LimitSettings(
    connect_timeout_seconds=_PATIENCE_SECONDS,
    first_byte_timeout_seconds=_PATIENCE_SECONDS,
    request_timeout_seconds=_PATIENCE_SECONDS,
)


def voice(section: str, profile: Profile) -> Finding:
    """Describe a voice; one of this machine says a word."""
    settings = profile.voices[section]
    part = part_of(settings, profile)
    check_voice(section, settings, profile.limits)
    reached = Reached("") if part.spec.refuses else _reached(settings)
    said = ", ".join(filter(None, [f"{_at(section)}{part.listed_name} of {part.spec.name}", reached.said]))
    doubts = [doubt for doubt in (*part.spec.cautions(settings), reached.doubt) if doubt]
    return Finding("voice", "warn" if doubts else "ok", "; ".join([said, *doubts]))


def keyed(profile: Profile) -> list[str]:
    """Name a section for each key that the profile's voices need."""
    named = ((voice.api_key_env or voice.api_key_block, section) for section, voice in reversed(profile.voices.items()))
    sections = {key: section for key, section in named if key}
    return list(reversed(sections.values()))


def key(section: str, profile: Profile) -> Finding:
    """See that the key of a section's voice is in the environment."""
    if not section:
        return Finding("key", "ok", "the profile names none")
    voice = profile.voices[section]
    check_key(section, voice)
    if voice.api_key_block:
        asyncio.run(_fetched(section, voice))
        return Finding("key", "ok", f"it is in {voice.key_place}")
    return Finding("key", "ok", f"{voice.api_key_env} is set")


async def _fetched(section: str, voice: VoiceSettings) -> None:
    async with _keys({section: voice}):
        pass


@asynccontextmanager
async def _keys(voices: Mapping[str, ServedSettings]) -> AsyncIterator[None]:
    """Have the keys of voices' blocks at hand; raises `ProfileError` where there is none, or no server to ask."""
    if not any(voice.api_key_block for voice in voices.values()):
        yield
        return
    if not named_server():
        raise ProfileError(
            "api_key_block: a Secret block lies on a Prefect server, and none is named; set PREFECT_API_URL"
        )
    from flows.keys import block_keys  # noqa: PLC0415  # Prefect, for a key of its server's alone

    async with block_keys(voices):
        yield


def served(profile: Profile) -> list[str]:
    """Name a section for each account at a service that the profile's voices speak on."""
    sections = {
        service_account(voice): section for section, voice in reversed(profile.voices.items()) if _is_served(voice)
    }
    return list(reversed(sections.values()))


def service(section: str, profile: Profile) -> Finding:
    """Ask the service of a section's voice for what costs nothing."""
    if not section:
        return Finding("service", "ok", "none is asked: the voices speak on this machine")
    settings = profile.voices[section]
    try:
        reached = _reached(settings)
    except Unauthorized as error:
        if settings.api_key_env and not os.environ.get(settings.api_key_env):
            said = f"{_at(section)}it answers, and wants the key that is missing: set {settings.api_key_env}"
            return Finding("service", "warn", said)
        raise Unauthorized(f"{_at(section)}{error}") from error
    except RateLimited as error:
        return Finding("service", "warn", f"{_at(section)}it answers, and has no time now; run again later ({error})")
    except Unavailable as error:
        advice = "" if "check [voice] base_url" in str(error) else "; see that it is up, or check [voice] base_url"
        raise Unavailable(f"{_at(section)}{error}{advice}") from error
    said = _at(section) + "; ".join(filter(None, [reached.said, reached.doubt]))
    return Finding("service", "warn" if reached.doubt else "ok", said)


def model(profile: Profile) -> Finding:
    """Ask the language model that a profile has for `declaim retell` for what costs nothing."""
    from tasks.tellers.teller import check_teller  # noqa: PLC0415  # httpx, for a profile that has a model alone

    check_teller(profile.retell, profile.voice)
    reached = asyncio.run(_reach_model(profile.retell))
    said = "; ".join(filter(None, [reached.said, reached.doubt]))
    return Finding("model", "warn" if reached.doubt else "ok", said)


async def _reach_model(settings: RetellSettings) -> Reached:
    from tasks.tellers.teller import reach_model  # noqa: PLC0415  # likewise
    from tasks.voices.lanes import open_client  # noqa: PLC0415  # likewise

    async with _keys({"retell": settings}), open_client(1) as client:
        return await reach_model(settings, _LIMITS, client)


def shared_limits(profile: Profile) -> dict[str, float]:
    """Return the rates of the shared limits that the profile's voices keep, by their names, in requests a minute."""
    own = [voice.limits for voice in profile.voices.values() if isinstance(voice, OtherVoiceSettings) and voice.limits]
    return {limits.shared: float(limits.requests_per_minute or 0) for limits in (profile.limits, *own) if limits.shared}


def _is_served(settings: VoiceSettings) -> bool:
    try:
        return provider(settings.provider).refuses
    except ProfileError:
        # Its own line tells.
        return False


def _reached(settings: VoiceSettings) -> Reached:
    return asyncio.run(_reach(settings))


async def _reach(settings: VoiceSettings) -> Reached:
    from tasks.voices.lanes import open_client  # noqa: PLC0415  # httpx, which a wrong profile does not need

    async with _keys({"voice": settings}), open_client(1) as client:
        return await provider(settings.provider).reach(settings, _LIMITS, client)


def _at(section: str) -> str:
    return "" if section == "voice" else f"{section}: "
