"""Sounds that are loud and soft by turns, as speech is, and what ffmpeg's own meters say of a sound."""

import re
import subprocess
from dataclasses import dataclass
from typing import Any

import imageio_ffmpeg
import numpy as np

Samples = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True)
class Told:
    """Loudness in LUFS, true peak and sample peak in dBFS."""

    lufs: float
    true_peak: float
    peak: float


def syllables(seconds: float, rate: int, peak: float, seed: int = 7) -> Samples:
    """Make bursts of a tone with overtones, five a second, of differing strength, the strongest as high as `peak`."""
    chance = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    voice = sum(np.sin(2 * np.pi * 130 * order * time) / order for order in range(1, 12))
    length = rate // 5
    strengths = chance.uniform(0.1, 1, count // length + 1).repeat(length)[:count]
    sound = voice * strengths * np.resize(np.hanning(length), count)
    loud = sound / np.abs(sound).max() * peak + chance.standard_normal(count)
    return np.asarray(np.round(np.clip(loud, -32_768, 32_767)), "<i2")


def told_by_ffmpeg(samples: Samples, rate: int) -> Told:
    """Measure samples by ebur128 and astats."""
    source = ["-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0"]
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        *source,
        "-af",
        "ebur128=peak=true,astats",
        "-f",
        "null",
        "-",
    ]
    said = subprocess.run(command, input=samples.tobytes(), capture_output=True, check=True).stderr.decode()
    summary = said.rpartition("Summary:")[2]
    loudness = re.search(r"I:\s+(-?[\d.]+) LUFS", summary)
    true_peak = re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)
    peaks = re.findall(r"Peak level dB: (-?[\d.]+)", said)
    assert loudness
    assert true_peak
    return Told(float(loudness[1]), float(true_peak[1]), float(peaks[-1]))
