"""How Piper speaks: worker processes that hold the voice, shared by all books that it is narrating.

Two onnxruntime sessions with their usual threads disturb each other (90 s where two of one thread take 43 s), so each
worker process holds a session of one thread, and there are as many workers as processors. Where they are threads of this
process, it lets go of the voice when nobody has a share in it any more.
"""

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from tasks.errors import BadAudio, Rejected, Unavailable
from tasks.model import Speech
from tasks.voices import Voice
from tasks.voices.piper import PiperChoice
from tasks.voices.piper_workers import loading, open_pool, submit

if TYPE_CHECKING:
    from tasks.voices.piper_model import PiperModel

# Samples a second, and the samples of each sentence: signed 16-bit.
_Spoken = tuple[int, list[bytes]]
# Requests that a worker speaks ahead, about five seconds of its time: as long as Prefect takes to start. Two megabytes each.
_AHEAD_A_WORKER = 4


def open_voice(choice: PiperChoice, workers: int, patience_seconds: float) -> Voice:
    """Make a voice that speaks in so many worker processes, each request within so many seconds; they start later."""
    return _PiperVoice(choice, workers, patience_seconds)


class _PiperVoice:
    """A share in the pool of worker processes that holds a voice."""

    def __init__(self, choice: PiperChoice, workers: int, patience_seconds: float) -> None:
        self._choice = choice
        self._patience = patience_seconds
        self._shares = _shares(choice, workers)
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
        self._pool: Executor | None = None
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
        if not isinstance(pool, ProcessPoolExecutor):
            _let_go()

    def pool(self) -> Executor:
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

    def _open_pool(self) -> Executor:
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

    def forget(self, broken: Executor | None) -> None:
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


def _let_go() -> None:
    """Have this process forget the voices that it has loaded; whoever speaks still keeps theirs to the end."""
    from tasks.voices.piper_model import load  # noqa: PLC0415  # as in `_model`

    _model.cache_clear()
    load.cache_clear()


def _model_is_loaded(choice: PiperChoice) -> bool:
    return bool(_model(choice))


def _speak(choice: PiperChoice, sentences: tuple[str, ...]) -> _Spoken:
    """Speak in a worker, which keeps the model from its first call on."""
    model = _model(choice)
    return model.sample_rate, [model.speak(sentence) for sentence in sentences]
