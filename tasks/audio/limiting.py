"""A look-ahead limiter, whose work is known from a chapter's envelope before a sample of it is touched.

The reduction rises along a straight line before a peak and falls along one behind it, in dB, and is bound to be enough for
every sample of a cell of 20 ms. As it follows from the envelope alone, so does the loudness of the limited chapter.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.audio.envelope import CELLS_A_SECOND, CELLS_A_STEP, Envelope
from tasks.audio.loudness import integrated

Gains = NDArray[np.float32]

# Slow enough that a period of a man's voice keeps its shape, quick enough that nobody hears the voice duck.
_RISE_DB_A_CELL = 6.0
_FALL_DB_A_CELL = 2.0
_MOST_DB = 60.0
_SIGHT_CELLS = int(_MOST_DB / _FALL_DB_A_CELL)
_PIECE_CELLS = 600 * CELLS_A_SECOND
# A profile that asks for more loudness than its peak allows gets this much limiting, and what comes of it.
_MOST_LIMITING_DB = 12.0
_HALVINGS = 16


def gains(envelope: Envelope, gain_db: float, ceiling_db: float) -> Iterator[Gains]:
    """Tell by what the samples are to be multiplied at the bounds of the cells, in pieces of ten minutes.

    A piece of n cells has n + 1 bounds; its last is the first of the next. Between bounds the factor is on a straight line,
    and nowhere so great that a peak would pass `ceiling_db` (dBFS).
    """
    count = len(envelope.peaks)
    for begin in range(0, count, _PIECE_CELLS):
        end = min(begin + _PIECE_CELLS, count)
        first, last = max(begin - _SIGHT_CELLS, 0), min(end + _SIGHT_CELLS, count)
        reduction = _reduction(envelope.peaks[first:last], gain_db - ceiling_db)
        bounds = np.maximum(np.append(reduction, 0.0), np.append(0.0, reduction))[begin - first : end - first + 1]
        yield np.asarray(10 ** ((gain_db - bounds) / 20), np.float32)


def _reduction(peaks: NDArray[np.float16], over_db: float) -> NDArray[np.float64]:
    """Tell by how many dB the cells are to be reduced."""
    heights = 20 * np.log10(np.maximum(peaks.astype(np.float64), 1e-6)) + over_db
    needed = np.clip(heights, 0.0, _MOST_DB)
    fall = _FALL_DB_A_CELL * np.arange(len(needed))
    rise = _RISE_DB_A_CELL * np.arange(len(needed))
    behind = np.maximum.accumulate(needed + fall) - fall
    before = np.maximum.accumulate((needed - rise)[::-1])[::-1] + rise
    return np.asarray(np.maximum(behind, before))


def limited_powers(envelope: Envelope, gain_db: float, ceiling_db: float) -> tuple[NDArray[np.float64], float]:
    """Foretell the K-weighted powers of the limited chapter in steps of 100 ms, and its mean square.

    What the limiter takes of a step's power it is taken to take of the K-weighted power too: its cells are alike in tone.
    """
    steps: list[NDArray[np.float64]] = []
    total, done = 0.0, 0
    for piece in gains(envelope, gain_db, ceiling_db):
        count = len(piece) - 1
        cells = envelope.levels[done : done + count].astype(np.float64) ** 2
        factors = (piece[:-1].astype(np.float64) ** 2 + piece[1:].astype(np.float64) ** 2) / 2
        before = cells.reshape(-1, CELLS_A_STEP).sum(axis=1)
        after = (cells * factors).reshape(-1, CELLS_A_STEP).sum(axis=1)
        whole = factors.reshape(-1, CELLS_A_STEP).mean(axis=1)
        powers = envelope.powers[done // CELLS_A_STEP : (done + count) // CELLS_A_STEP]
        steps.append(powers * np.where(before > 0, after / np.where(before > 0, before, 1), whole))
        total += float(after.sum())
        done += count
    return np.concatenate(steps) if steps else np.zeros(0), total / max(done, 1)


def gain_for(envelope: Envelope, loudness_lufs: float, ceiling_db: float) -> float:
    """Find the gain in dB at which the limited chapter has a loudness, or the most that limiting allows.

    Minus infinity where nothing of it is loud enough to be measured.
    """
    plain = integrated(envelope.powers)
    low = loudness_lufs - plain
    if not np.isfinite(low):
        return -np.inf
    high = low + _MOST_LIMITING_DB
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if integrated(limited_powers(envelope, middle, ceiling_db)[0]) < loudness_lufs:
            low = middle
        else:
            high = middle
    return low
