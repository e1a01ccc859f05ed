"""Loudness as ITU-R BS.1770-5 has it: K-weighted power in steps of 100 ms, gated in blocks of 400 ms."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

STEPS_A_SECOND = 10
_BLOCK_STEPS = 4
_SHORT_TERM_STEPS = 30
# Below what 16 bits can hold.
_SOFTEST_LUFS = -110.0
_OFFSET_LU = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
# The standard gives its two filters for this rate (Hz): the head's shelf, and the high pass of the revised low-frequency
# B curve. Numerators and denominators by falling powers of z.
_STANDARD_RATE = 48_000
_FILTERS = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)


def k_weighted(steps: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Tell the K-weighted power of steps of samples, a row each: the mean square behind the standard's two filters."""
    # Real and imaginary parts stand side by side: squared and added up with one weight for both, they are the squared spectrum.
    spectra = np.fft.rfft(steps).view(np.float32)
    np.square(spectra, out=spectra)
    return np.asarray(spectra @ _k_weights(sample_rate, steps.shape[1]), np.float32)


@cache
def _k_weights(sample_rate: int, samples: int) -> NDArray[np.float32]:
    """Weigh the bins of the squared spectrum (`rfft`) of so many samples: weighted and added up, they are K-weighted power.

    Each weight stands there twice, for the square of the real part and that of the imaginary one.
    The filters' response is that at 48 kHz, whatever the rate.
    """
    bins = np.fft.rfftfreq(samples, 1 / sample_rate)
    turn = np.exp(-2j * np.pi * bins / _STANDARD_RATE)
    response = np.ones(len(bins), dtype=np.complex128)
    for above, below in _FILTERS:
        response *= np.polyval(above[::-1], turn) / np.polyval(below[::-1], turn)
    weights = 2 * np.abs(response) ** 2 / samples**2
    weights[0] /= 2
    if samples % 2 == 0:
        weights[-1] /= 2
    return np.repeat(weights, 2).astype(np.float32)


def integrated(powers: NDArray[np.floating]) -> float:
    """Tell the integrated loudness in LUFS of K-weighted powers in steps of 100 ms, of samples whose full scale is 1.

    Minus infinity where all is below the absolute gate, or shorter than a block.
    """
    if len(powers) < _BLOCK_STEPS:
        return -math.inf
    blocks = np.convolve(powers.astype(np.float64), np.full(_BLOCK_STEPS, 1 / _BLOCK_STEPS), "valid")
    loud = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return -math.inf
    heard = loud[loud > loud.mean() * 10 ** (_RELATIVE_GATE_LU / 10)]
    return _OFFSET_LU + 10 * math.log10(heard.mean())


def short_term(powers: NDArray[np.floating], middles: NDArray[np.floating]) -> NDArray[np.float64]:
    """Tell the short-term loudness in LUFS of K-weighted powers in steps of 100 ms: that of the 3 s around each middle.

    `middles` are places in steps. At an end it is that of the first or the last 3 s, of a shorter sound that of the whole;
    minus infinity where there is silence.
    """
    width = min(_SHORT_TERM_STEPS, len(powers))
    begins = np.clip(np.rint(middles - width / 2).astype(np.int64), 0, len(powers) - width)
    sums = np.concatenate((np.zeros(1), np.cumsum(powers, dtype=np.float64)))
    # What is left of rounding where a sum does not grow is no sound.
    means = (sums[begins + width] - sums[begins]) / width
    loudness = np.full(len(means), -np.inf)
    np.log10(means, out=loudness, where=means > _power(_SOFTEST_LUFS))
    return _OFFSET_LU + 10 * loudness


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LU) / 10))
