"""What mastering must know of a chapter's samples, taken down once as they go by: loudness, peaks and power."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tasks.audio.loudness import STEPS_A_SECOND, k_weighted

# A peak is known to this fraction of a second: a few periods of a voice.
CELLS_A_SECOND = 50
CELLS_A_STEP = CELLS_A_SECOND // STEPS_A_SECOND
# Rates (Hz) of which a step and a cell are whole numbers of samples.
RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
# BS.1770-5, annex 2: true peak is that of the samples at four times their rate.
_PHASES = (0.25, 0.5, 0.75)
_TAPS_A_SIDE = 6
# So many samples are interpolated by one product of matrices: more would multiply by more zeros, fewer copy more.
_HOP = 20
# What is worked on at once stays in the processor's cache: of longer pieces, the system would hand out fresh memory each time.
_PIECE_STEPS = 8
_FULL_SCALE = 32_768
# Half precision rounds to one part in 2,048; a peak must not be taken for less than it is.
_ROUNDED_UP = 1.0005


@dataclass(frozen=True, slots=True)
class Envelope:
    """A chapter at a glance, for samples whose full scale is 1.

    `powers` are K-weighted powers in steps of 100 ms; `peaks` the true peaks, and `levels` the RMS, of cells of 20 ms. The
    last of them are filled up with silence.
    """

    sample_rate: int
    powers: NDArray[np.float32] = field(repr=False)
    peaks: NDArray[np.float16] = field(repr=False)
    levels: NDArray[np.float16] = field(repr=False)

    @property
    def cell_samples(self) -> int:
        """How many samples a cell has."""
        return self.sample_rate // CELLS_A_SECOND


class Outline:
    """Draws an envelope of samples that come in pieces of any length."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._step = sample_rate // STEPS_A_SECOND
        self._between = _interpolation()
        # What the interpolation needs from before the first sample.
        self._waiting = [np.zeros(_TAPS_A_SIDE, np.int16)]
        self._count = _TAPS_A_SIDE
        # Bytes, for a book's length of small arrays would weigh ten times what is in them.
        self._powers, self._peaks, self._levels = bytearray(), bytearray(), bytearray()

    def add(self, samples: NDArray[np.int16]) -> None:
        """Take down what comes next."""
        self._waiting.append(samples)
        self._count += len(samples)
        if self._count >= self._step * _PIECE_STEPS + 2 * _TAPS_A_SIDE:
            self._take_down()

    def drawn(self) -> Envelope:
        """End with silence, and give the envelope of all that came."""
        rest = -(self._count - _TAPS_A_SIDE) % self._step
        self.add(np.zeros(rest + _TAPS_A_SIDE, np.int16))
        self._take_down()
        return Envelope(
            self._rate,
            np.frombuffer(self._powers, np.float32),
            np.frombuffer(self._peaks, np.float16),
            np.frombuffer(self._levels, np.float16),
        )

    def _take_down(self) -> None:
        """Take down the whole steps of what waits, and leave what the next are to be interpolated with."""
        waiting = np.concatenate(self._waiting)
        steps = (len(waiting) - 2 * _TAPS_A_SIDE) // self._step
        for begin in range(0, steps, _PIECE_STEPS):
            end = min(begin + _PIECE_STEPS, steps)
            self._take_piece(waiting[begin * self._step : end * self._step + 2 * _TAPS_A_SIDE], end - begin)
        self._waiting = [waiting[steps * self._step :]]
        self._count = len(self._waiting[0])

    def _take_piece(self, waiting: NDArray[np.int16], steps: int) -> None:
        around = waiting.astype(np.float32) * np.float32(1 / _FULL_SCALE)
        samples = around[_TAPS_A_SIDE:-_TAPS_A_SIDE]
        self._powers += k_weighted(samples.reshape(steps, self._step), self._rate).tobytes()
        cells = samples.reshape(steps * CELLS_A_STEP, -1)
        self._levels += np.sqrt(np.einsum("ij,ij->i", cells, cells) / cells.shape[1]).astype(np.float16).tobytes()
        true_peaks = np.maximum(np.abs(cells).max(axis=1), self._peaks_between(around, len(cells)))
        self._peaks += (true_peaks * _ROUNDED_UP).astype(np.float16).tobytes()

    def _peaks_between(self, around: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
        """Find the highest of what lies between the samples of each cell; a hop may reach from one cell to the next."""
        width = _HOP + 2 * _TAPS_A_SIDE - 1
        hops = -(-(len(around) - 2 * _TAPS_A_SIDE) // _HOP)
        padded = np.append(around[1:], np.zeros(width, np.float32))
        windows = np.lib.stride_tricks.as_strided(padded, (hops, width), (padded.strides[0] * _HOP, padded.strides[0]))
        between = np.ascontiguousarray(windows) @ self._between
        np.abs(between, out=between)
        between = between.reshape(hops * _HOP, len(_PHASES))
        whole = between[: len(around) - 2 * _TAPS_A_SIDE].reshape(cells, -1)
        peaks: NDArray[np.float32] = whole.max(axis=1)
        return peaks


def _interpolation() -> NDArray[np.float32]:
    """Build the matrix that turns a hop's samples, with those around it, into what lies between them."""
    taps = np.arange(2 * _TAPS_A_SIDE) - (_TAPS_A_SIDE - 1)
    matrix = np.zeros((_HOP + 2 * _TAPS_A_SIDE - 1, _HOP * len(_PHASES)), np.float32)
    for column, phase in enumerate(_PHASES):
        away = taps - phase
        kernel = np.sinc(away) * np.cos(np.pi * away / (2 * _TAPS_A_SIDE + 1)) ** 2
        for place in range(_HOP):
            matrix[place : place + len(taps), place * len(_PHASES) + column] = kernel / kernel.sum()
    return matrix
