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

TALE = (
    "It was the custom of the house that no lamp was lit before the keeper had counted his steps, and that nobody spoke "
    "until he had come down again. The children held their breath, for they knew that a word would make him lose the count "
    "and climb the whole of the tower once more. On some nights he came down with wet boots although the sky was clear, and "
    "on others he smelled of tar and oranges. They asked him once what was up there beside the lamp. He thought about it for "
    "so long that the soup went cold, and then he said that there was a chair, and that it was never empty."
)
WIDTH = 34


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

    def marked(self, before: str, mark: str, after: str, *, x: float = 0) -> None:
        """Print a line in which a small raised mark stands."""
        text = self.canvas.beginText(self.margin + x, self.y)
        for piece, size, rise in ((before, 11, 0), (mark, 6, 4), (after, 11, 0)):
            text.setFont("Times-Roman", size)
            text.setRise(rise)
            text.textOut(piece)
        self.canvas.drawText(text)
        self.y -= LEADING

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


def columns_of(text: str, width: int = WIDTH) -> tuple[list[str], list[str]]:
    """Set a text in two columns of so many characters."""
    lines = wrap(text, width, break_on_hyphens=False)
    half = (len(lines) + 1) // 2
    return lines[:half], lines[half:]
