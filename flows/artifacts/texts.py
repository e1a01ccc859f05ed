"""What Prefect's pages tell of a book, in words and rows for a production editor."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flows.plan import told_usd
from tasks.library.ledger import Entry, State
from tasks.model import Script
from tasks.packagers.accounts import Performance, chapter_row

_MINUTE = 60
_A_WHILE_SECONDS = 90
# Of failures and editions, so many are told; the manifest has all.
_MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class ChapterProgress:
    """How far a chapter is: `done` of its chunks are spoken; `told` is what the manifest tells of it once it has ended."""

    script: Script
    state: str = "waiting"
    done: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)

    def ended(self, performance: Performance) -> "ChapterProgress":
        """How far it is once nothing more is done for it."""
        state = "missing" if performance.is_missing else "finished"
        told = chapter_row(performance, tuple(dict.fromkeys(part.voice for part in performance.recital.voiced)))
        return ChapterProgress(self.script, state, len(performance.recital.voiced), told)

    @property
    def row(self) -> dict[str, Any]:
        """Its row in the table of chapters; what is not known yet is empty."""
        seconds = self.told.get("seconds")
        return {
            "chapter": self.script.number,
            "title": self.script.title,
            "state": self.state,
            "chunks": f"{self.done} of {len(self.script.chunks)}",
            "clips": self.told.get("clips", ""),
            "cached": self.told.get("cached", ""),
            "retries": self.told.get("retries", ""),
            "length": "" if seconds is None else told_seconds(seconds),
            "LUFS": _told_figure(self.told.get("lufs")),
            "cost": told_usd(self.told["usd"]) if self.told else "",
        }


def _told_figure(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.1f}"


def told_seconds(seconds: float) -> str:
    """Word a length of time: `48 s`, `12 min`, `3 h 05 min`."""
    if seconds < _A_WHILE_SECONDS:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def progress_line(done: int, total: int, seconds_left: float | None, usd: float | None) -> str:
    """Word how far a book is, as a progress artifact describes itself."""
    left = "" if seconds_left is None or done == total else f"; about {told_seconds(seconds_left)} left"
    return f"{done:,} of {total:,} chunks spoken{left}; cost of this run: {told_usd(usd)}"


def going_on(parameters: dict[str, Any]) -> str:
    """Say how to go on with a run that did not come to its end."""
    return (
        "Run it again with the same parameters: in these pages by **Custom run** of its deployment, on the command line by "
        f"`{_command(parameters)}`. What was spoken is in the clip store and is not bought again."
    )


def _command(parameters: dict[str, Any]) -> str:
    if "inbox" in parameters:
        return f"declaim library {parameters['inbox']} --out {parameters['outbox']}"
    options = "".join(
        f" --{name} {parameters[name]}" for name in ("profile", "out", "chapters") if parameters.get(name)
    )
    source = parameters.get("source", "SOURCE")
    if "instruction" in parameters:
        return f"declaim retell {source} --instruction {shlex.quote(parameters['instruction'])}{options}"
    return f"declaim narrate {source}{options}"


def begun_summary(title: str, parameters: dict[str, Any]) -> str:
    """Word the summary of a book that is being narrated; whatever ends its run, this stays."""
    return f"# {title}\n\nThis book is being narrated. If its run ends before it is done:\n\n{going_on(parameters)}\n"


def ended_summary(title: str, reason: str, parameters: dict[str, Any]) -> str:
    """Word the summary of a book whose run was ended before it was done."""
    return f"# {title}\n\n**Not finished:** {reason}\n\n{going_on(parameters)}\n"


def finished_summary(
    title: str, totals: dict[str, Any], folder: Path, editions: Sequence[str], missing: Iterable[str]
) -> str:
    """Word the summary of a book whose editions are made."""
    lines = [f"# {title}", "", _totals_line(totals), ""]
    if absent := list(missing):
        lines += ["**Chapters that are missing:**", "", *_listed(absent), ""]
    links = [_link(folder, name) for name in ("report.html", *editions)]
    return "\n".join([*lines, f"In `{folder}`:", "", *_listed(links), ""])


def _totals_line(totals: dict[str, Any]) -> str:
    length = told_seconds(totals["seconds"] or 0.0)
    return (
        f"{totals['chapters']} chapters, {length}; {totals['clips'] or 0:,} clips, of which {totals['cached'] or 0:,} were there "
        f"already; {totals['retries'] or 0:,} retries; cost of this run: {told_usd(totals['usd'])}."
    )


def _listed(lines: list[str]) -> list[str]:
    more = [f"- and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return [*(f"- {line}" for line in lines[:_MOST_LINES]), *more]


def _link(folder: Path, name: str) -> str:
    return f"[{name}](file://{quote(str(folder / name))})"


def library_summary(
    title: str,
    counts: Mapping[str, int],
    entries: Mapping[str, Entry],
    parameters: dict[str, Any],
    *,
    is_over: bool,
) -> str:
    """Word the summary of a library's run, as it is now: `counts` are of the states of its books."""
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "nothing in the inbox is new"
    lines = [f"# {title}", "", f"{told}.", ""]
    faulty = {name: entry for name, entry in entries.items() if entry.error}
    if faulty:
        lines += [
            "**Not done:**",
            "",
            *_listed([f"{name} ({entry.state}): {entry.error}" for name, entry in faulty.items()]),
            "",
        ]
    done = {name: entry for name, entry in entries.items() if entry.folder and not entry.error}
    links = [f"[{entry.title or name}](file://{quote(entry.folder)}/report.html)" for name, entry in done.items()]
    while_it_lasts = [] if is_over else ["", f"If this run ends before it is done: {going_on(parameters)}"]
    return "\n".join([*lines, *_listed(links), *while_it_lasts, ""])


def library_row(name: str, priority: int, entry: Entry | None) -> dict[str, Any]:
    """Build the row of a book in the table of a library's run; one that waits has no entry yet."""
    state = entry.state if entry else "waiting"
    known = entry and entry.state in {State.DONE, State.INCOMPLETE}
    return {
        "book": (entry and entry.title) or name,
        "state": str(state),
        "priority": priority,
        "length": told_seconds(entry.seconds) if entry and entry.seconds is not None else "",
        "cost": told_usd(entry.usd) if entry and known else "",
        "said": entry.error if entry else "",
    }
