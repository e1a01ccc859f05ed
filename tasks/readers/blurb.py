"""What a source says of its book beside the title: the description, and the place in a series, in plain words."""

import re
from collections.abc import Iterator

from lxml import etree, html

from tasks.readers.xhtml_names import BLOCKS

MAXIMUM_DESCRIPTION = 4_000
MAXIMUM_SERIES = 200
MAXIMUM_POSITION = 20
# A description with its markup is not looked at any further.
_MAXIMUM_SOURCE = 64_000
_MARKUP = re.compile(r"<[A-Za-z!/]|&(#\w+|\w+);")
# What stands apart from the words before and behind it.
_APART = BLOCKS | {"br"}
_UNSAID = {"head", "script", "style", "template", "title"}


def description_of(text: str) -> str:
    """Give a description as plain text: without its markup, white space folded, at most 4,000 characters.

    It is cut behind a word, and ends in `…` then. Shops and libraries put HTML into descriptions, within XML twice escaped.
    """
    text = text[:_MAXIMUM_SOURCE]
    words = " ".join((_without_markup(text) if _MARKUP.search(text) else text).split())
    if len(words) <= MAXIMUM_DESCRIPTION:
        return words
    cut = words[: MAXIMUM_DESCRIPTION - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"


def series_of(name: str, position: str) -> tuple[str, str]:
    """Give the name of a series and the place in it, as they are written; a place in no series is none.

    What is longer than any name or number is nothing.
    """
    name, position = (" ".join(text.split()) for text in (name, position))
    if not name or len(name) > MAXIMUM_SERIES:
        return "", ""
    return name, position if len(position) <= MAXIMUM_POSITION else ""


def _without_markup(text: str) -> str:
    # What XML and UTF-8 have no place for would end the parsing.
    clean = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", " ", text)
    try:
        return "".join(_texts(html.fragment_fromstring(clean, create_parent="div")))
    except (etree.LxmlError, ValueError):
        return re.sub(r"<[^<>]*>", " ", clean)


def _texts(root: etree._Element) -> Iterator[str]:
    unsaid: etree._Element | None = None
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event == "start":
            unsaid = element if unsaid is None and element.tag in _UNSAID else unsaid
            if unsaid is None:
                yield " " if element.tag in _APART else ""
                yield element.text or ""
            continue
        unsaid = None if element is unsaid else unsaid
        if unsaid is None and element is not root:
            yield " " if element.tag in _APART else ""
            yield element.tail or ""
