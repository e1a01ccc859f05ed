"""The columns of pages: where their gutters are, and the lines of a page in the order in which they are read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.readers.pdf_rows import Segment, Sheet

# A gutter is at least so wide, in sizes of the type.
GUTTER = 0.8
# So many lines on both of its sides tell a gutter; where other pages have it at the same place, one does.
LINES_OF_COLUMN = 5
# Starts of lines as near as this, in points, are one left edge.
NEAR = 4
# What tells text from tables and verse: how much of a column most of its lines fill, how many of them go on with a small
# letter, and how many characters are in one.
FILLED = 0.75
MOST = 0.5
GO_ON = 0.3
CHARACTERS_OF_LINE = 12
# More columns than these are not read with certainty.
COLUMNS_OF_BOOKS = 2


@dataclass(frozen=True, slots=True)
class Placed:
    """The segments of a line, and the column that it stands in, counted from 1; 0 for the whole width of the page."""

    segments: tuple[Segment, ...]
    column: int


def set_columns(sheets: Sequence[Sheet]) -> list[list[Placed]]:
    """Give the lines of each page in the order of reading, and note on the sheets where that is in doubt."""
    own = [_gutters(sheet) for sheet in sheets]
    usual = Counter(round(gutter / NEAR) for gutters in own for gutter in gutters)
    ordered: list[list[Placed]] = []
    for sheet, gutters in zip(sheets, own, strict=True):
        found = gutters or _usual_gutters(sheet, usual)
        if len(found) >= COLUMNS_OF_BOOKS:
            sheet.doubts.append(f"the text is in {len(found) + 1} columns")
        ordered.append(list(_in_order(sheet, found)))
    return ordered


def _gutters(sheet: Sheet) -> list[float]:
    """Find where columns of text begin, but for the first."""
    segments = [segment for row in sheet.rows for segment in row]
    starts = Counter(round(segment.x) for segment in segments)
    edges = sorted(
        (sum(starts[near] for near in range(edge - NEAR, edge + NEAR + 1)), count, edge)
        for edge, count in starts.items()
    )
    gutters: list[float] = []
    # No page has more columns than can be tried; the fullest edges come first.
    for near, _, edge in edges[: -8 * NEAR : -1]:
        gutter = edge - NEAR - 1.0
        if near >= LINES_OF_COLUMN and all(abs(gutter - other) > 8 * NEAR for other in gutters):
            crossing = sum(_crosses(segment, gutter) for segment in segments)
            right = sum(segment.x > gutter for segment in segments)
            if crossing <= right:
                gutters.append(gutter)
    gutters.sort()
    while gutters:
        poor = next((gutter for gutter, sides in _sides(segments, gutters) if not all(map(_is_text, sides))), None)
        if poor is None:
            break
        gutters.remove(poor)
    return gutters


def _sides(
    segments: Sequence[Segment], gutters: Sequence[float]
) -> Iterator[tuple[float, tuple[list[Segment], list[Segment]]]]:
    bounds = [float("-inf"), *gutters, float("inf")]
    columns = [
        [segment for segment in segments if left <= segment.x and segment.end <= right + NEAR]
        for left, right in pairwise(bounds)
    ]
    yield from zip(gutters, pairwise(columns), strict=True)


def _is_text(column: Sequence[Segment]) -> bool:
    """Tell whether the pieces of a column read like lines of running text, not like cells or verses."""
    if len(column) < LINES_OF_COLUMN:
        return False
    widths = sorted(segment.end - segment.x for segment in column)
    full = widths[len(widths) * 9 // 10]
    texts = [segment.text for segment in column]
    letters = [next((letter for letter in text if letter.isalnum()), "") for text in texts]
    lengths = sorted(map(len, texts))
    return (
        sum(width >= FILLED * full for width in widths) >= MOST * len(widths)
        and sum(letter.isalpha() and not letter.isupper() for letter in letters) >= GO_ON * len(letters)
        and lengths[len(lengths) // 2] >= CHARACTERS_OF_LINE
    )


def _usual_gutters(sheet: Sheet, usual: Counter[int]) -> list[float]:
    """Find a gutter where other pages have theirs, for a page with too little text to tell by itself."""
    segments = [segment for row in sheet.rows for segment in row]
    for place, count in usual.most_common(2):
        gutter = float(place * NEAR)
        right = [segment for segment in segments if gutter < segment.x <= gutter + 3 * NEAR]
        left = [segment for segment in segments if segment.end <= gutter]
        crossing = sum(_crosses(segment, gutter) for segment in segments)
        if count > 1 and right and left and crossing <= max(len(left), len(right)):
            return [gutter]
    return []


def _crosses(segment: Segment, gutter: float) -> bool:
    return segment.x <= gutter < segment.end - 1.0


def _in_order(sheet: Sheet, gutters: Sequence[float]) -> Iterator[Placed]:
    """Read a page: down to each line that crosses a gutter, one column after the other."""
    band: list[list[Segment]] = []
    after_whole = False
    for row in sheet.rows:
        if gutters and not any(_crosses(segment, gutter) for segment in row for gutter in gutters):
            band.append(row)
            continue
        yield from _band(band, gutters, after_whole=after_whole)
        band, after_whole = [], True
        yield Placed(tuple(row), 0)
    yield from _band(band, gutters, after_whole=after_whole)


def _band(rows: Sequence[Sequence[Segment]], gutters: Sequence[float], *, after_whole: bool) -> Iterator[Placed]:
    columns: list[list[tuple[Segment, ...]]] = [[] for _ in range(len(gutters) + 1)]
    for row in rows:
        for number, column in enumerate(columns):
            left = gutters[number - 1] if number else float("-inf")
            right = gutters[number] if number < len(gutters) else float("inf")
            own = tuple(segment for segment in row if left < segment.x <= right)
            if own:
                column.append(own)
    # What stands alone under a line of the whole width, as its last words do, is no column.
    is_whole = after_whole and not any(columns[1:])
    for number, column in enumerate(columns, 1):
        for own in column:
            yield Placed(own, 0 if is_whole else number)
