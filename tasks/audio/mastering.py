"""Levels by measurement: the gain that brings a chapter, limited as it will be, to the loudness of the profile."""

import hashlib
import math
import re
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import PIPE

import numpy as np

from tasks.audio import AudioSettings, ffmpeg
from tasks.errors import AudioError
from tasks.model import Levels

_LOUDNESS = re.compile(r"^\s+I:\s+(-?[\d.]+|-?inf|nan) LUFS", re.MULTILINE)
# Two gains this far apart (dB), from the first guess up, are measured side by side; the one wanted lies between or near.
_BRACKET_DB = 2.0
# Below this, more gain is only more limiting.
_FLATTEST_SLOPE = 0.3
# ebur128 gives tenths: one of them is near enough.
_TOLERANCE_LU = 0.15
_ROUNDS = 4
# BS.1770's absolute gate: what is below it, or too short for one block, ebur128 calls -70 LUFS.
_SILENCE_LUFS = -70.0
_PURPOSE = "mastering a chapter"
_NO_SOUND = "there is no loudness in a chapter: it is silent or too short to measure"
_FULL_SCALE = 32_768


def master(
    samples: Path,
    speech_dbfs: float,
    settings: AudioSettings,
    taking: Callable[[], AbstractContextManager[Callable[[bytes], None]]],
) -> tuple[Levels, str]:
    """Bring a chapter's samples, a WAV file, to the profile's loudness and peak, in one stream for all who encode it.

    `taking` opens what takes the mastered samples (signed 16-bit, little-endian); it is opened anew where the loudness was
    missed. `speech_dbfs` is the RMS of the speech. Returns the levels as measured, and the SHA-256 of the samples. Raises
    `AudioError` where ffmpeg fails or the chapter holds no sound to measure.
    """
    if not math.isfinite(speech_dbfs):
        raise AudioError(_NO_SOUND)
    gain = _first_gain(samples, speech_dbfs, settings)
    for _ in range(_ROUNDS):
        with taking() as take:
            loudness, meter = _mastered(samples, gain, settings, take)
        missed = settings.loudness_lufs - loudness
        if abs(missed) <= _TOLERANCE_LU:
            break
        gain += missed
    return meter.levels(loudness), meter.digest


def _mastered(
    samples: Path, gain: float, settings: AudioSettings, take: Callable[[bytes], None]
) -> "tuple[float, _Meter]":
    """Stream a chapter at a gain in dB; returns its loudness in LUFS, and what else was measured as it went by."""
    with wave.open(str(samples)) as file:
        meter = _Meter(file.getframerate() // 2)
    arguments = [*ffmpeg.wav_input(samples), "-af", _metered(gain, settings), "-f", "s16le", "pipe:1"]
    with ffmpeg.running(arguments, _PURPOSE, stdout=PIPE) as source:
        while block := source.read(2 * meter.window):
            take(block)
            meter.add(block)
    return _told_loudness(source.said), meter


def _metered(gain: float, settings: AudioSettings) -> str:
    """Describe gain, limiter and meter for ffmpeg. The limiter looks 5 ms ahead and gives its delay back."""
    ceiling = 10 ** (settings.peak_dbfs / 20)
    limiter = f"alimiter=limit={ceiling:.6f}:attack=5:release=50:level=0:latency=1"
    return f"volume={gain:.3f}dB:precision=float,{limiter},ebur128=framelog=quiet"


def _first_gain(samples: Path, speech_dbfs: float, settings: AudioSettings) -> float:
    """Find the gain in dB by two measurements at once.

    The more gain, the more the limiter takes away, so the gain is read off the line through two.
    """
    low = settings.loudness_lufs - speech_dbfs
    chains = [_metered(gain, settings) for gain in (low, low + _BRACKET_DB)]
    with ThreadPoolExecutor(len(chains)) as pool:
        below, above = pool.map(lambda chain: _loudness(samples, chain), chains)
    slope = max((above - below) / _BRACKET_DB, _FLATTEST_SLOPE)
    return low + (settings.loudness_lufs - below) / slope


def _loudness(samples: Path, chain: str) -> float:
    return _told_loudness(ffmpeg.run([*ffmpeg.wav_input(samples), "-af", chain, "-f", "null", "-"], _PURPOSE))


def _told_loudness(said: str) -> float:
    found = _LOUDNESS.findall(said)
    loudness = float(found[-1]) if found else math.nan
    if not loudness > _SILENCE_LUFS:
        raise AudioError(_NO_SOUND)
    return loudness


class _Meter:
    """Measures samples as they go by: RMS and peak, and the noise floor as ACX has it, the RMS of the quietest half second."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._powers: list[float] = []
        self._peak, self._total, self._count, self._digest = 0, 0.0, 0, hashlib.sha256()

    @property
    def digest(self) -> str:
        """The SHA-256 of all samples."""
        return self._digest.hexdigest()

    def add(self, block: bytes) -> None:
        """Measure a window's worth of samples; the last block may be shorter."""
        self._digest.update(block)
        part = np.frombuffer(block, dtype="<i2").astype(np.float64)
        self._peak = max(self._peak, int(np.abs(part).max()))
        self._total += float(np.square(part).sum())
        self._count += len(part)
        if len(part) == self.window:
            self._powers.append(float(np.square(part).mean()))

    def levels(self, loudness: float) -> Levels:
        """Tell the levels of what went by; its loudness in LUFS is measured elsewhere."""
        return Levels(
            lufs=loudness,
            rms_db=_decibels(self._total / self._count),
            peak_db=_decibels(float(self._peak) ** 2),
            noise_floor_db=_decibels(min(self._powers, default=0.0)),
        )


def _decibels(power: float) -> float | None:
    """Convert a mean square of 16-bit samples to dBFS; None for digital silence."""
    return round(10 * math.log10(power / _FULL_SCALE**2), 2) if power else None
