from io import BytesIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.audio import PauseSettings
from tasks.audio.join import Joined, join
from tasks.model import Audio, BlockKind, Chunk, Identity, Pause, Sentence, Voiced
from tasks.store import ClipStore, clip_key

RATE = 22_050
PAUSES = PauseSettings(sentence=0.2, paragraph=0.5, heading=0.9, scene=1.3, head=0.25, tail=1.0)
LENGTHS = {"sentence": 0.2, "paragraph": 0.5, "heading": 0.9, "scene": 1.3, "none": 0.0}
VOICE = Identity("piper", "tones", "", (), 1, by_sentence=True)
Samples = np.ndarray[Any, np.dtype[np.int16]]
# Far below the sounds.
HEARD = 200


def tone(samples: int, rate: int = RATE, hertz: float = 440.0) -> Samples:
    """Begin on the crest, so that the first sample is heard."""
    return np.round(12_000 * np.cos(2 * np.pi * hertz * np.arange(samples) / rate)).astype(np.int16)


def burst(samples: int) -> Samples:
    noise = np.random.default_rng(samples).integers(2_000, 9_000, samples) * np.where(np.arange(samples) % 2, 1, -1)
    return noise.astype(np.int16)


class Chapter:
    """Clips in a real store, in the order in which they are to be heard."""

    def __init__(self, folder: Path) -> None:
        self.store = ClipStore(folder)
        self.voiced: list[Voiced] = []

    def say(
        self, texts: list[str], parts: list[Samples], pause: Pause, rate: int = RATE, *, exact: bool = True
    ) -> None:
        ends = np.cumsum([len(part) for part in parts]).tolist() if exact else []
        audio = Audio(b"".join(part.astype("<i2").tobytes() for part in parts), rate, tuple(ends))
        name = f"1.{len(self.voiced) + 1}"
        # The name makes the keys differ where texts do not.
        clip = self.store.put(clip_key(VOICE, (name, *texts)), audio, VOICE, tuple(texts))
        sentences = tuple(Sentence(text, text) for text in texts)
        self.voiced.append(Voiced(Chunk(name, BlockKind.PARAGRAPH, name, sentences, pause), clip, VOICE))

    def joined(self, pauses: PauseSettings = PAUSES) -> tuple[Joined, Samples]:
        sink = BytesIO()
        joined = join(self.voiced, self.store.audio, pauses, sink.write)
        return joined, np.frombuffer(sink.getvalue(), dtype="<i2")


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    return Chapter(tmp_path)


def sounds(samples: Samples, rate: int = RATE) -> list[tuple[float, float]]:
    """Find the sounds by ear: where it is loud, with no more than 50 ms of quiet in between."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > HEARD)
    gaps = np.flatnonzero(np.diff(loud) > 0.05 * rate)
    starts = [int(loud[0]), *loud[gaps + 1].tolist()]
    ends = [*loud[gaps].tolist(), int(loud[-1])]
    return [(start / rate, (end + 1) / rate) for start, end in zip(starts, ends, strict=True)]


def test_times_are_those_at_which_sentences_are_heard(chapter: Chapter) -> None:
    chapter.say(["I"], [tone(4_000)], Pause.HEADING)
    chapter.say(["A.", "B.", "C."], [burst(7_001), tone(5_003, hertz=900), burst(3_000)], Pause.SCENE)
    chapter.say(["D."], [burst(2_049)], Pause.NONE)
    joined, samples = chapter.joined()
    heard = sounds(samples)
    assert len(heard) == len(joined.timings) == 5
    for (start, end), timing in zip(heard, joined.timings, strict=True):
        # A fade of 3 ms hides the first and the last sample; 1 ms of it is under the threshold at most.
        assert timing.start == pytest.approx(start, abs=0.001)
        assert timing.end == pytest.approx(end, abs=0.001)
        assert timing.exact
    assert [(timing.chunk, timing.sentence) for timing in joined.timings] == [
        ("1.1", 0),
        *(("1.2", place) for place in range(3)),
        ("1.3", 0),
    ]


def test_every_sample_is_where_the_times_say(chapter: Chapter) -> None:
    first, second = burst(6_000), tone(9_999)
    chapter.say(["A.", "B."], [first, second], Pause.NONE)
    joined, samples = chapter.joined()
    for part, timing in zip((first, second), joined.timings, strict=True):
        begin = round(timing.start * RATE)
        assert timing.start * RATE == pytest.approx(begin, abs=1e-6)
        # pydub fades by whole milliseconds and lets the rest of the last one go.
        assert abs(round(timing.end * RATE) - begin - len(part)) <= 0.001 * RATE
        inside = slice(100, len(part) - 100)
        difference = samples[begin : begin + len(part)][inside].astype(np.int32) - part[inside]
        assert not difference.any()


def test_pauses_are_as_long_as_the_profile_says(chapter: Chapter) -> None:
    kinds = [Pause.HEADING, Pause.SENTENCE, Pause.PARAGRAPH, Pause.SCENE, Pause.NONE]
    for kind in kinds:
        chapter.say(["A."], [burst(3_000)], kind)
    joined, samples = chapter.joined()
    heard = sounds(samples)
    assert heard[0][0] == pytest.approx(0.25, abs=0.001)
    for kind, (before, after) in zip(kinds, pairwise(heard), strict=False):
        assert after[0] - before[1] == pytest.approx(LENGTHS[kind], abs=0.002), kind
    assert len(samples) / RATE - heard[-1][1] == pytest.approx(1.0, abs=0.001)
    assert joined.seconds == len(samples) / RATE


@pytest.mark.parametrize("rate", [RATE, 24_000])
def test_silence_around_a_sentence_is_no_part_of_its_pause(chapter: Chapter, rate: int) -> None:
    quiet = (np.random.default_rng(1).standard_normal(rate) * 8).astype(np.int16)
    around = [np.concatenate((quiet[: rate * 3 // 10], burst(rate), quiet[: rate * 7 // 10])) for _ in range(2)]
    chapter.say(["A.", "B."], around, Pause.PARAGRAPH, rate)
    chapter.say(["C."], [around[0]], Pause.NONE, rate)
    joined, samples = chapter.joined()
    heard = sounds(samples, rate)
    assert [end - start for start, end in heard] == pytest.approx([1.0] * 3, abs=0.003)
    pauses = [after[0] - before[1] for before, after in pairwise(heard)]
    # Ten milliseconds of it are left before a sentence, and as the silence is found in steps of ten, up to ten more.
    assert pauses == pytest.approx([0.21, 0.51], abs=0.011)
    for (start, end), timing in zip(heard, joined.timings, strict=True):
        assert (timing.start, timing.end) == pytest.approx((start, end), abs=0.011)


def test_what_is_soft_at_the_ends_of_a_sentence_is_kept(chapter: Chapter) -> None:
    soft = (tone(RATE // 5) * 0.02).astype(np.int16)
    chapter.say(["Foe."], [np.concatenate((soft, tone(RATE), soft))], Pause.NONE)
    joined, _ = chapter.joined()
    assert joined.timings[0].end - joined.timings[0].start == pytest.approx(1.4, abs=0.003)


@pytest.mark.parametrize(("rate", "joint"), [(16_000, 22_050), (24_000, 24_000), (44_100, 44_100), (11_025, 22_050)])
def test_a_clip_of_another_rate_sounds_as_long_and_as_high(chapter: Chapter, rate: int, joint: int) -> None:
    chapter.say(["A."], [tone(RATE, hertz=1_000)], Pause.PARAGRAPH)
    chapter.say(["B.", "C."], [tone(rate, rate, 1_000), tone(rate // 2, rate, 2_000)], Pause.NONE, rate)
    joined, samples = chapter.joined()
    assert joined.envelope.sample_rate == joint
    heard = sounds(samples, joint)
    assert [end - start for start, end in heard] == pytest.approx([1.0, 1.0, 0.5], abs=0.003)
    for (start, end), timing, hertz in zip(heard, joined.timings, (1_000, 1_000, 2_000), strict=True):
        assert timing.start == pytest.approx(start, abs=0.001)
        assert timing.end == pytest.approx(end, abs=0.002)
        part = samples[round(start * joint) : round(end * joint)]
        strongest = np.fft.rfftfreq(len(part), 1 / joint)[np.abs(np.fft.rfft(part)).argmax()]
        assert strongest == pytest.approx(hertz, abs=3)


def test_a_conversion_of_rates_adds_no_tone(chapter: Chapter) -> None:
    """Linear interpolation would: of 7 kHz at 16 kHz, one at 9 kHz, only 20 dB below."""
    chapter.say(["A."], [tone(16_000, 16_000, 7_000)], Pause.PARAGRAPH, 16_000)
    chapter.say(["B."], [tone(RATE)], Pause.NONE)
    joined, samples = chapter.joined()
    begin = round((joined.timings[0].start + 0.1) * RATE)
    part = samples[begin : begin + RATE // 2] * np.hanning(RATE // 2)
    spectrum = np.abs(np.fft.rfft(part))
    bins = np.fft.rfftfreq(len(part), 1 / RATE)
    others = spectrum[np.abs(bins - 7_000) > 50]
    assert 20 * np.log10(others.max() / spectrum.max()) < -70


def test_the_loudest_speech_does_not_overflow(chapter: Chapter) -> None:
    square = np.where(np.arange(20_000) // 50 % 2, 32_767, -32_768).astype(np.int16)
    chapter.say(["A."], [square], Pause.NONE)
    joined, samples = chapter.joined()
    begin = round(joined.timings[0].start * RATE)
    # One sample that wrapped around would have the other sign.
    inside = slice(100, len(square) - 100)
    assert np.array_equal(np.sign(samples[begin : begin + len(square)][inside]), np.sign(square[inside]))
    assert float(joined.envelope.peaks.max()) >= 1


def test_times_are_estimated_where_the_voice_tells_none(chapter: Chapter) -> None:
    chapter.say(["aaaa", "bb", "cccc"], [tone(RATE)], Pause.NONE, exact=False)
    joined, samples = chapter.joined()
    assert not any(timing.exact for timing in joined.timings)
    assert [timing.end - timing.start for timing in joined.timings] == pytest.approx([0.4, 0.2, 0.4], abs=1e-3)
    assert len(sounds(samples)) == 1


PARTS = st.tuples(
    st.lists(st.text("ab .", min_size=1, max_size=9), min_size=1, max_size=4),
    st.integers(1, 4_000),
    st.sampled_from([8_000, RATE]),
    st.sampled_from(list(Pause)),
    st.booleans(),
)


@settings(max_examples=40)
@given(st.lists(PARTS, min_size=1, max_size=4))
@example([(["aaaa", "a"], 1, 8_000, Pause.TURN, False)])
def test_times_are_ordered_and_inside_the_track(
    parts: list[tuple[list[str], int, int, Pause, bool]],
) -> None:
    with TemporaryDirectory() as folder:
        chapter = Chapter(Path(folder))
        for texts, length, rate, pause, exact in parts:
            each = [burst(length) for _ in texts]
            chapter.say(texts, each if exact else [np.concatenate(each)], pause, rate, exact=exact)
        joined, _ = chapter.joined()
    times = [time for timing in joined.timings for time in (timing.start, timing.end)]
    assert len(joined.timings) == sum(len(texts) for texts, *_ in parts)
    assert all(before <= after + 1e-9 for before, after in pairwise(times))
    assert times[0] == pytest.approx(0.25, abs=1 / RATE)
    assert times[-1] <= joined.seconds - 1.0 + 1e-3


def test_it_streams(chapter: Chapter) -> None:
    """A chapter may last for hours: what is written comes in pieces no longer than a clip."""
    for _ in range(6):
        chapter.say(["A."], [burst(40_000)], Pause.NONE)
    pieces: list[int] = []

    join(chapter.voiced, chapter.store.audio, PAUSES, lambda data: pieces.append(len(data)))
    assert max(pieces) <= 2 * 40_100
