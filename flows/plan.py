"""What would be said, and what it would cost. Spends nothing and needs no Prefect."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import ProfileError
from tasks.model import Book, Identity, Script
from tasks.packagers.accounts import left_out
from tasks.readers import read_book
from tasks.settings import Profile
from tasks.store import ClipStore, clip_key, store_root
from tasks.text.chunking import scripts_of
from tasks.voices import provider

# English narration, and what the embedded voice was measured at: The Time Machine, chapter I.
_CHARACTERS_A_SECOND = 15.5


@dataclass(frozen=True, slots=True)
class PlannedChunk:
    """A chunk's key in the store, and whether its clip is there."""

    key: str
    cached: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A book cut into chunks for a voice, each looked up in the store; `chunks` has a row for each script's chunk."""

    book: Book
    identity: Identity
    scripts: tuple[Script, ...]
    chunks: tuple[tuple[PlannedChunk, ...], ...]
    price: float | None

    @property
    def missing(self) -> int:
        """How many chunks are still to be spoken."""
        return sum(not chunk.cached for row in self.chunks for chunk in row)


def make_plan(source: Path, profile: Profile, chapters: str = "") -> Plan:
    """Read and cut a manuscript and look its chunks up; `chapters` chooses some of them, as in `1-3,7`.

    Raises `SourceError` and `ProfileError`.
    """
    spec = provider(profile.voice.provider)
    identity = spec.describe(profile.voice)
    store = ClipStore(store_root(profile.store))
    book = read_book(source)
    scripts = chosen(scripts_of(book, profile.text, spec.limit), chapters)
    rows = tuple(tuple(_planned(script, identity, store)) for script in scripts)
    return Plan(book, identity, scripts, rows, profile.voice.price_per_1000_characters)


def chosen(scripts: tuple[Script, ...], chapters: str) -> tuple[Script, ...]:
    """Choose chapters by their numbers, as in `1-3,7`; all for an empty choice. Raises `ProfileError`."""
    if not chapters.strip():
        return scripts
    wanted: set[int] = set()
    for part in chapters.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ProfileError(f"--chapters {chapters}: give numbers and ranges, for example 1-3,7")
        start, end = int(first), int(last or first)
        if not 1 <= start <= end <= len(scripts):
            raise ProfileError(
                f"--chapters {chapters}: {part.strip()} is out of range; the book has chapters 1 to {len(scripts)}"
            )
        wanted.update(range(start, end + 1))
    return tuple(script for script in scripts if script.number in wanted)


def _planned(script: Script, identity: Identity, store: ClipStore) -> Iterator[PlannedChunk]:
    for chunk in script.chunks:
        key = clip_key(identity, tuple(sentence.spoken for sentence in chunk.sentences))
        yield PlannedChunk(key, store.holds(key))


def plan_document(plan: Plan) -> dict[str, Any]:
    """Build the plan as the JSON document of `declaim plan --json`."""
    missing = sum(
        len(chunk.text)
        for script, row in zip(plan.scripts, plan.chunks, strict=True)
        for chunk, planned in zip(script.chunks, row, strict=True)
        if not planned.cached
    )
    characters = sum(script.characters for script in plan.scripts)
    return {
        "book": {"title": plan.book.title, "authors": list(plan.book.authors), "language": plan.book.language},
        "chapters": [_chapter(script, row) for script, row in zip(plan.scripts, plan.chunks, strict=True)],
        "omitted": [{"kind": block.left_out, "text": block.text} for block in plan.book.left_out],
        "warnings": list(plan.book.warnings),
        "totals": {
            "chapters": len(plan.scripts),
            "chunks": sum(len(row) for row in plan.chunks),
            "characters": characters,
            "cached_chunks": sum(chunk.cached for row in plan.chunks for chunk in row),
            "seconds_estimate": round(characters / _CHARACTERS_A_SECOND, 1),
            "usd_estimate": None if plan.price is None else round(missing / 1000 * plan.price, 4),
        },
    }


def _chapter(script: Script, row: tuple[PlannedChunk, ...]) -> dict[str, Any]:
    return {
        "number": script.number,
        "title": script.title,
        "chunks": [
            {
                "id": chunk.id,
                "text": chunk.text,
                "characters": len(chunk.text),
                "key": planned.key,
                "cached": planned.cached,
                "sentences": [sentence.text for sentence in chunk.sentences],
            }
            for chunk, planned in zip(script.chunks, row, strict=True)
        ],
        "omitted": [{"kind": row["kind"], "text": row["text"]} for row in left_out(script)],
    }
