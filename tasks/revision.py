"""What a revised book shares with its last edition: which chapter was which, and what becomes of every chunk.

Chapters are known again by their words, and only where these tell nothing by their titles: numbers, and in most formats
anchors, are others for all that follows an inserted chapter. Chunks are known again by their clips, then by their words.
"""

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

from tasks.packagers.last_edition import Passage, SpokenChapter

# Three words in a row are seldom in two chapters by chance, and one changed word costs only three of them.
_RUN = 3
_LEAST_SHARED = 0.2
# A chapter's place among the chapters, and a chunk's in it.
_Place: TypeAlias = tuple[int, int]
_Shelf: TypeAlias = Sequence[SpokenChapter]
_Key = TypeVar("_Key", bound=Hashable)


class Fate(StrEnum):
    """What becomes of a chunk: its clip is in the last edition; its words are, in another clip or unspoken; neither."""

    KEPT = "kept"
    REVOICED = "revoiced"
    UNFINISHED = "unfinished"
    NEW = "new"


class Change(StrEnum):
    """What differs of a chapter.

    One that is `CHANGED` has other words, or has them in another order; `UNFINISHED` and `REVOICED` are for one that has
    the same words. One that has `MOVED` stands elsewhere among the others, not just under another number.
    """

    NEW = "new"
    CHANGED = "changed"
    UNFINISHED = "unfinished"
    REVOICED = "revoiced"
    RENAMED = "renamed"
    MOVED = "moved"
    RENUMBERED = "renumbered"


@dataclass(frozen=True, slots=True)
class ChapterRevision:
    """A chapter of the plan beside the one that it was, if any: a fate for each chunk, and how many chunks are gone.

    A chunk of the last edition is gone where it is the origin of no chunk in the whole plan.
    """

    chapter: SpokenChapter
    was: SpokenChapter | None
    fates: tuple[Fate, ...]
    gone: int
    is_moved: bool

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that differs, the weightiest first; nothing where the chapter is as it was."""
        if not self.was:
            return (Change.NEW,)
        found = {
            self._spoken_change(self.was): self.chapter.passages != self.was.passages,
            Change.RENAMED: self.chapter.title != self.was.title,
            Change.MOVED: self.is_moved,
            Change.RENUMBERED: self.chapter.number != self.was.number and not self.is_moved,
        }
        return tuple(change for change, is_so in found.items() if is_so)

    def _spoken_change(self, was: SpokenChapter) -> Change:
        if [passage.words for passage in self.chapter.passages] != [passage.words for passage in was.passages]:
            return Change.CHANGED
        return Change.UNFINISHED if Fate.UNFINISHED in self.fates else Change.REVOICED


@dataclass(frozen=True, slots=True)
class GoneChapter:
    """A chapter of the last edition that the plan has not; some of its chunks may stand in others now."""

    chapter: SpokenChapter
    gone: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row for each chapter of the plan, and one for each that is gone."""

    chapters: tuple[ChapterRevision, ...]
    gone: tuple[GoneChapter, ...]

    def count(self, fate: Fate) -> int:
        """How many chunks of the plan have a fate."""
        return sum(row.fates.count(fate) for row in self.chapters)

    @property
    def gone_chunks(self) -> int:
        """How many chunks of the last edition are gone."""
        return sum(row.gone for row in self.chapters) + sum(row.gone for row in self.gone)


def compare(last: _Shelf, planned: _Shelf) -> Comparison:
    """Compare the chapters of the last edition with those of a plan.

    Each chunk of the last edition is the origin of one chunk at most: the four fates add up to the chunks of the plan;
    those that are kept, revoiced or unfinished, and what is gone, to the chunks of the last edition.
    """
    origins = _origins(last, planned)
    before, after = _passages(last), _passages(planned)
    pairs = _pairs(before, after, origins)
    left = Counter(chapter for chapter, _ in before.keys() - pairs.values())
    moved = _moved([origins[place] for place in sorted(origins)])
    fates: defaultdict[int, list[Fate]] = defaultdict(list)
    for spot, passage in after.items():
        fates[spot[0]].append(_fate(passage, before[pairs[spot]] if spot in pairs else None))
    rows = []
    for place, chapter in enumerate(planned):
        origin = origins.get(place)
        was, gone = (None, 0) if origin is None else (last[origin], left[origin])
        rows.append(ChapterRevision(chapter, was, tuple(fates[place]), gone, origin in moved))
    lost = _without(range(len(last)), origins.values())
    return Comparison(tuple(rows), tuple(GoneChapter(last[place], left[place]) for place in lost))


def _passages(shelf: _Shelf) -> dict[_Place, Passage]:
    return {(place, at): passage for place, chapter in enumerate(shelf) for at, passage in enumerate(chapter.passages)}


def _fate(passage: Passage, origin: Passage | None) -> Fate:
    if not origin:
        return Fate.NEW
    if origin.key == passage.key:
        return Fate.KEPT
    return Fate.REVOICED if origin.key else Fate.UNFINISHED


def _origins(last: _Shelf, planned: _Shelf) -> dict[int, int]:
    """Find which chapter of the last edition each chapter of the plan was, by their places."""
    origins: dict[int, int] = {}
    before, after = dict(enumerate(map(_words, last))), dict(enumerate(map(_words, planned)))
    # One without a title is not known by it.
    titles_before, titles_after = (
        {place: it.title for place, it in enumerate(shelf) if it.title} for shelf in (last, planned)
    )
    _match(
        {place: (words, titles_before.get(place)) for place, words in before.items()},
        {place: (words, titles_after.get(place)) for place, words in after.items()},
        origins,
    )
    _match({place: it for place, it in before.items() if it}, {place: it for place, it in after.items() if it}, origins)
    _match_alike(before, after, origins)
    _match(titles_before, titles_after, origins)
    return origins


def _words(chapter: SpokenChapter) -> str:
    return " ".join(passage.words for passage in chapter.passages)


def _runs(words: str) -> set[tuple[str, ...]]:
    row = words.split()
    return {tuple(row[start : start + _RUN]) for start in range(max(len(row) - _RUN + 1, 1))} if row else set()


def _match(before: Mapping[_Key, Hashable], after: Mapping[_Key, Hashable], matches: dict[_Key, _Key]) -> None:
    """Add to `matches` those of equal label, in order, that are in none yet."""
    waiting: defaultdict[Hashable, deque[_Key]] = defaultdict(deque)
    for key in _without(before, matches.values()):
        waiting[before[key]].append(key)
    for key in _without(after, matches):
        if waiting[after[key]]:
            matches[key] = waiting[after[key]].popleft()


def _match_alike(before: Mapping[int, str], after: Mapping[int, str], matches: dict[int, int]) -> None:
    """Add to `matches` the texts that share enough runs of words, the most alike first, the nearest of those."""
    runs = {place: _runs(before[place]) for place in _without(before, matches.values())}
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, held in runs.items():
        for run in held:
            holders[run].append(place)
    alike = []
    for place in _without(after, matches):
        own = _runs(after[place])
        for other, shared in Counter(holder for run in own for holder in holders.get(run, ())).items():
            likeness = 2 * shared / (len(own) + len(runs[other]))
            alike.append((-likeness, abs(place - other), place, other))
    for likeness, _, place, other in sorted(alike):
        if -likeness >= _LEAST_SHARED and place not in matches and other in runs:
            matches[place] = other
            del runs[other]


def _without(keys: Iterable[_Key], matched: Iterable[_Key]) -> list[_Key]:
    known = set(matched)
    return [key for key in keys if key not in known]


def _pairs(
    before: Mapping[_Place, Passage], after: Mapping[_Place, Passage], origins: Mapping[int, int]
) -> dict[_Place, _Place]:
    """Find which chunk of the last edition each chunk of the plan was: by its clip, then its words; at home, then anywhere."""
    pairs: dict[_Place, _Place] = {}
    for name in ("key", "words"):
        was = {place: getattr(passage, name) for place, passage in before.items()}
        now = {place: getattr(passage, name) for place, passage in after.items()}
        _match(
            {place: (label, place[0]) for place, label in was.items()},
            {place: (label, origins.get(place[0])) for place, label in now.items()},
            pairs,
        )
        _match(was, now, pairs)
    return pairs


def _moved(order: Sequence[int]) -> set[int]:
    """Name those of distinct numbers that have to move for all to ascend: as few as can be."""
    # The last numbers of the best ascents so far, by their lengths; and what stands before each number in its ascent.
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number in order:
        length = bisect_left(ends, number)
        before[number] = ends[length - 1] if length else None
        ends[length : length + 1] = [number]
    stay: set[int] = set()
    number_before = ends[-1] if ends else None
    while number_before is not None:
        stay.add(number_before)
        number_before = before[number_before]
    return set(order) - stay
