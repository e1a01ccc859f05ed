"""What a model wrote, as prose, and as the Markdown that says the same words.

A model is asked for plain paragraphs, and may write Markdown all the same: its marks are taken away, and no letter. In the
Markdown that is made of the prose, a sign that Markdown would take for a mark is escaped.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import yaml

SCENE = ""
"""The paragraph that stands for a break between scenes."""

_PARAGRAPHS = re.compile(r"\n[ \t]*\n+")
_HEADING = re.compile(r"#{1,6}[ \t]+")
_ITEM = re.compile(r"[-*+•][ \t]+")
_QUOTE = re.compile(r"(>[ \t]?)+")
_EMPHASIS = re.compile(r"(\*{1,3}|`{1,2})(?=[^\s*`])(.+?)(?<=[^\s*`])\1", re.DOTALL)
_UNDERLINED = re.compile(r"(?<!\w)(_{1,3})(?=[^\s_])(.+?)(?<=[^\s_])\1(?!\w)", re.DOTALL)
# What Markdown may take for a mark: anywhere, or at the beginning of a paragraph.
_MARKS = re.compile(r"[\\`*_\[\]<&#]")
_FIRST_MARK = re.compile(r"(\d{1,9})?([-+>~=|.):])")


@dataclass(frozen=True, slots=True)
class RetoldChapter:
    """A chapter as it was retold: its title, and its paragraphs, of which an empty one is a break between scenes."""

    title: str
    paragraphs: tuple[str, ...]


def paragraphs_of(told: str) -> tuple[str, ...]:
    """Read what a model wrote as paragraphs of plain prose: every letter and digit of it, in order.

    White space is folded. A paragraph of signs alone is a break between scenes, an empty paragraph here.
    """
    paragraphs: list[str] = []
    for paragraph in _PARAGRAPHS.split(told.replace("\r\n", "\n").replace("\r", "\n")):
        for text in _pieces(paragraph):
            if any(char.isalnum() for char in text):
                paragraphs.append(_plain(text))
            elif text.strip() and paragraphs and paragraphs[-1] != SCENE:
                paragraphs.append(SCENE)
    return tuple(paragraphs[:-1] if paragraphs and paragraphs[-1] == SCENE else paragraphs)


def _pieces(paragraph: str) -> Iterable[str]:
    """Take a heading and the items of a list for paragraphs of their own."""
    piece: list[str] = []
    for line in paragraph.split("\n"):
        stripped = _QUOTE.sub("", line.strip(), count=1)
        if _HEADING.match(stripped):
            yield from ("\n".join(piece), _HEADING.sub("", stripped, count=1))
            piece = []
        elif _ITEM.match(stripped):
            yield "\n".join(piece)
            piece = [_ITEM.sub("", stripped, count=1)]
        else:
            piece.append(stripped)
    yield "\n".join(piece)


def _plain(text: str) -> str:
    for pattern in (_EMPHASIS, _UNDERLINED):
        text = pattern.sub(r"\2", text)
    return " ".join(text.split())


def letters(text: str) -> str:
    """Take the letters and digits of a text alone: what is left when marks, signs and white space are."""
    return "".join(char for char in text if char.isalnum())


def markdown_of(facts: Mapping[str, object], chapters: Sequence[RetoldChapter]) -> str:
    """Write a book as Markdown, with its facts as front matter; what is read from it are these chapters and paragraphs."""
    told = {name: value for name, value in facts.items() if value}
    lines = ["---", yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=1_000_000).rstrip(), "---"]
    for chapter in chapters:
        lines += ["", f"# {_escaped(chapter.title)}"]
        for paragraph in chapter.paragraphs:
            lines += ["", _escaped(paragraph) if paragraph != SCENE else "* * *"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    marked = _MARKS.sub(lambda mark: f"\\{mark[0]}", text)
    return _FIRST_MARK.sub(r"\1\\\2", marked, count=1) if _FIRST_MARK.match(marked) else marked
