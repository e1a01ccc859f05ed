"""PDFs for the tests, printed line by line, and what is told of the books that are read from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap

from reportlab.pdfgen.canvas import Canvas

from tasks.model import Block, Book

LEADING = 14
PROSE = (
    "The keeper climbed the stairs each night with his lamp. He counted them aloud, and the sea below counted with him. "
    "When the wind stood in the west he heard the bell of the drowned church, or said that he did."
)


@dataclass
class Press:
    """Prints a PDF line by line; `y` falls by a line each time."""

    path: Path
    margin: float = 60
    y: float = 500
    page: int = 1
    canvas: Canvas = field(init=False)

    def __post_init__(self) -> None:
        self.canvas = Canvas(str(self.path), pagesize=(420, 595))

    def line(
        self, text: str, *, x: float = 0, size: float = 11, y: float | None = None, font: str = "Times-Roman"
    ) -> None:
        """Print a line `x` points from the margin, at `y` where that is given."""
        self.canvas.setFont(font, size)
        self.canvas.drawString(self.margin + x, self.y if y is None else y, text)
        if y is None:
            self.y -= LEADING

    def lines(self, *texts: str) -> None:
        """Print lines at the margin."""
        for text in texts:
            self.line(text)

    def paragraph(self, text: str, *, indent: float = 14) -> None:
        """Print a paragraph with its first line drawn in."""
        for number, text_of_line in enumerate(wrap(text, 58, break_on_hyphens=False)):
            self.line(text_of_line, x=0 if number else indent)

    def heading(self, text: str, *, size: float = 18) -> None:
        """Print a heading with white space around it."""
        self.y -= LEADING
        self.line(text, size=size)
        self.y -= LEADING

    def bookmark(self, title: str, level: int = 0, *, exact: bool = True) -> None:
        """Put an entry into the outline that leads to the line printed next, or only to its page."""
        key = f"{title}{self.canvas.getPageNumber()}{self.y}"
        if exact:
            self.canvas.bookmarkPage(key, fit="XYZ", left=0, top=self.y + 2)
        else:
            self.canvas.bookmarkPage(key)
        self.canvas.addOutlineEntry(title, key, level)

    def new_page(self) -> None:
        """Go on at the top of the next page."""
        self.canvas.showPage()
        self.page += 1
        self.y = 500

    def column(self, lines: Sequence[str], x: float, y: float, *, size: float = 10) -> None:
        """Print lines one below the other, the first at `y`."""
        for place, line in enumerate(lines):
            self.line(line, x=x, y=y - place * (size + 2), size=size)

    def close(self) -> Path:
        """Finish the file."""
        self.canvas.save()
        return self.path


def blocks_of(book: Book) -> list[Block]:
    return [block for chapter in book.chapters for block in chapter.blocks]


def outline(book: Book) -> list[tuple[str, list[str]]]:
    """The chapters with the words of what is spoken, their headings among them."""
    return [
        (each.title, [block.text for block in each.blocks if block.text and not block.left_out])
        for each in book.chapters
    ]


def left_out(blocks: Sequence[Block]) -> list[tuple[str, str]]:
    return [(block.left_out, block.text) for block in blocks if block.left_out]
