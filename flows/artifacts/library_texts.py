"""The words and rows of a library's artifacts, for a production editor."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.artifacts.forecast import BookForecast
from flows.artifacts.links import OutboxLinks
from flows.artifacts.markdown import escape_markdown, fence_code, inline_code
from flows.artifacts.texts import REPORT, count_noun, format_duration, list_lines
from tasks.library.ledger import Entry, State
from tasks.money import format_usd

_WAITING = "waiting"
_ORDER = (State.FAILED, State.INCOMPLETE, State.STOPPED, State.RUNNING, _WAITING, State.DONE)
_LEAST_WORK = 0.1
_NO_PACE = "unknown until a book is finished"
# Until a tenth of the work is done, the ledger's pace is the better one; and no time is better than one that is far off, as the
# start of processes makes it: at a fiftieth, a run of 2.5 minutes showed 25.
_MEASURED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class LiveProgress:
    """How far the run of a book is: per cent, US dollars and seconds, None for what is unknown."""

    percent: float
    usd: float | None
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class BookStatus:
    """A book of a library's run: its ledger entry once it has begun, what its run shows, and its forecast once it is read."""

    manuscript: str
    priority: int
    entry: Entry | None = None
    live: LiveProgress | None = None
    forecast: BookForecast | None = None

    @property
    def state(self) -> str:
        """The ledger's state, or waiting."""
        return str(self.entry.state) if self.entry else _WAITING

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.state == State.DONE

    @property
    def share(self) -> float:
        """How much of its work needs no more time, from 0 to 1; all of it once its run has ended, however it ended."""
        return self.achieved if self.state in {State.RUNNING, _WAITING} else 1.0

    @property
    def achieved(self) -> float:
        """How much of its work is done, from 0 to 1."""
        if self.is_finished:
            return 1.0
        return self.live.percent / 100 if self.live else 0.0

    @property
    def usd(self) -> float | None:
        """What this run has spent on it so far in US dollars, None if that is unknown."""
        if self.entry and self.entry.usd is not None:
            return self.entry.usd
        if self.live:
            return self.live.usd
        return None if self.state in {State.DONE, State.INCOMPLETE} else 0.0

    @property
    def folder(self) -> Path:
        """Where its editions are; meaningful for a book that is done or incomplete."""
        return Path(self.entry.folder if self.entry else "")


@dataclass(frozen=True)
class LibraryStatus:
    """All books of a library's run.

    `pace` is that of the ledger in chunks a second and book, `seconds` how long ago the first book began: the wait for files
    that are being copied in tells nothing of the pace.
    """

    books: tuple[BookStatus, ...]
    at_once: int
    pace: float | None
    seconds: float

    @cached_property
    def _work(self) -> tuple[float, ...]:
        """The work of each book in chunks to speak; the average where there is no forecast."""
        known = [book.forecast.work for book in self.books if book.forecast]
        average = sum(known) / len(known) if known else 1.0
        return tuple(max(it.forecast.work if it.forecast else average, _LEAST_WORK) for it in self.books)

    @property
    def counts(self) -> dict[str, int]:
        """How many books are in each state."""
        counts = Counter(book.state for book in self.books)
        return {str(state): counts[str(state)] for state in reversed(_ORDER) if counts[str(state)]}

    @property
    def percent(self) -> float:
        """How much of the work is done, from 0 to 100; what failed is not."""
        whole = sum(self._work)
        done = sum(work * book.achieved for work, book in zip(self._work, self.books, strict=True))
        return 100 * done / whole if whole else 0.0

    @property
    def usd(self) -> float | None:
        """What the run has spent so far in US dollars, on books in progress too; None if a part of it is unknown."""
        return _sum_usd(book.usd for book in self.books)

    @property
    def seconds_left(self) -> float | None:
        """The estimated seconds to the end of all books; None if nothing is known of the pace, or nothing is left."""
        whole = sum(self._work)
        left = sum(work * (1 - book.share) for work, book in zip(self._work, self.books, strict=True))
        done = sum(work * book.achieved for work, book in zip(self._work, self.books, strict=True))
        if left <= 0:
            return None
        # What their own runs say is better, once no book waits.
        open_books = [book for book in self.books if book.share < 1]
        lives = [book.live.seconds_left for book in open_books if book.live]
        known = [seconds for seconds in lives if seconds is not None]
        if len(known) == len(open_books):
            return max(known)
        pace = done / self.seconds if self.seconds > 0 and done > _MEASURED_SHARE * whole else self._ledger_pace
        return max([left / pace, *known]) if pace else None

    @property
    def forecast(self) -> str:
        """What the run takes in all, as far as manuscripts, prices and the ledger tell; empty if nothing is read yet."""
        read = [book.forecast for book in self.books if book.forecast]
        if not read:
            return ""
        work, usd = sum(it.work for it in read), _sum_usd(it.usd for it in read)
        pace = self._ledger_pace
        chunks = sum(it.chunks for it in read)
        stored, unread = chunks - sum(it.to_speak for it in read), len(self.books) - len(read)
        time = f"about {format_duration(work / pace)}, at the pace of the ledger's books" if pace else _NO_PACE
        return (
            f"{count_noun(len(read), 'book')}, {count_noun(chunks, 'chunk')}"
            + (f", {stored:,} of them in the store" if stored else "")
            + f"; cost: {format_usd(usd)}; time: {time}"
            + (f" ({count_noun(unread, 'more manuscript')} not read)" if unread else "")
        )

    @property
    def _ledger_pace(self) -> float | None:
        return self.pace and self.pace * max(1, min(self.at_once, len(self.books)))


def _sum_usd(amounts: Iterable[float | None]) -> float | None:
    known = list(amounts)
    return None if None in known else sum(usd or 0.0 for usd in known)


def library_line(status: LibraryStatus) -> str:
    """Return one line on how far a library's run is."""
    if not status.books:
        return "nothing in the inbox is new"
    finished, left = sum(book.is_finished for book in status.books), status.seconds_left
    others = [f"{count:,} {state}" for state, count in status.counts.items() if state != State.DONE]
    counts = ", ".join([f"{finished:,} of {count_noun(len(status.books), 'book')} finished", *others])
    time = "" if left is None else f"; about {format_duration(left)} left"
    return f"{counts}{time}; {'cost' if finished == len(status.books) else 'cost so far'}: {format_usd(status.usd)}"


def open_row(book: BookStatus) -> dict[str, Any]:
    """Return the row of a book that is not finished; what is not known yet is empty."""
    left = book.live.seconds_left if book.live and book.state == State.RUNNING else None
    return {
        "manuscript": book.manuscript,
        "state": _describe_state(book),
        "time left": "" if left is None else format_duration(left),
        "cost": format_usd(book.usd) if book.live or (book.entry and book.entry.state != State.RUNNING) else "",
        "reason": book.entry.error if book.entry else "",
        "chunks": book.forecast.chunks if book.forecast else "",
        "priority": book.priority,
    }


def _describe_state(book: BookStatus) -> str:
    """Return a book's state, with how far its run is; one that has not shown it yet is only starting."""
    if book.state != State.RUNNING:
        return book.state
    return f"running, {100 * book.share:.0f} %" if book.live else "starting"


def finished_row(book: BookStatus) -> dict[str, Any]:
    """Return the row of a finished book; its link comes in the place of an empty `report`."""
    entry = book.entry
    return {
        "manuscript": book.manuscript,
        "report": "",
        "book": entry.title if entry else "",
        "length": format_duration(entry.seconds) if entry and entry.seconds is not None else "",
        "cost": format_usd(book.usd),
    }


def sort_books(books: Iterable[BookStatus]) -> list[BookStatus]:
    """Return books with those first that need a person, then those in progress; the order is otherwise unchanged."""
    return sorted(books, key=lambda book: _ORDER.index(book.state))


def library_summary(inbox: str, status: LibraryStatus, links: OutboxLinks, resume: str) -> str:
    """Return the summary of a library's run; `resume` says how to run it again."""
    lines = ["# Library", "", f"Inbox: {inline_code(inbox)}", "", f"{library_line(status)}.", ""]
    if status.forecast and not all(book.is_finished for book in status.books):
        lines += [f"**Forecast:** {status.forecast}.", ""]
    faulty = [book for book in status.books if book.entry and book.entry.error]
    running = [book for book in status.books if book.state == State.RUNNING]
    finished = [book for book in status.books if book.is_finished]
    lines += _section("Not done", [_faulty_line(book) for book in faulty])
    lines += _section("Books in progress", [_running_line(book) for book in running])
    lines += _section("Finished", [_finished_line(book, links) for book in finished])
    if finished and not links.url(links.outbox):
        lines += ["The outbox is this folder:", "", fence_code(str(links.outbox)), ""]
    return "\n".join([*lines, resume])


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"**{title}:**", "", *list_lines(lines), ""] if lines else []


def _faulty_line(book: BookStatus) -> str:
    error = book.entry.error if book.entry else ""
    return f"{escape_markdown(book.manuscript)} ({book.state}): {escape_markdown(error)}"


def _running_line(book: BookStatus) -> str:
    left = book.live.seconds_left if book.live else None
    time = "" if left is None else f", about {format_duration(left)} left"
    return f"{escape_markdown(book.manuscript)}: {_describe_state(book)}{time}"


def _finished_line(book: BookStatus, links: OutboxLinks) -> str:
    title = (book.entry.title if book.entry else "") or book.manuscript
    length = format_duration(book.entry.seconds or 0.0) if book.entry else ""
    return f"{links.markdown(book.folder / REPORT, title)} ({escape_markdown(book.manuscript)}), {length}"
