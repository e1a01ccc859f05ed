"""Where the sentences of a clip are heard, when its voice does not say: their lengths are laid along the pauses in it."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tasks.model import Audio

_CELLS_A_SECOND = 100
# What is this far below the clip's RMS is a pause, where it lasts: the closure of a "p" or "t" takes up to a tenth of a second.
_SILENT_DB = 30.0
_SHORTEST_SECONDS = 0.12
# How far from its place by the letters a sentence's end may well be: voices differ from it by some tenths of a second and by
# a twentieth of what they have said.
_SPREAD_SECONDS = 0.4
_SPREAD_SHARE = 0.05
# What a pause twice as long is worth, against that.
_LENGTH_WORTH = 1.5
# An end without a pause costs as much as one that is three spreads away.
_NO_PAUSE = 9.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A pause within a clip, in seconds from its begin."""

    start: float
    end: float


def aligned(audio: Audio, lengths: list[int]) -> list[tuple[float, float]]:
    """Tell when the sentences of a clip are heard, in seconds from its begin; `lengths` are theirs in characters.

    Between two sentences lies a pause that is heard, or, where there is none near, the place that their lengths give.
    """
    gaps, (first, last) = _gaps(audio)
    total = sum(lengths) or 1
    silent = sum(gap.end - gap.start for gap in gaps)
    places = [first + (last - first) * sum(lengths[:count]) / total for count in range(1, len(lengths))]
    spread = _SPREAD_SECONDS + silent / (len(lengths) or 1) / 2
    joints = _joints(places, _best(places, gaps, spread))
    starts = [first, *(joint.end for joint in joints)]
    ends = [*(joint.start for joint in joints), last]
    return list(zip(starts, ends, strict=True))


def _gaps(audio: Audio) -> tuple[list[Gap], tuple[float, float]]:
    """Find the pauses within a clip, and when its speech begins and ends."""
    samples = np.frombuffer(audio.pcm, "<i2").astype(np.float32)
    cell = audio.sample_rate // _CELLS_A_SECOND
    cells = samples[: len(samples) // cell * cell].reshape(-1, cell)
    powers: NDArray[np.float32] = np.einsum("ij,ij->i", cells, cells) / cell
    threshold = powers.mean(dtype=np.float64) * 10 ** (-_SILENT_DB / 10) if len(powers) else 0.0
    loud = np.flatnonzero(powers > threshold)
    if not len(loud):
        return [], (0.0, audio.seconds)
    seconds = cell / audio.sample_rate
    gaps = [Gap((before + 1) * seconds, after * seconds) for before, after in pairwise(loud) if after - before > 1]
    whole = (float(loud[0]) * seconds, float(loud[-1] + 1) * seconds)
    return [gap for gap in gaps if gap.end - gap.start >= _SHORTEST_SECONDS], whole


def _best(places: list[float], gaps: list[Gap], spread: float) -> tuple[Gap | None, ...]:
    """Choose a pause for every place, in order, each at most once; none for a place that is better off without."""
    # What the places so far cost at best with the first pauses, by how many those are, and what was chosen.
    row: list[tuple[float, tuple[Gap | None, ...]]] = [(0.0, ())] * (len(gaps) + 1)
    for place in places:
        after: list[tuple[float, tuple[Gap | None, ...]]] = []
        for count, (cost, chosen) in enumerate(row):
            ways = [(cost + _NO_PAUSE, (*chosen, None))]
            if count:
                gap, (before, others) = gaps[count - 1], row[count - 1]
                ways += [after[-1], (before + _cost(place, gap, spread), (*others, gap))]
            after.append(min(ways, key=lambda way: way[0]))
        row = after
    return row[-1][1]


def _cost(place: float, gap: Gap, spread: float) -> float:
    away = max(gap.start - place, place - gap.end, 0.0) / (spread + _SPREAD_SHARE * place)
    return away**2 - _LENGTH_WORTH * math.log2((gap.end - gap.start) / _SHORTEST_SECONDS)


def _joints(places: list[float], chosen: tuple[Gap | None, ...]) -> list[Gap]:
    """Put a place without a pause where it is by the letters, but between the pauses on either side of it."""
    joints: list[Gap] = []
    for number, (place, gap) in enumerate(zip(places, chosen, strict=True)):
        least = joints[-1].end if joints else 0.0
        most = next((later.start for later in chosen[number + 1 :] if later), math.inf)
        at = min(max(place, least), most)
        joints.append(gap or Gap(at, at))
    return joints
