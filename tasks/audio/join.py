"""Clips become the sound of a chapter: sentences and the pauses between them, streamed one clip at a time."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tasks.audio import PauseSettings
from tasks.model import Audio, Clip, Pause, Timing, Voiced

with warnings.catch_warnings():
    # pydub looks for an ffmpeg on the path and misses it; Declaim has its own, and asks pydub for none.
    warnings.simplefilter("ignore", RuntimeWarning)
    from pydub import AudioSegment

_BYTES_A_SAMPLE = 2
# Too short to be heard, long enough that a sentence does not begin or end with a click.
_FADE_MILLISECONDS = 3
# Digital silence, in pauses and in synthetic speech alike, gives a noise floor of minus infinity and sounds like a fault
# in headphones.
_ROOM_TONE_DBFS = -75.0
_ROOM_TONE_SECONDS = 20
_LOUDEST = 32_600
_ROOM_TONE_SEED = 1
# AAC packs this many samples; whole packets let chapters be bound without drift.
_PACKET_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class Joined:
    """What was written: its length in samples, when its sentences are heard, and how loud its speech is in dBFS (RMS)."""

    samples: int
    timings: tuple[Timing, ...]
    speech_dbfs: float


class _Joiner:
    """Writes samples and counts them, so that every time is exact."""

    def __init__(self, write: Callable[[bytes], object], sample_rate: int) -> None:
        self._put = write
        self._rate = sample_rate
        self._tone = _room_tone(sample_rate)
        self.samples = 0
        self.power = 0.0
        self.speech_samples = 0

    @property
    def seconds(self) -> float:
        return self.samples / self._rate

    def speak(self, segment: AudioSegment) -> None:
        """Write speech, faded in and out."""
        faded = segment.fade_in(_FADE_MILLISECONDS).fade_out(_FADE_MILLISECONDS)
        self._write(faded.raw_data)
        count = int(faded.frame_count())
        self.power += float(faded.rms) ** 2 * count
        self.speech_samples += count

    def pause(self, seconds: float) -> None:
        self._write(bytes(round(seconds * self._rate) * _BYTES_A_SAMPLE))

    def end_on_a_packet(self) -> None:
        self._write(bytes(-self.samples % _PACKET_SAMPLES * _BYTES_A_SAMPLE))

    def _write(self, data: bytes) -> None:
        """Write samples with the room tone under them, which goes on from where it was."""
        samples = np.frombuffer(data, dtype="<i2")
        while len(samples):
            begin = self.samples % len(self._tone)
            under = self._tone[begin : begin + len(samples)]
            # Kept so far below full scale that the sum cannot overflow.
            speech = np.clip(samples[: len(under)], -_LOUDEST, _LOUDEST)
            self._put((speech + under).astype("<i2").tobytes())
            self.samples += len(under)
            samples = samples[len(under) :]


def join(
    voiced: Sequence[Voiced],
    read: Callable[[Clip], Audio],
    pauses: PauseSettings,
    sample_rate: int,
    write: Callable[[bytes], object],
) -> Joined:
    """Hand the samples of a chapter to `write`: mono, signed 16-bit little-endian, a whole number of AAC packets.

    A clip that says where its sentences end is given the pause of a sentence between them. Clips of another rate are
    converted to `sample_rate` (Hz).
    """
    lengths = {
        Pause.TURN: pauses.turn,
        Pause.SENTENCE: pauses.sentence,
        Pause.PARAGRAPH: pauses.paragraph,
        Pause.HEADING: pauses.heading,
        Pause.SCENE: pauses.scene,
        Pause.NONE: 0.0,
    }
    joiner = _Joiner(write, sample_rate)
    timings: list[Timing] = []
    joiner.pause(pauses.head)
    for part in voiced:
        audio = read(part.clip)
        exact = len(audio.sentence_ends) == len(part.chunk.sentences)
        begun: list[tuple[float, float]] = []
        for place, segment in enumerate(_segments(audio, sample_rate)):
            if place:
                joiner.pause(pauses.sentence)
            start = joiner.seconds
            joiner.speak(segment)
            begun.append((start, joiner.seconds))
        times = begun if exact else _estimated(part, begun[0][0], begun[-1][1])
        timings += [Timing(part.chunk.id, place, start, end, exact) for place, (start, end) in enumerate(times)]
        joiner.pause(lengths[part.chunk.pause])
    joiner.pause(pauses.tail)
    joiner.end_on_a_packet()
    mean = joiner.power / joiner.speech_samples if joiner.speech_samples else 0.0
    return Joined(joiner.samples, tuple(timings), 10 * math.log10(mean / 32768**2) if mean else -math.inf)


def _segments(audio: Audio, sample_rate: int) -> Iterator[AudioSegment]:
    for start, end in pairwise((0, *(audio.sentence_ends or (len(audio.pcm) // _BYTES_A_SAMPLE,)))):
        segment = AudioSegment(
            audio.pcm[start * _BYTES_A_SAMPLE : end * _BYTES_A_SAMPLE],
            sample_width=_BYTES_A_SAMPLE,
            frame_rate=audio.sample_rate,
            channels=1,
        )
        yield segment if audio.sample_rate == sample_rate else segment.set_frame_rate(sample_rate)


def _estimated(part: Voiced, start: float, end: float) -> list[tuple[float, float]]:
    """Share a clip's time between its sentences by their lengths in characters."""
    lengths = [len(sentence.spoken) for sentence in part.chunk.sentences]
    total = sum(lengths) or 1
    bounds = [start + (end - start) * sum(lengths[:place]) / total for place in range(len(lengths) + 1)]
    return list(pairwise(bounds))


def _room_tone(sample_rate: int) -> np.ndarray:
    """Draw a few seconds of white noise, the same each time."""
    noise = np.random.default_rng(_ROOM_TONE_SEED).standard_normal(_ROOM_TONE_SECONDS * sample_rate)
    return np.round(noise * 32768 * 10 ** (_ROOM_TONE_DBFS / 20)).astype(np.int16)
