"""The blocks of a Markdown manuscript: one pass over the tokens of markdown-it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tasks.errors import SourceError
from tasks.model import Block, BlockKind
from tasks.readers.markdown_facts import LANGUAGE_TAG
from tasks.readers.markdown_html import expanded
from tasks.readers.markdown_inline import Inline, folded_with_calls, inline_of

MAXIMUM_OPEN_ELEMENTS = 1_000
# Notes that call notes are told one within the other so deep, and behind all others where it goes deeper.
MAXIMUM_NOTE_DEPTH = 20
_SCENE_BREAK = re.compile(r"[\s*⁂•·~#—–_⁎∗❦☙♦◆◇§.-]+")
_CONTAINERS = {"blockquote_open": BlockKind.QUOTE, "list_item_open": BlockKind.ITEM}
_KINDS = {"blockquote": BlockKind.QUOTE, "li": BlockKind.ITEM, "dd": BlockKind.ITEM, "dt": BlockKind.ITEM}
_HEADING = re.compile(r"h[1-6]")
_REASONS = {"table": "tables", "pre": "code", "figcaption": "captions", "nav": "toc", "svg": "images", "math": "math"}
# What an element ends by its beginning, and the elements around it beyond which it ends none.
_ENDED_BY = {
    "li": ({"li"}, {"ul", "ol"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "tr": ({"tr"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
}


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around a block and decides what it is; `tag` is the element of HTML, empty for one of Markdown."""

    kind: BlockKind = BlockKind.PARAGRAPH
    level: int = 0
    left_out: str = ""
    language: str = ""
    note: str = ""
    is_outer: bool = True
    tag: str = ""
    line: int = 0


class BlockWalk:
    """One pass over the tokens of a manuscript that turns them into blocks, in order and once.

    After `blocks()`, `targets` holds where the links lead, and `outer_headings` the anchors of the headings that stand in
    no quote, list or note, and so can open a chapter.
    """

    def __init__(
        self, path: Path, source: str, tokens: Sequence[Token], parser: MarkdownIt, environment: dict[str, Any]
    ) -> None:
        self.targets: set[str] = set()
        self.outer_headings: set[str] = set()
        self._path = path
        self._lines = re.split(r"\r\n?|\n", source)
        self._anchors: Counter[int] = Counter()
        tokens = expanded(path, tokens, parser, environment)
        self._notes: dict[int, Any] = environment.get("footnotes", {}).get("list", {})
        self._names = len(self._notes)
        self._tokens: list[Token] = []
        self._bodies: dict[str, list[Token]] = {}
        self._numbers = {note["label"]: number for number, note in self._notes.items() if "label" in note}
        self._told: set[int] = set()
        self._note_depth = 0
        self._set_notes_aside(tokens)

    def blocks(self) -> list[Block]:
        """Give all blocks of the manuscript; raise `SourceError` for HTML that cannot be read."""
        blocks = list(self._blocks(self._tokens, 1, _Around()))
        # What is left was called by no text, only by notes that nothing calls, or too deep within others.
        for number, note in self._notes.items():
            if number not in self._told:
                blocks += self._told_note(number, note, 1)
        return blocks

    def _set_notes_aside(self, tokens: Sequence[Token]) -> None:
        """Keep the bodies of notes that are called for their calls; all others stay where they stand."""
        into = [self._tokens]
        for token in tokens:
            if token.type == "footnote_reference_open":
                label = token.meta["label"]
                if label in self._numbers and label not in self._bodies:
                    into.append(self._bodies.setdefault(label, []))
                    continue
                into.append(into[-1])
            elif token.type == "footnote_reference_close" and into.pop() is not into[-1]:
                continue
            into[-1].append(token)

    def _blocks(self, tokens: Sequence[Token], line: int, base: _Around) -> Iterator[Block]:
        around = [base]
        place = 0
        while place < len(tokens):
            token = tokens[place]
            line = token.map[0] + 1 if token.map else line
            if token.type in {"footnote_reference_open", "table_open"}:
                end = _end(tokens, place)
                inner = tokens[place + 1 : end]
                if token.type == "table_open":
                    yield from self._table(inner, line, around[-1])
                else:
                    self._names += 1
                    yield from self._blocks(inner, line, _note(f"note={self._names}"))
                place = end
            elif token.type == "inline":
                yield from self._inline_block(inline_of(token.children or [], self.targets), line, around[-1])
            elif token.type == "hr":
                if not around[-1].left_out:
                    yield Block(BlockKind.BREAK, "", self._anchor(line))
            elif token.type in {"fence", "code_block"}:
                code = Inline([(token.content, None)])
                yield from self._block(code, line, replace(around[-1], kind=BlockKind.PARAGRAPH, level=0), "code")
            else:
                self._go_in_or_out(token, around, line)
            place += 1
        self._refuse_open(around)

    def _go_in_or_out(self, token: Token, around: list[_Around], line: int) -> None:
        """Keep `around` in step with the quotes, lists, headings and elements that open and close."""
        last = around[-1]
        if token.type in _CONTAINERS:
            around.append(replace(last, kind=_CONTAINERS[token.type], level=0, is_outer=False, tag="", line=line))
        elif token.type == "heading_open":
            around.append(replace(last, kind=BlockKind.HEADING, level=int(token.tag[1:]), tag="", line=line))
        elif token.type in {"blockquote_close", "list_item_close", "heading_close"}:
            while around.pop().tag:
                pass
        elif token.type == "html_open":
            self._enter(token, around, line)
        elif token.type == "html_close":
            _leave({token.tag}, set(), around)

    def _enter(self, token: Token, around: list[_Around], line: int) -> None:
        tag = token.tag
        if around[-1].tag == "p" or _HEADING.fullmatch(around[-1].tag):
            around.pop()
        if tag in _ENDED_BY:
            _leave(*_ENDED_BY[tag], around)
        if len(around) > MAXIMUM_OPEN_ELEMENTS:
            raise SourceError(
                f"{self._path.name}, line {line}: more than {MAXIMUM_OPEN_ELEMENTS} elements of HTML are open; close them"
            )
        last = around[-1]
        language = str(token.attrs.get("lang", "")).strip()
        is_heading = _HEADING.fullmatch(tag)
        around.append(
            replace(
                last,
                kind=BlockKind.HEADING if is_heading else _KINDS.get(tag, last.kind),
                level=int(tag[1]) if is_heading else 0 if tag in _KINDS else last.level,
                left_out=last.left_out or _REASONS.get(tag, ""),
                language=language if LANGUAGE_TAG.fullmatch(language) else last.language,
                is_outer=last.is_outer and tag not in _KINDS,
                tag=tag,
                line=line,
            )
        )

    def _refuse_open(self, around: Sequence[_Around]) -> None:
        """Refuse an element without end that would leave the whole rest of a text unread."""
        for above, each in pairwise(around):
            if each.left_out and not above.left_out:
                raise SourceError(
                    f"{self._path.name}, line {each.line}: <{each.tag}> has no end; close it with </{each.tag}>"
                )

    def _inline_block(self, inline: Inline, line: int, around: _Around) -> Iterator[Block]:
        yield from self._asides(inline.before, line, around)
        is_verse = inline.is_verse and around.kind in {BlockKind.PARAGRAPH, BlockKind.QUOTE}
        kind = BlockKind.VERSE if is_verse else around.kind
        for block in self._block(inline, line, replace(around, kind=kind)):
            if not block.left_out and around.kind is not BlockKind.HEADING and _SCENE_BREAK.fullmatch(block.text):
                yield Block(BlockKind.BREAK, "", block.anchor)
                continue
            if around.kind is BlockKind.HEADING and around.is_outer and not block.left_out:
                self.outer_headings.add(block.anchor)
            yield block
        if around.kind is BlockKind.HEADING and around.level == 1 and _is_hash_alone(inline, self._lines, line):
            yield Block(BlockKind.BREAK, "", self._anchor(line))
        yield from self._behind(inline, line, around)

    def _table(self, tokens: Sequence[Token], line: int, around: _Around) -> Iterator[Block]:
        cells: list[Inline] = []
        columns = sum(token.type == "th_open" for token in tokens)
        row = 0
        for token in tokens:
            if token.type == "inline":
                cells.append(inline_of(token.children or [], self.targets))
            elif token.type == "tr_open" and token.map:
                row = token.map[0]
            elif token.type == "tr_close":
                cells.append(Inline([(self._surplus(row, columns), None)]))
        whole = Inline([part for cell in cells for part in (*cell.parts, (" ", None))])
        yield from self._block(whole, line, replace(around, kind=BlockKind.PARAGRAPH, level=0), "tables")
        for cell in cells:
            cell.after = cell.before + cell.after
            yield from self._behind(cell, line, around)

    def _surplus(self, row: int, columns: int) -> str:
        """Give the words of a row beyond its table's columns, which markdown-it drops."""
        cells = re.split(r"(?<!\\)\|", re.sub(r"^[\s>]*\|?", "", self._lines[row]))
        return " ".join(cells[columns:])

    def _asides(self, asides: Sequence[tuple[str, Inline]], line: int, around: _Around) -> Iterator[Block]:
        """Give what is set aside in a paragraph; a picture's words may hold further pictures."""
        for reason, aside in asides:
            yield from self._asides(aside.before, line, around)
            yield from self._block(aside, line, replace(around, kind=BlockKind.PARAGRAPH, level=0), reason)
            yield from self._asides(aside.after, line, around)

    def _behind(self, inline: Inline, line: int, around: _Around) -> Iterator[Block]:
        yield from self._asides(inline.after, line, around)
        for number in inline.notes:
            if number not in self._told and self._note_depth < MAXIMUM_NOTE_DEPTH:
                self._note_depth += 1
                yield from self._told_note(number, self._notes[number], line)
                self._note_depth -= 1

    def _told_note(self, number: int, note: dict[str, Any], line: int) -> Iterator[Block]:
        self._told.add(number)
        around = _note(_name(number))
        if "label" in note:
            yield from self._blocks(self._bodies.pop(note["label"], []), line, around)
            return
        inline = inline_of(note["tokens"], self.targets)
        yield from self._block(inline, line, around)
        inline.after = inline.before + inline.after
        yield from self._behind(inline, line, around)

    def _block(self, inline: Inline, line: int, around: _Around, reason: str = "") -> Iterator[Block]:
        words, calls = folded_with_calls(inline.parts, _name)
        if words:
            yield Block(
                around.kind,
                words,
                self._anchor(line),
                around.level,
                reason or around.left_out,
                inline.language or around.language,
                around.note,
                calls,
            )

    def _anchor(self, line: int) -> str:
        self._anchors[line] += 1
        count = self._anchors[line]
        return f"line={line}" if count == 1 else f"line={line}.{count}"


def _name(number: int) -> str:
    return f"note={number + 1}"


def _note(name: str) -> _Around:
    return _Around(left_out="footnotes", note=name, is_outer=False)


def _leave(tags: set[str], beyond: set[str], around: list[_Around]) -> None:
    """Go out of the nearest of the elements, if one is open within the quote or list that the place stands in."""
    for place in range(len(around) - 1, 0, -1):
        tag = around[place].tag
        if not tag or tag in beyond:
            return
        if tag in tags:
            del around[place:]
            return


def _is_hash_alone(inline: Inline, lines: Sequence[str], line: int) -> bool:
    return not inline.parts and line <= len(lines) and lines[line - 1].strip() == "#"


def _end(tokens: Sequence[Token], start: int) -> int:
    """Where the token is that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += tokens[place].nesting
        if depth == 0:
            return place
    return len(tokens)
