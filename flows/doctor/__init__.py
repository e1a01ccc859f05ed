"""Whether this machine can narrate with a profile: a small function a check, each of which says how to mend what it finds."""

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from flows.doctor import deployed, machine, server, voices
from flows.doctor.finding import Check, Finding, Name
from tasks.errors import DeclaimError, ProfileError, ProviderError, Transient
from tasks.settings import Profile, check_editions, load_profile
from tasks.voices import ServedSettings

_AMISS = 2
_REFUSED = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be examined: a profile by its name or path, changes to it, and where the editions are to go."""

    profile: str
    overrides: tuple[str, ...] = ()
    out: str = ""


def examine(asked: Asked, trouble: Callable[[str], object] = lambda _: None) -> Iterator[Finding]:
    """Check one thing after another; each finding comes as it is known.

    What a check raises becomes its finding, and never ends the others. Where the profile cannot be read, those that need it
    are left out. `trouble` is given the traceback of whatever no check foresees.
    """
    yield _found("python", machine.python, trouble)
    profile = None
    try:
        profile = load_profile(asked.profile, asked.overrides)
    except ProfileError as error:
        yield Finding("profile", "fail", str(error))
    for name, check in _with_profile(asked, profile) if profile else _without_profile(asked):
        yield _found(name, check, trouble, profile)


def exit_code(findings: Iterable[Finding]) -> int:
    """Tell how the command ends: 0 where nothing failed, 4 where all that did is a service that refuses, else 2."""
    failed = [finding for finding in findings if finding.state == "fail"]
    if not failed:
        return 0
    return _REFUSED if all(finding.is_refusal for finding in failed) else _AMISS


def _without_profile(asked: Asked) -> Iterator[Check]:
    yield "ffmpeg", machine.ffmpeg
    yield "prefect", server.prefect
    yield from deployed.deployed_checks()
    yield "output", partial(machine.output, asked.out)


def _with_profile(asked: Asked, profile: Profile) -> Iterator[Check]:
    yield "profile", partial(_profile, asked.profile, profile)
    yield "ffmpeg", partial(machine.ffmpeg, profile.output.editions)
    for section in profile.voices:
        yield "voice", partial(voices.voice, section, profile)
    for section in voices.keyed(profile) or [""]:
        yield "key", partial(voices.key, section, profile)
    for section in voices.served(profile) or [""]:
        yield "service", partial(voices.service, section, profile)
    if profile.retell.model:
        yield "model", partial(voices.model, profile)
    yield "prefect", server.prefect
    for limit, rate in voices.shared_limits(profile).items():
        yield "limits", partial(server.shared_limit, limit, rate)
    yield from deployed.deployed_checks()
    yield "store", partial(machine.store, profile.store)
    yield "output", partial(machine.output, asked.out)


def _profile(name: str, profile: Profile) -> Finding:
    check_editions(profile)
    return Finding("profile", "ok", f"{name}, for {', '.join(profile.output.editions) or 'no editions'}")


def _found(
    name: Name, check: Callable[[], Finding], trouble: Callable[[str], object], profile: Profile | None = None
) -> Finding:
    try:
        return check()
    except DeclaimError as error:
        is_refusal = isinstance(error, ProviderError) and not isinstance(error, Transient)
        return Finding(name, "fail", _masked(str(error), profile), is_refusal)
    except Exception as error:  # noqa: BLE001  # whatever it is, the other checks are worth having
        trouble(_masked(traceback.format_exc(), profile))
        said = " ".join(_masked(str(error), profile).split())
        return Finding(
            name,
            "fail",
            f"a fault in the check itself ({type(error).__name__}: {said}); run again with --verbose and report what it prints",
        )


def _masked(text: str, profile: Profile | None) -> str:
    """Take all keys of a profile out of a text of who knows whose."""
    keyed: tuple[ServedSettings, ...] = (*profile.voices.values(), profile.retell) if profile else ()
    keys = {os.environ.get(it.api_key_env, "") for it in keyed}
    for key in keys - {""}:
        text = text.replace(key, "•••")
    return text
