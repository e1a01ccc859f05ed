"""Where the words of a book's blocks stand in its content documents: letter by letter, in order."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.model import Block
from tasks.packagers.readalong.text import Text, letters_of, name_of

_BLOCK_NAMES = """
    address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer form
    header hgroup hr li main nav ol p pre section summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
# How often a document's words may be laid again, past a mark or at another piece: enough for any book, and an end to one that
# is made to be long.
_MOST_TRIES = 200_000
# So many marks are remembered whose own words have not come yet.
_MOST_PASSED = 64
_PIECE_LETTERS = 256
# As many letters of a block are sought where it is not in the place that it is expected in.
_SOUGHT_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Placed:
    """Letters of a block, from the one numbered `letter`, and where in a document they stand: `first` up to `last`."""

    letter: int
    document: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Numbered:
    """A block as its document's reader met it: the document's name, and the block's number in it, from 1."""

    document: str
    number: int
    block: Block


def is_block(name: str) -> bool:
    """Tell whether elements of this name stand as blocks of their own."""
    return name in _BLOCKS


def places_of(blocks: Sequence[Numbered], texts: Mapping[str, Text]) -> dict[str, tuple[Placed, ...]]:
    """Find the blocks in the documents, which are given in the order of reading; returns the places by the blocks' anchors.

    A block that is not found, because its words are not in the document as they were read, is not among them. What of a
    block goes on in the next document, as one paragraph, has places in both.
    """
    found: dict[str, tuple[Placed, ...]] = {}
    carried: list[tuple[Block, int]] = []
    by_document: dict[str, dict[int, Block]] = {}
    for each in blocks:
        by_document.setdefault(each.document, {})[each.number] = each.block
    for name, text in texts.items():
        own: dict[int, tuple[Block, int]] = {number: (b, 0) for number, b in by_document.get(name, {}).items()}
        if carried:
            # The reader has sewn what goes on here to its beginning: its number is the one that is missing.
            own[next(number for number in range(1, len(own) + 2) if number not in own)] = carried.pop()
        search = _Search(text)
        last = max((number for number, (block, _) in own.items() if not block.left_out), default=0)
        for number, (block, start) in sorted(own.items()):
            letters = letters_of(block.text)[start:]
            runs = search.find(letters, bool(block.left_out), number == last)
            if not runs:
                carried += [(block, start)] * bool(start)
                continue
            places = tuple(Placed(start + letter, name, first, first + count) for letter, first, count in runs)
            found[block.anchor] = (*found.get(block.anchor, ()), *places)
            reached = places[-1].letter + places[-1].last - places[-1].first
            if reached < start + len(letters):
                carried = [(block, reached)]
    return found


# A run: from which letter of what is sought, from which letter of the document, how many.
_Run = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Runs:
    """A run and those before it. Many ways begin alike, and share these."""

    before: "_Runs | None"
    last: _Run


@dataclass(slots=True)
class _Search:
    """Goes through a document once, block by block."""

    text: Text
    cursor: int = 0
    passed: list[tuple[int, int]] = field(default_factory=list)
    _marks: dict[int, list[int]] = field(default_factory=dict)
    _starts: list[int] = field(default_factory=list)
    _pieces: list[int] = field(default_factory=list)
    _tries: int = _MOST_TRIES

    def __post_init__(self) -> None:
        self._marks = _marks_of(self.text)
        self._starts = sorted(self._marks)
        self._pieces = [place for place in range(1, len(self.text.letters)) if _is_end(self.text, place)]

    def find(self, letters: str, is_apart: bool, may_go_on: bool) -> list[_Run]:  # noqa: FBT001  # what the block is
        """Find the next block's letters; the runs are in order, and those of one that `may_go_on` need not be all of it."""
        if not letters:
            return []
        if is_apart and (aside := self._aside(letters)):
            return aside
        runs = self._aligned(letters, self.cursor, len(self.text.letters))
        if not runs and not is_apart and (aside := self._aside(letters)):
            return aside
        if not runs and may_go_on:
            runs = self._beginning(letters)
        if not runs and not is_apart:
            runs = self._further(letters)
        if runs:
            self._pass(runs)
        return runs

    def _pass(self, runs: list[_Run]) -> None:
        place = self.cursor
        for _, first, count in runs:
            if place < first:
                self.passed.append((place, first))
            place = first + count
        del self.passed[:-_MOST_PASSED]
        self.cursor = place

    def _aside(self, letters: str) -> list[_Run]:
        """Find letters in what was passed over in the paragraphs before."""
        for number, (first, last) in enumerate(self.passed):
            runs = self._aligned(letters, first, last)
            if runs:
                # Several marks may stand side by side, and each comes by itself.
                end = runs[-1][1] + runs[-1][2]
                self.passed[number : number + 1] = [(end, last)] * (end < last)
                return runs
        return []

    def _beginning(self, letters: str) -> list[_Run]:
        """Take a piece of text that is the beginning of the letters, whole."""
        text, place = self.text, self.cursor
        count = _agreeing(text.letters, place, len(text.letters), letters, 0)
        return [(0, place, count)] if count and _is_end(text, place + count) else []

    def _further(self, letters: str) -> list[_Run]:
        """Find letters further on, where a piece of text begins with them."""
        for place in self._openings(letters):
            if _is_end(self.text, place) and (runs := self._aligned(letters, place, len(self.text.letters))):
                return runs
        return []

    def _openings(self, letters: str) -> Iterator[int]:
        """Tell where letters may begin: where many of them stand, then all pieces, for a mark may stand among those many."""
        text, sought = self.text.letters, letters[:_SOUGHT_LETTERS]
        place = text.find(sought, self.cursor + 1)
        while place >= 0:
            yield place
            place = text.find(sought, place + 1)
        for place in self._pieces[bisect_right(self._pieces, self.cursor) :]:
            if not self._tries:
                return
            self._tries -= 1
            if text[place] == letters[0]:
                yield place

    def _aligned(self, letters: str, first: int, last: int) -> list[_Run]:
        """Lay letters on those of the document from `first` on, passing over marks in between; no runs where they differ.

        They must end with a piece of text: what goes on is another's.
        """
        # From which letter, at which of the document's, and the runs so far: what is still to be tried, the last first.
        ways: list[tuple[int, int, _Runs | None]] = [(0, first, None)]
        seen: set[tuple[int, int]] = set()
        while ways and self._tries:
            letter, place, runs = ways.pop()
            while (letter, place) not in seen:
                seen.add((letter, place))
                onward = [end for end in self._marks.get(place, ()) if end <= last]
                ways += [(letter, end, runs) for end in reversed(onward)]
                stop = self._next_mark(place, last)
                count = _agreeing(self.text.letters, place, stop, letters, letter)
                runs = _Runs(runs, (letter, place, count)) if count else runs
                letter, place = letter + count, place + count
                if letter == len(letters) and _is_end(self.text, place):
                    return _joined(runs)
                if letter == len(letters) or place < stop or stop == last:
                    break
            self._tries -= 1
        return []

    def _next_mark(self, place: int, last: int) -> int:
        following = bisect_right(self._starts, place)
        return min(last, self._starts[following]) if following < len(self._starts) else last


def _marks_of(text: Text) -> dict[int, list[int]]:
    """Say where each element in a line of text ends that holds letters, the innermost first, by where it begins."""
    marks: dict[int, set[int]] = {}
    for number, extent in text.extents.items():
        if extent.first < extent.last and not is_block(name_of(text.tokens[number].node)):
            marks.setdefault(extent.first, set()).add(extent.last)
    return {first: sorted(ends) for first, ends in marks.items()}


def _joined(runs: _Runs | None) -> list[_Run]:
    """List runs in order; those that go on from one another are one."""
    joined: list[_Run] = []
    while runs:
        letter, place, count = runs.last
        if joined and place + count == joined[-1][1]:
            count += joined.pop()[2]
        joined.append((letter, place, count))
        runs = runs.before
    return joined[::-1]


def _is_end(text: Text, place: int) -> bool:
    return place >= len(text.letters) or text.tokens_of[place] != text.tokens_of[place - 1]


def _agreeing(one: str, first: int, last: int, other: str, start: int) -> int:
    """Count how many letters agree, of one string from `first` up to `last` and of another from `start` on."""
    most, count = min(last - first, len(other) - start), 0
    while count < most:
        # A piece at a time: a copy of all that is left, at each of many marks, would take the square of their number.
        size = min(_PIECE_LETTERS, most - count)
        pieces = one[first + count : first + count + size], other[start + count : start + count + size]
        if pieces[0] != pieces[1]:
            return count + next(place for place, (a, b) in enumerate(zip(*pieces, strict=True)) if a != b)
        count += size
    return most
