"""Tables and lists of terms, as they are built everywhere on the page."""

from collections.abc import Iterable, Sequence

from tasks.packagers.report.markup import Markup, element, joined
from tasks.packagers.report.values import CheckedFigure
from tasks.packagers.report.wording import signed


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: range = range(0)) -> Markup:
    """Build a table whose first column heads its rows; those in `numbers` are set to the right.

    It is in a region of its own, which a narrow page can scroll, by the keyboard too.
    """

    def cells(row: Sequence[str]) -> Iterable[Markup]:
        for place, cell in enumerate(row):
            kind = "number" if place in numbers else False
            yield element("td", cell, class_=kind) if place else element("th", cell, scope="row", class_=kind)

    columns = (
        element("th", head, scope="col", class_="number" if place in numbers else False)
        for place, head in enumerate(heads)
    )
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", *columns)),
            element("tbody", *(element("tr", *cells(row)) for row in rows)),
        ),
        class_="scrolled",
        role="region",
        tabindex=0,
        aria_label=caption,
    )


def terms(rows: Iterable[tuple[str, str]], class_: str = "facts") -> Markup:
    """List terms, each with what is told of it."""
    pairs = (element("div", element("dt", term), element("dd", told)) for term, told in rows)
    return element("dl", *pairs, class_=class_)


def folded(summary: str, entries: Sequence[str], most: int) -> Markup:
    """Fold a list that is long; what is more than may be shown is counted."""
    more = len(entries) - most
    rest = [element("p", f"and {more:,} more", class_="more")] if more > 0 else []
    items = element("ul", *(element("li", entry) for entry in entries[:most]))
    return element("details", element("summary", summary), items, *rest)


def verdict(*, passes: bool) -> Markup:
    """Tell whether a figure passes, by a sign and a word, not by its colour alone."""
    sign, word, class_ = ("✓", "pass", "pass") if passes else ("✗", "fail", "fail")
    return element("span", element("span", sign, aria_hidden="true"), " ", word, class_=class_)


def tally(figures: Sequence[CheckedFigure]) -> Markup:
    """Tell how many of the figures pass."""
    passing = sum(figure.passes for figure in figures)
    words = f"all {len(figures)}" if passing == len(figures) else f"{passing} of {len(figures)}"
    return joined([verdict(passes=passing == len(figures)), f", {words}"]) if figures else Markup("not measured")


def check_table(caption: str, figures: Sequence[CheckedFigure]) -> Markup:
    """Show what was found of each figure, and what is wanted."""
    rows = [
        (figure.figure, signed(figure.found), signed(figure.wanted), verdict(passes=figure.passes))
        for figure in figures
    ]
    return table(caption, ("Figure", "Found", "Wanted", "Check"), rows, range(1, 2))
