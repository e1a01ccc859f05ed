"""What the elements of a content document say of the text inside them: its kind, its language, why it is left out."""

import re
from dataclasses import dataclass

from lxml import etree

from tasks.model import BlockKind
from tasks.readers.xhtml_names import BLOCKS, HEADINGS, types
from tasks.readers.xhtml_reasons import SECTIONS_READ, note_classes, prevails, reason

_ITEMS = {"li", "dd", "dt"}
_VERSE = {"poem", "verse", "z3998:hymn", "z3998:lyrics", "z3998:poem", "z3998:song", "z3998:verse"}
_NOTE_TYPES = {"footnote", "endnote", "rearnote"}
_SHAPING = {*HEADINGS, *_ITEMS, "blockquote", "tr"}
_XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_SSML = "{http://www.w3.org/2001/10/synthesis}"
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,8}")
_DROP_CAP = re.compile(r"\bdrop[-_]?(cap|letter|initial)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Context:
    """What the elements around a piece of text make of it.

    `language` is a BCP 47 tag, empty where it is the book's; `alphabet` is that of the phonemes given inside. `around` are
    the ids of the elements around it, the nearest first, and `note` that of the nearest one which says that it is a note.
    `section` is the type of a section that is to be read wherever it stands (a dedication, a preface). What is a `row` is
    one block, whatever is in it.
    """

    kind: BlockKind = BlockKind.PARAGRAPH
    level: int = 0
    left_out: str = ""
    language: str = ""
    alphabet: str = "ipa"
    around: tuple[str, ...] = ()
    note: str = ""
    section: str = ""
    row: bool = False


def within(element: etree._Element, tag: str, context: Context, book_language: str) -> Context:
    """Say what the context is inside of an element."""
    words = (*types(element), *note_classes(element, tag)) if element.attrib else ()
    why = reason(element, tag, words, context.left_out)
    if not element.attrib and not why and tag not in _SHAPING:
        return context
    kind, level = _kind(tag, words, context)
    identity = element.get("id", "")
    left_out = why if not context.left_out or prevails(why, context.left_out) else context.left_out
    return Context(
        kind,
        level,
        left_out,
        language=_language(element, context.language, book_language),
        alphabet=(_ssml(element, "alphabet") or context.alphabet).strip().lower(),
        around=(identity, *context.around) if identity else context.around,
        note=identity if identity and not _NOTE_TYPES.isdisjoint(words) else context.note,
        section=next((word for word in words if word in SECTIONS_READ), context.section),
        row=context.row or (tag == "tr" and bool(left_out)),
    )


def is_block(tag: str, around: Context, inside: Context) -> bool:
    """Tell whether an element ends the paragraph before it; a page number does not, nor anything in a row of a table."""
    if around.row or inside.left_out == "pagebreak":
        return False
    return tag in BLOCKS or (tag == "code" and inside.left_out != around.left_out)


def is_drop_cap(element: etree._Element) -> bool:
    """Tell whether a block holds nothing but the large first letter of the block that follows."""
    if not element.attrib or not _DROP_CAP.search(element.get("class") or ""):
        return False
    text = "".join(map(str, element.itertext())).strip()
    return 0 < len(text) <= 2 and text[-1].isalpha()  # noqa: PLR2004  # a letter, and a quotation mark before it


def phonemes(element: etree._Element) -> str:
    """Give what SSML's `ph` says of how an element's text sounds."""
    return " ".join(_ssml(element, "ph").split()) if element.attrib else ""


def _kind(tag: str, words: tuple[str, ...], context: Context) -> tuple[BlockKind, int]:
    if tag in HEADINGS:
        return BlockKind.HEADING, HEADINGS[tag]
    if tag == "blockquote" or "epigraph" in words:
        return BlockKind.QUOTE, 0
    if tag in _ITEMS:
        return BlockKind.ITEM, 0
    if not _VERSE.isdisjoint(words):
        return BlockKind.VERSE, 0
    return context.kind, context.level


def _language(element: etree._Element, around: str, book_language: str) -> str:
    tag = element.get(_XML_LANGUAGE, element.get("lang", element.get("xml:lang")))
    if tag is None:
        return around
    tag = tag.strip().replace("_", "-")
    same = not tag or tag.casefold() == book_language.casefold()
    return "" if same else tag if _LANGUAGE.fullmatch(tag) else around


def _ssml(element: etree._Element, name: str) -> str:
    # Without its namespace where the document is read as an old web page.
    return element.get(f"{_SSML}{name}") or element.get(f"ssml:{name}") or ""
