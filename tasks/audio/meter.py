"""What a finished file sounds like, heard from the file alone: its levels, the room tone at its ends, and a curve to draw."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import numpy as np
import soundfile
from numpy.typing import NDArray

from tasks.audio import ffmpeg
from tasks.audio.loudness import STEPS_A_SECOND, integrated, k_weighted, short_term
from tasks.errors import AudioError
from tasks.model import Curve, Levels

_RATE = 44_100
_BYTES_A_SAMPLE = 4
_BLOCK_SAMPLES = 4 * _RATE
# ACX's noise floor is the RMS of the quietest half second.
_WINDOW_SAMPLES = _RATE // 2
_CELLS_A_SECOND = 100
_CELL_SAMPLES = _RATE // _CELLS_A_SECOND
_STEP_SAMPLES = _RATE // STEPS_A_SECOND
MOST_PARTS = 600
# Between the room tone and the softest begin of a word.
_SPEECH_DBFS = -50.0
_SPEECH_POWER = 10 ** (_SPEECH_DBFS / 10)
# libsndfile decodes these within this process, for a quarter of what ffmpeg costs, and knows nothing of what encoded them.
_OF_LIBSNDFILE = {".mp3", ".flac", ".wav"}


@dataclass(frozen=True, slots=True)
class Measured:
    """A file as it was heard: its length, and the room tone before and behind its speech, in seconds.

    Its curve has at most 600 parts.
    """

    levels: Levels
    seconds: float
    head: float
    tail: float
    curve: Curve


def measured(file: Path) -> Measured:
    """Decode a file and measure it; one that is not at 44.1 kHz, or not mono, is converted.

    Raises `AudioError` where it cannot be read, or holds no sound to measure.
    """
    meter = Meter()
    for block in _decoded(file):
        meter.add(block)
    return _heard(meter, file)


def measured_spans(file: Path, bounds: Sequence[float]) -> Iterator[Measured]:
    """Decode a file once, and measure what lies between each two bounds (seconds, ascending); the last span has all the rest.

    Raises `AudioError` as `measured` does.
    """
    meter, place = Meter(), round(bounds[0] * _RATE)
    ends = [round(bound * _RATE) for bound in bounds[1:-1]]
    for block in _decoded(file):
        rest = block
        while ends and place + len(rest) >= ends[0]:
            meter.add(rest[: ends[0] - place])
            rest, place = rest[ends[0] - place :], ends.pop(0)
            yield _heard(meter, file)
            meter = Meter()
        meter.add(rest)
        place += len(rest)
    yield _heard(meter, file)


def _heard(meter: "Meter", file: Path) -> Measured:
    heard = meter.measured()
    if heard is None:
        raise AudioError(f"{file.name}: it is silent, or too short to have a loudness")
    return heard


def _decoded(file: Path) -> Iterator[NDArray[np.float32]]:
    """Decode a file to mono samples at 44.1 kHz, whose full scale is 1, some seconds at a time."""
    if file.suffix in _OF_LIBSNDFILE:
        try:
            with soundfile.SoundFile(file) as source:
                if (source.samplerate, source.channels) == (_RATE, 1):
                    # Not by its own `blocks`, which give the last block again for all that a file says and has not.
                    while len(block := source.read(_BLOCK_SAMPLES, dtype="float32")):
                        yield block
                    return
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(f"{file.name}: it cannot be decoded ({error})") from error
    arguments = ["-i", str(file), "-map", "0:a:0", "-ac", "1", "-ar", str(_RATE), "-f", "f32le", "pipe:1"]
    with ffmpeg.running(arguments, f"measuring {file.name}", stdout=PIPE) as source:
        while block := source.read(_BYTES_A_SAMPLE * _BLOCK_SAMPLES):
            yield np.frombuffer(block, "<f4")


class Meter:
    """Measures mono samples at 44.1 kHz as they go by, in pieces of any length; full scale is 1."""

    def __init__(self) -> None:
        self._steps, self._peaks = bytearray(), bytearray()
        self._rest = np.zeros(0, np.float32)
        self._total, self._floor = 0.0, math.inf
        self._count, self._taken = 0, 0
        # The first cell in which there is speech, and the one behind the last.
        self._speech: tuple[int, int] | None = None

    def add(self, samples: NDArray[np.float32]) -> None:
        """Measure what comes next."""
        self._count += len(samples)
        whole = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        windows = len(whole) // _WINDOW_SAMPLES
        self._rest = whole[windows * _WINDOW_SAMPLES :]
        if windows:
            powers = self._take_down(whole[: windows * _WINDOW_SAMPLES])
            self._floor = min(self._floor, float(powers.reshape(windows, -1).mean(axis=1).min()))

    def _take_down(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take down whole steps, and tell the powers of their cells."""
        cells = samples.reshape(-1, _CELL_SAMPLES)
        powers: NDArray[np.float32] = np.einsum("ij,ij->i", cells, cells) / _CELL_SAMPLES
        steps = samples.reshape(-1, _STEP_SAMPLES)
        self._steps += k_weighted(steps, _RATE).tobytes()
        self._peaks += np.maximum(steps.max(axis=1), -steps.min(axis=1)).astype(np.float32).tobytes()
        self._total += float(powers.sum(dtype=np.float64)) * _CELL_SAMPLES
        spoken = np.flatnonzero(powers > _SPEECH_POWER) + self._taken
        if len(spoken):
            self._speech = (self._speech[0] if self._speech else int(spoken[0]), int(spoken[-1]) + 1)
        self._taken += len(powers)
        return powers

    def measured(self) -> Measured | None:
        """Tell what was heard, at the end of it; None where it was silent, or too short to have a loudness."""
        steps = len(self._rest) // _STEP_SAMPLES * _STEP_SAMPLES
        self._take_down(self._rest[:steps])
        total = self._total + float(np.square(self._rest[steps:], dtype=np.float64).sum())
        powers = np.frombuffer(self._steps, np.float32)
        loudness = integrated(powers)
        if not math.isfinite(loudness):
            return None
        peaks = np.frombuffer(self._peaks, np.float32).copy()
        # What is less than a step belongs to the last one.
        peaks[-1] = max(peaks[-1], np.abs(self._rest[steps:]).max(initial=0.0))
        first, last = self._speech or (self._taken, self._taken)
        seconds = self._count / _RATE
        levels = Levels(
            lufs=round(loudness, 2),
            rms_db=_decibels(total / self._count),
            peak_db=_decibels(float(peaks.max()) ** 2),
            noise_floor_db=_decibels(self._floor) if math.isfinite(self._floor) else None,
        )
        head, tail = first / _CELLS_A_SECOND, seconds - last / _CELLS_A_SECOND
        return Measured(levels, seconds, head, tail, _curve(powers, peaks))


def _curve(powers: NDArray[np.float32], peaks: NDArray[np.float32]) -> Curve:
    """Draw steps together to parts of equally many."""
    steps = math.ceil(len(peaks) / MOST_PARTS)
    begins = np.arange(0, len(peaks), steps)
    loudness = short_term(powers, begins + steps / 2)
    return Curve(
        seconds=steps / STEPS_A_SECOND,
        peaks=tuple(np.maximum.reduceat(peaks, begins).astype(np.float64).round(4).tolist()),
        loudness=tuple(round(lufs, 1) if math.isfinite(lufs) else None for lufs in loudness.tolist()),
    )


def _decibels(power: float) -> float | None:
    """Convert a mean square to dBFS; None for digital silence."""
    return round(10 * math.log10(power), 2) if power > 0 else None
