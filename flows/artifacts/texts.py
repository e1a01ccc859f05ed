"""The words and rows of the artifacts, for a production editor."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.artifacts.links import OutboxLinks
from flows.artifacts.markdown import escape_markdown, fence_code
from flows.artifacts.work import BookWork
from tasks.model import Script
from tasks.money import format_usd
from tasks.packagers.accounts import Performance, chapter_row

_MINUTE = 60
_A_WHILE_SECONDS = 90
# Lists are cut at this many lines; the manifest and the ledger have all.
_MOST_LINES = 20
# Replaced by the reason when the run has ended before it was done.
_ENDS_EARLY = "If this run ends before it is done:"
_IN_PROGRESS = f"**In progress.** {_ENDS_EARLY}"
REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class ChapterProgress:
    """How far a chapter is: `done` of its chunks are spoken; `result` is its row of the manifest once it has ended."""

    script: Script
    state: str = "waiting"
    done: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)

    def with_result(self, performance: Performance) -> "ChapterProgress":
        """Return the chapter once nothing more is done for it."""
        state = "missing" if performance.is_missing else "finished"
        result = chapter_row(performance, tuple(dict.fromkeys(part.voice for part in performance.recital.voiced)))
        return ChapterProgress(self.script, state, len(performance.recital.voiced), result)

    @property
    def row(self) -> dict[str, Any]:
        """The chapter's figures; one that is not known yet is empty."""
        seconds, lufs = self.result.get("seconds"), self.result.get("lufs")
        return {
            "chapter": self.script.number,
            "title": self.script.title,
            "state": self.state,
            "chunks": f"{self.done} of {len(self.script.chunks)}",
            "clips": self.result.get("clips", ""),
            "cached": self.result.get("cached", ""),
            "retries": self.result.get("retries", ""),
            "length": "" if seconds is None else format_duration(seconds),
            "LUFS": "" if lufs is None else f"{lufs:.1f}",
            "cost": format_usd(self.result["usd"]) if self.result else "",
        }


def format_duration(seconds: float) -> str:
    """Return a length of time as text: `48 s`, `12 min`, `3 h 05 min`."""
    if seconds < _A_WHILE_SECONDS:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def escape_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table whose texts Prefect's page, which reads them as Markdown, shows as they are."""
    return {name: escape_markdown(value) if isinstance(value, str) else value for name, value in row.items()}


def work_line(work: BookWork, seconds_left: float | None) -> str:
    """Return one line on how far a book is."""
    line = f"{work.spoken:,} of {work.chunks:,} chunks spoken"
    if work.has_mastering:
        line += f", {work.mastered_chapters:,} of {work.chapters:,} chapters mastered"
    if work.is_finished:
        return f"{line}, editions made" if work.has_mastering else line
    if work.is_packaging:
        return f"{line}; making the editions"
    return line if seconds_left is None else f"{line}; about {format_duration(seconds_left)} left"


def progress_line(work: BookWork, seconds_left: float | None, usd: float | None) -> str:
    """Return `work_line` with what the run has spent so far, in US dollars; None if a price is unknown."""
    return f"{work_line(work, seconds_left)}; cost of this run: {format_usd(usd)}"


def resume_section(command: str, *, has_deployment: bool) -> str:
    """Return how to run again what a run did: `command` does it on a command line."""
    copied = ", or choose **Copy to new run** in the menu of this run" if has_deployment else ""
    promise = "Clips that are in the store are not bought again."
    return f"Run it again by this command{copied}. {promise}\n\n{fence_code(command, 'sh')}\n"


def book_in_progress(title: str, resume: str) -> str:
    """Return the summary of a book that is being narrated or retold; it stays if the run's process is killed."""
    return f"# {escape_markdown(title)}\n\n{_IN_PROGRESS}\n\n{resume}"


def mark_unfinished(summary: str, reason: str) -> str:
    """Return a summary of a run in progress as that of one that ended before it was done; any other is unchanged."""
    shown = _IN_PROGRESS if _IN_PROGRESS in summary else _ENDS_EARLY
    return summary.replace(shown, _reason_line(reason), 1)


def add_reason(summary: str, reason: str) -> str:
    """Return a summary with the reason why its run ended before it was done, whether its editions are shown yet or not."""
    marked = mark_unfinished(summary, reason)
    return marked if marked != summary else f"{summary}\n{_reason_line(reason)}\n"


def _reason_line(reason: str) -> str:
    return f"**Not finished:** {escape_markdown(reason)}"


def finished_book(
    title: str, totals: Mapping[str, Any], folder: Path, editions: Sequence[str], links: OutboxLinks
) -> str:
    """Return the summary of a book whose editions are made."""
    listed = [links.markdown(folder / name, name) for name in (REPORT, *editions)]
    head = [f"# {escape_markdown(title)}", "", _totals_line(totals), "", *_folder_lines(folder, links)]
    return "\n".join([*head, "", *list_lines(listed), ""])


def incomplete_book(summary: str, missing: Iterable[str], resume: str) -> str:
    """Return the summary of a book whose editions lack chapters; `summary` is that of its editions."""
    lines = list_lines([escape_markdown(name) for name in missing])
    return "\n".join([summary, "**Chapters that are missing:**", "", *lines, "", resume])


def _folder_lines(folder: Path, links: OutboxLinks) -> list[str]:
    if links.url(folder):
        return ["Listen, check and download:"]
    return ["The editions are in this folder:", "", fence_code(str(folder))]


def _totals_line(totals: Mapping[str, Any]) -> str:
    length = format_duration(totals["seconds"] or 0.0)
    return (
        f"{count_noun(totals['chapters'], 'chapter')}, {length}; {count_noun(totals['clips'] or 0, 'clip')}, {totals['cached'] or 0:,} of them from the "
        f"store; {totals['retries'] or 0:,} retries; cost of this run: {format_usd(totals['usd'])}."
    )


def count_noun(number: int, noun: str) -> str:
    """Return a number of things as text: `1 book`, `2,000 books`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def list_lines(lines: Sequence[str]) -> list[str]:
    """Return the lines of a Markdown list, cut after twenty."""
    more = [f"- and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return [*(f"- {line}" for line in lines[:_MOST_LINES]), *more]


def retold_book(title: str, line: str) -> str:
    """Return the summary of a book that a model has retold; `line` says how many of its chapters."""
    return (
        f"# {escape_markdown(title)}\n\nRetold: {line}. The summary of its narration is another artifact of this run.\n"
    )


def library_in_progress(resume: str) -> str:
    """Return the end of the summary of a library's run that goes on."""
    return f"{_ENDS_EARLY}\n\n{resume}"
