"""Which letters of which document are heard when: the sentences of a book laid on the places of its blocks."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.packagers.publication import Part, Publication
from tasks.packagers.readalong.places import Placed
from tasks.packagers.readalong.smil import Clip, clips_of
from tasks.packagers.readalong.text import letters_of

_Places = Mapping[str, tuple[Placed, ...]]


@dataclass(frozen=True, slots=True)
class Heard:
    """A sentence, its clip, and where it stands: in a document, letters `first` up to `last`.

    Where its own words are not found, `first` is a letter near it (None: not known) and `last` None. `key` is its place in
    the order of hearing.
    """

    key: int
    clip: Clip
    document: str
    first: int | None
    last: int | None


def heard_in(publication: Publication, places: _Places, otherwise: str) -> tuple[Heard, ...]:
    """List all sentences of a publication; those that nothing found is near to are put in the document `otherwise`."""
    heard: list[Heard] = []
    for part in publication.parts:
        heard += _near_found(list(_of_part(part, places, len(heard) + 1)), otherwise)
    return tuple(heard)


def _of_part(part: Part, places: _Places, number: int) -> Iterator[Heard]:
    sentences = list(part.sentences)
    reached: Counter[str] = Counter()
    for key, (sentence, clip) in enumerate(zip(sentences, clips_of(part, sentences), strict=True), start=number):
        begin = reached[sentence.anchor]
        end = begin + len(letters_of(sentence.text))
        reached[sentence.anchor] = end
        yield _placed(key, clip, _within(places.get(sentence.anchor, ()), begin, end))


def _within(places: Sequence[Placed], begin: int, end: int) -> Iterator[Placed]:
    """Give what places, in the order of their letters, hold of a block's letters from `begin` up to `end`."""
    start = max(bisect_right(places, begin, key=lambda place: place.letter) - 1, 0)
    for number in range(start, len(places)):
        place = places[number]
        if place.letter >= end:
            return
        first = place.first + max(begin - place.letter, 0)
        last = min(place.last, place.first + end - place.letter)
        if first < last:
            yield Placed(max(begin, place.letter), place.document, first, last)


def _placed(key: int, clip: Clip, places: Iterable[Placed]) -> Heard:
    """Place a sentence in the document that holds most of it; what stands between its parts there is within it."""
    runs = list(places)
    if not runs:
        return Heard(key, clip, "", None, None)
    letters: Counter[str] = Counter()
    for run in runs:
        letters[run.document] += run.last - run.first
    document = letters.most_common(1)[0][0]
    own = [run for run in runs if run.document == document]
    return Heard(key, clip, document, min(run.first for run in own), max(run.last for run in own))


def _near_found(heard: list[Heard], otherwise: str) -> Iterator[Heard]:
    """Put each sentence that is not found by the next one that is, or else by the last."""
    following: list[Heard | None] = [None] * len(heard)
    near = None
    for place in reversed(range(len(heard))):
        near = heard[place] if heard[place].document else near
        following[place] = near
    last = None
    for each, after in zip(heard, following, strict=True):
        last = each if each.document else last
        by = after or last
        if each.document:
            yield each
        else:
            yield replace(each, document=by.document if by else otherwise, first=by.first if by else None)
