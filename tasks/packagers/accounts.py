"""The accounts of a run: `manifest.json` says what was made, `coverage.json` where every source sentence is.

A figure that is not known is null, never 0.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tasks.model import Book, Edition, Failure, Identity, Recital, Script, Track

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Performance:
    """A chapter as it was spoken, and its track where it could be finished."""

    recital: Recital
    track: Track | None

    @property
    def is_missing(self) -> bool:
        """Tell whether something of it could not be spoken."""
        return len(self.recital.voiced) < len(self.recital.script.chunks)


@dataclass(frozen=True, slots=True)
class Retelling:
    """How the book came from another: what a manifest says of that, its text, which is an edition too, and US dollars.

    `usd` is what was spent in this run, but for the clips, whose costs are told with them.
    """

    told: dict[str, Any]
    markdown: str = field(repr=False)
    usd: float


@dataclass(frozen=True, slots=True)
class Account:
    """All that a manifest tells. `credits` are what is said before and behind the chapters, where an edition has that."""

    source: Path
    source_sha256: str
    profile: dict[str, Any]
    book: Book
    performances: tuple[Performance, ...]
    editions: tuple[Edition, ...]
    credits: tuple[Performance, ...] = ()
    retelling: Retelling | None = None

    @property
    def voices(self) -> tuple[Identity, ...]:
        """All whose speech is in the book, in the order of their first words."""
        spoken = (part.voice for performance in self._all for part in performance.recital.voiced)
        return tuple(dict.fromkeys(spoken))

    @property
    def _all(self) -> tuple[Performance, ...]:
        return (*self.performances, *self.credits)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What could not be spoken, of chapters and credits."""
        return tuple(failure for performance in self._all for failure in performance.recital.failures)


def manifest(account: Account) -> dict[str, Any]:
    """Build the manifest of a run."""
    chapters = [chapter_row(performance, account.voices) for performance in account.performances]
    credited = [chapter_row(performance, account.voices) for performance in account.credits]
    return {
        "schema": SCHEMA,
        "source": {"name": account.source.name, "sha256": account.source_sha256},
        "retelling": account.retelling and account.retelling.told,
        "profile": account.profile,
        "book": {
            "title": account.book.title,
            "authors": list(account.book.authors),
            "language": account.book.language,
            "description": account.book.description,
            "series": account.book.series,
            "series_position": account.book.series_position,
            "warnings": list(account.book.warnings),
        },
        "voices": [{**asdict(voice), "options": dict(voice.options)} for voice in account.voices],
        "chapters": chapters,
        "credits": credited,
        "editions": [asdict(edition) for edition in account.editions],
        "failures": [
            {"chapter": failure.chapter, "chunk": failure.chunk, "error": failure.error} for failure in account.failures
        ],
        "totals": {
            **_totals([*chapters, *credited]),
            "chapters": len(chapters),
            "seconds": _totals(chapters)["seconds"],
        },
    }


def chapter_row(performance: Performance, voices: tuple[Identity, ...]) -> dict[str, Any]:
    """Build what the manifest tells of a chapter; `voices` are those of the book, in its order."""
    recital, track = performance.recital, performance.track
    asked = [*(part.cost for part in recital.voiced), *(failure.cost for failure in recital.failures)]
    costs = [cost for cost in asked if cost.requests]
    levels = track.levels if track else None
    cached = sum(part.cached for part in recital.voiced)
    requests = sum(cost.requests for cost in costs)
    return {
        "number": recital.script.number,
        "title": recital.script.title,
        "voices": sorted({voices.index(part.voice) for part in recital.voiced}),
        "seconds": track and round(track.seconds, 3),
        "lufs": levels and levels.lufs,
        "rms_db": levels and levels.rms_db,
        "peak_db": levels and levels.peak_db,
        "noise_floor_db": levels and levels.noise_floor_db,
        "clips": len(recital.voiced),
        "requests": requests,
        "cached": cached,
        "damaged": len(recital.damaged),
        "retries": requests - len(costs),
        "characters": recital.script.characters,
        "usd": _total(cost.usd for cost in costs),
        "usd_charged": _total(cost.usd_charged for cost in costs),
    }


def _totals(chapters: list[dict[str, Any]]) -> dict[str, float | None]:
    # A chapter without words has no track, and adds nothing.
    worded = [chapter for chapter in chapters if chapter["clips"] or chapter["characters"]]
    names = ("seconds", "clips", "requests", "cached", "damaged", "retries", "characters", "usd", "usd_charged")
    return {name: _total(chapter[name] for chapter in worded) for name in names}


def _total(figures: Iterable[float | None]) -> float | None:
    """Add figures up; what is partly unknown is unknown."""
    known = list(figures)
    return None if None in known else round(sum(figure or 0 for figure in known), 6)


def coverage(book: Book, performances: Iterable[Performance]) -> dict[str, Any]:
    """Say of every source sentence which clip speaks it and when in its track, or why it was left out.

    Times are in seconds from the start of the chapter's track; `exact` is false where they are estimated.
    """
    performances = tuple(performances)
    # A note from outside of the chapters may be read where it is called.
    spoken = {chunk.anchor for performance in performances for chunk in performance.recital.script.chunks}
    return {
        "schema": SCHEMA,
        "sentences": [row for performance in performances for row in _spoken(performance)],
        "left_out": [
            *(
                {"chapter": None, "kind": block.left_out, "anchor": block.anchor, "text": block.text}
                for block in book.left_out
                if block.anchor not in spoken
            ),
            *(row for performance in performances for row in left_out(performance.recital.script)),
        ],
    }


def left_out(script: Script) -> Iterator[dict[str, Any]]:
    """Say what of a chapter is not spoken, and why."""
    for block in script.left_out:
        yield {"chapter": script.number, "kind": block.left_out, "anchor": block.anchor, "text": block.text}


def _spoken(performance: Performance) -> Iterator[dict[str, Any]]:
    recital, track = performance.recital, performance.track
    keys = {part.chunk.id: part.clip.key for part in recital.voiced}
    timings = {(timing.chunk, timing.sentence): timing for timing in track.timings} if track else {}
    for chunk in recital.script.chunks:
        for place, sentence in enumerate(chunk.sentences):
            timing = timings.get((chunk.id, place))
            yield {
                "chapter": recital.script.number,
                "anchor": chunk.anchor,
                "text": sentence.text,
                "spoken": sentence.spoken,
                "chunk": chunk.id,
                "clip": keys.get(chunk.id),
                "start": timing and round(timing.start, 4),
                "end": timing and round(timing.end, 4),
                "exact": timing and timing.exact,
            }
