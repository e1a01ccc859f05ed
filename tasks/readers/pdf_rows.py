"""The rows of a page: runs of text on one baseline, parted where wide gaps are, whatever the order in which they were drawn."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from tasks.readers.pdf_text import Drawing, Rule, Run

# All of these are in sizes of the type.
SAME_BASELINE = 0.15
WIDE_GAP = 0.8
RAISED = 0.6
LOWERED = 0.35
# Text that is drawn again so near is drawn twice to look bold.
DOUBLE = 0.1
DOUBLE_POINTS = 1.5
# In degrees.
LEVEL = 3.0
# A page with so many pieces of so few words, most of them alone, is a map or a form rather than a page of a book.
MANY_PIECES = 40
FEW_WORDS = 2
LAYERS = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """Runs of a row from left to right, with no wide gap between; `top` tells the order in which rows are read."""

    runs: tuple[Run, ...]
    y: float
    size: float
    top: float

    @property
    def x(self) -> float:
        """Where it begins."""
        return self.runs[0].x

    @property
    def end(self) -> float:
        """Where it ends."""
        return max(run.end for run in self.runs)

    @property
    def text(self) -> str:
        """Its words."""
        return "".join(run.text for run in spaced(self.runs)).strip()


@dataclass(slots=True)
class Sheet:
    """A page before it is known where its columns are: rows from top to bottom, and what is no text of it, with the reason."""

    number: int
    rows: list[list[Segment]]
    aside: list[tuple[Run, str]]
    rules: list[Rule]
    has_picture: bool
    doubts: list[str] = field(default_factory=list)


def sheet_of(drawing: Drawing, number: int) -> Sheet:
    """Put what a page draws together to rows."""
    level: list[Run] = []
    aside: list[tuple[Run, str]] = []
    for run in _singly(drawing.runs):
        reason = "rotated" if abs(run.angle) > LEVEL else "" if _is_on(drawing, run) else "off-page"
        if reason:
            aside.append((run, reason))
        else:
            level.append(run)
    sheet = Sheet(number, [], aside, drawing.rules, drawing.has_picture)
    for row in _with_raised(_rows(level)):
        layers = list(_layers(row))
        if len(layers) > 1:
            sheet.doubts.append("lines of text lie over each other")
        sheet.rows += [list(_segments(part)) for layer in layers for part in _without_cap(layer)]
    sheet.rows.sort(key=lambda segments: -segments[0].top)
    pieces = [segment for row in sheet.rows for segment in row if len(row) > 1]
    if sum(len(piece.text.split()) <= FEW_WORDS for piece in pieces) >= max(MANY_PIECES, 0.7 * len(sheet.rows)):
        sheet.doubts.append("the text is in many small pieces")
    return sheet


def spaced(runs: Sequence[Run]) -> Iterator[Run]:
    """Give the runs of a line, with the spaces that gaps between them stand for."""
    for run, following in pairwise([*runs, None]):
        if run is None:
            continue
        gap = following.x - run.end if following else 0.0
        is_apart = following is not None and not run.text[-1:].isspace() and not following.text[:1].isspace()
        if following and is_apart and gap >= min(run.space, following.space):
            yield Run(run.text + " ", run.x, run.y, run.end, run.size, run.angle, run.space)
        else:
            yield run


def _is_on(drawing: Drawing, run: Run) -> bool:
    left, bottom, right, top = drawing.box
    is_box = right > left and top > bottom
    return not is_box or (run.x < right and run.end > left and bottom <= run.y + run.size / 2 and run.y < top)


def _singly(runs: Sequence[Run]) -> Iterator[Run]:
    """Drop what is drawn a second time at the same place, as a shadow or to look bold."""
    seen: defaultdict[tuple[str, int, int], list[Run]] = defaultdict(list)
    for run in runs:
        column, row = int(run.x // 4), int(run.y // 4)
        near = chain.from_iterable(
            seen.get((run.text, column + across, row + up), ()) for across in (-1, 0, 1) for up in (-1, 0, 1)
        )
        reach = min(DOUBLE * run.size, DOUBLE_POINTS)
        if any(abs(run.x - other.x) <= reach and abs(run.y - other.y) <= reach for other in near):
            continue
        seen[run.text, column, row].append(run)
        yield run


def _rows(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Part runs by their baselines, from top to bottom."""
    row: list[Run] = []
    for run in sorted(runs, key=lambda run: -run.y):
        if row and row[0].y - run.y > SAME_BASELINE * max(row[0].size, run.size):
            yield row
            row = []
        row.append(run)
    if row:
        yield row


def _with_raised(rows: Iterator[list[Run]]) -> list[list[Run]]:
    """Put raised and lowered small characters into the lines that they stand in."""
    whole = [sorted(row, key=lambda run: run.x) for row in rows]
    places = [[run.x for run in row] for row in whole]
    added: defaultdict[int, list[Run]] = defaultdict(list)
    for place, row in enumerate(whole):
        size = max(run.size for run in row)
        # Few rows are so near to each other, but for hostile pages.
        near = [other for other in range(max(0, place - 3), min(len(whole), place + 4)) if other != place]
        hosts = [
            other
            for other in near
            if -RAISED <= (whole[other][0].y - row[0].y) / max(whole[other][0].size, 0.1) <= LOWERED
            and _size(whole[other]) > 1.15 * size
        ]
        for run in row:
            host = next((other for other in hosts if _touches(whole[other], places[other], run)), place)
            added[host].append(run)
    return [sorted(added[place], key=lambda run: run.x) for place in range(len(whole)) if added[place]]


def _touches(row: Sequence[Run], places: Sequence[float], run: Run) -> bool:
    """Tell whether a run stands right behind, in or before one of a row."""
    before = bisect_right(places, run.x) - 1
    reach = 0.3 * _size(row)
    if before >= 0 and row[before].end + reach >= run.x:
        return True
    return before + 1 < len(row) and run.end <= row[before + 1].x <= run.end + reach


def _size(runs: Sequence[Run]) -> float:
    """Measure the size of most of the characters."""
    sizes: Counter[float] = Counter()
    for run in runs:
        sizes[run.size] += len(run.text.strip())
    return sizes.most_common(1)[0][0]


def _layers(row: Sequence[Run]) -> Iterator[list[Run]]:
    """Part runs that lie over each other, so that their words do not mingle."""
    layers: list[list[Run]] = [[]]
    for run in row:
        free = (layer for layer in layers if not layer or not _lies_over(layer[-1], run))
        layer = next(free, None)
        if layer is None and len(layers) < LAYERS:
            layers.append(layer := [])
        (layers[-1] if layer is None else layer).append(run)
    yield from layers


def _lies_over(one: Run, other: Run) -> bool:
    shorter = min(one.end - one.x, other.end - other.x)
    return one.end - other.x > max(0.5 * shorter, 0.6 * min(one.size, other.size))


def _without_cap(row: list[Run]) -> Iterator[list[Run]]:
    """Part a large letter from the line on whose baseline it stands."""
    first, others = row[0], row[1:]
    text = first.text.strip()
    if len(text) == 1 and text.isupper() and others and first.size > 1.6 * max(run.size for run in others):
        yield [first]
        yield others
    else:
        yield row


def _segments(row: Sequence[Run]) -> Iterator[Segment]:
    size = _size(row)
    baseline = next(run.y for run in row if run.size == size)
    text = "".join(run.text for run in row).strip()
    # A large letter beside lines of text is read before the first of them.
    top = baseline + (0.7 * size if len(text) == 1 and text.isupper() else 0.0)
    group: list[Run] = []
    for run in row:
        if group and run.x - max(each.end for each in group[-2:]) > WIDE_GAP * size:
            yield _segment(group, baseline, top)
            group = []
        group.append(run)
    yield _segment(group, baseline, top)


def _segment(group: Sequence[Run], baseline: float, top: float) -> Segment:
    size = _size(group)
    own = next((run.y for run in group if run.size == size), baseline)
    return Segment(tuple(group), own if abs(own - baseline) < size else baseline, size, top)
