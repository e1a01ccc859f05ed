"""Lines of a PDF put together to paragraphs: where one begins, and which hyphens at the ends of lines are real."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tasks.readers.pdf_lines import Line, Type

SOFT_HYPHEN = "\N{SOFT HYPHEN}"
HYPHENS = "-\N{HYPHEN}"
WORD = re.compile(rf"[^\W\d_]+(?:[{HYPHENS}'\u2019][^\W\d_]+)*")
FIRST_WORD = re.compile(rf"\w+(?:[{HYPHENS}'\u2019]\w+)*")
BROKEN_WORD = re.compile(rf"(?P<word>\w+(?:[{HYPHENS}'\u2019]\w+)*)[{HYPHENS}]$")
# No word is longer, and of a line of letters without end no more is looked at.
WORD_LENGTH = 200
# What stands after the hyphen of a first word that waits for its second, as in "pre- and post-war".
BETWEEN_COMPOUNDS = {"and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e"}
# First halves that hardly ever are the beginning of a longer word.
COMPOUND_BEGINNINGS = {"self", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
SENTENCE_END = re.compile(r"[.!?…][\"'”\u2019»)\]]*$")
PARAGRAPH_END = re.compile(r"[.!?…:—\u2013][\"'”\u2019»)\]]*$")
# In these scripts no space stands between the words, so none stands for the end of a line.
UNSPACED = re.compile(r"[\u2E80-\u9FFF\uF900-\uFAFF\uFF00-\uFF60]")


class Hyphens:
    """Joins lines, with the words of the whole text, in order, to judge the hyphens at their ends by."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._words: Counter[str] = Counter()
        tight = spaced = 0
        for above, line in zip([None, *lines], lines, strict=False):
            text = line.text.replace(SOFT_HYPHEN, "") if not line.text.endswith(SOFT_HYPHEN) else line.text
            tight += len(re.findall(r"\w—\w", text))
            spaced += len(re.findall(r"\w— \w", text))
            if above is not None and above.text.endswith((*HYPHENS, SOFT_HYPHEN)):
                text = FIRST_WORD.sub("", text, count=1)
            text = text[:-WORD_LENGTH] + BROKEN_WORD.sub("", text[-WORD_LENGTH:])
            self._words.update(word.casefold().replace("\N{HYPHEN}", "-") for word in WORD.findall(text))
        self._is_dash_tight = tight > spaced

    def join(self, lines: Sequence[Line]) -> str:
        """Give the text of lines that follow each other, with the words that their ends broke whole again."""
        parts: list[str] = []
        for line in lines:
            if parts:
                parts[-1] = self._before(parts[-1], line.text)
            # A line that is but a piece of a word stays with what its hyphen joined it to.
            if parts and " " not in line.text and not parts[-1].endswith(" "):
                parts[-1] += line.text
            else:
                parts.append(line.text)
        return "".join(parts).replace(SOFT_HYPHEN, "")

    def _before(self, above: str, below: str) -> str:
        """Give a line's text as it stands before the next one's: with a space, or joined to it."""
        if not above or above.endswith(SOFT_HYPHEN):
            return above.rstrip(SOFT_HYPHEN)
        is_tight = self._is_dash_tight and re.search(r"\S—$", above[-2:])
        if is_tight or (UNSPACED.match(above[-1]) and UNSPACED.match(below)):
            return above
        broken, rest = BROKEN_WORD.search(above[-WORD_LENGTH:]), FIRST_WORD.match(below)
        if broken is None or rest is None:
            return f"{above} "
        first, second = broken["word"].casefold(), rest[0].casefold()
        if second in BETWEEN_COMPOUNDS and not self._words[first + second]:
            return f"{above} "
        return above if self._is_compound(broken["word"], rest[0]) else above[:-1]

    def _is_compound(self, first: str, second: str) -> bool:
        whole, compound = (first + second).casefold(), f"{first}-{second}".casefold()
        if self._words[whole] or self._words[compound]:
            return self._words[compound] > self._words[whole]
        if (second[0].isupper() and not first.isupper()) or second[0].isdigit() or "-" in first:
            return True
        is_known = self._words[first.casefold()] > 0 and self._words[second.casefold()] > 0
        return is_known or first.casefold() in COMPOUND_BEGINNINGS


def with_drop_caps(lines: Sequence[Line], type_: Type) -> Iterator[Line]:
    """Put the large letters that stand beside the first lines of chapters back before their words."""
    words = {word.casefold() for line in lines for word in WORD.findall(line.text)}
    cap: Line | None = None
    for line in lines:
        if cap is None and _can_be_drop_cap(line, type_):
            cap = line
            continue
        if cap is None:
            yield line
        elif line.page == cap.page and line.y >= cap.y - 1 and not type_.is_large(line) and not line.left_out:
            first = FIRST_WORD.match(line.text)
            # These letters are words too, so another place in the book must tell.
            is_word = cap.text in "AIO" and (first is None or (cap.text + first[0]).casefold() not in words)
            calls = tuple((count + 1, note) for count, note in line.calls)
            yield replace(line, text=cap.text + " " * is_word + line.text, number=cap.number, calls=calls)
        else:
            yield from (cap, line)
        cap = None
    if cap:
        yield cap


def _can_be_drop_cap(line: Line, type_: Type) -> bool:
    return len(line.text) == 1 and line.text.isupper() and line.size > 1.6 * type_.size and not line.left_out


# A page, and a column of it.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """How paragraphs are set.

    `margins` are the left margins of the pages and of their columns, `indent` is how far first lines are drawn in (0: they
    are not), both in points; `full_lines` are the lengths of full lines in characters, by whether they stand in a column.
    """

    type_: Type
    margins: dict[Place, float]
    indent: float
    full_lines: dict[bool, int]

    def begins(self, paragraph: Sequence[Line], line: Line) -> bool:
        """Tell whether a line begins a new paragraph after the lines of one that is not known to have ended."""
        above = paragraph[-1]
        if abs(line.size - above.size) > 0.15 * above.size:
            return True
        ends = SENTENCE_END.search(above.text) is not None
        first_letter = next((character for character in line.text if character.isalpha()), "")
        if above.text.endswith((*HYPHENS, SOFT_HYPHEN)) or (not ends and first_letter.islower()):
            return False
        if line.page != above.page or line.column != above.column or line.y > above.y + self.type_.leading:
            return self._begins_page(above, line, ends=ends)
        if self.type_.is_apart(above, line):
            return True
        if not PARAGRAPH_END.search(above.text) and not self._is_short(above):
            return False
        moved = line.x - above.x
        is_drawn_in = self._is_drawn_in(line) or moved > self._tolerance
        goes_back = moved < -self._tolerance and len(paragraph) > 1
        return is_drawn_in or goes_back or (ends and self._is_short(above))

    def _begins_page(self, above: Line, line: Line, *, ends: bool) -> bool:
        if not ends:
            return self._is_drawn_in(line) and PARAGRAPH_END.search(above.text) is not None
        # Where no first line is drawn in, a last line that fills its measure is rather amid a paragraph than at its end.
        return self._is_drawn_in(line) if self.indent else len(above.text) < 0.85 * self._full_line(above)

    @property
    def _tolerance(self) -> float:
        return 0.2 * self.type_.size

    def _is_drawn_in(self, line: Line) -> bool:
        return self.indent > 0 and abs(line.x - self.margins[line.page, line.column] - self.indent) <= self._tolerance

    def _is_short(self, line: Line) -> bool:
        return len(line.text) < 0.7 * self._full_line(line)

    def _full_line(self, line: Line) -> int:
        return self.full_lines.get(line.column > 0, 0)


def layout_of(lines: Sequence[Line], type_: Type) -> Layout:
    """Measure how the paragraphs of a book are set."""
    text = [line for line in lines if abs(line.size - type_.size) <= 0.1 * type_.size]
    margins = _margins(lines, text)
    indents = Counter(
        round(line.x - margins[line.page, line.column], 1)
        for line, below in pairwise(text)
        if 0.3 * type_.size < line.x - margins[line.page, line.column] < 5 * type_.size
        and (line.page, line.column) == (below.page, below.column)
        and abs(below.x - margins[below.page, below.column]) <= 1
    )
    lengths: dict[bool, list[int]] = {}
    for line in text:
        lengths.setdefault(line.column > 0, []).append(len(line.text))
    full_lines = {is_column: sorted(each)[len(each) * 9 // 10] for is_column, each in lengths.items()}
    return Layout(type_, margins, indents.most_common(1)[0][0] if indents else 0.0, full_lines)


def _margins(lines: Sequence[Line], text: Sequence[Line]) -> dict[Place, float]:
    """Find the left margin of each page and column; one of drawn-in lines alone takes it from the other pages on its side."""
    places: dict[Place, Counter[int]] = {}
    for line in text:
        places.setdefault((line.page, line.column), Counter())[round(line.x)] += 1
    own = {place: min([x for x, count in xs.items() if count > 1] or list(xs)) for place, xs in places.items()}
    sides: dict[Place, Counter[int]] = {}
    for (page, column), margin in own.items():
        sides.setdefault((page % 2, column), Counter())[margin] += 1
    margins: dict[Place, float] = {}
    for page, column in sorted({(line.page, line.column) for line in lines}):
        side = sides.get((page % 2, column), Counter()).most_common(1)
        usual = side[0][0] if side else 0
        margin = own.get((page, column), usual)
        margins[page, column] = usual if usual <= margin <= usual + 60 else margin
    return margins
