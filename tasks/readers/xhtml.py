"""A content document becomes blocks: paragraphs, headings and scene breaks in order, each word once.

What is not read aloud (notes, tables, code, page numbers) is a block too, with the reason in `left_out`.
"""

import html
import html.entities
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from lxml import etree
from lxml import html as lenient_html

from tasks.model import Block, BlockKind

_TYPE = "{http://www.idpf.org/2007/ops}type"
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_BLOCKS = {
    *(
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
    ),
    *(
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
    ),
    *("section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    *_HEADINGS,
}
_SILENT = {"head", "script", "style", "template", "audio", "video", "object", "iframe"}
_ELEMENT_REASONS = {
    "table": "tables",
    "pre": "code",
    "figcaption": "captions",
    "nav": "toc",
    "rt": "ruby",
    "rp": "ruby",
    "svg": "images",
    "math": "math",
}
# epub:type and ARIA roles of what is not part of the narration, and the reason that is recorded.
_TYPE_REASONS = {
    "footnote": "footnotes",
    "footnotes": "footnotes",
    "rearnote": "footnotes",
    "rearnotes": "footnotes",
    "endnote": "endnotes",
    "endnotes": "endnotes",
    "backlink": "noteref",
    "noteref": "noteref",
    "annoref": "noteref",
    "pagebreak": "pagebreak",
    "page-list": "toc",
    "toc": "toc",
    "landmarks": "toc",
    "lot": "toc",
    "loi": "toc",
    "index": "index",
    "glossary": "glossary",
    "bibliography": "bibliography",
    "cover": "cover",
    "titlepage": "titlepage",
    "halftitlepage": "titlepage",
    "copyright-page": "copyright-page",
    "imprint": "copyright-page",
    "colophon": "colophon",
    "imprimatur": "copyright-page",
    "credits": "colophon",
}
_BOILERPLATE_CLASSES = {"pg-boilerplate"}
_KEPT_ENTITIES = {"amp", "lt", "gt", "quot", "apos"}
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_SCENE_BREAK = re.compile(r"^[\s*⁂•·~#—–_⁎∗❦☙♦◆◇§.-]+$")
_ENCODING = re.compile(rb"^\s*<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_NOTE_MARK = re.compile(r"^[\[(]?(\d{1,3}|[*†‡§]+)[\])]?$")
_DOCTYPE_BEGIN = re.compile("<!DOCTYPE", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
# A "<" that opens no tag; one that the end of the file cuts short is none that was meant to be read.
_STRAY = re.compile(r"<(?!/?[A-Za-z][^<>]*(?:>|\Z)|[!?])")


@dataclass(frozen=True, slots=True)
class Passage:
    """A block, and the ids of the elements that begin with it (or since the block before it)."""

    block: Block
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Document:
    """A content document as read: its passages, and what could not be read as it stands."""

    passages: tuple[Passage, ...]
    warning: str = ""


def read_document(data: bytes, name: str) -> Document:
    """Read an XHTML document; one that is not well-formed is read leniently, and `warning` says so."""
    text = _ENTITY.sub(_as_number, _decoded(data))
    # What a document declares itself is put in, within the bounds of libxml2; no file, no network.
    parser = etree.XMLParser(
        resolve_entities="internal",  # type: ignore[arg-type]  # the stubs are older than lxml 5
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    root: etree._Element | None
    warning = ""
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        where = f"{name}: line {error.lineno}"
        warning = f"{where}: not well-formed ({error.msg}); read as an old web page would be"
        root = _read_leniently(text)
        if root is None:
            return Document((), f"{where}: LEFT OUT, it is empty or nested too deeply to be read ({error.msg})")
    walker = _Walker(name)
    body = next((child for child in root.iter() if _tag(child) == "body"), root)
    walker.walk(body, _Context())
    walker.close(_Context())
    return Document(tuple(walker.passages), warning)


def _read_leniently(text: str) -> etree._Element | None:
    """Read a document as HTML, in which no word may get lost; None where that cannot be promised."""
    text = _STRAY.sub("&lt;", _without_cdata(_without_doctype(text)))
    parser = lenient_html.HTMLParser(encoding="utf-8")
    try:
        root = lenient_html.document_fromstring(text.encode(), parser=parser)
    except (etree.LxmlError, ValueError):
        return None
    # libxml2 stops, without an error, where elements are nested too deeply.
    return None if any("depth" in entry.message for entry in parser.error_log) else root


def _without_doctype(text: str) -> str:
    # Sought once: a pattern that begins anew at each of many would take the square of their number.
    opening = _DOCTYPE_BEGIN.search(text)
    whole = _DOCTYPE.match(text, opening.start()) if opening else None
    return text[: whole.start()] + text[whole.end() :] if whole else text


def _without_cdata(text: str) -> str:
    """Write what stands in CDATA sections as plain text, for HTML takes them for comments."""
    before, *sections = text.split("<![CDATA[")
    plain = []
    for section in sections:
        inside, end, after = section.partition("]]>")
        plain.append(f"{html.escape(inside)}{after}" if end else f"<![CDATA[{section}")
    return before + "".join(plain)


@dataclass(frozen=True, slots=True)
class _Context:
    """What the elements around a piece of text make of it."""

    kind: BlockKind = BlockKind.PARAGRAPH
    level: int = 0
    left_out: str = ""


@dataclass(slots=True)
class _Walker:
    """Goes through a document once and gathers text until a block ends."""

    name: str
    passages: list[Passage] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _asides: list[Block] = field(default_factory=list)

    def walk(self, element: etree._Element, context: _Context) -> None:
        tag = _tag(element)
        if not tag or tag in _SILENT:
            return
        within = _within(element, tag, context)
        is_block = tag in _BLOCKS
        if is_block:
            self.close(context)
        self._ids.update(filter(None, (element.get("id"), element.get("name") if tag == "a" else None)))
        if within.left_out != context.left_out and not is_block:
            self._set_aside(element, within)
            return
        if tag == "hr":
            self._add(Block(BlockKind.BREAK, "", "", 0, within.left_out))
        elif tag == "br":
            self._text.append(" ")
        self._walk_inside(element, within)
        if is_block:
            self.close(within)

    def _walk_inside(self, element: etree._Element, context: _Context) -> None:
        self._text.append(element.text or "")
        for child in element:
            self.walk(child, context)
            self._text.append(child.tail or "")

    def _set_aside(self, element: etree._Element, context: _Context) -> None:
        """Leave an element out of the middle of a paragraph, which goes on behind it."""
        inner = _Walker(self.name)
        inner._walk_inside(element, context)
        inner.close(context)
        text = " ".join(passage.block.text for passage in inner.passages if passage.block.text)
        self._ids.update(inner._ids, *(passage.ids for passage in inner.passages))
        self._asides.append(Block(context.kind, text, "", 0, context.left_out))

    def close(self, context: _Context) -> None:
        """End the block that is being gathered; text without words between other blocks is a scene break or nothing."""
        text = _folded(self._text)
        self._text.clear()
        asides = [aside for aside in self._asides if aside.text]
        self._asides.clear()
        if _SCENE_BREAK.match(text) and not context.left_out:
            self._add(Block(BlockKind.BREAK, "", ""))
        elif text:
            self._add(Block(context.kind, text, "", context.level, context.left_out))
        for aside in asides:
            self._add(aside)

    def _add(self, block: Block) -> None:
        anchor = f"{self.name}#{len(self.passages) + 1}"
        self.passages.append(Passage(replace(block, anchor=anchor), frozenset(self._ids)))
        self._ids.clear()


def _within(element: etree._Element, tag: str, context: _Context) -> _Context:
    left_out = context.left_out or _reason(element, tag)
    kind, level = context.kind, context.level
    if tag in _HEADINGS:
        kind, level = BlockKind.HEADING, _HEADINGS[tag]
    elif tag == "blockquote" or "epigraph" in _types(element):
        kind, level = BlockKind.QUOTE, 0
    elif tag in {"li", "dd", "dt"}:
        kind, level = BlockKind.ITEM, 0
    elif {"z3998:verse", "z3998:poem"} & _types(element):
        kind, level = BlockKind.VERSE, 0
    return _Context(kind, level, left_out)


def _reason(element: etree._Element, tag: str) -> str:
    for word in _types(element):
        if word in _TYPE_REASONS:
            return _TYPE_REASONS[word]
    if tag == "a" and "#" in (element.get("href") or "") and _NOTE_MARK.match(_folded(element.itertext())):
        return "noteref"
    if _BOILERPLATE_CLASSES & set((element.get("class") or "").split()):
        return "licence"
    return _ELEMENT_REASONS.get(tag, "")


def _types(element: etree._Element) -> set[str]:
    """List an element's epub:type words and ARIA roles, the latter without their prefix."""
    words = f"{element.get(_TYPE) or element.get('epub:type') or ''} {element.get('role') or ''}".lower()
    return {word.removeprefix("doc-") for word in words.split()}


def _folded(parts: Iterable[str | bytes]) -> str:
    return " ".join("".join(map(str, parts)).split())


def _tag(element: etree._Element) -> str:
    # Comments and processing instructions have a function for a tag, whatever the stubs say.
    tag: object = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def _decoded(data: bytes) -> str:
    named = _ENCODING.match(data)
    for encoding in (
        "utf-8-sig",
        named.group(1).decode() if named else "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "cp1252",
    ):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        # The declaration named the bytes' encoding, and the bytes are no more.
        return re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    return data.decode("utf-8", errors="replace")


def _as_number(found: re.Match[str]) -> str:
    """Write a named entity of HTML as a number, for XML knows but five names."""
    name = found.group(1)
    character = html.entities.html5.get(f"{name};")
    if name in _KEPT_ENTITIES or character is None:
        return found.group(0)
    return "".join(f"&#{ord(part)};" for part in character)
