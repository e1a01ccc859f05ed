"""Markdown manuscripts: CommonMark with tables, footnotes, HTML and YAML front matter."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from tasks.errors import SourceError
from tasks.model import Block, BlockKind, Book, Chapter
from tasks.readers import markdown_facts
from tasks.readers.markdown_blocks import BlockWalk

MAXIMUM_BYTES = 50_000_000
# markdown-it silently drops what is nested deeper than its own limit of 20, so it gets a limit that no manuscript meets,
# and one that does is refused.
MAXIMUM_NESTING = 100
# Its time grows with the square of the brackets that a paragraph opens and does not close: thousands take seconds.
MAXIMUM_BRACKETS = 1_000
PARAGRAPH_BREAK = re.compile(r"\n[ \t]*\n")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A file of Markdown as read, not yet divided: its front matter, its blocks, and which of them are outer headings.

    `language` is what the front matter says, empty for nothing.
    """

    facts: dict[str, Any]
    blocks: tuple[Block, ...]
    outer_headings: frozenset[str]
    language: str
    warnings: tuple[str, ...]

    @property
    def has_words(self) -> bool:
        """Tell whether there is anything to speak."""
        return any(not block.left_out and any(map(str.isalnum, block.text)) for block in self.blocks)


def read(path: Path) -> Book:
    """Read a Markdown manuscript: every word of it, in order and once, in a block that is spoken or left out.

    Raise `SourceError` for a file that cannot be opened, is no UTF-8, is too large or nested too deeply, has broken front
    matter or an HTML comment without end, or has nothing to say.
    """
    manuscript = parsed(path)
    if not manuscript.has_words:
        raise SourceError(f"{path.name} has no words to speak; check that it is the right file")
    language = manuscript.language or "en"
    blocks = in_language(manuscript.blocks, "", language)
    title_block, openings = _openings(blocks, manuscript.outer_headings)
    title = (
        markdown_facts.title(manuscript.facts)
        or (title_block.text if title_block else "")
        or title_from_name(path.stem)
        or path.name
    )
    chapters, left_out = _chapters(blocks, title_block, openings, title)
    warnings = list(manuscript.warnings)
    cover = markdown_facts.cover(path, manuscript.facts, warnings)
    authors = markdown_facts.authors(manuscript.facts)
    series, series_position = markdown_facts.series(manuscript.facts)
    return Book(
        title,
        authors,
        language,
        chapters,
        left_out,
        cover,
        tuple(warnings),
        description=markdown_facts.description(manuscript.facts),
        series=series,
        series_position=series_position,
    )


def parsed(path: Path) -> Manuscript:
    """Read a file of Markdown, without dividing it into chapters; raise `SourceError` as `read` does."""
    source = text_of(path)
    parser = MarkdownIt("commonmark", {"maxNesting": MAXIMUM_NESTING}).enable("table")
    parser.use(front_matter_plugin).use(footnote_plugin, move_to_end=False)
    environment: dict[str, Any] = {}
    try:
        _refuse_brackets(path, source)
        tokens = parser.parse(source, environment)
        _refuse_deep_nesting(path, tokens)
        facts = markdown_facts.front_matter(path, source, tokens)
        walk = BlockWalk(path, source, tokens, parser, environment)
        blocks = walk.blocks()
    except RecursionError as error:
        raise SourceError(f"{path.name}: it is nested too deeply to be read; flatten it") from error
    warnings: list[str] = []
    language = markdown_facts.language(path, facts, warnings)
    warnings += _unused_definitions(path, environment, walk.targets)
    return Manuscript(facts, tuple(blocks), frozenset(walk.outer_headings), language, tuple(warnings))


def in_language(blocks: Sequence[Block], language: str, book_language: str) -> tuple[Block, ...]:
    """Say of each block in which language it is, `language` where it does not say itself, and nothing for the book's."""
    return tuple(
        replace(block, language="" if (block.language or language) == book_language else block.language or language)
        for block in blocks
    )


def text_of(path: Path) -> str:
    """Give the text of a file in UTF-8, without its byte order mark; raise `SourceError`."""
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise SourceError(
                f"{path.name} is larger than {MAXIMUM_BYTES // 1_000_000} MB, which no manuscript is; split it or check the file"
            )
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be opened: {error.strerror or error}; check its place and rights"
        ) from error
    start = len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0
    try:
        return data[start:].decode()
    except UnicodeDecodeError as error:
        offset = start + error.start
        line = data.count(b"\n", 0, offset) + 1
        raise SourceError(f"{path.name} is no UTF-8 at byte {offset}, line {line}; save it as UTF-8") from error


def _refuse_brackets(path: Path, source: str) -> None:
    line = 1
    for paragraph in PARAGRAPH_BREAK.split(source):
        is_front_matter = line == 1 and paragraph.startswith("---")
        if not is_front_matter and paragraph.count("[") - paragraph.count("]") > MAXIMUM_BRACKETS:
            raise SourceError(
                f"{path.name}, line {line}: over {MAXIMUM_BRACKETS:,} brackets are opened and not closed; check the file"
            )
        line += paragraph.count("\n") + 2


def _refuse_deep_nesting(path: Path, tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.level >= MAXIMUM_NESTING - 1:
            where = f", line {token.map[0] + 1}" if token.map else ""
            raise SourceError(f"{path.name}{where}: lists or quotes are nested too deeply to be read; flatten them")


def _unused_definitions(path: Path, environment: dict[str, Any], targets: set[str]) -> list[str]:
    """Name the definitions of links that nothing links to: they may be meant as text, and are not spoken."""
    definitions = environment.get("references", {})
    return [
        f"{path.name}, line {definition['map'][0] + 1}: [{label}]: is read as the address of a link, but nothing links to it"
        for label, definition in definitions.items()
        if definition["href"] not in targets
    ]


def _openings(blocks: Sequence[Block], outer_headings: frozenset[str]) -> tuple[Block | None, frozenset[str]]:
    """Find the heading that is the book's own title, if there is one, and the anchors of those that open chapters."""
    headings = [block for block in blocks if block.anchor in outer_headings]
    levels = Counter(heading.level for heading in headings)
    first = next((block for block in blocks if block.text and not block.left_out), None)
    has_title = levels[1] == 1 and levels[2] > 0 and first is headings[0] and first.level == 1
    if has_title:
        return first, frozenset(heading.anchor for heading in headings if heading.level == 2)  # noqa: PLR2004
    return None, highest_headings(headings)


def highest_headings(headings: Sequence[Block]) -> frozenset[str]:
    """Give the anchors of the headings of the highest level that there is."""
    highest = min((heading.level for heading in headings), default=0)
    return frozenset(heading.anchor for heading in headings if heading.level == highest)


def _chapters(
    blocks: Sequence[Block], title_block: Block | None, openings: frozenset[str], title: str
) -> tuple[tuple[Chapter, ...], tuple[Block, ...]]:
    named = [replace(block, left_out="title") if block is title_block else block for block in blocks]
    before, chapters = divided(named, openings)
    left_out = [block for block in before if block.left_out == "title"]
    if any(block.text and not block.left_out for block in before):
        chapters.insert(0, [block for block in before if block.left_out != "title"])
        names = [title, *(each[0].text for each in chapters[1:])]
    else:
        left_out = [block for block in before if block.text]
        names = [each[0].text for each in chapters]
    return (
        tuple(
            Chapter(number, name, tuple(each))
            for number, (name, each) in enumerate(zip(names, chapters, strict=True), 1)
        ),
        tuple(left_out),
    )


def divided(blocks: Sequence[Block], openings: frozenset[str]) -> tuple[list[Block], list[list[Block]]]:
    """Divide blocks before each of those that open a chapter: what stands before the first, and the chapters."""
    before: list[Block] = []
    chapters: list[list[Block]] = []
    for block in blocks:
        if block.kind is BlockKind.HEADING and block.anchor in openings:
            chapters.append([block])
        else:
            (chapters[-1] if chapters else before).append(block)
    return before, chapters


def title_from_name(stem: str) -> str:
    """Make a title of a file's name; bytes of it that are no text are replaced."""
    return " ".join(re.sub(r"[-_]+", " ", stem.encode(errors="surrogateescape").decode(errors="replace")).split())
