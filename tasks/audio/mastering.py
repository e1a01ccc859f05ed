"""Levels by measurement: the gain that brings a chapter, limited as it will be, to the loudness of the profile."""

import hashlib
import math
import re
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tasks.audio import AudioSettings, ffmpeg
from tasks.errors import AudioError
from tasks.model import Levels

_LOUDNESS = re.compile(r"^\s+I:\s+(-?[\d.]+|-?inf|nan) LUFS", re.MULTILINE)
# Two gains this far apart (dB), from the first guess up, are measured side by side; the one wanted lies between or near.
_BRACKET_DB = 2.0
# Below this, more gain is only more limiting.
_FLATTEST_SLOPE = 0.3
_METER = "ebur128=framelog=quiet"
# ebur128 gives tenths.
_TOLERANCE_LU = 0.1
_ROUNDS = 4
# BS.1770's absolute gate: what is below it, or too short for one block, ebur128 calls -70 LUFS.
_SILENCE_LUFS = -70.0
_NO_SOUND = "there is no loudness in a chapter: it is silent or too short to measure"
_FULL_SCALE = 32_768


def master(samples: Path, speech_dbfs: float, settings: AudioSettings, mastered: Path) -> float:
    """Bring a chapter's samples, a WAV file, to the profile's loudness and peak; writes them to another, `mastered`.

    Returns the loudness of the result in LUFS. `speech_dbfs` is the RMS of the speech. Raises `AudioError` where ffmpeg
    fails or the chapter holds no sound to measure.
    """
    if not math.isfinite(speech_dbfs):
        raise AudioError(_NO_SOUND)
    gain = _first_gain(samples, speech_dbfs, settings)
    for _ in range(_ROUNDS):
        chain = f"{_mastering_filter(gain, settings)},{_METER}"
        loudness = _loudness(samples, chain, ["-bitexact", "-c:a", "pcm_s16le", "-f", "wav", str(mastered)])
        missed = settings.loudness_lufs - loudness
        if abs(missed) <= _TOLERANCE_LU:
            break
        gain += missed
    return loudness


def _mastering_filter(gain: float, settings: AudioSettings) -> str:
    """Describe gain and limiter for ffmpeg. The limiter looks 5 ms ahead and gives its delay back."""
    ceiling = 10 ** (settings.peak_dbfs / 20)
    return f"volume={gain:.3f}dB:precision=float,alimiter=limit={ceiling:.6f}:attack=5:release=50:level=0:latency=1"


def _first_gain(samples: Path, speech_dbfs: float, settings: AudioSettings) -> float:
    """Find the gain in dB by two measurements at once.

    The more gain, the more the limiter takes away, so the gain is read off the line through two.
    """
    low = settings.loudness_lufs - speech_dbfs
    chains = [f"{_mastering_filter(gain, settings)},{_METER}" for gain in (low, low + _BRACKET_DB)]
    with ThreadPoolExecutor(len(chains)) as pool:
        below, above = pool.map(lambda chain: _loudness(samples, chain, ["-f", "null", "-"]), chains)
    slope = max((above - below) / _BRACKET_DB, _FLATTEST_SLOPE)
    return low + (settings.loudness_lufs - below) / slope


def _loudness(samples: Path, chain: str, output: list[str]) -> float:
    said = ffmpeg.run([*ffmpeg.wav_input(samples), "-af", chain, *output], "mastering a chapter")
    found = _LOUDNESS.findall(said)
    loudness = float(found[-1]) if found else math.nan
    if not loudness > _SILENCE_LUFS:
        raise AudioError(_NO_SOUND)
    return loudness


def measure(mastered: Path, loudness: float) -> tuple[Levels, str]:
    """Measure RMS and peak, and the noise floor as ACX has it: the RMS of the quietest half second.

    `loudness` (LUFS) is what `master` returned. Returns the levels, and the SHA-256 of the samples.
    """
    powers: list[float] = []
    peak, total, count, digest = 0, 0.0, 0, hashlib.sha256()
    with wave.open(str(mastered)) as file:
        window = file.getframerate() // 2
        while block := file.readframes(window):
            digest.update(block)
            part = np.frombuffer(block, dtype="<i2").astype(np.float64)
            peak = max(peak, int(np.abs(part).max()))
            total += float(np.square(part).sum())
            count += len(part)
            if len(part) == window:
                powers.append(float(np.square(part).mean()))
    levels = Levels(
        lufs=loudness,
        rms_db=_decibels(total / count),
        peak_db=_decibels(float(peak) ** 2),
        noise_floor_db=_decibels(min(powers, default=0.0)),
    )
    return levels, digest.hexdigest()


def _decibels(power: float) -> float | None:
    """Convert a mean square of 16-bit samples to dBFS; None for digital silence."""
    return round(10 * math.log10(power / _FULL_SCALE**2), 2) if power else None
