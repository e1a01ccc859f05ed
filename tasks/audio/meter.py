"""What a finished file sounds like: its levels, and the room tone before and behind its speech, heard from the file alone."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import numpy as np
from numpy.typing import NDArray

from tasks.audio import ffmpeg
from tasks.errors import AudioError
from tasks.model import Levels

_LOUDNESS = re.compile(r"^\s+I:\s+(-?[\d.]+|-?inf|nan) LUFS", re.MULTILINE)
_TRUE_PEAK = re.compile(r"^\s+Peak:\s+(-?[\d.]+|-?inf|nan) dBFS", re.MULTILINE)
# BS.1770's absolute gate: what is below it, or too short for one block, ebur128 calls -70 LUFS.
_SILENCE_LUFS = -70.0
_RATE = 44_100
_BYTES_A_SAMPLE = 4
# ACX's noise floor is the RMS of the quietest half second.
_FLOOR_CELLS = 50
_CELL_SAMPLES = _RATE // 100
# Between the room tone and the softest begin of a word.
_SPEECH_DBFS = -50.0
_SPEECH_POWER = 10 ** (_SPEECH_DBFS / 10)


@dataclass(frozen=True, slots=True)
class Measured:
    """A file as it was heard: its length, and the room tone before and behind its speech, in seconds.

    `true_peak_db` is None where it was not asked for.
    """

    levels: Levels
    seconds: float
    head: float
    tail: float
    true_peak_db: float | None = None


def measured(file: Path, span: tuple[float, float] | None = None, *, true_peak: bool = False) -> Measured:
    """Decode a file, or a span of it in seconds, and measure it.

    Raises `AudioError` where ffmpeg cannot read it, or where it holds no sound to measure.
    """
    cut = [] if span is None else ["-ss", f"{span[0]:.6f}", "-to", f"{span[1]:.6f}"]
    peak = ":peak=true" if true_peak else ""
    # Every packet goes from thread to thread: in long ones that costs a third less.
    filters = f"asetnsamples=n={_RATE}:p=0,ebur128=framelog=quiet{peak}"
    arguments = [
        *(*cut, "-i", str(file), "-map", "0:a:0", "-ac", "1", "-ar", str(_RATE)),
        *("-af", filters, "-f", "f32le", "pipe:1"),
    ]
    meter = _Meter()
    with ffmpeg.running(arguments, f"measuring {file.name}", stdout=PIPE) as source:
        while block := source.read(_BYTES_A_SAMPLE * _RATE):
            meter.add(np.frombuffer(block, "<f4"))
    loudness = _told(_LOUDNESS, source.said)
    if loudness is None or loudness <= _SILENCE_LUFS:
        raise AudioError(f"{file.name}: it is silent, or too short to have a loudness")
    return meter.measured(loudness, _told(_TRUE_PEAK, source.said) if true_peak else None)


def _told(pattern: re.Pattern[str], said: str) -> float | None:
    found = pattern.findall(said)
    figure = float(found[-1]) if found else math.nan
    return figure if math.isfinite(figure) else None


class _Meter:
    """Takes down the power of every cell of 10 ms, and the peak."""

    def __init__(self) -> None:
        self._powers: list[NDArray[np.float32]] = []
        self._rest = np.zeros(0, np.float32)
        self._peak, self._total, self._count = 0.0, 0.0, 0

    def add(self, samples: NDArray[np.float32]) -> None:
        self._peak = max(self._peak, float(samples.max()), -float(samples.min()))
        self._count += len(samples)
        whole = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        cells = len(whole) // _CELL_SAMPLES
        self._rest = whole[cells * _CELL_SAMPLES :]
        rows = whole[: cells * _CELL_SAMPLES].reshape(cells, _CELL_SAMPLES)
        self._powers.append(np.einsum("ij,ij->i", rows, rows) / _CELL_SAMPLES)
        self._total += float(self._powers[-1].sum(dtype=np.float64)) * _CELL_SAMPLES

    def measured(self, loudness: float, true_peak_db: float | None) -> Measured:
        powers = np.concatenate(self._powers).astype(np.float64)
        total = self._total + float(np.square(self._rest, dtype=np.float64).sum())
        windows = len(powers) // _FLOOR_CELLS
        floors = powers[: windows * _FLOOR_CELLS].reshape(windows, _FLOOR_CELLS).mean(axis=1)
        spoken = np.flatnonzero(powers > _SPEECH_POWER)
        first, last = (int(spoken[0]), int(spoken[-1]) + 1) if len(spoken) else (len(powers), len(powers))
        return Measured(
            Levels(
                lufs=loudness,
                rms_db=_decibels(total / self._count),
                peak_db=_decibels(self._peak**2),
                noise_floor_db=_decibels(float(floors.min())) if windows else None,
            ),
            seconds=self._count / _RATE,
            head=first / 100,
            tail=self._count / _RATE - last / 100,
            true_peak_db=true_peak_db,
        )


def _decibels(power: float) -> float | None:
    """Convert a mean square to dBFS; None for digital silence."""
    return round(10 * math.log10(power), 2) if power > 0 else None
