"""Where the words of a book's blocks stand in its content documents: letter by letter, in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.model import Block
from tasks.packagers.readalong_text import Text, letters_of, name_of

_BLOCK_NAMES = """
    address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer form
    header hgroup hr li main nav ol p pre section summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
# So many letters must agree behind what is passed over: a mark may begin as the words behind it do.
_SURE_LETTERS = 8
# Around where the two differ, this many ends of marks are looked at, and in all so many marks: they may stand side by side.
_LAST_MARKS = 2
_MOST_TRIED = 200
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


@dataclass(slots=True)
class _Search:
    """Goes through a document once, block by block."""

    text: Text
    cursor: int = 0
    passed: list[tuple[int, int]] = field(default_factory=list)

    def find(self, letters: str, is_apart: bool, may_go_on: bool) -> list[_Run]:  # noqa: FBT001  # what the block is
        """Find the next block's letters; the runs are in order, and those of one that `may_go_on` need not be all of it."""
        if not letters:
            return []
        if is_apart and (aside := self._aside(letters)):
            return aside
        runs = _aligned(self.text, letters, self.cursor, len(self.text.letters))
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
            runs = _aligned(self.text, letters, first, last)
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
        """Find letters further on, where a piece of text begins with them; a few must be all of the piece."""
        text, sought = self.text, letters[:_SOUGHT_LETTERS]
        place = text.letters.find(sought, self.cursor + 1)
        while place >= 0:
            end = place + len(letters)
            if _is_end(text, place) and (len(letters) > _SOUGHT_LETTERS or _is_end(text, end)):
                runs = _aligned(text, letters, place, len(text.letters))
                if runs:
                    return runs
            place = text.letters.find(sought, place + 1)
        return []


def _aligned(text: Text, letters: str, first: int, last: int) -> list[_Run]:
    """Lay letters on those of the document from `first` on, passing over marks in between; no runs where they differ.

    They must end with a piece of text: what goes on is another's.
    """
    runs: list[_Run] = []
    letter, place = 0, first
    while True:
        count = _agreeing(text.letters, place, last, letters, letter)
        if letter + count == len(letters):
            runs.append((letter, place, count))
            return runs if _is_end(text, place + count) else []
        mark = _mark(text, letters, (letter + count, place + count), (first, last), iter(range(_MOST_TRIED)))
        if mark is None or mark[0] < place:
            return []
        # A mark that began as the words behind it gives back what it was taken for.
        kept = mark[0] - place
        runs += [(letter, place, kept)] * bool(kept)
        letter, place = letter + kept, mark[1]


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


def _mark(
    text: Text, letters: str, differing: tuple[int, int], bounds: tuple[int, int], tries: Iterator[int]
) -> tuple[int, int] | None:
    """Say which letters of the document are a mark's, so that the rest goes on, where the two are `differing`.

    Further marks may stand before there are letters enough to be sure, as many as there are `tries`.
    """
    letter, place = differing
    first, last = bounds
    for begin, end in _marks(text, place, first, last):
        back = letter - (place - begin)
        if back < 0 or next(tries, None) is None:
            continue
        if text.letters.startswith(letters[back : back + _SURE_LETTERS], end, last):
            return begin, end
        if end >= place:
            agreeing = _agreeing(text.letters, end, min(end + _SURE_LETTERS, last), letters, back)
            further = _mark(text, letters, (back + agreeing, end + agreeing), (end, last), tries)
            if further:
                return (begin, further[1]) if further[0] == end else (begin, end)
    return None


def _marks(text: Text, place: int, first: int, last: int) -> list[tuple[int, int]]:
    """Give the extents of elements in a line of text that hold a letter, the innermost first, then of those just before."""
    found = list(_around(text, place, first, last)) if place < last else []
    for _ in range(_LAST_MARKS):
        if place <= first:
            break
        before = list(_around(text, place - 1, first, last))
        found += before
        place = min((begin for begin, _ in before), default=place - 1)
    return list(dict.fromkeys(found))


def _around(text: Text, letter: int, first: int, last: int) -> Iterator[tuple[int, int]]:
    token = text.tokens_of[letter]
    number = token if token in text.extents else text.tokens[token].parent
    while number >= 0:
        extent = text.extents[number]
        if is_block(name_of(text.tokens[number].node)) or extent.first < first or extent.last > last:
            return
        yield extent.first, extent.last
        number = text.tokens[number].parent
