"""What a publisher has to know beside the sound: what was left out, what went wrong, what was read with doubt."""

from collections import defaultdict
from collections.abc import Iterator
from textwrap import shorten

from tasks.model import Chunk
from tasks.packagers.plain import plain
from tasks.packagers.report.markup import Markup, element, joined, words
from tasks.packagers.report.tables import folded, table
from tasks.packagers.report.values import Report
from tasks.packagers.report.wording import counted, plural

_MOST_PASSAGES = 300
_MOST_ROWS = 500
_MOST_CHARACTERS = 120
_CUT = "…"


def left_out(report: Report) -> Markup:
    """List what is not spoken, by its reason, the most frequent first."""
    passages: dict[str, list[Markup]] = defaultdict(list)
    for row in report.coverage["left_out"]:
        where = f"chapter {row['chapter']}" if row["chapter"] is not None else "outside of the chapters"
        begin = words(opening(row["text"]), report.language) if plain(row["text"]) else "(no words)"
        passages[row["kind"]].append(joined([begin, " ", element("span", where, class_="where")]))
    if not passages:
        return element("p", "Nothing was left out.")
    reasons = sorted(passages.items(), key=lambda reason: (-len(reason[1]), reason[0]))
    return joined(
        folded(f"{plain(kind)}: {plural(len(entries), 'passage')}", entries, _MOST_PASSAGES)
        for kind, entries in reasons
    )


def retried_and_failed(report: Report) -> Markup:
    """Show what could not be spoken, and why, then what was asked for more than once."""
    failures, retried = list(_failures(report)), list(_retried(report))
    if not failures and not retried:
        return element("p", "Nothing failed, and nothing was retried.")
    tables = (
        ("Not spoken", ("Chapter", "Passage", "First words", "Error"), failures, range(0)),
        ("Spoken when asked again", ("Chapter", "Passage", "First words", "Requests"), retried, range(3, 4)),
    )
    return joined(
        part
        for caption, heads, rows, numbers in tables
        if rows
        for part in (table(caption, heads, rows[:_MOST_ROWS], numbers), _more(len(rows) - _MOST_ROWS))
    )


def _failures(report: Report) -> Iterator[tuple[str, ...]]:
    for performance in report.account.performances:
        chunks = {chunk.id: chunk for chunk in performance.recital.script.chunks}
        for failure in performance.recital.failures:
            begin = _begin(chunks.get(failure.chunk), report)
            yield str(failure.chapter), failure.chunk, begin, words(failure.error)


def _retried(report: Report) -> Iterator[tuple[str, ...]]:
    for performance in report.account.performances:
        for part in performance.recital.voiced:
            if part.cost.requests > 1:
                number, begin = performance.recital.script.number, _begin(part.chunk, report)
                yield str(number), part.chunk.id, begin, counted(part.cost.requests)


def _begin(chunk: Chunk | None, report: Report) -> Markup:
    text = " ".join(sentence.text for sentence in chunk.sentences) if chunk else ""
    return words(opening(text), report.language)


def _more(count: int) -> Markup:
    return element("p", f"and {count:,} more", class_="more") if count > 0 else Markup()


def warnings(report: Report) -> Markup:
    """List the warnings of the reader."""
    told = report.manifest["book"]["warnings"]
    if not told:
        return element("p", "The source was read without a warning.")
    items = element("ul", *(element("li", words(warning)) for warning in told[:_MOST_ROWS]))
    return joined([items, _more(len(told) - _MOST_ROWS)])


def opening(text: str) -> str:
    """Give the first words of a text, on one line."""
    line = plain(text)
    begin = shorten(line[: 2 * _MOST_CHARACTERS], _MOST_CHARACTERS, placeholder=_CUT)
    # Not every script has spaces to cut at.
    return begin if begin != _CUT else f"{line[: _MOST_CHARACTERS - 1]}{_CUT}"
