"""A plain EPUB 3 made of a book's words, for sources that are none: a document a chapter, by which the blocks are found."""

import io
import re
import zipfile
from collections.abc import Container, Iterable, Iterator
from html import escape
from itertools import groupby

from tasks.model import Block, BlockKind
from tasks.packagers.publication import Publication
from tasks.packagers.readalong.package import CONTAINER, MIMETYPE
from tasks.packagers.readalong.places import Numbered
from tasks.packagers.readalong.text import letters_of, xml_text

_FOLDER = "EPUB"
_NOTES = {"footnotes", "endnotes", "nonlinear"}
# What is not read aloud and still read: the rest is marks, running heads and what belongs to the printed page.
_READABLE = {
    *_NOTES,
    "bibliography",
    "captions",
    "code",
    "colophon",
    "copyright-page",
    "glossary",
    "no words",
    "tables",
}
_RIGHT_TO_LEFT = {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "syr", "ug", "ur", "yi"}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")
_STYLE = """\
body { margin: 0 5%; line-height: 1.4; }
h1, h2, h3, h4, h5, h6 { line-height: 1.2; text-align: center; }
p { margin: 0; text-indent: 1.2em; }
h1 + p, h2 + p, h3 + p, hr + p, blockquote p, aside p, .verse, .apart { text-indent: 0; }
hr { width: 20%; margin: 1.5em auto; }
ul { list-style: none; padding: 0 0 0 1.2em; }
aside, .apart { font-size: 0.85em; margin: 0.7em 0; }
.verse { margin-left: 1.2em; }
.title { text-align: center; }
"""


def made(publication: Publication) -> tuple[bytes, tuple[Numbered, ...]]:
    """Make an EPUB of a book, and say where in it each block stands. All that is spoken is in it, and notes and tables."""
    spoken = {chunk.anchor for part in publication.parts for chunk in part.script.chunks}
    book = publication.book
    groups = [(chapter.title, chapter.blocks) for chapter in book.chapters]
    groups += [("", book.left_out)] if any(_is_shown(block, spoken) for block in book.left_out) else []
    numbered: list[Numbered] = []
    documents: list[tuple[str, str, str]] = []
    for place, (title, blocks) in enumerate(groups, start=1):
        name = f"text/{place:03}.xhtml"
        shown = [block for block in blocks if _is_shown(block, spoken)]
        worded = [block for block in shown if letters_of(block.text)]
        numbered += [Numbered(name, number, block) for number, block in enumerate(worded, start=1)]
        body = "\n".join(_markup(shown)) if worded else f"<h1>{_text(title) or place}</h1>"
        documents.append((name, _text(title), body))
    return _archive(publication, documents), tuple(numbered)


def _is_shown(block: Block, spoken: Container[str]) -> bool:
    return not block.left_out or block.left_out in _READABLE or block.anchor in spoken


def _archive(publication: Publication, documents: list[tuple[str, str, str]]) -> bytes:
    title = _text(publication.book.title) or "Untitled"
    people = "".join(f'<p class="title">{_text(author)}</p>' for author in publication.book.authors)
    pages = [
        ("text/title.xhtml", title, f'<h1 class="title">{title}</h1>{people}'),
        *documents,
    ]
    files: list[tuple[str, str | bytes]] = [
        (MIMETYPE, "application/epub+zip"),
        (CONTAINER, _container()),
        (f"{_FOLDER}/package.opf", _package(publication, [name for name, _, _ in pages])),
        (f"{_FOLDER}/nav.xhtml", _page(publication, title, _contents(title, documents), "nav.xhtml")),
        (f"{_FOLDER}/style.css", _STYLE),
        *((f"{_FOLDER}/{name}", _page(publication, own or title, body, name)) for name, own, body in pages),
        (f"{_FOLDER}/{publication.picture.name}", publication.picture.data),
    ]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return stream.getvalue()


def _markup(blocks: Iterable[Block]) -> Iterator[str]:
    for kind, group in groupby(blocks, key=lambda block: None if block.left_out else block.kind):
        if kind is BlockKind.ITEM:
            yield f"<ul>{''.join(f'<li{_language(block)}>{_text(block.text)}</li>' for block in group)}</ul>"
        else:
            yield from (line for block in group if (line := _element(block)))


def _element(block: Block) -> str:
    text, language = _text(block.text), _language(block)
    if block.kind is BlockKind.BREAK:
        return "" if block.left_out else "<hr/>"
    if block.left_out in _NOTES:
        return f'<aside epub:type="footnote"{language}><p>{text}</p></aside>'
    if block.left_out:
        return f'<p class="apart"{language}>{text}</p>'
    if block.kind is BlockKind.HEADING:
        level = min(max(block.level, 1), 6)
        return f"<h{level}{language}>{text}</h{level}>"
    if block.kind is BlockKind.QUOTE:
        return f"<blockquote{language}><p>{text}</p></blockquote>"
    return f'<p class="verse"{language}>{text}</p>' if block.kind is BlockKind.VERSE else f"<p{language}>{text}</p>"


def _page(publication: Publication, title: str, body: str, name: str) -> str:
    tag = _tag(publication.book.language)
    direction = ' dir="rtl"' if _is_right_to_left(tag) else ""
    style = "../style.css" if "/" in name else "style.css"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
        f'lang="{tag}" xml:lang="{tag}"{direction}>\n'
        f'<head><title>{title}</title><link rel="stylesheet" type="text/css" href="{style}"/></head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _contents(title: str, documents: list[tuple[str, str, str]]) -> str:
    entries = [("text/title.xhtml", title), *((name, own) for name, own, _ in documents if own)]
    lines = "".join(f'<li><a href="{name}">{own}</a></li>' for name, own in entries)
    return f'<nav epub:type="toc"><h1>{title}</h1><ol>{lines}</ol></nav>'


def _package(publication: Publication, names: list[str]) -> str:
    book, tag = publication.book, _tag(publication.book.language)
    authors = "".join(f"<dc:creator>{_text(author)}</dc:creator>" for author in book.authors if _text(author))
    description = f"<dc:description>{_text(book.description)}</dc:description>" if _text(book.description) else ""
    picture = publication.picture
    cover = f'<item id="cover" href="{picture.name}" media-type="{picture.media_type}" properties="cover-image"/>'
    items = "".join(
        f'<item id="text-{number}" href="{name}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="text-{number}"/>' for number in range(len(names)))
    direction = ' page-progression-direction="rtl"' if _is_right_to_left(tag) else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="identifier">\n'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="identifier">{_text(publication.identifier)}</dc:identifier>'
        f"<dc:title>{_text(book.title) or 'Untitled'}</dc:title><dc:language>{tag}</dc:language>{authors}"
        f"{description}{_series(publication)}"
        '<meta property="schema:accessibilityHazard">none</meta>'
        '<meta property="schema:accessibilityFeature">tableOfContents</meta></metadata>\n'
        '<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        f'<item id="style" href="style.css" media-type="text/css"/>{cover}{items}</manifest>\n'
        f"<spine{direction}>{spine}</spine>\n</package>\n"
    )


def _series(publication: Publication) -> str:
    if not publication.series:
        return ""
    name, position = _text(publication.series), _text(publication.series_position)
    place = f'<meta property="group-position" refines="#series">{position}</meta>' if position else ""
    return (
        f'<meta property="belongs-to-collection" id="series">{name}</meta>'
        f'<meta property="collection-type" refines="#series">series</meta>{place}'
    )


def _container() -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        f'<rootfile full-path="{_FOLDER}/package.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>\n"
    )


def _tag(language: str) -> str:
    """Give a language tag that an EPUB may have; `und` stands for one that is none."""
    found = _LANGUAGE.fullmatch(language.strip().replace("_", "-"))
    return found.group(0) if found else "und"


def _is_right_to_left(tag: str) -> bool:
    return tag.partition("-")[0].lower() in _RIGHT_TO_LEFT


def _language(block: Block) -> str:
    tag = _tag(block.language) if block.language else ""
    return f' lang="{tag}" xml:lang="{tag}"' if tag else ""


def _text(text: str) -> str:
    return escape(" ".join(xml_text(text).split()))
