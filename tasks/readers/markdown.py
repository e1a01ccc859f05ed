"""Markdown manuscripts: CommonMark with tables, footnotes and YAML front matter."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from tasks.errors import SourceError
from tasks.model import Block, Book, Chapter, Cover
from tasks.readers.markdown_blocks import BlockWalk, folded

MAXIMUM_BYTES = 50_000_000
MAXIMUM_FRONT_MATTER = 64_000
MAXIMUM_COVER_BYTES = 50_000_000
# markdown-it silently drops what is nested deeper than its own limit of 20, so it gets a limit that no manuscript meets,
# and one that does is refused.
MAXIMUM_NESTING = 100
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
FIRST_BYTES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def read(path: Path) -> Book:
    """Read a Markdown manuscript: every word of it, in order and once, in a block that is spoken or left out.

    Raise `SourceError` for a file that cannot be opened, is no UTF-8, is too large or nested too deeply, has broken front
    matter or an HTML comment without end, or has nothing to say.
    """
    source = _text(path)
    parser = MarkdownIt("commonmark", {"maxNesting": MAXIMUM_NESTING}).enable("table")
    parser.use(front_matter_plugin).use(footnote_plugin, move_to_end=False)
    environment: dict[str, Any] = {}
    tokens = parser.parse(source, environment)
    _refuse_deep_nesting(path, tokens)
    warnings: list[str] = []
    facts = _front_matter(path, source, tokens)
    walk = BlockWalk(path, source, tokens, environment)
    blocks = walk.blocks()
    if not any(character.isalnum() for block in blocks if not block.left_out for character in block.text):
        raise SourceError(f"{path.name} has no words to speak; check that it is the right file")
    title_block, openings = _openings(blocks, walk.outer_headings)
    title = _scalar(facts.get("title")) or (title_block.text if title_block else "") or _title_from_name(path)
    chapters, left_out = _chapters(blocks, title_block, openings, title)
    language = _language(path, facts, warnings)
    cover = _cover(path, facts.get("cover"), warnings)
    warnings += _unused_definitions(path, environment, walk.targets)
    return Book(title, _authors(facts), language, chapters, left_out, cover, tuple(warnings))


def _text(path: Path) -> str:
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


def _refuse_deep_nesting(path: Path, tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.level >= MAXIMUM_NESTING - 1:
            where = f", line {token.map[0] + 1}" if token.map else ""
            raise SourceError(f"{path.name}{where}: lists or quotes are nested too deeply to be read; flatten them")


def _front_matter(path: Path, source: str, tokens: Sequence[Token]) -> dict[str, Any]:
    first = tokens[0] if tokens else None
    if first is None or first.type != "front_matter":
        if re.match(r"---[ \t]*\r?\n\w+:(\s|$)", source):
            raise SourceError(
                f"{path.name}: the front matter that begins in line 1 has no end; close it with a line ---"
            )
        return {}
    if len(first.content) > MAXIMUM_FRONT_MATTER:
        raise SourceError(f"{path.name}: the front matter is longer than {MAXIMUM_FRONT_MATTER} characters; shorten it")
    try:
        facts = yaml.safe_load(first.content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 2 + (mark.line if mark else 0)
        problem = getattr(error, "problem", None) or "it is no YAML"
        raise SourceError(
            f"{path.name}, line {line}: the front matter cannot be read: {problem}; correct it"
        ) from error
    except (ValueError, RecursionError) as error:
        # PyYAML lets through what Python says of an impossible date, and recurses on nested brackets.
        raise SourceError(
            f"{path.name}, line 2: the front matter holds an impossible value: {error}; correct it"
        ) from error
    if facts is None:
        return {}
    if not isinstance(facts, dict):
        raise SourceError(f"{path.name}, line 2: the front matter is no lines of `name: value`; correct or remove it")
    return facts


def _scalar(value: object) -> str:
    """Give the words of a value of the front matter; a list or a mapping has none."""
    return "" if value is None or isinstance(value, (dict, list)) else folded(str(value))


def _authors(facts: dict[str, Any]) -> tuple[str, ...]:
    value = facts.get("author") or facts.get("authors")
    values = value if isinstance(value, list) else [value]
    names = (_scalar(each.get("name") if isinstance(each, dict) else each) for each in values)
    return tuple(name for name in names if name)


def _language(path: Path, facts: dict[str, Any], warnings: list[str]) -> str:
    value = facts["language"] if "language" in facts else facts.get("lang")
    # YAML 1.1 reads the language tag of Norwegian as a truth value.
    tag = "no" if value is False else _scalar(value)
    if LANGUAGE_TAG.fullmatch(tag):
        return tag
    if tag:
        warnings.append(f"{path.name}: {tag!r} in the front matter is no language tag; read as English (en)")
    return "en"


def _cover(path: Path, value: object, warnings: list[str]) -> Cover | None:
    name = _scalar(value)
    if not name:
        return None
    try:
        return _picture(path.parent.resolve(), name)
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError is how pathlib reports a loop of links.
        reason = (error.strerror if isinstance(error, OSError) else "") or error
        warnings.append(f"{path.name}: the cover {name} is not used: {reason}")
        return None


def _picture(folder: Path, name: str) -> Cover:
    picture = (folder / name).resolve()
    if not picture.is_relative_to(folder):
        raise ValueError("it lies outside of the manuscript's folder")
    if picture.stat().st_size > MAXIMUM_COVER_BYTES:
        raise ValueError(f"it is larger than {MAXIMUM_COVER_BYTES // 1_000_000} MB")
    data = picture.read_bytes()
    for first, media_type in FIRST_BYTES.items():
        if data.startswith(first):
            return Cover(media_type, data)
    raise ValueError("it is neither PNG nor JPEG")


def _unused_definitions(path: Path, environment: dict[str, Any], targets: set[str]) -> list[str]:
    """Name the definitions of links that nothing links to: they may be meant as text, and are not spoken."""
    definitions = environment.get("references", {})
    return [
        f"{path.name}, line {definition['map'][0] + 1}: [{label}]: is read as the address of a link, but nothing links to it"
        for label, definition in definitions.items()
        if definition["href"] not in targets
    ]


def _openings(blocks: Sequence[Block], outer_headings: set[str]) -> tuple[Block | None, set[str]]:
    """Find the heading that is the book's own title, if there is one, and the anchors of those that open chapters."""
    headings = [block for block in blocks if block.anchor in outer_headings]
    levels = Counter(heading.level for heading in headings)
    first = next((block for block in blocks if block.text and not block.left_out), None)
    has_title = levels[1] == 1 and levels[2] > 0 and first is headings[0] and first.level == 1
    chapter_level = 2 if has_title else min(levels, default=0)
    return first if has_title else None, {heading.anchor for heading in headings if heading.level == chapter_level}


def _chapters(
    blocks: Sequence[Block], title_block: Block | None, openings: set[str], title: str
) -> tuple[tuple[Chapter, ...], tuple[Block, ...]]:
    before: list[Block] = []
    chapters: list[tuple[str, list[Block]]] = []
    for block in blocks:
        if block.anchor in openings:
            chapters.append((block.text, [block]))
        else:
            target = chapters[-1][1] if chapters else before
            target.append(replace(block, left_out="title") if block is title_block else block)
    left_out = [block for block in before if block.left_out == "title"]
    if any(block.text and not block.left_out for block in before):
        chapters.insert(0, (title, [block for block in before if block.left_out != "title"]))
    else:
        left_out = [block for block in before if block.text]
    return tuple(Chapter(number, name, tuple(each)) for number, (name, each) in enumerate(chapters, 1)), tuple(left_out)


def _title_from_name(path: Path) -> str:
    return folded(re.sub(r"[-_]+", " ", path.stem)) or path.name
