"""The blocks of a Markdown manuscript: one pass over the tokens of markdown-it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import lxml.etree
import lxml.html
from markdown_it.token import Token

from tasks.errors import SourceError
from tasks.model import Block, BlockKind

# fmt: off
LINES_OF_HTML = frozenset({
    "address", "article", "aside", "blockquote", "br", "center", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav",
    "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
})
# fmt: on


def folded(text: str) -> str:
    """Fold every run of white space to one space, and strip the ends."""
    return " ".join(text.split())


@dataclass(slots=True)
class _Inline:
    """What a run of inline tokens holds: its words, the words of its pictures before and after, the notes it calls."""

    text: str = ""
    captions_before: list[str] = field(default_factory=list)
    captions_after: list[str] = field(default_factory=list)
    notes: list[int] = field(default_factory=list)
    hard_breaks: int = 0
    soft_breaks: int = 0

    @property
    def is_verse(self) -> bool:
        return self.hard_breaks > 0 and self.soft_breaks == 0


class BlockWalk:
    """One pass over the tokens of a manuscript that turns them into blocks, in order and once.

    After `blocks()`, `targets` holds where the links lead, and `outer_headings` the anchors of the headings that stand in
    no quote, list or note, and so can open a chapter.
    """

    def __init__(self, path: Path, source: str, tokens: Sequence[Token], environment: dict[str, Any]) -> None:
        self.targets: set[str] = set()
        self.outer_headings: set[str] = set()
        self._path = path
        self._lines = re.split(r"\r\n?|\n", source)
        self._anchors: Counter[int] = Counter()
        self._notes: dict[int, Any] = environment.get("footnotes", {}).get("list", {})
        self._tokens: list[Token] = []
        self._bodies: dict[str, list[Token]] = {}
        self._called = {note["label"] for note in self._notes.values() if "label" in note}
        self._told: set[int] = set()
        self._set_notes_aside(tokens)

    def blocks(self) -> list[Block]:
        """Give all blocks of the manuscript; raise `SourceError` for HTML that cannot be read."""
        blocks = list(self._blocks(self._tokens, 1))
        # What is left was called by no text, only by notes that nothing calls.
        for label in list(self._bodies):
            blocks += self._note_body(self._bodies.pop(label), 1)
        return blocks

    def _set_notes_aside(self, tokens: Sequence[Token]) -> None:
        """Keep the bodies of notes that are called for their calls; all others stay where they stand."""
        body: list[Token] | None = None
        for token in tokens:
            if token.type == "footnote_reference_open":
                label = token.meta["label"]
                if label in self._called and label not in self._bodies:
                    body = self._bodies[label] = []
                    continue
            elif token.type == "footnote_reference_close" and body is not None:
                body = None
                continue
            (self._tokens if body is None else body).append(token)

    def _blocks(self, tokens: Sequence[Token], line: int) -> Iterator[Block]:
        around: list[BlockKind] = []
        place = 0
        while place < len(tokens):
            token = tokens[place]
            line = token.map[0] + 1 if token.map else line
            if token.type in {"blockquote_open", "list_item_open"}:
                around.append(BlockKind.QUOTE if token.type == "blockquote_open" else BlockKind.ITEM)
            elif token.type in {"blockquote_close", "list_item_close"}:
                around.pop()
            elif token.type in {"footnote_reference_open", "table_open"}:
                end = _end(tokens, place)
                inner = tokens[place + 1 : end]
                yield from self._note_body(inner, line) if token.type[0] == "f" else self._table(inner, line)
                place = end
            elif token.type == "inline":
                yield from self._inline_block(token, tokens[place - 1], around, line)
            else:
                yield from self._leaf(token, line)
            place += 1

    def _leaf(self, token: Token, line: int) -> Iterator[Block]:
        if token.type == "hr":
            yield Block(BlockKind.BREAK, "", self._anchor(line))
        elif token.type in {"fence", "code_block"}:
            yield from self._block(BlockKind.PARAGRAPH, token.content, line, "code")
        elif token.type == "html_block":
            for paragraph in self._html(token.content, line):
                yield from self._block(BlockKind.PARAGRAPH, paragraph, line)

    def _inline_block(self, token: Token, opening: Token, around: Sequence[BlockKind], line: int) -> Iterator[Block]:
        inline = self._inline(token.children or [])
        for caption in inline.captions_before:
            yield from self._block(BlockKind.PARAGRAPH, caption, line, "captions")
        kind = around[-1] if around else BlockKind.PARAGRAPH
        if opening.type == "heading_open":
            for block in self._block(BlockKind.HEADING, inline.text, line, level=int(opening.tag[1:])):
                if opening.level == 0:
                    self.outer_headings.add(block.anchor)
                yield block
        else:
            verse = inline.is_verse and kind != BlockKind.ITEM
            yield from self._block(BlockKind.VERSE if verse else kind, inline.text, line)
        yield from self._after(inline, line)

    def _table(self, tokens: Sequence[Token], line: int) -> Iterator[Block]:
        cells: list[_Inline] = []
        columns = sum(token.type == "th_open" for token in tokens)
        row = 0
        for token in tokens:
            if token.type == "inline":
                cells.append(self._inline(token.children or []))
            elif token.type == "tr_open" and token.map:
                row = token.map[0]
            elif token.type == "tr_close":
                cells.append(_Inline(self._surplus(row, columns)))
        yield from self._block(BlockKind.PARAGRAPH, " ".join(cell.text for cell in cells), line, "tables")
        for cell in cells:
            cell.captions_after = cell.captions_before + cell.captions_after
            yield from self._after(cell, line)

    def _surplus(self, row: int, columns: int) -> str:
        """Give the words of a row beyond its table's columns, which markdown-it drops."""
        cells = re.split(r"(?<!\\)\|", re.sub(r"^[\s>]*\|?", "", self._lines[row]))
        return " ".join(cells[columns:])

    def _after(self, inline: _Inline, line: int) -> Iterator[Block]:
        for caption in inline.captions_after:
            yield from self._block(BlockKind.PARAGRAPH, caption, line, "captions")
        for number in inline.notes:
            if number in self._told:
                continue
            self._told.add(number)
            note = self._notes[number]
            if "label" in note:
                yield from self._note_body(self._bodies.pop(note["label"], []), line)
            else:
                yield from self._inline_note(note["tokens"], line)

    def _inline_note(self, tokens: Sequence[Token], line: int) -> Iterator[Block]:
        inline = self._inline(tokens)
        yield from self._block(BlockKind.PARAGRAPH, inline.text, line, "footnotes")
        inline.captions_after = inline.captions_before + inline.captions_after
        yield from self._after(inline, line)

    def _note_body(self, tokens: Sequence[Token], line: int) -> Iterator[Block]:
        for block in self._blocks(tokens, line):
            yield replace(block, left_out=block.left_out or "footnotes")

    def _block(self, kind: BlockKind, text: str, line: int, left_out: str = "", level: int = 0) -> Iterator[Block]:
        words = folded(text)
        if words:
            yield Block(kind, words, self._anchor(line), level, left_out)

    def _anchor(self, line: int) -> str:
        self._anchors[line] += 1
        count = self._anchors[line]
        return f"line={line}" if count == 1 else f"line={line}.{count}"

    def _inline(self, tokens: Sequence[Token]) -> _Inline:
        inline = _Inline()
        for token in tokens:
            if token.type in {"text", "code_inline"}:
                inline.text += token.content
            elif token.type in {"softbreak", "hardbreak"} or _is_line_break(token):
                inline.text += " "
                inline.hard_breaks += token.type == "hardbreak"
                inline.soft_breaks += token.type == "softbreak"
            elif token.type == "footnote_ref":
                inline.notes.append(token.meta["id"])
            elif token.type == "link_open":
                self.targets.add(str(token.attrs.get("href", "")))
            elif token.type == "image":
                self._picture(token, inline)
        return inline

    def _picture(self, token: Token, inline: _Inline) -> None:
        self.targets.add(str(token.attrs.get("src", "")))
        within = self._inline(token.children or [])
        captions = [*within.captions_before, within.text, *within.captions_after]
        (inline.captions_after if inline.text.strip() else inline.captions_before).extend(captions)
        inline.notes += within.notes

    def _html(self, content: str, line: int) -> list[str]:
        # Such a comment takes in the whole rest of the manuscript.
        if content.lstrip().startswith("<!--") and "-->" not in content:
            raise SourceError(f"{self._path.name}, line {line}: the comment <!-- has no end; close it with -->")
        parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
        try:
            root = lxml.html.fragment_fromstring(content.encode(), create_parent="div", parser=parser)
        except lxml.etree.LxmlError as error:
            raise SourceError(
                f"{self._path.name}, line {line}: the HTML cannot be read: {error}; correct it"
            ) from error
        return [words for words in map(folded, "".join(_html_text(root)).split("\n\n")) if words]


def _html_text(element: lxml.html.HtmlElement) -> Iterator[str]:
    """Give the text of an element, with an empty line where a block of HTML begins or ends."""
    own_line = "\n\n" if element.tag in LINES_OF_HTML else ""
    yield own_line
    if element.tag not in {"script", "style"}:
        yield (element.text or "").replace("\n", " ")
        for child in element:
            yield from _html_text(child)
            yield (child.tail or "").replace("\n", " ")
    yield own_line


def _is_line_break(token: Token) -> bool:
    return token.type == "html_inline" and re.match(r"</?br\b", token.content, re.IGNORECASE) is not None


def _end(tokens: Sequence[Token], start: int) -> int:
    """Where the token is that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += tokens[place].nesting
        if depth == 0:
            return place
    return len(tokens)
