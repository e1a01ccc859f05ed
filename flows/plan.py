"""What would be said, and what it would cost. Spends nothing and needs no Prefect."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from tasks.casting import Casting, castings_of
from tasks.errors import ProfileError
from tasks.model import Book, Chapter, Chunk, Script
from tasks.money import format_usd
from tasks.packagers import CREDITED
from tasks.packagers.accounts import left_out
from tasks.readers import read_book
from tasks.settings import Profile, check_ready
from tasks.store import clip_key, open_store
from tasks.text.chunking import diction_of, in_order_of_requests, scripts_of
from tasks.text.coverage import Coverage, coverage_of, outside
from tasks.text.credits import credits_of
from tasks.text.diction import Diction

Numbered = TypeVar("Numbered", Chapter, Script)

# English narration, and what the embedded voice was measured at: The Time Machine, chapter I.
_CHARACTERS_A_SECOND = 15.5
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class PlannedChunk:
    """A chunk's key in the store, whether its clip is there, and what it would cost in US dollars (None: not known)."""

    key: str
    cached: bool
    usd: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A book cut into chunks for a voice, each looked up in the store; `chunks` has a row for each script's chunk.

    `credits` are the scripts of what is said before and behind the book, where an edition has that, and `credit_chunks` theirs.
    `unaddressed` counts the missing clips that an earlier version kept without saying which server made them.
    """

    book: Book
    castings: tuple[Casting, ...]
    scripts: tuple[Script, ...]
    chunks: tuple[tuple[PlannedChunk, ...], ...]
    credits: tuple[Script, ...] = ()
    credit_chunks: tuple[tuple[PlannedChunk, ...], ...] = ()
    unaddressed: int = 0

    @property
    def all_scripts(self) -> tuple[Script, ...]:
        """The scripts of chapters and credits."""
        return (*self.scripts, *self.credits)

    @property
    def all_chunks(self) -> tuple[tuple[PlannedChunk, ...], ...]:
        """A row for each of all scripts."""
        return (*self.chunks, *self.credit_chunks)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the book and of the voices before they pay."""
        parts = (part for casting in self.castings for part in casting.parts.values())
        cautions = (line for part in parts for line in part.spec.cautions(part.settings))
        unaddressed = (
            f"[voice] base_url: {self.unaddressed} clips in the store do not say which server made them; they are spoken again",
        )
        return (*self.book.warnings, *dict.fromkeys(cautions), *(unaddressed if self.unaddressed else ()))

    @property
    def missing(self) -> tuple[Chunk, ...]:
        """The chunks that are still to be spoken, in the order in which they are asked for."""
        rows = (
            [chunk for chunk, planned in zip(script.chunks, row, strict=True) if not planned.cached]
            for script, row in zip(self.all_scripts, self.all_chunks, strict=True)
        )
        return tuple(chunk for row in rows for chunk in in_order_of_requests(row))


def make_plan(source: Path, profile: Profile, chapters: str = "", book: Book | None = None) -> Plan:
    """Return the plan of a manuscript, with its chunks looked up in the store; `chapters` chooses some of them, as in `1-3,7`.

    `book` is what has been read from `source`, if it has been. Raises `SourceError` and `ProfileError`.
    """
    castings = castings_of(profile)
    check_ready(profile)
    casting = castings[0]
    store = open_store(profile.store)
    book = profile.metadata.told(book or read_book(source))
    diction = diction_of(profile.text, book, casting.takes_phonemes)
    scripts = chosen(scripts_of(book, profile.text, casting.limit, casting.roles, diction), chapters)
    spoken = credit_scripts(book, profile, casting, diction)
    keys = {chunk.id: _key(chunk, casting) for script in (*scripts, *spoken) for chunk in script.chunks}
    held, bought = store.held(keys.values()), set[str]()
    rows = tuple(tuple(_planned(script, casting, keys, held, bought)) for script in (*scripts, *spoken))
    missing = [chunk for script in (*scripts, *spoken) for chunk in script.chunks if keys[chunk.id] not in held]
    unaddressed = len(store.held(_unaddressed_keys(missing, casting)))
    return Plan(book, castings, scripts, rows[: len(scripts)], spoken, rows[len(scripts) :], unaddressed)


def credit_scripts(book: Book, profile: Profile, casting: Casting, diction: Diction) -> tuple[Script, ...]:
    """Cut what is said before and behind a book, by the names of a casting's voices; none where no edition has that."""
    output = profile.output
    if not CREDITED & set(output.editions):
        return ()
    worded = credits_of(book, casting.spoken_names, output.opening_credits, output.closing_credits)
    scripts = scripts_of(worded, profile.text, casting.limit, casting.roles, diction)
    return tuple(script for script in scripts if script.chunks)


def chosen(scripts: tuple[Numbered, ...], chapters: str) -> tuple[Numbered, ...]:
    """Choose chapters, or their scripts, by their numbers, as in `1-3,7`; all for an empty choice. Raises `ProfileError`."""
    if not chapters.strip():
        return scripts
    wanted: set[int] = set()
    for part in chapters.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not _is_number(first) or (dash and not _is_number(last)):
            raise ProfileError(f"--chapters {chapters}: give numbers and ranges, for example 1-3,7")
        start, end = int(first), int(last or first)
        if not 1 <= start <= end <= len(scripts):
            raise ProfileError(
                f"--chapters {chapters}: {part.strip()} is out of range; the book has chapters 1 to {len(scripts)}"
            )
        wanted.update(range(start, end + 1))
    return tuple(script for script in scripts if script.number in wanted)


def _is_number(text: str) -> bool:
    # Python refuses numbers of thousands of digits.
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def _key(chunk: Chunk, casting: Casting) -> str:
    return clip_key(casting.part(chunk).identity, chunk.spoken)


def _unaddressed_keys(chunks: Iterable[Chunk], casting: Casting) -> Iterator[str]:
    """Yield the keys that an earlier version gave the clips of chunks whose server has an address of its own."""
    for chunk in chunks:
        part = casting.part(chunk)
        if identity := part.spec.unaddressed(part.settings):
            yield clip_key(identity, chunk.spoken)


def _planned(
    script: Script, casting: Casting, keys: Mapping[str, str], held: frozenset[str], bought: set[str]
) -> Iterator[PlannedChunk]:
    """Say what a chapter's chunks would cost; words that a chunk before has `bought` cost nothing again."""
    for chunk in script.chunks:
        key = keys[chunk.id]
        cached = key in held
        free = cached or key in bought
        yield PlannedChunk(key, cached, 0.0 if free else casting.part(chunk).usd(len(chunk.text)))
        bought.add(key)


def seconds_of(characters: int) -> float:
    """Reckon how long so many characters sound, in seconds."""
    return round(characters / _CHARACTERS_A_SECOND, 1)


def told_usd(usd: float | None) -> str:
    """Return a cost in US dollars as text; for None, with the setting that makes it known."""
    return "unknown (set [voice] price_per_1000_characters)" if usd is None else format_usd(usd)


def plan_document(plan: Plan) -> dict[str, Any]:
    """Build the plan as the JSON document of `declaim plan --json`."""
    rows = plan.all_chunks
    prices = [planned.usd for row in rows for planned in row]
    characters = sum(script.characters for script in plan.all_scripts)
    return {
        "book": {"title": plan.book.title, "authors": list(plan.book.authors), "language": plan.book.language},
        "chapters": [_chapter(script, row) for script, row in zip(plan.scripts, plan.chunks, strict=True)],
        "credits": [_chapter(script, row) for script, row in zip(plan.credits, plan.credit_chunks, strict=True)],
        "omitted": [{"kind": block.left_out, "text": block.text} for block in outside(plan.book, plan.scripts)],
        "warnings": list(plan.warnings),
        "coverage": _coverage(coverage_of(plan.book, plan.scripts)),
        "totals": {
            "chapters": len(plan.scripts),
            "chunks": sum(len(row) for row in rows),
            "characters": characters,
            "cached_chunks": sum(chunk.cached for row in rows for chunk in row),
            "seconds_estimate": seconds_of(characters),
            "usd_estimate": None if None in prices else round(sum(price or 0.0 for price in prices), 4),
        },
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "characters": coverage.characters,
        "spoken": coverage.spoken,
        "share": round(coverage.share, 6),
        "left_out": [asdict(omission) for omission in coverage.omissions],
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
