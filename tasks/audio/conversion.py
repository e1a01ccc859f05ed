"""Samples at another rate, by soxr, in floating point: of 16-bit samples it rounds some by chance, others in each run.

Samples are mono.
"""

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.int16]
_FULL_SCALE = np.iinfo(np.int16)


def converted(samples: Samples, rate: int, target_rate: int) -> Samples:
    """Convert samples that are there as a whole; rates are in Hz."""
    return _rounded(soxr.resample(samples.astype(np.float32), rate, target_rate))


class Converter:
    """Converts a stream, block by block; rates are in Hz."""

    def __init__(self, rate: int, target_rate: int) -> None:
        self._stream = soxr.ResampleStream(rate, target_rate, 1, dtype="float32")

    def take(self, block: Samples, *, is_last: bool = False) -> Samples:
        """Convert what comes next; some of it waits for what comes behind."""
        return _rounded(self._stream.resample_chunk(block.astype(np.float32), last=is_last))


def _rounded(samples: NDArray[np.float32]) -> Samples:
    return np.rint(samples).clip(_FULL_SCALE.min, _FULL_SCALE.max).astype(np.int16)
