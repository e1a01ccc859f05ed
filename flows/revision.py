"""`--revise`: what differs from the edition that is there, and what that costs, before it is spent."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.plan import Plan, PlannedChunk, seconds_of, told_usd
from tasks.errors import ProfileError
from tasks.packagers.folder import MANIFEST
from tasks.packagers.last_edition import LastEdition, Passage, SpokenChapter, read_last_edition
from tasks.readers import source_sha256
from tasks.revision import Change, ChapterRevision, Comparison, Fate, compare
from tasks.settings import Profile

_MOST_CHAPTERS = 10
_LONGEST_VALUE = 60
_A_WHILE_SECONDS = 120
_TAGS = "the tags of every edition"
# What a part of the profile decides; the others (pace, budget, fallbacks, store) leave a finished book as it is.
_DECIDES = {
    "voice": "the voice of every chunk",
    "cast": "who speaks a role",
    "text": "what is read, and in which pieces",
    "audio": "every track, mastered again for nothing",
    "output": "which editions are made",
}
_SILENT = {"api_key_env", "api_key_block", "price_per_1000_characters", "limits", "allow_partial"}
# Told in a line for all of them, where nothing else has changed in a chapter.
_IN_SUM = {
    (Change.REVOICED,): "the same words in another voice",
    (Change.RENUMBERED,): "the same under another number",
    (Change.REVOICED, Change.RENUMBERED): "the same words in another voice, under another number",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting (or a fact of the book) that differs from the last edition's, and what it decides; None is not set."""

    name: str
    was: Any
    now: Any
    decides: str


@dataclass(frozen=True, slots=True)
class Revision:
    """A plan beside the edition in its output directory.

    `to_speak` counts for each chapter of the comparison the clips that are in no store yet, words that occur twice once;
    `ready` the chunks that are new to the edition and whose clips are in the store; `lost` those to speak that the last
    edition had. `seconds` and `usd` are estimates for what is to speak; a cost that is not known is None. `unchosen` are
    the numbers of gone chapters that the book still has, and `--chapters` leaves out. `is_other_file` tells whether the
    manuscript's bytes differ.
    """

    folder: Path
    comparison: Comparison
    differences: tuple[Difference, ...]
    to_speak: tuple[int, ...]
    ready: int
    lost: int
    seconds: float
    usd: float | None
    unchosen: frozenset[int]
    is_other_file: bool

    @property
    def differs(self) -> bool:
        """Tell whether anything does, of the chapters or of the settings."""
        changed = any(row.changes for row in self.comparison.chapters)
        return bool(changed or self.comparison.gone or self.differences)


@dataclass(frozen=True, slots=True)
class _Chunk:
    characters: int
    planned: PlannedChunk
    fate: Fate


def make_revision(plan: Plan, profile: Profile, source: Path, folder: Path) -> Revision:
    """Compare a plan with the edition that lies in a folder.

    Raises `ProfileError` where there is none, or one that cannot be read.
    """
    last = read_last_edition(folder)
    comparison = compare(last.chapters, tuple(_spoken(plan)))
    rows = [
        [
            _Chunk(len(chunk.text), planned, fate)
            for chunk, planned, fate in zip(script.chunks, looked_up, row.fates, strict=True)
        ]
        for script, looked_up, row in zip(plan.scripts, plan.chunks, comparison.chapters, strict=True)
    ]
    missing = tuple(_missing(rows))
    to_speak = [chunk for row in missing for chunk in row]
    prices = [chunk.planned.usd for chunk in to_speak]
    return Revision(
        folder=folder,
        comparison=comparison,
        differences=(*_book_differences(plan, last), *_setting_differences(plan, profile, last, comparison, folder)),
        to_speak=tuple(len(row) for row in missing),
        ready=sum(chunk.planned.cached and chunk.fate is not Fate.KEPT for row in rows for chunk in row),
        lost=sum(chunk.fate is Fate.KEPT for chunk in to_speak),
        seconds=seconds_of(sum(chunk.characters for chunk in to_speak)),
        usd=None if None in prices else round(sum(price or 0.0 for price in prices), 4),
        unchosen=_unchosen(plan, comparison),
        is_other_file=source_sha256(source) != last.source_sha256,
    )


def _missing(rows: Iterable[Sequence[_Chunk]]) -> Iterator[list[_Chunk]]:
    """Find the chunks of each chapter whose clips are to be made; of those with the same words, the first."""
    bought: set[str] = set()
    for row in rows:
        missing = {chunk.planned.key: chunk for chunk in reversed(row) if not chunk.planned.cached}
        yield [chunk for key, chunk in missing.items() if key not in bought]
        bought |= missing.keys()


def _spoken(plan: Plan) -> Iterator[SpokenChapter]:
    for script, row in zip(plan.scripts, plan.chunks, strict=True):
        passages = (Passage(chunk.text, planned.key) for chunk, planned in zip(script.chunks, row, strict=True))
        yield SpokenChapter(script.number, script.title, tuple(passages))


def _unchosen(plan: Plan, comparison: Comparison) -> frozenset[int]:
    chosen = {script.number for script in plan.scripts}
    titles = {chapter.title for chapter in plan.book.chapters if chapter.number not in chosen}
    return frozenset(row.chapter.number for row in comparison.gone if row.chapter.title in titles)


def _book_differences(plan: Plan, last: LastEdition) -> Iterator[Difference]:
    for name in ("title", "authors", "language"):
        was, now = getattr(last, name), getattr(plan.book, name)
        if was != now:
            yield Difference(f"book.{name}", was, now, _TAGS)


def _setting_differences(
    plan: Plan, profile: Profile, last: LastEdition, comparison: Comparison, folder: Path
) -> Iterator[Difference]:
    try:
        was = _settings(Profile.model_validate(last.profile))
    except ValidationError as error:
        raise ProfileError(
            f"{folder / MANIFEST}: its profile is of another version of Declaim ({error.errors()[0]['msg']}); "
            "leave out --revise to narrate the book again"
        ) from error
    now = _settings(profile)
    is_heard = bool(comparison.count(Fate.REVOICED)) or not _known(plan, last)
    for name in dict.fromkeys((*was, *now)):
        section = name.partition(".")[0]
        # An address or a path may be another, and the voice the same.
        if was.get(name) != now.get(name) and (section not in {"voice", "cast"} or is_heard):
            yield Difference(name, was.get(name), now.get(name), _DECIDES[section])


def _known(plan: Plan, last: LastEdition) -> bool:
    """Tell whether all voices of the plan speak in the last edition."""
    voices = (asdict(part.identity) for part in plan.castings[0].parts.values())
    return all({**voice, "options": dict(voice["options"])} in last.voices for voice in voices)


def _settings(profile: Profile) -> dict[str, Any]:
    """Name all settings that a listener could notice, by their sections and keys."""
    document = profile.model_dump(mode="json")
    # Their order says nothing.
    document["text"]["read"].sort()
    document["output"]["editions"].sort()
    return dict(_flat({section: document[section] for section in _DECIDES}, ""))


def _flat(table: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if name in _SILENT:
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        # What is left empty is not set: a voice that is cast anew shall not be told by all that it has not.
        elif value not in (None, "", []):
            yield f"{above}{name}", value


def revision_document(revision: Revision) -> dict[str, Any]:
    """Build the `revision` object of `--json`: the chapters that differ alone, and totals of all."""
    comparison = revision.comparison
    rows = zip(comparison.chapters, revision.to_speak, strict=True)
    return {
        "folder": str(revision.folder),
        "differs": revision.differs,
        "source_differs": revision.is_other_file,
        "chapters": [_row_document(row, to_speak) for row, to_speak in rows if row.changes or to_speak],
        "gone": [
            {
                "number": row.chapter.number,
                "title": row.chapter.title,
                "gone_chunks": row.gone,
                "unchosen": row.chapter.number in revision.unchosen,
            }
            for row in comparison.gone
        ],
        "settings": [asdict(difference) for difference in revision.differences],
        "totals": {
            "chunks": sum(len(row.fates) for row in comparison.chapters),
            **{f"{fate}_chunks": comparison.count(fate) for fate in Fate},
            "gone_chunks": comparison.gone_chunks,
            "to_speak_chunks": sum(revision.to_speak),
            "ready_chunks": revision.ready,
            "lost_chunks": revision.lost,
            "seconds_estimate": revision.seconds,
            "usd_estimate": revision.usd,
        },
    }


def _row_document(row: ChapterRevision, to_speak: int) -> dict[str, Any]:
    return {
        "number": row.chapter.number,
        "title": row.chapter.title,
        "was": {"number": row.was.number, "title": row.was.title} if row.was else None,
        "changes": list(row.changes),
        "chunks": len(row.fates),
        **{f"{fate}_chunks": row.fates.count(fate) for fate in Fate},
        "gone_chunks": row.gone,
        "to_speak_chunks": to_speak,
    }


def revision_lines(revision: Revision) -> list[str]:
    """Tell a person what differs, in few lines, and in the last one what is to be spoken and paid for."""
    if not revision.differs:
        but = ", though the manuscript's file is another" if revision.is_other_file else ""
        told = f"{revision.folder}: nothing that is spoken differs from the edition that is there{but}"
        return [f"{told}; {_bill(revision)}"]
    return [
        f"{revision.folder}: this differs from the edition that is there:",
        *(f"  {line}" for line in (*_setting_lines(revision), *_chapter_lines(revision), *_gone_lines(revision))),
        f"  {_bill(revision)}",
    ]


def _setting_lines(revision: Revision) -> Iterator[str]:
    for it in revision.differences:
        yield f"{it.name} was {_short(it.was)}, is now {_short(it.now)}: {it.decides}"


def _short(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _chapter_lines(revision: Revision) -> Iterator[str]:
    lines: dict[str, list[str]] = {}
    sums = dict.fromkeys(_IN_SUM, 0)
    for row, to_speak in zip(revision.comparison.chapters, revision.to_speak, strict=True):
        if row.changes in sums:
            sums[row.changes] += 1
        elif row.changes:
            told = ", ".join(change for change in row.changes if change is not Change.RENUMBERED)
            lines.setdefault(row.changes[0], []).append(f"{told}: {_chapter_line(row, to_speak)}")
    for rows in lines.values():
        yield from _bounded(rows)
    for changes, count in sums.items():
        if count:
            yield f"{_IN_SUM[changes]}: {_counted(count, 'chapter')}"


def _chapter_line(row: ChapterRevision, to_speak: int) -> str:
    was = row.was
    former = ""
    if was and {Change.RENAMED, Change.MOVED} & set(row.changes):
        former = f" (was {was.number} · {was.title})"
    gone = f", {row.gone:,} gone" if row.gone else ""
    return (
        f"{row.chapter.number} · {row.chapter.title}{former}: {to_speak:,} of {len(row.fates):,} chunks to speak{gone}"
    )


def _gone_lines(revision: Revision) -> Iterator[str]:
    rows = []
    for row in revision.comparison.gone:
        why = "not chosen by --chapters" if row.chapter.number in revision.unchosen else "gone"
        rows.append(f"{why}: {row.chapter.number} · {row.chapter.title}: {_counted(row.gone, 'chunk')} gone")
    yield from _bounded(rows)


def _bounded(lines: list[str]) -> Iterator[str]:
    yield from lines[:_MOST_CHAPTERS]
    if len(lines) > _MOST_CHAPTERS:
        yield f"… and {_counted(len(lines) - _MOST_CHAPTERS, 'chapter')} more (--json lists all)"


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _bill(revision: Revision) -> str:
    chunks = sum(len(row.fates) for row in revision.comparison.chapters)
    seconds = revision.seconds
    length = f"{seconds:.0f} s" if seconds < _A_WHILE_SECONDS else f"{seconds / 60:,.0f} minutes"
    told = f"{sum(revision.to_speak):,} of {chunks:,} chunks to speak, about {length}; cost: {told_usd(revision.usd)}"
    if revision.ready:
        told += f"; {revision.ready:,} that the edition has not are in the store and cost nothing"
    if revision.lost:
        told += f"; {revision.lost:,} that it has are in the store no more"
    return told
