"""A content document becomes blocks: paragraphs, headings and scene breaks in order, each word once.

What is not read aloud (notes, tables, code, page numbers) is a block too, with the reason in `left_out`.
"""

import re
from dataclasses import dataclass, field, replace

from lxml import etree

from tasks.model import Block, BlockKind
from tasks.readers.xhtml_elements import Context, is_block, is_drop_cap, phonemes, within
from tasks.readers.xhtml_names import BLOCKS, tag_of, target, types
from tasks.readers.xhtml_parsing import parsed
from tasks.readers.xhtml_reasons import is_back_link, spoken_math
from tasks.readers.xhtml_text import Gathering, joined

_SILENT = {"head", "script", "style", "template", "audio", "video", "object", "iframe"}
_SCENE_BREAK = re.compile(r"^[\s*⁂•·~#—–_⁎∗❦☙♦◆◇§.-]+$")
_LEXICON = "application/pls+xml"
_XLINK = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True, slots=True)
class Passage:
    """A block, the ids of the elements that begin with it (or since the block before it), and what stands around it."""

    block: Block
    ids: frozenset[str]
    context: Context


def left_apart(passage: Passage, reason: str) -> Passage:
    """Leave a passage out for a reason, if it is not left out for one already."""
    block = passage.block
    return passage if block.left_out or not reason else replace(passage, block=replace(block, left_out=reason))


@dataclass(frozen=True, slots=True)
class Document:
    """A content document as read: its passages, and what could not be read as it stands.

    `lexicons` are the names of the pronunciation lexicons that it links. `pictures` are the names of the pictures in a
    document without words; one with words has none.
    """

    passages: tuple[Passage, ...]
    warnings: tuple[str, ...] = ()
    lexicons: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


def read_document(data: bytes, name: str, language: str = "") -> Document:
    """Read an XHTML document of a book in a language (a BCP 47 tag); what is doubtful in it is said in `warnings`."""
    root, warnings = parsed(data, name)
    if root is None:
        return Document((), warnings)
    body = next((child for child in root.iter() if tag_of(child) == "body"), root)
    around = Context()
    for element in reversed(list(body.iterancestors())):
        inside = within(element, tag_of(element), around, language)
        around = Context(language=inside.language, alphabet=inside.alphabet)
    walker = _Walker(name, language)
    walker.walk(body, around)
    walker.finish(around)
    passages = tuple(walker.passages)
    has_words = any(passage.block.text and passage.block.left_out != "images" for passage in passages)
    return Document(
        passages, (*warnings, *walker.warnings), _lexicons(root, name), () if has_words else _pictures(body, name)
    )


def _lexicons(root: etree._Element, name: str) -> tuple[str, ...]:
    links = [link for head in root if tag_of(head) == "head" for link in head if tag_of(link) == "link"]
    names = (
        target(link.get("href") or "", name)
        for link in links
        if "pronunciation" in (link.get("rel") or "").lower().split() and (link.get("type") or _LEXICON) == _LEXICON
    )
    return tuple(filter(None, names))


def _pictures(body: etree._Element, name: str) -> tuple[str, ...]:
    found = (element for element in body.iter() if tag_of(element) in {"img", "image"})
    addresses = (
        element.get("src") or element.get(_XLINK) or element.get("xlink:href") or element.get("href")
        for element in found
    )
    return tuple(filter(None, (target(address, name) for address in addresses if address)))


@dataclass(slots=True)
class _Walker:
    """Goes through a document once and gathers text until a block ends."""

    name: str
    language: str
    passages: list[Passage] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _text: Gathering = field(default_factory=Gathering)
    _ids: set[str] = field(default_factory=set)
    _asides: list[tuple[Block, Context]] = field(default_factory=list)
    _drop_cap: str = ""

    def walk(self, element: etree._Element, context: Context) -> None:
        # No more than two frames of Python's stack for each level of nesting: libxml2 allows 256 levels.
        tag = tag_of(element)
        if not tag or tag in _SILENT:
            return
        inside = within(element, tag, context, self.language)
        block = is_block(tag, context, inside)
        if block:
            self.close(context)
        if element.attrib:
            self._ids.update(filter(None, (element.get("id"), element.get("name") if tag == "a" else None)))
        if not block and tag != "img" and inside.left_out != context.left_out:
            self._set_aside(element, inside)
        elif not self._is_taken_whole(element, tag, inside):
            self._begin(tag, inside)
            gathering, start = self._text, len(self._text.pieces)
            self._walk_inside(element, inside, tag)
            if gathering is self._text:
                self._sound(element, start, inside)
            if block:
                self.close(inside)
            elif inside.row and tag in BLOCKS:
                self._text.add(" ", inside.language)

    def _is_taken_whole(self, element: etree._Element, tag: str, context: Context) -> bool:
        """Take an element that is not walked through: a picture, a formula that says itself, a drop cap of its own."""
        if tag == "img":
            self._add_picture(element, context)
        elif tag == "math" and (spoken := spoken_math(element)):
            self._gather(spoken, context)
        elif tag in BLOCKS and not context.left_out and is_drop_cap(element):
            self._hold(element)
        else:
            return False
        return True

    def _begin(self, tag: str, context: Context) -> None:
        if tag == "br" or (context.row and tag in BLOCKS):
            self._text.add(" ", context.language)
        elif tag == "hr":
            self._add(Block(BlockKind.BREAK, "", self._anchor(), 0, context.left_out), context)

    def _walk_inside(self, element: etree._Element, context: Context, tag: str) -> None:
        self._gather(element.text, context)
        for child in element:
            self.walk(child, context)
            # Between the parts of a ruby white space is only how the source is laid out.
            if tag != "ruby" or (child.tail and not child.tail.isspace()):
                self._gather(child.tail, context)

    def _gather(self, text: str | None, context: Context) -> None:
        if not text:
            return
        if self._drop_cap and not context.left_out and not text.isspace():
            text = self._completed(text, context)
        self._text.add(text, context.language)

    def _sound(self, element: etree._Element, start: int, context: Context) -> None:
        """Note how an element sounds whose text begins with the piece `start`, where it says so in an alphabet that is read."""
        sound = phonemes(element)
        if sound and context.alphabet == "ipa":
            self._text.sound(start, sound)
        elif sound and not self.warnings:
            self.warnings.append(
                f"{self.name}: it says how words sound in the alphabet {context.alphabet[:40]!r}, and only ipa is read; the voice"
                " says them its own way"
            )

    def _add_picture(self, element: etree._Element, context: Context) -> None:
        """Leave a picture's text out, but for that of a single letter which the word behind it begins with."""
        text, tail = " ".join((element.get("alt") or "").split()), element.tail or ""
        if len(text) == 1 and text.isalpha() and tail[:1].islower():
            self._gather(text, context)
        elif text:
            self._asides.append((Block(context.kind, text, "", 0, "images", context.language), context))

    def _set_aside(self, element: etree._Element, context: Context) -> None:
        """Leave an element out of the middle of a paragraph, which goes on behind it."""
        if context.left_out == "noteref":
            self._call(element)
        inner = _Walker(self.name, self.language, warnings=self.warnings)
        inner._walk_inside(element, context, tag_of(element))
        inner.close(context)
        self._ids.update(inner._ids, *(passage.ids for passage in inner.passages))
        blocks = [passage.block for passage in inner.passages if passage.block.text]
        if own := [block for block in blocks if block.left_out == context.left_out]:
            self._asides.append((replace(joined(own), kind=context.kind, level=0, anchor=""), context))
        self._asides += [(block, context) for block in blocks if block.left_out != context.left_out]

    def _call(self, element: etree._Element) -> None:
        """Note what note a mark calls; the link can be the mark itself, within it, or around it."""
        if is_back_link(element, types(element)):
            return
        parent = element.getparent()
        candidates = (element, *element.iterdescendants("{*}a"), *(() if parent is None else (parent,)))
        address = next((link.get("href") for link in candidates if link.get("href")), None)
        if address and (note := target(address, self.name)):
            self._text.call(note)

    def _hold(self, element: etree._Element) -> None:
        """Keep a drop cap that stands in a block of its own for the paragraph that it begins."""
        self._release()
        self._drop_cap = "".join(map(str, element.itertext())).strip()
        self._ids.update(str(inner.get("id")) for inner in element.iter() if inner.get("id"))

    def _completed(self, text: str, context: Context) -> str:
        """Put the drop cap that is kept before the text that goes on with it."""
        if context.kind is BlockKind.HEADING or not text.lstrip()[0].isalpha():
            self._release()
            return text
        self._text.add(self._drop_cap, context.language)
        self._drop_cap = ""
        return text if text[0] in " \u00a0" else text.lstrip()

    def _release(self) -> None:
        drop_cap, self._drop_cap = self._drop_cap, ""
        if drop_cap:
            self._add(Block(BlockKind.PARAGRAPH, drop_cap, self._anchor()), Context())

    def close(self, context: Context) -> None:
        """End the block that is being gathered; text without words between other blocks is a scene break or nothing."""
        gathering, asides = self._text, self._asides
        if not (gathering.pieces or gathering.calls or asides):
            return
        self._text, self._asides = Gathering(), []
        text = " ".join("".join(gathering.pieces).split())
        if text and not context.left_out and _SCENE_BREAK.match(text):
            self._add(Block(BlockKind.BREAK, "", self._anchor()), context)
        elif text:
            language = gathering.language(context.language)
            block = Block(context.kind, text, self._anchor(), context.level, context.left_out, language)
            self._add(gathering.block(block), context)
        for aside, around in asides:
            self._add(replace(aside, anchor=self._anchor()), around)

    def finish(self, context: Context) -> None:
        """End the document."""
        self.close(context)
        self._release()

    def _anchor(self) -> str:
        return f"{self.name}#{len(self.passages) + 1}"

    def _add(self, block: Block, context: Context) -> None:
        self.passages.append(Passage(block, frozenset(self._ids), context))
        self._ids.clear()
