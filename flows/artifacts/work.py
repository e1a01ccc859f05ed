"""How much of a book's work is done, and how long the rest takes.

The work is speech, counted in chunks, then mastering, counted in the chunks of mastered chapters, then packaging. Speech and
mastering overlap: one chapter is mastered while the next ones are spoken.
"""

from collections import deque
from collections.abc import Mapping

# The pace of speech is that of the last samples: at one every five seconds, of two minutes.
_SAMPLES = 24
# Until a chapter of this run has been mastered: 33 chunks (242 s of audio) took 5.3 s on two cores, and packaging 0.25 s.
_MASTERING_SECONDS_A_CHUNK = 0.16
_PACKAGING_SHARE = 0.02


class BookWork:
    """The work of one book. Times are in seconds, from a clock that never goes back; `chunks` counts those of each chapter."""

    def __init__(self, chunks: Mapping[int, int], now: float, *, has_mastering: bool = True) -> None:
        self._chunks = dict(chunks)
        self._spoken = dict.fromkeys(chunks, 0)
        self._mastering: set[int] = set()
        self._mastered: set[int] = set()
        self.ended: set[int] = set()
        self.has_mastering = has_mastering
        self._busy_seconds = 0.0
        self._busy_since = now
        self._begun = now
        self._samples = deque([(now, 0)], _SAMPLES)
        self._best = 0.0
        self.is_packaging = False
        self.is_finished = False

    @property
    def spoken(self) -> int:
        """The number of chunks that are spoken."""
        return sum(self._spoken.values())

    @property
    def chunks(self) -> int:
        """The number of all chunks."""
        return sum(self._chunks.values())

    @property
    def mastered_chapters(self) -> int:
        """The number of chapters whose track is finished."""
        return len(self._mastered)

    @property
    def chapters(self) -> int:
        """The number of all chapters."""
        return len(self._chunks)

    def count_chunk(self, number: int) -> None:
        """Count a spoken chunk of a chapter; a fallback voice that speaks a chapter again counts no chunk twice."""
        self._spoken[number] = min(self._spoken[number] + 1, self._chunks[number])

    def start_mastering(self, number: int, now: float) -> None:
        """Note that a chapter waits for mastering, or is being mastered."""
        if not self._mastering:
            self._busy_since = now
        self._mastering.add(number)

    def end_chapter(self, number: int, now: float, *, is_mastered: bool) -> None:
        """Note that nothing more is done for a chapter."""
        if number in self._mastering:
            self._busy_seconds += now - self._busy_since
            self._busy_since = now
            self._mastering.discard(number)
        self.ended.add(number)
        if is_mastered:
            self._mastered.add(number)

    def sample(self, now: float) -> None:
        """Note how many chunks are spoken by now; call it every few seconds."""
        self._samples.append((now, self.spoken))

    def percent(self, now: float) -> float:
        """Return how much of the work is done, from 0 to 100; it never falls, and is 100 only once the editions are made."""
        if self.is_finished:
            return 100.0
        speech = (now - self._begun) / self.spoken if self.spoken and now > self._begun else 1.0
        mastering = self._mastering_pace()
        whole = self.chunks * (speech + mastering) * (1 + _PACKAGING_SHARE)
        ended = sum(self._chunks[number] for number in self.ended)
        done = self.spoken * speech + ended * mastering
        self._best = max(self._best, 100 * done / whole if whole else 0.0)
        return self._best

    def seconds_left(self, now: float) -> float | None:
        """Return the estimated seconds to the end; None while nothing is known of the pace, and once packaging has begun."""
        if self.is_packaging or self.is_finished:
            return None
        unspoken = self.chunks - self.spoken
        (then, before), mastering = self._samples[0], self._mastering_pace()
        if unspoken and not (self.spoken > before and now > then):
            return None
        speech = unspoken * (now - then) / (self.spoken - before) if unspoken else 0.0
        open_chunks = [count for number, count in self._chunks.items() if number not in self.ended]
        busy = now - self._busy_since if self._mastering else 0.0
        backlog = max(sum(open_chunks) * mastering - busy, 0.0)
        last = open_chunks[-1] * mastering if open_chunks and unspoken else 0.0
        packaging = _PACKAGING_SHARE * self.chunks * ((now - self._begun) / max(self.spoken, 1) + mastering)
        return max(speech + last, backlog) + packaging

    def _mastering_pace(self) -> float:
        """Return the seconds that a chunk takes to master, as measured so far, with as many chapters at once as there were."""
        if not self.has_mastering:
            return 0.0
        measured = sum(self._chunks[number] for number in self._mastered)
        return self._busy_seconds / measured if measured else _MASTERING_SECONDS_A_CHUNK
