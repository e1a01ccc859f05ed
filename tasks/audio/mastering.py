"""Levels by measurement: a chapter is brought to its loudness in one stream, and measured again as it was encoded."""

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.audio import AudioSettings
from tasks.audio.encode import Encoders
from tasks.audio.envelope import CELLS_A_SECOND, Envelope
from tasks.audio.limiting import Gains, gain_for, gains, limited_powers
from tasks.audio.loudness import integrated
from tasks.audio.meter import Measured, measured
from tasks.audio.presets import PRESETS
from tasks.errors import AudioError

_FULL_SCALE = 32_768
_BYTES_A_SAMPLE = 2
_LOUDEST = 32_767
# Digital silence, in pauses and in synthetic speech alike, gives a noise floor of minus infinity and sounds like a fault
# in headphones.
_ROOM_TONE_DBFS = -75.0
_ROOM_TONE_SECONDS = 20
_ROOM_TONE_SEED = 1
# Four seconds at a time: enough that handing them over costs nothing; the room tone is a whole number of them.
_BLOCK_CELLS = 4 * CELLS_A_SECOND
# What an encoder may add to a peak; where it has added more, the chapter is encoded again below it.
_HEADROOM_DB = 0.4
_TOLERANCE_LU = 0.2
# RMS is aimed at this far within its bounds.
_WITHIN_DB = 0.3
_ROUNDS = 3
_NO_SOUND = "there is no loudness in a chapter: it is silent or too short to measure"


@dataclass(frozen=True, slots=True)
class _Aim:
    """The gain in dB, the limiter's ceiling in dBFS, and the loudness in LUFS that the two are to give."""

    gain: float
    ceiling: float
    loudness: float


def master(
    samples: Path,
    envelope: Envelope,
    settings: AudioSettings,
    encoding: Callable[[], AbstractContextManager[Encoders]],
) -> tuple[Measured, str]:
    """Bring a chapter's samples to the profile's loudness and peak, in one stream for all who encode it.

    `samples` is a file of samples as `join` writes them, with their `envelope`. `encoding` opens what takes the mastered
    samples; it is opened anew where loudness or peak were missed. Returns what was measured of the first of the files, and the
    SHA-256 of the mastered samples. Raises `AudioError` where ffmpeg fails or the chapter holds no sound to measure.
    """
    aim = _aim(envelope, settings)
    for _ in range(_ROUNDS):
        digest = hashlib.sha256()
        with encoding() as encoders:
            for block in _mastered(samples, envelope, aim):
                encoders.take(block)
                digest.update(block)
            heard = measured(encoders.end())
        missed = aim.loudness - (heard.levels.lufs or aim.loudness)
        over = max((heard.levels.peak_db or 0.0) - settings.peak_dbfs, 0.0)
        if abs(missed) <= _TOLERANCE_LU and not over:
            break
        aim = replace(aim, gain=aim.gain + missed, ceiling=aim.ceiling - (over + _HEADROOM_DB / 4 if over else 0.0))
    return heard, digest.hexdigest()


def _aim(envelope: Envelope, settings: AudioSettings) -> _Aim:
    """Find the gain for the profile's loudness, or for the loudness next to it that has the preset's RMS."""
    ceiling = settings.peak_dbfs - _HEADROOM_DB
    gain = gain_for(envelope, settings.loudness_lufs, ceiling)
    if not math.isfinite(gain):
        raise AudioError(_NO_SOUND)
    powers, power = limited_powers(envelope, gain, ceiling)
    bounds, rms = PRESETS[settings.preset].rms_db, 10 * math.log10(power)
    if bounds is None:
        return _Aim(gain, ceiling, settings.loudness_lufs)
    wanted = min(max(rms, bounds[0] + _WITHIN_DB), bounds[1] - _WITHIN_DB)
    if wanted == rms:
        return _Aim(gain, ceiling, settings.loudness_lufs)
    loudness = integrated(powers) + wanted - rms
    return _Aim(gain_for(envelope, loudness, ceiling), ceiling, loudness)


def _mastered(samples: Path, envelope: Envelope, aim: _Aim) -> Iterator[bytes]:
    """Read a chapter's samples again, multiplied by the gain, limited, over room tone: some seconds at a time."""
    cell = envelope.cell_samples
    tone, place = _room_tone(cell * CELLS_A_SECOND), 0
    with samples.open("rb") as file:
        for piece in gains(envelope, aim.gain, aim.ceiling):
            for begin in range(0, len(piece) - 1, _BLOCK_CELLS):
                bounds = piece[begin : begin + _BLOCK_CELLS + 1]
                raw = np.frombuffer(file.read((len(bounds) - 1) * cell * _BYTES_A_SAMPLE), "<i2")
                under = tone[place : place + len(raw)]
                place = (place + len(raw)) % len(tone)
                yield _levelled(raw, bounds, under, cell).tobytes()


def _levelled(raw: NDArray[np.int16], bounds: Gains, tone: NDArray[np.float32], cell: int) -> NDArray[np.int16]:
    """Multiply samples, and add the room tone; the factors go along straight lines from one bound of the cells to the next."""
    along = np.arange(cell, dtype=np.float32) / np.float32(cell)
    is_steady = bounds.min() == bounds.max()
    factors = bounds[:1] if is_steady else (bounds[:-1, None] + np.diff(bounds)[:, None] * along).ravel()[: len(raw)]
    loud = np.asarray(raw * factors, np.float32)
    loud += tone
    np.clip(loud, -_LOUDEST, _LOUDEST, out=loud)
    levelled: NDArray[np.int16] = np.rint(loud, out=loud).astype("<i2")
    return levelled


def _room_tone(sample_rate: int) -> NDArray[np.float32]:
    """Draw a few seconds of white noise, the same each time."""
    noise = np.random.default_rng(_ROOM_TONE_SEED).standard_normal(_ROOM_TONE_SECONDS * sample_rate, np.float32)
    return noise * np.float32(_FULL_SCALE * 10 ** (_ROOM_TONE_DBFS / 20))
