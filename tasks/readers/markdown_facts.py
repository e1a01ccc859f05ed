"""What the front matter of a Markdown manuscript says of the book."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from markdown_it.token import Token

from tasks.errors import SourceError
from tasks.model import Cover
from tasks.readers.blurb import description_of, series_of

MAXIMUM_FRONT_MATTER = 64_000
MAXIMUM_COVER_BYTES = 50_000_000
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
FIRST_BYTES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_NOTHING = {"", "~", "null", "Null", "NULL"}


def front_matter(path: Path, source: str, tokens: Sequence[Token]) -> dict[str, Any]:
    """Give the front matter's values by their names in small letters, all words as they are written.

    Raise `SourceError` for one that has no end, is too long or is no YAML.
    """
    first = tokens[0] if tokens else None
    if first is None or first.type != "front_matter":
        if re.match(r"---[ \t]*\r?\n\w+:(\s|$)", source):
            raise SourceError(
                f"{path.name}: the front matter that begins in line 1 has no end; close it with a line ---"
            )
        return {}
    return facts_of(path, first.content, 2)


def facts_of(path: Path, text: str, line: int) -> dict[str, Any]:
    """Read lines of `name: value` in YAML, the first of which stands in `line`; raise `SourceError`."""
    if len(text) > MAXIMUM_FRONT_MATTER:
        raise SourceError(f"{path.name}: the front matter is longer than {MAXIMUM_FRONT_MATTER} characters; shorten it")
    try:
        # This loader keeps all values as they are written: 1:30, 0123, no and yes are titles, not numbers or truths.
        facts = yaml.load(text, yaml.BaseLoader)  # noqa: S506  # it builds strings, lists and mappings alone
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = line + (mark.line if mark else 0)
        problem = getattr(error, "problem", None) or "it is no YAML"
        raise SourceError(
            f"{path.name}, line {where}: the front matter cannot be read: {problem}; correct it"
        ) from error
    except (ValueError, RecursionError) as error:
        # PyYAML recurses on nested brackets, and makes characters of any number.
        raise SourceError(
            f"{path.name}, line {line}: the front matter holds an impossible value: {error}; correct it"
        ) from error
    if facts in (None, ""):
        return {}
    if not isinstance(facts, dict):
        raise SourceError(
            f"{path.name}, line {line}: the front matter is no lines of `name: value`; correct or remove it"
        )
    return {str(name).strip().lower(): value for name, value in facts.items()}


def title(facts: Mapping[str, Any]) -> str:
    """Give the book's title, empty where there is none."""
    return next((words for words in map(_words, _list(facts.get("title"))) if words), "")


def authors(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the names of the authors, in their order."""
    for name in ("author", "authors", "creator"):
        names = tuple(words for words in map(_words, _list(facts.get(name))) if words)
        if names:
            return names
    return ()


def description(facts: Mapping[str, Any]) -> str:
    """Give the description as plain text, empty where there is none."""
    names = ("description", "abstract", "summary", "blurb")
    return next(filter(None, (description_of(_words(facts.get(name))) for name in names)), "")


def series(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Give the name of the series and the book's place in it, both empty where there is none."""
    for name in ("series", "belongs-to-collection"):
        for value in _list(facts.get(name)):
            inner = value if isinstance(value, dict) else {}
            found = series_of(_words(value), _position(inner) or _position(facts))
            if found[0]:
                return found
    return "", ""


def _position(facts: Mapping[str, Any]) -> str:
    names = ("series_position", "series-position", "series_index", "series-index", "group-position", "position")
    return next(filter(None, (_words(facts.get(name)) for name in names)), "")


def language(path: Path, facts: Mapping[str, Any], warnings: list[str]) -> str:
    """Give the BCP 47 tag, empty where there is none; one that is nonsense is told in `warnings`."""
    tag = _words(facts["language"] if "language" in facts else facts.get("lang"))
    if tag and not LANGUAGE_TAG.fullmatch(tag):
        warnings.append(f"{path.name}: {tag!r} in the front matter is no language tag; read as English (en)")
        return ""
    return tag


def cover(path: Path, facts: Mapping[str, Any], warnings: list[str]) -> Cover | None:
    """Load the picture that lies beside the manuscript; one that cannot be used is told in `warnings`."""
    name = _words(facts.get("cover")) or _words(facts.get("cover-image"))
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
    if not picture.is_file():
        raise ValueError("there is no such file")
    if picture.stat().st_size > MAXIMUM_COVER_BYTES:
        raise ValueError(f"it is larger than {MAXIMUM_COVER_BYTES // 1_000_000} MB")
    data = picture.read_bytes()
    for first, media_type in FIRST_BYTES.items():
        if data.startswith(first):
            return Cover(media_type, data)
    raise ValueError("it is no PNG, JPEG, GIF or WebP")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _words(value: object) -> str:
    """Give the words of a value, or of a mapping's name; a list has none."""
    if isinstance(value, dict):
        value = value.get("name") or value.get("text")
    words = " ".join(value.split()) if isinstance(value, str) else ""
    return "" if words in _NOTHING else words
