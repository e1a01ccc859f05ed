"""PDF manuscripts, as far as their pages hold text: chapters by the outline, or by the look of the headings."""

import logging
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import get_ident

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, NullObject

from tasks.errors import SourceError
from tasks.model import Block, Book
from tasks.readers.blurb import description_of
from tasks.readers.pdf_blocks import Composer, divide
from tasks.readers.pdf_fonts import NO_CHARACTER, Faces
from tasks.readers.pdf_furniture import set_aside
from tasks.readers.pdf_headings import Heading, from_type, large_headings
from tasks.readers.pdf_lines import Line, Page, folded, read_sheet, set_pages, type_of
from tasks.readers.pdf_outline import fault_of_outline, from_outline, outline_entries
from tasks.readers.pdf_paragraphs import Hyphens, layout_of, with_drop_caps
from tasks.readers.pdf_rows import Sheet

MAXIMUM_BYTES = 500_000_000
MAXIMUM_PAGES = 10_000
MAXIMUM_WARNINGS = 20
PAGES_NAMED = 8
# A book of which more pages than this share are pictures without text was scanned; fewer are its plates.
SHARE_OF_PICTURES = 1 / 3
# A book with more words before its first chapter than these may have an outline that misses chapters.
WORDS_OF_FRONT_MATTER = 500
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
# What programs write as a title or an author when nobody told them one.
NO_NAME = re.compile(
    r"\(?(untitled|anonymous|unspecified|unknown)\)?|microsoft word - .*|.*\.(docx?|odt|indd|tex|qxp)", re.IGNORECASE
)
# pypdf says that broken files can raise more than its own errors. These are what its parser of objects meets when a number,
# a name or a table is not what it should be, and what the decoders of streams raise.
DAMAGE = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    StopIteration,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

# What pypdf has to say of a file is told with the book, not on the terminal of whoever runs a batch of them.
logging.getLogger("pypdf").propagate = False
logging.getLogger("pypdf").addHandler(logging.NullHandler())


def read(path: Path) -> Book:
    """Read a PDF manuscript: every printed line of it, in order and once, in a block that is spoken or left out.

    Words that the ends of lines broke are whole again. Raise `SourceError` for a file that cannot be opened, is no PDF, is
    damaged, too large or locked by a password, or has a page that is a picture of its text.
    """
    with _remarks_of_pypdf(path) as warnings, _open(path) as reader:
        pages = _pages(path, reader, warnings)
        title, authors, language = _facts(path, reader)
        description = _description(path, reader)
        type_ = type_of([line for page in pages for line in page.lines if not line.left_out])
        lines = list(with_drop_caps(set_aside(pages, type_), type_))
        warnings.extend(_pictures(path, pages, lines))
        text = [line for line in lines if not line.left_out]
        if not any(character.isalnum() for line in text for character in line.text):
            raise SourceError(f"{path.name} has no text; if its pages show some, run it through OCR first")
        type_ = type_of(text)
        headings = _outline_headings(path, reader, text, warnings)
    by_outline = bool(headings)
    headings = _with_inner(headings, large_headings(text, type_)) if by_outline else from_type(text, type_)
    composer = Composer(headings, layout_of(text, type_), Hyphens(text))
    division = divide(list(composer.compose(lines)), headings, title, keep_opening=not by_outline)
    if not division.chapters:
        raise SourceError(f"{path.name} has no chapter with words to speak; check its outline")
    warnings += [f"{path.name}: {warning}" for warning in division.warnings]
    warnings += _doubts(path, pages, text, division.left_out)
    return Book(
        title,
        authors,
        language,
        tuple(division.chapters),
        tuple(division.left_out),
        warnings=tuple(warnings),
        description=description,
    )


@contextmanager
def _open(path: Path) -> Iterator[PdfReader]:
    """Open a PDF, and name the file in all that can go wrong while it is read."""
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise SourceError(
                f"{path.name} is larger than {MAXIMUM_BYTES // 1_000_000} MB; split it or make its pictures smaller"
            )
        stream = path.open("rb")
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be opened: {error.strerror or error}; check its place and rights"
        ) from error
    with stream:
        if b"%PDF-" not in stream.read(1024):
            raise SourceError(f"{path.name} is no PDF; check that it is the right file")
        stream.seek(max(0, path.stat().st_size - 4096))
        if b"%%EOF" not in stream.read():
            raise SourceError(f"{path.name} is cut short: the end of the file is missing; get the whole file")
        stream.seek(0)
        with _damage(path, ""):
            reader = PdfReader(stream)
            if reader.is_encrypted and not reader.decrypt(""):
                raise SourceError(f"{path.name} is locked with a password; save a copy without one")
        yield reader


@contextmanager
def _damage(path: Path, where: str) -> Iterator[None]:
    try:
        yield
    except FileNotDecryptedError as error:
        raise SourceError(f"{path.name} is locked with a password; save a copy without one") from error
    except DependencyError as error:
        raise SourceError(
            f"{path.name} is encrypted in a way that cannot be read: {error}; save a copy without"
        ) from error
    except DAMAGE as error:
        # Some of these errors quote the bytes that they could not read.
        reason = "".join(filter(str.isprintable, folded(str(error)))) or type(error).__name__
        raise SourceError(f"{path.name}{where} is damaged: {reason}; get another copy or save it anew") from error


def _pages(path: Path, reader: PdfReader, warnings: list[str]) -> list[Page]:
    with _damage(path, ""):
        count = len(reader.pages)
        tree = reader.root_object["/Pages"].get_object()
        promised = tree.get("/Count") if isinstance(tree, DictionaryObject) else None
    if promised != count:
        # pypdf passes over what is broken in the tree of pages without a word.
        warnings.append(
            f"{path.name}: holds {count} pages but says that it has {promised}; compare with the printed book"
        )
    if count > MAXIMUM_PAGES:
        raise SourceError(f"{path.name} has {count} pages, more than {MAXIMUM_PAGES}; split it")
    sheets: list[Sheet] = []
    faces = Faces()
    for number in range(1, count + 1):
        with _damage(path, f", page {number},"):
            page = reader.pages[number - 1]
            if _has_lost_content(page):
                raise SourceError(f"{path.name}, page {number}, is damaged: its content is missing; get another copy")
            sheets.append(read_sheet(page, number, faces))
    return set_pages(sheets)


def _has_lost_content(page: PageObject) -> bool:
    """Tell whether a page names content that is not in the file, where pypdf would see a blank page."""
    contents = page["/Contents"] if "/Contents" in page else NullObject()
    parts = contents if isinstance(contents, ArrayObject) else [contents]
    return any(part is None or part.get_object() is None for part in parts)


def _pictures(path: Path, pages: Sequence[Page], lines: Sequence[Line]) -> Iterator[str]:
    """Warn of pages that are pictures without text; refuse a book that for a good part is made of such."""
    beside = {"running-head", "page-number", "rotated", "off-page"}
    with_text = {line.page for line in lines if line.left_out not in beside}
    pictures = [number for number, page in enumerate(pages, 1) if page.has_picture and number not in with_text]
    if len(pictures) > SHARE_OF_PICTURES * len(pages):
        raise SourceError(
            f"{path.name}, {_numbers(pictures)}: a picture without text; run the file through OCR, or remove what holds no words"
        )
    if pictures:
        yield f"{path.name}, {_numbers(pictures)}: hold pictures and no text: nothing of them is read"


def _numbers(pages: Sequence[int]) -> str:
    """Word the numbers of pages, not more than a line of them."""
    more = len(pages) - PAGES_NAMED
    named = ", ".join(map(str, pages[:PAGES_NAMED])) + (f" and {more} more" if more > 0 else "")
    return f"page {named}" if len(pages) == 1 else f"pages {named}"


def _facts(path: Path, reader: PdfReader) -> tuple[str, tuple[str, ...], str]:
    """Read title, authors and language from the metadata."""
    with _damage(path, ""):
        metadata = reader.metadata
        title = _named(metadata.title if metadata else None)
        authors = [_named(name) for name in ((metadata.author if metadata else None) or "").split(";")]
        language = folded(str(reader.root_object.get("/Lang", "")))
    title = title or folded(re.sub(r"[-_]+", " ", path.stem)) or path.name
    return title, tuple(name for name in authors if name), language if LANGUAGE_TAG.fullmatch(language) else "en"


def _description(path: Path, reader: PdfReader) -> str:
    """Read what the metadata call the book's subject."""
    with _damage(path, ""):
        metadata = reader.metadata
        return description_of(_named(metadata.subject if metadata else None))


def _named(value: str | None) -> str:
    name = folded(value or "")
    return "" if NO_NAME.fullmatch(name) else name


def _outline_headings(path: Path, reader: PdfReader, text: Sequence[Line], warnings: list[str]) -> list[Heading]:
    """Find the headings that the outline names; none where there is no outline, or one that is not to be trusted."""
    try:
        with _damage(path, ""):
            entries, lost = outline_entries(reader)
            headings = from_outline(entries, text)
    except SourceError as error:
        # A book can be read without its outline.
        warnings.append(f"{path.name}: the outline cannot be read, chapters are told by their looks: {error.__cause__}")
        return []
    fault = fault_of_outline(entries, lost, headings, text)
    if fault:
        warnings.append(f"{path.name}: the outline {fault}, chapters are told by their looks")
        return []
    return headings


def _with_inner(headings: Sequence[Heading], large: Sequence[Heading]) -> list[Heading]:
    """Add the headings inside of chapters that stand out by their type alone."""
    taken = {place for heading in headings for place in range(heading.start, heading.end)}
    inner = [heading for heading in large if taken.isdisjoint(range(heading.start, heading.end))]
    return sorted([*headings, *inner], key=lambda heading: (heading.start, heading.end))


def _doubts(path: Path, pages: Sequence[Page], text: Sequence[Line], left_out: Sequence[Block]) -> Iterator[str]:
    for doubt in sorted({doubt for page in pages for doubt in page.doubts}):
        doubtful = [number for number, page in enumerate(pages, 1) if doubt in page.doubts]
        yield f"{path.name}, {_numbers(doubtful)}: {doubt}, the order of the words may be wrong; listen to these pages"
    unknown = sorted(
        {line.page for line in text if NO_CHARACTER in line.text or re.search(r"[\uE000-\uF8FF]", line.text)}
    )
    if unknown:
        yield f"{path.name}, {_numbers(unknown)}: has characters that its fonts give no meaning to; listen to these pages"
    words = sum(len(block.text.split()) for block in left_out if block.left_out == "frontmatter")
    if words > WORDS_OF_FRONT_MATTER:
        yield f"{path.name}: {words} words before the first chapter are left out as front matter; check the outline"


class _Remarks(logging.Handler):
    """Collects what pypdf logs in this thread, each kind of remark once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = get_ident()
        self.remarks: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            remark = folded(record.getMessage())
            self.remarks.setdefault(re.sub(r"\d+", "#", remark), remark)


@contextmanager
def _remarks_of_pypdf(path: Path) -> Iterator[list[str]]:
    """Give a list of warnings that holds, at the end, what pypdf had to remark on the file."""
    logger = logging.getLogger("pypdf")
    handler = _Remarks()
    warnings: list[str] = []
    logger.addHandler(handler)
    try:
        yield warnings
    finally:
        logger.removeHandler(handler)
    warnings += [
        f"{path.name}: read with doubt: {remark}" for remark in islice(handler.remarks.values(), MAXIMUM_WARNINGS)
    ]
