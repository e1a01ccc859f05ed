"""Why text of a content document is left out: what its element, its types and its marks say."""

import re

from lxml import etree

from tasks.readers.xhtml_names import BLOCKS, tag_of
from tasks.readers.xhtml_text import folded

NOTES = frozenset({"footnotes", "endnotes"})
_SECTIONS_READ = """
    dedication epigraph foreword preface introduction preamble prologue epilogue afterword conclusion acknowledgments
    acknowledgements appendix
"""
# Types of what stands around a text and is read with it.
SECTIONS_READ = frozenset(_SECTIONS_READ.split())
_ELEMENT_REASONS = {
    "table": "tables",
    "caption": "captions",
    "pre": "code",
    "figcaption": "captions",
    "nav": "toc",
    "rt": "ruby",
    "rtc": "ruby",
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
    "pageheader": "running-head",
    "pagefooter": "running-head",
    "page-list": "toc",
    "pagelist": "toc",
    "toc": "toc",
    "landmarks": "toc",
    "loa": "toc",
    "loi": "toc",
    "lot": "toc",
    "lov": "toc",
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
    "other-credits": "colophon",
}
_BOILERPLATE_CLASSES = {"pg-boilerplate"}
# Books of no types name their notes by class.
_NOTE_CLASSES = {"footnote", "footnotes", "endnote", "endnotes", "rearnote", "rearnotes"}
_NOTE_MARK = re.compile(r"^[\[(]?(\d{1,3}|[*†‡§]+)[\])]?$")
# Within a note, what leads back to its call: an arrow, or the note's own number as its label.
_BACK_LINK = re.compile("^[\\[(]?[↩↵⏎↑⇑⤴⮐⬆▲^←⇐\ufe0e\ufe0f]+[\\])]?$")
_LABEL = re.compile(r"^[\[(]?(\d{1,4}|[a-z]|[*†‡§]+)[\].):]*$", re.IGNORECASE)
_HIDING = re.compile(r"\b(display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)
_MARKS = {"noteref", "pagebreak", "ruby"}
# What a profile can ask to be read, and must then be read without the marks in it.
_READABLE = {*NOTES, "tables", "captions", "code"}
# A block of code stands alone in one of these; anywhere else `code` is a few words of a sentence.
_CODE_PARENTS = {"article", "blockquote", "body", "div", "figure", "main", "section"}


def reason(element: etree._Element, tag: str, words: tuple[str, ...], around: str) -> str:
    """Say why an element of these types is left out by itself, where `around` is why its surroundings are; empty if it is not."""
    own = next((_TYPE_REASONS[word] for word in words if word in _TYPE_REASONS), "")
    if own or not element.attrib:
        return own or _by_tag(element, tag)
    if tag == "a" and _is_note_mark(element, around):
        return "noteref"
    if not _BOILERPLATE_CLASSES.isdisjoint((element.get("class") or "").split()):
        return "licence"
    if _is_hidden(element):
        return "hidden"
    is_layout = tag == "table" and not {"presentation", "none"}.isdisjoint(words)
    return "" if is_layout or (tag == "math" and spoken_math(element)) else _by_tag(element, tag)


def note_classes(element: etree._Element, tag: str) -> tuple[str, ...]:
    """List the classes that make a note of an element, as types would; what is a mark, or holds one, is none in a sentence."""
    classes = (element.get("class") or "").lower().split()
    found = tuple(name for name in classes if name in _NOTE_CLASSES)
    return found if found and tag != "a" and (tag in BLOCKS or element.find(".//{*}a") is None) else ()


def prevails(own: str, around: str) -> bool:
    """Tell whether an element's own reason counts where its surroundings are left out for another."""
    if own in _MARKS:
        return around in _READABLE
    # Notes are often hidden until they are called; a table's title is one also inside of it.
    return (own in NOTES and around == "hidden") or (own == "captions" and around == "tables")


def is_back_link(element: etree._Element, words: tuple[str, ...]) -> bool:
    """Tell whether a mark leads from a note back to its call."""
    return "backlink" in words or bool(_BACK_LINK.match(folded(element.itertext())))


def spoken_math(element: etree._Element) -> str:
    """Give a formula's text for those who do not see it; empty where there is none, or it is TeX and no words."""
    text = " ".join((element.get("alttext") or "").split())
    return "" if "\\" in text else text


def _by_tag(element: etree._Element, tag: str) -> str:
    if tag == "code":
        return "code" if _stands_alone(element) else ""
    return _ELEMENT_REASONS.get(tag, "")


def _is_note_mark(element: etree._Element, around: str) -> bool:
    if "#" not in (element.get("href") or ""):
        return False
    text = folded(element.itertext())
    return bool(_NOTE_MARK.match(text) or _BACK_LINK.match(text) or (around in NOTES and _LABEL.match(text)))


def _is_hidden(element: etree._Element) -> bool:
    return (
        element.get("hidden") is not None
        or (element.get("aria-hidden") or "").strip().lower() == "true"
        or bool(_HIDING.search(element.get("style") or ""))
    )


def _stands_alone(element: etree._Element) -> bool:
    """Tell whether an element stands between blocks, with no words beside it."""
    parent, before, after = element.getparent(), element.getprevious(), element.getnext()
    if parent is None or tag_of(parent) not in _CODE_PARENTS:
        return False
    text_before = parent.text if before is None else before.tail
    beside = all(other is None or tag_of(other) in BLOCKS for other in (before, after))
    return beside and not (text_before or "").strip() and not (element.tail or "").strip()
