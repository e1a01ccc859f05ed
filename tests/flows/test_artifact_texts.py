"""The words of artifacts: names are shown as they are, and figures that are not known are not shown as zero."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from flows.artifacts.forecast import BookForecast, ledger_pace
from flows.artifacts.library_texts import (
    BookStatus,
    LibraryStatus,
    LiveProgress,
    library_line,
    library_summary,
    open_row,
)
from flows.artifacts.links import OutboxLinks
from flows.artifacts.markdown import escape_markdown, inline_code
from flows.artifacts.texts import book_in_progress, mark_unfinished, progress_line, work_line
from flows.artifacts.work import BookWork
from tasks.library.ledger import Entry, State
from tasks.money import format_usd

HOSTILE = [
    "# not a heading",
    "- no item",
    "1. no item",
    "+ no item",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "<script>alert(1)</script>",
    "<https://evil.example>",
    "see https://evil.example and www.evil.example or me@evil.example",
    "*no* _emphasis_ ~~nor this~~ `code`",
    "a | b\n--- | ---\nc | d",
    "&lt;b&gt;",
    "back\\slash",
    "[ref]: https://evil.example",
]


def render(text: str) -> str:
    return str(MarkdownIt("gfm-like", {"linkify": False}).render(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_is_shown_as_it_is(text: str) -> None:
    escaped = escape_markdown(text)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").parse(escaped)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {token.type for token in children} <= {"text", "text_special"}
    assert "".join(token.content for token in children) == " ".join(text.split())
    assert "https://" not in escaped
    assert "www." not in escaped


@pytest.mark.parametrize(("text", "code"), [("a`b", "``a`b``"), ("`", "`` ` ``"), ("plain.mp3", "`plain.mp3`")])
def test_a_code_span_holds_backticks(text: str, code: str) -> None:
    assert inline_code(text) == code


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unknown"),
        (0.0, "$0.00"),
        (0.00004, "less than $0.0001"),
        (0.0042, "$0.0042"),
        (0.01, "$0.01"),
        (1234.5, "$1,234.50"),
    ],
)
def test_an_amount_below_a_cent_is_not_zero(usd: float | None, text: str) -> None:
    assert format_usd(usd) == text


def test_links_lie_below_the_link_base() -> None:
    outbox = Path("/srv/out box")
    links = OutboxLinks("https://audio.example/books/", outbox)
    assert links.url(outbox / "a (b) #1?" / "ü.html") == "https://audio.example/books/a%20%28b%29%20%231%3F/%C3%BC.html"
    assert links.url(outbox) == "https://audio.example/books/"
    assert not links.url(Path("/srv/elsewhere/report.html"))
    assert not links.url(outbox / ".." / "secret")
    assert not OutboxLinks("", outbox).url(outbox / "a")
    assert links.markdown(outbox / "a.mp3", "a.mp3") == "[a.mp3](https://audio.example/books/a.mp3)"
    assert links.markdown(outbox / "a", "<i>") == "\\<i\\> ([open](https://audio.example/books/a))"
    assert links.markdown(Path("/srv/elsewhere/a.mp3"), "a.mp3") == "`a.mp3`"
    assert OutboxLinks.for_book("http://x", "", outbox / "book").url(outbox / "book") == "http://x/book"


def test_speech_and_mastering_both_count() -> None:
    work = BookWork({1: 10, 2: 10}, 0.0)
    assert work.percent(0.0) == 0
    assert work.seconds_left(0.0) is None
    for _ in range(10):
        work.count_chunk(1)
    work.sample(10.0)
    spoken = work.percent(10.0)
    assert 30 < spoken < 50
    # A second a chunk is still to be spoken, and the last chapter to be mastered after that.
    assert 10 < (work.seconds_left(10.0) or 0) < 15
    work.start_mastering(1, 10.0)
    work.end_chapter(1, 20.0, is_mastered=True)
    # A second a chunk is measured for mastering too.
    work.sample(20.0)
    assert work.percent(20.0) > spoken
    assert 20 < (work.seconds_left(20.0) or 0) < 35
    for _ in range(10):
        work.count_chunk(2)
    work.start_mastering(2, 30.0)
    assert 60 < work.percent(30.0) < 80
    left = work.seconds_left(30.0) or 0
    assert 10 <= left < 12
    assert (work.seconds_left(35.0) or 0) < left
    work.end_chapter(2, 40.0, is_mastered=True)
    work.is_packaging = True
    assert 95 < work.percent(40.0) < 100
    assert "making the editions" in work_line(work, work.seconds_left(40.0))
    work.is_packaging, work.is_finished = False, True
    assert work.percent(41.0) == 100
    assert progress_line(work, None, None) == (
        "20 of 20 chunks spoken, 2 of 2 chapters mastered, editions made; cost of this run: unknown"
    )


def test_the_percentage_never_falls() -> None:
    work = BookWork({1: 5, 2: 5}, 0.0)
    seen = []
    for number, now in ((1, 1.0), (1, 1.1), (1, 50.0), (1, 50.1), (1, 200.0), (2, 200.1), (2, 900.0)):
        work.count_chunk(number)
        work.sample(now)
        seen.append(work.percent(now))
    work.start_mastering(1, 900.0)
    work.end_chapter(1, 5000.0, is_mastered=True)
    seen.append(work.percent(5000.0))
    assert seen == sorted(seen)


def test_a_missing_chapter_leaves_the_book_unfinished() -> None:
    work = BookWork({1: 4}, 0.0)
    work.count_chunk(1)
    work.end_chapter(1, 4.0, is_mastered=False)
    assert work.percent(5.0) < 100
    assert "0 of 1 chapters mastered" in work_line(work, None)


def test_a_book_that_is_only_spoken_has_no_mastering() -> None:
    work = BookWork({1: 1}, 0.0, has_mastering=False)
    work.count_chunk(1)
    assert work.percent(1.0) > 95
    assert work_line(work, None) == "1 of 1 chunks spoken"


def test_a_run_that_was_killed_says_so_and_keeps_its_command() -> None:
    summary = book_in_progress("A *title*", "Run it again: `x`")
    ended = mark_unfinished(summary, "Crashed. <b>killed</b>")
    assert "Not finished:** Crashed. \\<b\\>killed" in ended
    assert "Run it again: `x`" in ended
    assert mark_unfinished(ended, "another reason") == ended
    assert "<b>" not in render(ended)


DONE = Entry(State.DONE, (), "", "A Book", folder="/out/a", seconds=3600.0, usd=0.5)


def test_a_library_shows_what_books_in_progress_cost_and_take() -> None:
    running = BookStatus(
        "b.md", 0, Entry(State.RUNNING, (), ""), LiveProgress(50.0, 0.0042, 30.0), BookForecast(100, 100, 0.01)
    )
    waiting = BookStatus("c.md", 0, None, None, BookForecast(100, 100, 0.01))
    done = BookStatus("a.md", 0, DONE, None, BookForecast(100, 100, 0.5))
    status = LibraryStatus((done, running, waiting), 2, None, 300.0)
    assert status.percent == pytest.approx(50)
    failed = BookStatus("d.md", 0, Entry(State.FAILED, (), ""), None, BookForecast(300, 300, 0.01))
    with_failed = LibraryStatus((done, running, waiting, failed), 2, None, 300.0)
    # What failed takes no more time, and is not done either.
    assert with_failed.percent == pytest.approx(25)
    assert with_failed.seconds_left == pytest.approx(300)
    # Half of the work took 300 s.
    assert status.seconds_left == pytest.approx(300)
    # Of what has just begun, nothing is known.
    begun = BookStatus("b.md", 0, running.entry, LiveProgress(9.0, 0.0, None), running.forecast)
    assert LibraryStatus((begun,), 2, None, 30.0).seconds_left is None
    assert LibraryStatus((begun,), 2, 1.0, 30.0).seconds_left == pytest.approx(91)
    # Where no book waits, the books' own runs know better.
    assert LibraryStatus((done, running), 2, None, 300.0).seconds_left == 30
    assert status.usd == pytest.approx(0.5042)
    assert library_line(status) == "1 of 3 books finished, 1 waiting, 1 running; about 5 min left; cost so far: $0.50"
    assert library_line(LibraryStatus((running,), 1, None, 60.0)).endswith("cost so far: $0.0042")
    assert open_row(running)["state"] == "running, 50 %"
    assert open_row(waiting)["cost"] == ""


def test_a_cost_that_is_partly_unknown_is_unknown() -> None:
    entry = Entry(State.DONE, (), "", "A Book", folder="/out/a", seconds=1.0)
    assert library_line(LibraryStatus((BookStatus("a.md", 0, entry),), 1, None, 1.0)).endswith("; cost: unknown")
    live = BookStatus("b.md", 0, Entry(State.RUNNING, (), ""), LiveProgress(10.0, None, None))
    assert LibraryStatus((live,), 1, None, 1.0).usd is None


def test_a_forecast_goes_by_the_pace_of_the_ledger() -> None:
    entries = [
        Entry(State.DONE, (), "", chunks_spoken=100, wall_seconds=50.0),
        Entry(State.DONE, (), "", chunks_spoken=0, wall_seconds=5.0),
        Entry(State.DONE, (), ""),
    ]
    pace = ledger_pace(entries)
    assert pace == 2
    assert ledger_pace(entries[1:]) is None
    books = tuple(BookStatus(f"{n}.md", 0, None, None, BookForecast(7200, 7200, 1.0)) for n in range(2))
    assert LibraryStatus(books, 2, pace, 0.0).forecast == (
        "2 books, 14,400 chunks; cost: $2.00; time: about 1 h 00 min, at the pace of the ledger's books"
    )
    unknown = (BookStatus("a.md", 0, None, None, BookForecast(1, 1, None)), BookStatus("b.md", 0))
    assert LibraryStatus(unknown, 2, None, 0.0).forecast == (
        "1 book, 1 chunk; cost: unknown; time: unknown until a book is finished (1 more manuscript not read)"
    )


def test_books_of_one_title_are_told_apart_and_finished_ones_listed_apart() -> None:
    failed = BookStatus("z.md", 0, Entry(State.FAILED, (), "", error="line <1> is bad"))
    books = (BookStatus("a.md", 0, DONE), BookStatus("a (new).epub", 0, DONE), failed)
    text = library_summary("/in", LibraryStatus(books, 1, None, 9.0), OutboxLinks("http://x", Path("/out")), "")
    assert "[A Book](http://x/a/report.html) (a.md)" in text
    assert "[A Book](http://x/a/report.html) (a (new).epub)" in text
    assert text.index("**Not done:**") < text.index("z.md (failed): line \\<1\\> is bad") < text.index("**Finished:**")
