"""The names in a content document: its elements, their types, and what their addresses lead to."""

import posixpath
from functools import lru_cache
from urllib.parse import unquote

from lxml import etree

HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_BLOCKS = """
    address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer form
    header hgroup hr li main nav ol p pre section summary table tbody td tfoot th thead tr ul
"""
BLOCKS = frozenset({*_BLOCKS.split(), *HEADINGS})
_TYPE = "{http://www.idpf.org/2007/ops}type"


def tag_of(element: etree._Element) -> str:
    """Name an element's tag without its namespace; comments and processing instructions have none."""
    # They have a function for a tag, whatever the stubs say.
    tag: object = element.tag
    return _local(tag) if isinstance(tag, str) else ""


def types(element: etree._Element) -> tuple[str, ...]:
    """List an element's epub:type words and ARIA roles in order, the latter without their prefix."""
    words = f"{element.get(_TYPE) or element.get('epub:type') or ''} {element.get('role') or ''}".lower()
    return tuple(word.removeprefix("doc-") for word in words.split())


def target(address: str, document: str) -> str:
    """Name what an address in a document leads to, as `document#fragment`; empty for what is outside of the book."""
    path, _, fragment = address.strip().partition("#")
    if ":" in path or path.startswith("//") or not (path or fragment):
        return ""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(document), unquote(path))) if path else document
    return f"{name}#{unquote(fragment)}" if fragment else name


@lru_cache(maxsize=512)
def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()
