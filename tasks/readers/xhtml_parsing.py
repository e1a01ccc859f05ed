"""A content document's bytes become a tree, in whatever encoding and however well-formed they are."""

import html
import html.entities
import re

from lxml import etree
from lxml import html as lenient_html

_KEPT_ENTITIES = {"amp", "lt", "gt", "quot", "apos"}
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_ENCODING = re.compile(rb"^\s*<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_META_ENCODING = re.compile(rb"<meta\s[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9._-]+)", re.IGNORECASE)
# How far into a document a web page may declare its encoding, in bytes.
_META_WITHIN_BYTES = 1024
# Python decodes these too, and no document is written in them.
_NO_ENCODINGS = {"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"}
_DOCTYPE_BEGIN = re.compile("<!DOCTYPE", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
# A "<" that opens no tag; one that the end of the file cuts short is none that was meant to be read.
_STRAY = re.compile(r"<(?!/?[A-Za-z][^<>]*(?:>|\Z)|[!?])")


def parsed(data: bytes, name: str) -> tuple[etree._Element | None, tuple[str, ...]]:
    """Parse a document, leniently where it is not well-formed, and say what was doubtful in lines that name it.

    None for the tree where it cannot be promised that all its words are in it.
    """
    decoded, doubt = _decoded(data)
    warnings = (f"{name}: {doubt}",) * bool(doubt)
    text = _ENTITY.sub(_as_number, decoded)
    # What a document declares itself is put in, within the bounds of libxml2; no file, no network.
    parser = etree.XMLParser(
        resolve_entities="internal",  # type: ignore[arg-type]  # the stubs are older than lxml 5
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        return etree.fromstring(text.encode(), parser), warnings
    except etree.XMLSyntaxError as error:
        where, fault = f"{name}: line {error.lineno}", error.msg
    root = _read_leniently(text)
    if root is None:
        return None, (*warnings, f"{where}: LEFT OUT, it is empty or nested too deeply to be read ({fault})")
    return root, (*warnings, f"{where}: not well-formed ({fault}); read as an old web page would be")


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


def _decoded(data: bytes) -> tuple[str, str]:
    """Decode by UTF-8, else by what is declared, else by Windows' Western page, with what is doubtful about the last."""
    for encoding in ("utf-8-sig", _declared(data)):
        try:
            text = data.decode(encoding)
        except (UnicodeError, LookupError):
            continue
        return _without_declaration(text), ""
    text = data.decode("cp1252", errors="replace")
    return _without_declaration(
        text
    ), "not in UTF-8 nor in the encoding it declares; read as Windows-1252, check its accents"


def _declared(data: bytes) -> str:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "utf-16"
    named = _ENCODING.match(data) or _META_ENCODING.search(data[:_META_WITHIN_BYTES])
    name = named.group(1).decode() if named else ""
    return "" if name.lower().replace("-", "_") in _NO_ENCODINGS else name


def _without_declaration(text: str) -> str:
    # The declaration named the bytes' encoding, and the bytes are no more.
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text)


def _as_number(found: re.Match[str]) -> str:
    """Write a named entity of HTML as a number, for XML knows but five names."""
    name = found.group(1)
    character = html.entities.html5.get(f"{name};")
    if name in _KEPT_ENTITIES or character is None:
        return found.group(0)
    return "".join(f"&#{ord(part)};" for part in character)
