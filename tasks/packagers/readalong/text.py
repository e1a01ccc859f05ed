"""A content document as it is read aloud: its tags and texts in a row, and its letters, each with its place in them.

A letter is a character that is no white space. Letters are what a document and the blocks that were read from it have in
common, however either is laid out.
"""

import html.entities
import re
from array import array
from dataclasses import dataclass, field
from enum import Enum

from lxml import etree

XHTML = "http://www.w3.org/1999/xhtml"
# What holds text that no one sees as such, or a thing that stands in its place.
_SILENT = {"head", "script", "style", "template", "audio", "video", "object", "iframe"}
_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]*);")
_XML_ENTITIES = {b"amp", b"lt", b"gt", b"quot", b"apos"}
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Tag(Enum):
    """What a token is."""

    OPENING = "opening"
    CLOSING = "closing"
    TEXT = "text"
    REMARK = "remark"


@dataclass(frozen=True, slots=True)
class Token:
    """A tag, a text, or a remark (a comment or a processing instruction) of a body.

    `parent` is the number of the opening tag around it, for a closing tag that of its own opening; the body's own is -1.
    `prefixes` are the namespaces that an element declares.
    """

    kind: Tag
    parent: int
    node: etree._Element
    text: str = ""
    prefixes: dict[str | None, str] | None = None


@dataclass(slots=True)
class Extent:
    """Which letters an element holds, from `first` up to `last`, and its closing tag's number."""

    first: int
    last: int = -1
    closing: int = -1


@dataclass(frozen=True, slots=True)
class Text:
    """A document's tokens, the extents of its elements by the numbers of their opening tags, and its letters.

    Letter `n` is `letters[n]`, in the token `tokens_of[n]` at the offset `offsets[n]`. Letters whose token is an opening tag
    are those of a whole element that stands for words: a picture's alternative text, or a formula's.
    """

    tokens: list[Token]
    extents: dict[int, Extent]
    letters: str
    tokens_of: "array[int]"
    offsets: "array[int]"

    def parent(self, letter: int) -> int:
        """Give the opening tag of the innermost element that can hold a span around a letter."""
        return self.tokens[self.tokens_of[letter]].parent


def name_of(node: etree._Element) -> str:
    """Name an element without its namespace; a comment has no name."""
    tag: object = node.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def xml_text(text: str) -> str:
    """Leave out the characters that XML has no place for."""
    return _NO_XML.sub("", text)


def letters_of(text: str) -> str:
    """Give the letters of a text."""
    return "".join(xml_text(text).split())


def parsed(data: bytes) -> etree._Element | None:
    """Parse a document of an untrusted book; None where it is not well-formed, or uses entities that it does not tell."""
    parser = etree.XMLParser(
        resolve_entities="internal",  # type: ignore[arg-type]  # the stubs are older than lxml 5
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(_ENTITY.sub(_as_number, data), parser)
    except (etree.LxmlError, ValueError):
        return None
    return None if next(root.iter(etree.Entity), None) is not None else root


def _as_number(found: re.Match[bytes]) -> bytes:
    """Write a named entity of HTML as a number: without the DTD, which is not fetched, XML knows but five names."""
    character = html.entities.html5.get(f"{found.group(1).decode()};")
    if found.group(1) in _XML_ENTITIES or character is None:
        return found.group(0)
    return "".join(f"&#{ord(part)};" for part in character).encode()


def text_of(body: etree._Element) -> Text:
    """Take a body apart; it is left as it is."""
    reading = _Reading()
    for event, node in etree.iterwalk(body, events=("start", "end", "comment", "pi")):
        reading.take(event, node, node is body)
    return Text(reading.tokens, reading.extents, "".join(reading.letters), reading.tokens_of, reading.offsets)


@dataclass(slots=True)
class _Reading:
    tokens: list[Token] = field(default_factory=list)
    extents: dict[int, Extent] = field(default_factory=dict)
    letters: list[str] = field(default_factory=list)
    tokens_of: "array[int]" = field(default_factory=lambda: array("L"))
    offsets: "array[int]" = field(default_factory=lambda: array("L"))
    _around: list[int] = field(default_factory=list)
    _silent: int = 0

    def take(self, event: str, node: etree._Element, is_body: bool) -> None:  # noqa: FBT001  # its tail is not in it
        if event == "start":
            self._open(node)
            self._text(node, node.text)
        elif event == "end":
            self._close(node)
        else:
            self.tokens.append(Token(Tag.REMARK, self._parent, node))
        if event != "start" and not is_body:
            self._text(node, node.tail)

    @property
    def _parent(self) -> int:
        return self._around[-1] if self._around else -1

    def _open(self, node: etree._Element) -> None:
        around = node.getparent()
        prefixes = None if around is not None and around.nsmap == node.nsmap else dict(node.nsmap)
        number = len(self.tokens)
        self.tokens.append(Token(Tag.OPENING, self._parent, node, prefixes=prefixes))
        self.extents[number] = Extent(len(self.letters))
        self._around.append(number)
        words = "" if self._silent else _instead(node)
        for letter in letters_of(words):
            self._letter(letter, number, 0)
        self._silent += bool(self._silent or (words and name_of(node) == "math") or name_of(node) in _SILENT)

    def _close(self, node: etree._Element) -> None:
        number = self._around.pop()
        self._silent -= bool(self._silent)
        extent = self.extents[number]
        extent.last, extent.closing = len(self.letters), len(self.tokens)
        self.tokens.append(Token(Tag.CLOSING, number, node))

    def _text(self, node: etree._Element, text: str | None) -> None:
        if not text:
            return
        number = len(self.tokens)
        self.tokens.append(Token(Tag.TEXT, self._parent, node, text))
        if not self._silent:
            for offset, letter in enumerate(text):
                if not letter.isspace():
                    self._letter(letter, number, offset)

    def _letter(self, letter: str, token: int, offset: int) -> None:
        self.letters.append(letter)
        self.tokens_of.append(token)
        self.offsets.append(offset)


def _instead(node: etree._Element) -> str:
    """Give the words that a whole element stands for."""
    if name_of(node) == "img":
        return node.get("alt") or ""
    spoken = (node.get("alttext") or "") if name_of(node) == "math" else ""
    return "" if "\\" in spoken else spoken
