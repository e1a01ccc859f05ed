"""Clips become the sound of a chapter: sentences and the pauses between them, streamed one clip at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.audio import PauseSettings
from tasks.audio.alignment import aligned
from tasks.audio.conversion import converted
from tasks.audio.envelope import RATES, Envelope, Outline
from tasks.audio.silence import segment_of, silent_ends
from tasks.model import Audio, Clip, Pause, Timing, Voiced

if TYPE_CHECKING:
    from pydub import AudioSegment

_BYTES_A_SAMPLE = 2
# Too short to be heard, long enough that a sentence does not begin or end with a click.
_FADE_MILLISECONDS = 3
# What is left of the silence before and behind a sentence, for the fades and for breath that dies away.
_LEAD_MILLISECONDS, _TRAIL_MILLISECONDS = 10, 30


@dataclass(frozen=True, slots=True)
class Joined:
    """What was written: its length in seconds, when its sentences are heard, and its envelope."""

    seconds: float
    timings: tuple[Timing, ...]
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class _Utterance:
    """A sentence without the silence around it, but for `lead` and `trail` seconds of it."""

    segment: "AudioSegment"
    lead: float
    trail: float


class _Joiner:
    """Writes samples and counts them, so that every time is exact."""

    def __init__(self, write: Callable[[bytes], object], sample_rate: int) -> None:
        self._put = write
        self._rate = sample_rate
        self._quiet_seconds = 0.0
        self.outline = Outline(sample_rate)
        self.samples = 0

    @property
    def seconds(self) -> float:
        return self.samples / self._rate

    def speak(self, utterance: _Utterance) -> tuple[float, float]:
        """Write speech, faded in and out; tell when it is heard."""
        segment = _at_rate(utterance.segment, self._rate)
        faded = segment.fade_in(_FADE_MILLISECONDS).fade_out(_FADE_MILLISECONDS)
        start = self.seconds + utterance.lead
        self._write(np.frombuffer(faded.raw_data, "<i2"))
        self._quiet_seconds = utterance.trail
        return start, self.seconds - utterance.trail

    def pause(self, seconds: float) -> None:
        """Write silence, as much as there is not yet behind what was spoken last."""
        self._write(np.zeros(max(round((seconds - self._quiet_seconds) * self._rate), 0), np.int16))
        self._quiet_seconds = 0.0

    def _write(self, samples: NDArray[np.int16]) -> None:
        self._put(samples.tobytes())
        self.outline.add(samples)
        self.samples += len(samples)


def join(
    voiced: Sequence[Voiced],
    read: Callable[[Clip], Audio],
    pauses: PauseSettings,
    write: Callable[[bytes], object],
) -> Joined:
    """Hand the samples of a chapter to `write`: mono, signed 16-bit little-endian, at the highest rate of its clips.

    A clip that says where its sentences end is given the pause of a sentence between them. Silence at the ends of clips and
    sentences is cut off, so that pauses are as long as the settings say.
    """
    lengths = {
        Pause.TURN: pauses.turn,
        Pause.SENTENCE: pauses.sentence,
        Pause.PARAGRAPH: pauses.paragraph,
        Pause.HEADING: pauses.heading,
        Pause.SCENE: pauses.scene,
        Pause.NONE: 0.0,
    }
    joiner = _Joiner(write, _rate_for(max(part.clip.sample_rate for part in voiced)))
    timings: list[Timing] = []
    joiner.pause(pauses.head)
    for part in voiced:
        audio = read(part.clip)
        spoken: list[tuple[float, float]] = []
        for place, utterance in enumerate(_utterances(audio)):
            if place:
                joiner.pause(pauses.sentence)
            spoken.append(joiner.speak(utterance))
        exact = len(spoken) == len(part.chunk.sentences)
        times = spoken if exact else _aligned(part, audio, (spoken[0][0], spoken[-1][1]))
        timings += [Timing(part.chunk.id, place, start, end, exact) for place, (start, end) in enumerate(times)]
        joiner.pause(lengths[part.chunk.pause])
    joiner.pause(pauses.tail)
    return Joined(joiner.seconds, tuple(timings), joiner.outline.drawn())


def _rate_for(sample_rate: int) -> int:
    """Choose the rate (Hz) that clips of up to a rate are joined at: no less, as long as there is one."""
    return min((rate for rate in RATES if rate >= sample_rate), default=RATES[-1])


def _utterances(audio: Audio) -> Iterator[_Utterance]:
    for start, end in pairwise((0, *(audio.sentence_ends or (len(audio.pcm) // _BYTES_A_SAMPLE,)))):
        yield _trimmed(segment_of(audio.pcm[start * _BYTES_A_SAMPLE : end * _BYTES_A_SAMPLE], audio.sample_rate))


def _trimmed(segment: "AudioSegment") -> _Utterance:
    before, behind = silent_ends(segment)
    if before + behind == 0:
        return _Utterance(segment, 0.0, 0.0)
    lead, trail = min(before, _LEAD_MILLISECONDS), min(behind, _TRAIL_MILLISECONDS)
    cut = segment[before - lead : len(segment) - behind + trail]
    return _Utterance(cut, lead / 1000, trail / 1000)


def _at_rate(segment: "AudioSegment", sample_rate: int) -> "AudioSegment":
    if segment.frame_rate == sample_rate:
        return segment
    samples = converted(np.frombuffer(segment.raw_data, "<i2"), segment.frame_rate, sample_rate)
    return segment_of(samples.tobytes(), sample_rate)


def _aligned(part: Voiced, audio: Audio, spoken: tuple[float, float]) -> list[tuple[float, float]]:
    """Find the sentences within a clip that was written as one; it is heard at `spoken` of the track."""
    start, end = spoken
    times = aligned(audio, [len(sentence.spoken) for sentence in part.chunk.sentences])
    away = start - times[0][0]
    # The silence at its ends was cut off, and its last millisecond may have gone too.
    within = [[min(max(time + away, start), end) for time in pair] for pair in times]
    return [(first, last) for first, last in within]
