"""Build the samples: from the manuscript in Markdown its cover, the same book as EPUB 3, and as PDF.

    python samples/build.py

The same manuscript gives the same bytes each time: no clock, no random name and no order of a set gets into a file. What
is built is kept in the repository, so that nobody has to run this to try Declaim; run it after the manuscript was edited.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml
from ebooklib import epub
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from PIL import Image, ImageDraw, ImageFont, ImageOps
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_LEFT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
)

HERE = Path(__file__).resolve().parent
MANUSCRIPT = HERE / "tuppence-a-window.md"

# The EPUB must say when it was last changed. A day that is fixed keeps two builds alike.
CHANGED = datetime(2026, 11, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a chapter: a `paragraph`, a `quote` or a scene `break`, whose token has no words."""

    kind: str
    words: Token


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter as its manuscript has it; `notes` are its footnotes by their labels."""

    title: str
    passages: tuple[Passage, ...]
    notes: Mapping[str, Token]


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A whole manuscript: what its front matter says, and its chapters."""

    title: str
    author: str
    language: str
    rights: str
    cover: str
    description: str
    chapters: tuple[Chapter, ...]


# ---------------------------------------------------------------------------------------------------------- Markdown


def read_manuscript(path: Path) -> Manuscript:
    """Read the Markdown at `path`. A heading of the second level opens a chapter."""
    # Without the plugin's own rule for the end of the document, a note is a block where it was written.
    parser = MarkdownIt("commonmark").use(front_matter_plugin).use(footnote_plugin, inline=False, move_to_end=False)
    front_matter, *tokens = parser.parse(path.read_text(encoding="utf-8"))
    facts = yaml.safe_load(front_matter.content)
    openings = [place for place, token in enumerate(tokens) if token.type == "heading_open"]
    chapters = tuple(
        read_chapter(tokens[start:end]) for start, end in zip(openings, [*openings[1:], None], strict=True)
    )
    return Manuscript(chapters=chapters, **facts)


def read_chapter(tokens: Sequence[Token]) -> Chapter:
    """Read the tokens of one chapter, its heading first."""
    passages: list[Passage] = []
    notes: dict[str, Token] = {}
    around: list[str] = []
    label = ""
    for token in tokens[3:]:
        if token.nesting == 1:
            around.append(token.type)
            label = token.meta.get("label", label)
        elif token.nesting == -1:
            around.pop()
        elif token.type == "hr":
            passages.append(Passage("break", token))
        elif "footnote_reference_open" in around:
            notes[label] = token
        else:
            passages.append(Passage("quote" if "blockquote_open" in around else "paragraph", token))
    return Chapter(tokens[1].content, tuple(passages), notes)


def mark_up(words: Token, dialect: Mapping[str, str]) -> str:
    """Word `words` in the markup of `dialect`, which has a form for each kind of inline token that is not text."""
    return "".join(
        escape(token.content, quote=False) if token.type == "text" else dialect[token.type].format_map(token.meta)
        for token in words.children or ()
    )


# ------------------------------------------------------------------------------------------------------------- cover

SIDE = 1600
FINE = 2  # the cover is drawn at twice its size and then made smaller, which smooths every edge

NIGHT, HORIZON = "#0d1730", "#8fa3bd"
WALL, ROOF, PANE, FRAME = "#33466b", "#1a2642", "#1f2d4d", "#4b6088"
SNOW, LAMPLIGHT, BAMBOO, FIGURE, PAPER = "#dde5ef", "#f8bd52", "#c79a5b", "#0b1122", "#f6ecd6"

# Where the houses stand, which of the windows upstairs is lit, and what the lettering covers.
HOUSES = range(-130, SIDE, 380)
LIT = (1230, 985)
LETTERING = (250, 150, 1350, 640)


def draw_cover(manuscript: Manuscript) -> bytes:
    """Draw the cover as a square PNG: the Row before dawn, one window lit, and the pole that reaches up to it."""
    sky = Image.linear_gradient("L").resize((SIDE * FINE, SIDE * FINE))
    picture = ImageOps.colorize(sky, NIGHT, HORIZON)
    pen = ImageDraw.Draw(picture)
    draw_row(pen)
    draw_answer(pen)
    draw_snow(pen)
    draw_lettering(pen, manuscript)
    stream = BytesIO()
    # So few colours need no more than a palette, which makes the file a quarter of the size.
    picture.resize((SIDE, SIDE), Image.Resampling.BOX).quantize(256, dither=Image.Dither.NONE).save(
        stream, "PNG", optimize=True
    )
    return stream.getvalue()


def scaled(*numbers: float) -> list[float]:
    """Turn measures of the finished cover into those of the drawing."""
    return [FINE * number for number in numbers]


def draw_row(pen: ImageDraw.ImageDraw) -> None:
    """Draw a terrace with snow on its roofs and sills, and the street in front."""
    pen.rectangle(scaled(0, 780, SIDE, 910), fill=ROOF)
    pen.rectangle(scaled(0, 772, SIDE, 786), fill=SNOW)
    pen.rectangle(scaled(0, 905, SIDE, 1480), fill=WALL)
    pen.rectangle(scaled(0, 1476, SIDE, SIDE), fill=SNOW)
    for left in HOUSES:
        pen.rectangle(scaled(left + 330, 700, left + 420, 790), fill=ROOF)
        pen.rectangle(scaled(left + 322, 690, left + 428, 704), fill=SNOW)
        for pot in (345, 385):
            pen.rectangle(scaled(left + pot, 660, left + pot + 20, 692), fill=ROOF)
        pen.line(scaled(left + 375, 910, left + 375, 1478), fill=ROOF, width=3 * FINE)
        draw_window(pen, left + 60, 985)
        draw_window(pen, left + 220, 985)
        draw_window(pen, left + 220, 1240)
        pen.rectangle(scaled(left + 60, 1250, left + 155, 1480), fill=ROOF, outline=FRAME, width=4 * FINE)
        pen.rectangle(scaled(left + 50, 1468, left + 165, 1480), fill=SNOW)


def draw_window(pen: ImageDraw.ImageDraw, left: int, top: int, pane: str = PANE) -> None:
    """Draw a sash window of two panes, with snow on its sill."""
    pen.rectangle(scaled(left, top, left + 110, top + 160), fill=pane, outline=FRAME, width=5 * FINE)
    pen.line(scaled(left, top + 80, left + 110, top + 80), fill=FRAME, width=5 * FINE)
    pen.rectangle(scaled(left - 10, top + 158, left + 120, top + 170), fill=SNOW)


def draw_answer(pen: ImageDraw.ImageDraw) -> None:
    """Draw the lit window with a raised hand in it, the pole that has tapped there, and the steps that led to it."""
    left, top = LIT
    draw_window(pen, left, top, LAMPLIGHT)
    draw_hand(pen, left + 58, top + 98)
    pen.line(scaled(left + 6, top + 146, 430, SIDE), fill=BAMBOO, width=8 * FINE)
    for step in range(9):
        x, y = left - 150 - 72 * step, 1500 + 9 * step + 12 * (step % 2)
        pen.ellipse(scaled(x, y, x + 28, y + 9), fill=HORIZON)


def draw_hand(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
    """Draw an open hand around the middle of its palm."""
    pen.polygon(scaled(x - 13, y + 10, x + 13, y + 10, x + 18, y + 58, x - 18, y + 58), fill=FIGURE)
    pen.ellipse(scaled(x - 19, y - 19, x + 19, y + 21), fill=FIGURE)
    for across, up in ((-31, -12), (-17, -36), (-6, -43), (6, -42), (17, -33)):
        tip_x, tip_y = x + across, y + up
        pen.line(scaled(x + across * 0.5, y + 6, tip_x, tip_y), fill=FIGURE, width=9 * FINE)
        pen.ellipse(scaled(tip_x - 4.5, tip_y - 4.5, tip_x + 4.5, tip_y + 4.5), fill=FIGURE)


def draw_snow(pen: ImageDraw.ImageDraw) -> None:
    """Let a little snow fall, spread evenly and without chance, but not among the letters."""
    for flake in range(1, 120):
        x, y = SIDE * (0.7549 * flake % 1), 1400 * (0.5698 * flake % 1)
        left, top, right, bottom = LETTERING
        if not (left < x < right and top < y < bottom):
            pen.ellipse(scaled(x, y, x + 2 + flake % 4, y + 2 + flake % 4), fill=SNOW)


def draw_lettering(pen: ImageDraw.ImageDraw, manuscript: Manuscript) -> None:
    """Set the title in two lines and the author under it, in capitals with air between them."""
    first, rest = manuscript.title.upper().split(" ", 1)
    write_line(pen, first, 150, 170)
    write_line(pen, rest, 335, 170)
    write_line(pen, manuscript.author.upper(), 570, 44)


def write_line(pen: ImageDraw.ImageDraw, text: str, top: int, size: int) -> None:
    """Write a line in the middle of the cover, each letter by itself so that they can be spaced."""
    font = ImageFont.load_default(size * FINE)
    gap = 0.12 * size * FINE
    widths = [pen.textlength(letter, font) for letter in text]
    left = (SIDE * FINE - sum(widths) - gap * (len(text) - 1)) / 2
    for letter, width in zip(text, widths, strict=True):
        pen.text((left, top * FINE), letter, PAPER, font)
        left += width + gap


# -------------------------------------------------------------------------------------------------------------- EPUB

XHTML = {
    "softbreak": "\n",
    "hardbreak": "<br/>\n",
    "em_open": "<em>",
    "em_close": "</em>",
    "footnote_ref": '<a epub:type="noteref" role="doc-noteref" id="call-{label}" href="#note-{label}">{label}</a>',
}
MATTER = {"titlepage": "frontmatter", "chapter": "bodymatter"}
PASSAGES = {"paragraph": "<p>{}</p>", "quote": "<blockquote><p>{}</p></blockquote>", "break": "<hr/>"}
NOTE = '<aside epub:type="footnote" role="doc-footnote" id="note-{}"><p>{}</p></aside>'
PAGE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="{language}" xml:lang="{language}">
<head>
<title>{title}</title>
<link rel="stylesheet" type="text/css" href="book.css"/>
</head>
<body epub:type="{matter}">
<section epub:type="{role}">
{content}
</section>
</body>
</html>
"""
STYLE = """body { margin: 5%; line-height: 1.5; }
h1, h2 { text-align: center; font-weight: normal; margin: 3em 0 2em; }
p { margin: 0; text-indent: 1.5em; text-align: justify; }
h2 + p, hr + p, blockquote p, aside p, .title p { text-indent: 0; }
hr { width: 20%; margin: 1.5em auto; }
blockquote { margin: 1em 2em; font-style: italic; }
aside { margin-top: 2em; font-size: smaller; }
a[role="doc-noteref"] { vertical-align: super; font-size: smaller; text-decoration: none; }
.title { text-align: center; }
.title p { text-align: center; }
"""


def build_epub(manuscript: Manuscript, cover: bytes) -> bytes:
    """Make the EPUB: the title page, then each chapter in a file of its own."""
    book = epub.EpubBook()
    book.set_identifier(uuid5(NAMESPACE_URL, f"declaim:{manuscript.author}:{manuscript.title}").urn)
    book.set_title(manuscript.title)
    book.set_language(manuscript.language)
    book.add_author(manuscript.author)
    book.add_metadata("DC", "rights", manuscript.rights)
    book.add_metadata("DC", "description", manuscript.description)
    book.set_cover(manuscript.cover, cover, create_page=False)
    language = manuscript.language
    title_page = xhtml("title-page", manuscript.title, language, "titlepage", title_markup(manuscript))
    chapters = [
        xhtml(f"chapter-{number}", chapter.title, language, "chapter", chapter_markup(chapter))
        for number, chapter in enumerate(manuscript.chapters, 1)
    ]
    for item in (epub.EpubItem("style", "book.css", "text/css", STYLE.encode()), title_page, *chapters):
        book.add_item(item)
    book.add_item(epub.EpubNcx())
    book.add_item(epub.EpubNav())
    book.spine = [title_page, *chapters]
    book.toc = [
        epub.Link(page.file_name, chapter.title, page.id)
        for page, chapter in zip(chapters, manuscript.chapters, strict=True)
    ]
    book.guide = [{"type": "text", "href": chapters[0].file_name, "title": "Start of the story"}]
    stream = BytesIO()
    # Asked for lists of pages, ebooklib would look for them in documents that it made itself.
    epub.write_epub(stream, book, {"mtime": CHANGED, "epub3_pages": False, "raise_exceptions": True})
    return with_fixed_times(stream)


def xhtml(name: str, title: str, language: str, role: str, content: str) -> Any:
    """Make one document of the EPUB; `role` is the EPUB's own term for what it is.

    It is a plain item rather than one of ebooklib's chapters, which lose the attributes of the body.
    """
    page = PAGE.format(title=escape(title), language=language, matter=MATTER[role], role=role, content=content)
    return epub.EpubItem(name, f"{name}.xhtml", "application/xhtml+xml", page.encode())


def title_markup(manuscript: Manuscript) -> str:
    """Word the title page."""
    title, author, rights = (escape(words) for words in (manuscript.title, manuscript.author, manuscript.rights))
    return f'<div class="title">\n<h1>{title}</h1>\n<p>{author}</p>\n<p>{rights}</p>\n</div>'


def chapter_markup(chapter: Chapter) -> str:
    """Word a chapter: its heading, its passages, its footnotes."""
    lines = [f"<h2>{escape(chapter.title)}</h2>"]
    lines += [PASSAGES[passage.kind].format(mark_up(passage.words, XHTML)) for passage in chapter.passages]
    lines += [NOTE.format(label, mark_up(words, XHTML)) for label, words in chapter.notes.items()]
    return "\n".join(lines)


def with_fixed_times(stream: BytesIO) -> bytes:
    """Pack a ZIP again with one fixed time for all its members, which are kept in their order."""
    packed = BytesIO()
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(packed, "w") as new:
        for member in old.infolist():
            entry = zipfile.ZipInfo(member.filename, CHANGED.timetuple()[:6])
            entry.compress_type = member.compress_type
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            new.writestr(entry, old.read(member))
    return packed.getvalue()


# --------------------------------------------------------------------------------------------------------------- PDF

# A footnote is left out of the PDF, and its mark with it: a mark that is set in the line reads as part of the word.
PDF = {"softbreak": " ", "hardbreak": "<br/>", "em_open": "<i>", "em_close": "</i>", "footnote_ref": ""}

# Where these words may be broken at the end of a line: no table of hyphenation is needed for a story of this length.
SOFT_HYPHEN = "\N{SOFT HYPHEN}"
DIVIDED = [
    "cur-tains",
    "ex-traor-di-nary",
    "neigh-bours",
    "po-lice-man",
    "re-mem-bered",
    "Sat-ur-days",
    "un-ac-count-ably",
]

PAGE_SIZE = PAGE_WIDTH, PAGE_HEIGHT = 148 * mm, 210 * mm
MARGIN = 20 * mm
FONT, ITALIC = "Vera", "VeraIt"
BODY = ParagraphStyle(
    "body",
    fontName=FONT,
    fontSize=11,
    leading=17,
    alignment=TA_JUSTIFY,
    firstLineIndent=16,
    embeddedHyphenation=1,
    allowWidows=0,
    allowOrphans=0,
)
# The paragraph after a heading or a break stands flush, as printers set it.
FLUSH = ParagraphStyle("flush", BODY, firstLineIndent=0)
QUOTE = ParagraphStyle("quote", FLUSH, fontName=ITALIC, alignment=TA_LEFT, leftIndent=16, spaceBefore=9, spaceAfter=9)
BREAK = ParagraphStyle("break", BODY, alignment=TA_CENTER, firstLineIndent=0, spaceBefore=9, spaceAfter=9)
HEADING = ParagraphStyle("heading", BREAK, fontSize=17, leading=22, spaceBefore=0, spaceAfter=28)
TITLE = ParagraphStyle("title", HEADING, fontSize=24, leading=30)


def build_pdf(manuscript: Manuscript) -> bytes:
    """Make the PDF: a title page, then each chapter from a new page on, all of them in the outline."""
    for face in (FONT, ITALIC):
        pdfmetrics.registerFont(TTFont(face, f"{face}.ttf"))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, italic=ITALIC)
    stream = BytesIO()
    document = BaseDocTemplate(
        stream,
        pagesize=PAGE_SIZE,
        title=manuscript.title,
        author=manuscript.author,
        subject=manuscript.description,
        creator="Declaim's samples/build.py",
        lang=manuscript.language,
        invariant=1,
    )
    document.addPageTemplates(page_templates(manuscript))
    story = [Spacer(1, 50 * mm), Paragraph(escape(manuscript.title), TITLE)]
    story += [Paragraph(escape(words), BREAK) for words in (manuscript.author, manuscript.rights)]
    for number, chapter in enumerate(manuscript.chapters, 1):
        story += [NextPageTemplate(f"chapter-{number}"), PageBreak(), NextPageTemplate("following")]
        story += chapter_flow(chapter)
    document.build(story)
    return stream.getvalue()


def page_templates(manuscript: Manuscript) -> list[Any]:
    """Make the kinds of page: the title's, each chapter's first, and all that follow."""
    width, height = PAGE_WIDTH - 2 * MARGIN, PAGE_HEIGHT - 2 * MARGIN
    whole = partial(Frame, MARGIN, MARGIN, width, height, 0, 0, 0, 0)
    sunk = partial(Frame, MARGIN, MARGIN, width, height - 25 * mm, 0, 0, 0, 0)
    return [
        PageTemplate("title", whole()),
        *(
            PageTemplate(f"chapter-{number}", sunk(), onPage=partial(open_chapter, f"chapter-{number}", chapter.title))
            for number, chapter in enumerate(manuscript.chapters, 1)
        ),
        PageTemplate("following", whole(), onPage=partial(run_head, manuscript.title)),
    ]


def open_chapter(key: str, title: str, canvas: Any, document: Any) -> None:
    """Enter a chapter in the outline at its first page, which has a number but no running head."""
    canvas.bookmarkPage(key)
    canvas.addOutlineEntry(title, key, level=0)
    number_page(canvas, document)


def run_head(title: str, canvas: Any, document: Any) -> None:
    """Set the running head and the number of a page that follows."""
    canvas.setFont(FONT, 8)
    canvas.drawCentredString(PAGE_WIDTH / 2, PAGE_HEIGHT - MARGIN * 0.65, title)
    number_page(canvas, document)


def number_page(canvas: Any, document: Any) -> None:
    """Set the page's number at its foot."""
    canvas.setFont(FONT, 8)
    canvas.drawCentredString(PAGE_WIDTH / 2, MARGIN * 0.5, str(document.page))


def chapter_flow(chapter: Chapter) -> list[Any]:
    """Turn a chapter into what flows through its pages."""
    flow = [Paragraph(escape(chapter.title), HEADING)]
    style = FLUSH
    for passage in chapter.passages:
        if passage.kind == "break":
            flow.append(Paragraph("* * *", BREAK))
        else:
            flow.append(Paragraph(divided(mark_up(passage.words, PDF)), QUOTE if passage.kind == "quote" else style))
        style = BODY if passage.kind == "paragraph" else FLUSH
    return flow


def divided(markup: str) -> str:
    """Put soft hyphens into the words that may be broken at the end of a line."""
    for word in DIVIDED:
        markup = markup.replace(word.replace("-", ""), word.replace("-", SOFT_HYPHEN))
    return markup


# --------------------------------------------------------------------------------------------------------------- all


def build(folder: Path) -> None:
    """Write the cover, the EPUB and the PDF of the manuscript into `folder`."""
    manuscript = read_manuscript(MANUSCRIPT)
    cover = draw_cover(manuscript)
    (folder / manuscript.cover).write_bytes(cover)
    (folder / MANUSCRIPT.with_suffix(".epub").name).write_bytes(build_epub(manuscript, cover))
    (folder / MANUSCRIPT.with_suffix(".pdf").name).write_bytes(build_pdf(manuscript))


if __name__ == "__main__":
    build(HERE)
