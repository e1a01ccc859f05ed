"""Sentences become spans of a content document; not a letter of it changes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from lxml import etree

from tasks.packagers.readalong.places import is_block
from tasks.packagers.readalong.text import XHTML, Tag, Text, Token, name_of

# What may be cut in two and looks and means the same.
_IN_TWO = (
    "a abbr b bdi bdo big cite code del dfn em font i ins kbd mark s samp small span strike strong sub sup tt u var"
)
_SPLITTABLE = frozenset(_IN_TWO.split())
_SOUNDS = {"rt", "rp", "rtc"}
_OF_RUBY = {"ruby", "rb", *_SOUNDS}
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_ONCE = {"id", "name", _XML_ID}

# Before which token, or at which offset in a text.
_Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Range:
    """Letters of a document, from `first` up to `last`, that are one sentence's, which `key` names."""

    key: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Wrap:
    """A span: where it begins and ends, and how many elements are cut in two there."""

    identity: str
    begin: _Point
    end: _Point
    cut_at_begin: int
    cut_at_end: int


def anchored(
    root: etree._Element, text: Text, ranges: Iterable[Range], lost: Mapping[int, int | None]
) -> dict[int, str]:
    """Put a span around each range, in place, and return the ids by the ranges' keys.

    What no span can hold whole has one around the longest part of it that stands in one block, or else the id of the
    element that holds it. So has what is `lost`: keys by the letter that is nearest, None for the body itself.
    """
    body = text.tokens[0].node
    names = _Names(root)
    ids: dict[int, str] = {}
    wraps: list[_Wrap] = []
    end = 0
    for each in sorted(ranges, key=lambda each: (each.first, each.last)):
        wrap = _wrap(text, each, names.new(each.key)) if each.first >= end else None
        if wrap:
            wraps.append(wrap)
            ids[each.key] = wrap.identity
            end = each.last
        else:
            ids[each.key] = names.of(_holder(text, each.first))
    for key, letter in lost.items():
        ids[key] = names.of(body if letter is None else _block(text, letter))
    _put(body, text, wraps)
    return ids


class _Names:
    """Gives ids that a document does not have yet."""

    def __init__(self, root: etree._Element) -> None:
        self._taken = {str(each.get(name)) for each in root.iter() for name in ("id", _XML_ID) if each.get(name)}
        self._prefix = "said"
        while any(name.startswith(f"{self._prefix}-") for name in self._taken):
            self._prefix += "-"
        self._elements = 0

    def new(self, key: int) -> str:
        return f"{self._prefix}-{key}"

    def of(self, element: etree._Element) -> str:
        """Name an element by the id that it has, or else give it one."""
        name = element.get("id")
        if not name:
            self._elements += 1
            name = f"{self._prefix}-in-{self._elements}"
            element.set("id", name)
        return name


def _wrap(text: Text, whole: Range, identity: str) -> _Wrap | None:
    wrap = _fitted(text, whole.first, whole.last, identity)
    for part_of in (_block_number, _own_number):
        if wrap is None:
            first, last = _longest_part(text, whole, part_of)
            wrap = _fitted(text, first, last, identity)
    return wrap


def _longest_part(text: Text, whole: Range, part_of: Callable[[Text, int], int]) -> tuple[int, int]:
    """Give the longest run of letters in a range that are in one element."""
    groups = groupby(range(whole.first, whole.last), key=lambda letter: part_of(text, text.parent(letter)))
    runs = [list(run) for _, run in groups]
    longest = max(runs, key=len)
    return longest[0], longest[-1] + 1


def _fitted(text: Text, first: int, last: int, identity: str) -> _Wrap | None:
    """Fit a span around letters; None where none can be, by the rules of XHTML or without showing what is there twice."""
    begin = (text.tokens_of[first], text.offsets[first])
    final = text.tokens_of[last - 1]
    end = (text.extents[final].closing + 1, 0) if final in text.extents else (final, text.offsets[last - 1] + 1)
    before, after = _chain(text, text.parent(first)), _chain(text, text.parent(last - 1))
    around = next(number for number in before if number in set(after))
    while name_of(text.tokens[around].node) in _OF_RUBY and text.tokens[around].parent >= 0:
        before, after = [*_below(before, around), around], [*_below(after, around), around]
        around = text.tokens[around].parent
    opening = _cut_before(text, first, begin, _below(before, around))
    ending = _cut_behind(text, last, end, _below(after, around))
    if opening is None or ending is None or not _may_hold(text, around):
        return None
    wrap = _Wrap(identity, opening[0], ending[0], opening[1], ending[1])
    inside = text.tokens[wrap.begin[0] : wrap.end[0]]
    return None if any(token.kind is Tag.OPENING and _stands_alone(token) for token in inside) else wrap


def _stands_alone(token: Token) -> bool:
    return is_block(name_of(token.node))


def _may_hold(text: Text, number: int) -> bool:
    return all(etree.QName(text.tokens[each].node).namespace == XHTML for each in _chain(text, number))


def _chain(text: Text, number: int) -> list[int]:
    chain = [number]
    while text.tokens[chain[-1]].parent >= 0:
        chain.append(text.tokens[chain[-1]].parent)
    return chain


def _below(chain: list[int], around: int) -> list[int]:
    return chain[: chain.index(around)] if around in chain else chain


def _cut_before(text: Text, letter: int, point: _Point, chain: list[int]) -> tuple[_Point, int] | None:
    """Go out of the elements in which a span would begin, past their tags, or through those that can be cut."""
    for place, number in enumerate(chain):
        if any(not _is_sound(text, each) for each in range(text.extents[number].first, letter)):
            return (point, len(chain) - place) if _can_cut(text, chain[place:]) else None
        point = (number, 0)
    return point, 0


def _cut_behind(text: Text, letter: int, point: _Point, chain: list[int]) -> tuple[_Point, int] | None:
    for place, number in enumerate(chain):
        if any(not _is_sound(text, each) for each in range(letter, text.extents[number].last)):
            return (point, len(chain) - place) if _can_cut(text, chain[place:]) else None
        point = (text.extents[number].closing + 1, 0)
    return point, 0


def _can_cut(text: Text, chain: list[int]) -> bool:
    return all(name_of(text.tokens[number].node) in _SPLITTABLE for number in chain)


def _is_sound(text: Text, letter: int) -> bool:
    """Tell whether a letter is a ruby's, and says how the words sound that it stands over."""
    number = text.parent(letter)
    return name_of(text.tokens[number].node) in _SOUNDS


def _own_number(_text: Text, number: int) -> int:
    return number


def _block_number(text: Text, number: int) -> int:
    while text.tokens[number].parent >= 0 and not is_block(name_of(text.tokens[number].node)):
        number = text.tokens[number].parent
    return number


def _block(text: Text, letter: int) -> etree._Element:
    return text.tokens[_block_number(text, text.parent(letter))].node


def _holder(text: Text, letter: int) -> etree._Element:
    return text.tokens[text.parent(letter)].node


def _put(body: etree._Element, text: Text, wraps: Iterable[_Wrap]) -> None:
    """Build the body anew from its tokens, with the spans."""
    endings = {wrap.end: wrap for wrap in wraps}
    beginnings = {wrap.begin: wrap for wrap in wraps}
    points: dict[int, list[int]] = {}
    for place, offset in sorted({*endings, *beginnings}):
        points.setdefault(place, []).append(offset)
    body.text = None
    del body[:]
    building = _Building(body)
    for number, token in enumerate(text.tokens):
        place = 0
        for offset in points.get(number, ()):
            building.write(token.text[place:offset])
            place = offset
            if ending := endings.get((number, offset)):
                building.end(ending)
            if beginning := beginnings.get((number, offset)):
                building.begin(beginning)
        if 0 < number < len(text.tokens) - 1:
            building.take(token, place)


@dataclass(frozen=True, slots=True)
class _Open:
    """An element that is open, and the namespaces that it declares."""

    element: etree._Element
    prefixes: dict[str | None, str] | None


class _Building:
    """A body as it is built."""

    def __init__(self, body: etree._Element) -> None:
        # The innermost last.
        self._around = [_Open(body, None)]

    def take(self, token: Token, place: int) -> None:
        """Add a token, a text from the offset `place` on."""
        if token.kind is Tag.TEXT:
            self.write(token.text[place:])
        elif token.kind is Tag.OPENING:
            self._open(str(token.node.tag), _attributes(token.node), token.prefixes)
        elif token.kind is Tag.CLOSING:
            self._around.pop()
        else:
            token.node.tail = None
            self._around[-1].element.append(token.node)

    def write(self, text: str) -> None:
        """Add text."""
        around = self._around[-1].element
        if len(around):
            around[-1].tail = (around[-1].tail or "") + text
        else:
            around.text = (around.text or "") + text

    def begin(self, wrap: _Wrap) -> None:
        """Open a span around the elements that are cut in two where it begins."""
        cut = self._leave(wrap.cut_at_begin)
        self._open(f"{{{XHTML}}}span", {"id": wrap.identity}, None)
        self._go_on(cut)

    def end(self, wrap: _Wrap) -> None:
        """Close a span; the elements that it has cut go on behind it."""
        cut = self._leave(wrap.cut_at_end)
        self._around.pop()
        self._go_on(cut)

    def _open(self, tag: str, attributes: dict[str, str], prefixes: dict[str | None, str] | None) -> None:
        # The stubs know of no namespace without a prefix.
        element = etree.SubElement(self._around[-1].element, tag, attributes, prefixes)  # type: ignore[arg-type]  # as in smil.py
        self._around.append(_Open(element, prefixes))

    def _leave(self, count: int) -> list[_Open]:
        place = len(self._around) - count
        left = self._around[place:]
        del self._around[place:]
        return left

    def _go_on(self, cut: list[_Open]) -> None:
        for each in cut:
            attributes = _attributes(each.element)
            for name in _ONCE & set(attributes):
                del attributes[name]
            self._open(str(each.element.tag), attributes, each.prefixes)


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.attrib.items()}
