"""The settings of one book of a library: its side file, `<name>.toml` next to the manuscript.

Whoever may put files into an inbox may write side files, and is not trusted with more than that: a side file sets what the
publisher's `[library]` allows, and never what spends money, names a key, a server or a store, or reads another file.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tasks.errors import ProfileError, escape_unprintable
from tasks.settings import LibrarySettings, Profile, is_path, may_be_allowed

# A list of tables cannot be laid over a profile by keys.
_SECTIONS = frozenset(Profile.model_fields) - {"fallback"}
_ALWAYS_ALLOWED = "metadata"
_MOST_PRIORITY = 1_000_000
# No selection of chapters is longer.
_MOST_CHARACTERS = 10_000
_RANGE = re.compile(r"\s*[0-9]{1,9}\s*(-\s*[0-9]{1,9}\s*)?")


class _Head(BaseModel):
    """The keys of a side file above its sections."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = Field("", max_length=_MOST_CHARACTERS)
    priority: int = Field(0, ge=-_MOST_PRIORITY, le=_MOST_PRIORITY)
    chapters: str = Field("", max_length=_MOST_CHARACTERS)

    @field_validator("chapters")
    @classmethod
    def _check_chapters(cls, chapters: str) -> str:
        if chapters.strip() and not all(_RANGE.fullmatch(part) for part in chapters.split(",")):
            raise ValueError("give numbers and ranges, for example 1-3,7")
        return chapters


@dataclass(frozen=True, slots=True)
class BookSettings:
    """A side file's content: the book's profile, its place in the queue, the chapters that are wanted, and settings.

    Books of a higher `priority` come first. `overrides` are `section.key=value`, as `--set` takes them. `sha256` is the hash of the
    file; the defaults are those of a book without a side file.
    """

    profile: str = ""
    priority: int = 0
    chapters: str = ""
    overrides: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of all keys that differ from those of a book without a side file."""
        heads = (name for name in ("profile", "priority", "chapters") if getattr(self, name))
        return (*heads, *(override.partition("=")[0] for override in self.overrides))


def read_book_settings(content: bytes, name: str, allowed: LibrarySettings, folder: Path | None = None) -> BookSettings:
    """Parse a side file of this name.

    Relative paths in it are relative to `folder`, the inbox, if it is on this machine. The values of its sections are checked later,
    with the profile that they are laid over. Raises `ProfileError` that names the file and the key: for what is not TOML, a key
    that does not exist, one that `allowed` does not list, and a path that is not that of a file below `folder`.
    """
    document = _parse(content, name)
    sections = {key: document.pop(key) for key in sorted(_SECTIONS & document.keys())}
    try:
        head = _Head.model_validate(document)
    except ValidationError as error:
        raise ProfileError(f"{name}: {_describe_first(error)}") from error
    settings = []
    for keys, value in _iter_settings(sections, name):
        _check_allowed(keys, name, allowed)
        settings.append((keys, _contain(keys, value, name, folder) if is_path(keys, value) else value))
    return BookSettings(
        _choose_profile(head.profile, name, allowed),
        head.priority,
        head.chapters,
        tuple(_format_override(keys, value, name) for keys, value in settings),
        hashlib.sha256(content).hexdigest(),
    )


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits is a ValueError too, and brackets by the thousand exceed the stack.
        raise ProfileError(f"{name}: the side file is not TOML: {escape_unprintable(str(error))}") from error


def _iter_settings(sections: Mapping[str, Any], name: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the settings of all sections: the names that lead to each, and its value."""
    for section, table in sections.items():
        if not isinstance(table, dict):
            raise ProfileError(f"{name}: {section}: this is a section; write [{section}] and its keys below")
        yield from _iter_leaves(table, (section,))


def _iter_leaves(table: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    # tomllib has limited the depth before.
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _iter_leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _check_allowed(keys: tuple[str, ...], name: str, allowed: LibrarySettings) -> None:
    """Raise `ProfileError` unless a side file may set a key."""
    dotted = escape_unprintable(".".join(keys))
    if keys[0] == _ALWAYS_ALLOWED:
        return
    if not may_be_allowed(keys):
        raise ProfileError(f"{name}: {dotted}: no side file may set this; it belongs in the publisher's profile")
    if not allowed.allows(keys):
        raise ProfileError(
            f"{name}: {dotted}: side files may not set this; the publisher's profile allows it by [library] side_files = [{dotted!r}]"
        )


def _choose_profile(profile: str, name: str, allowed: LibrarySettings) -> str:
    """Return the profile that a side file names; raises `ProfileError` unless the publisher lists it."""
    if not profile:
        return ""
    named = {Path(each).stem: each for each in allowed.side_file_profiles}
    if profile not in named:
        choice = f"choose {', '.join(sorted(named))}" if named else "the publisher's profile lists none"
        raise ProfileError(
            f"{name}: profile: {escape_unprintable(profile)!r} is not among [library] side_file_profiles; {choice}"
        )
    return named[profile]


def _contain(keys: tuple[str, ...], value: Any, name: str, folder: Path | None) -> Any:
    """Return the value with its paths made absolute; raises `ProfileError` unless each is that of a file below the inbox."""
    if isinstance(value, list):
        return [_contain(keys, each, name, folder) for each in value]
    if not value:
        return value
    dotted = ".".join(keys)
    if folder is None:
        raise ProfileError(f"{name}: {dotted}: a side file names no files in an inbox that is not on this machine")
    files = [str(value), *([f"{value}.json"] if str(value).endswith(".onnx") else [])]
    paths = [resolve_inside(folder, folder / file) for file in files]
    if None in paths:
        raise ProfileError(f"{name}: {dotted}: {escape_unprintable(str(value))!r} is not a file in the inbox")
    return str(paths[0])


def resolve_inside(folder: Path, path: Path) -> Path | None:
    """Return the path of a regular file without symbolic links; None unless it lies below the folder."""
    try:
        resolved = path.resolve(strict=True)
        is_inside = resolved.is_relative_to(folder.resolve()) and resolved.is_file()
    except (OSError, RuntimeError, ValueError):
        # There is no such file, its links go in a circle, or its name holds a zero byte.
        return None
    return resolved if is_inside else None


def _format_override(keys: tuple[str, ...], value: Any, name: str) -> str:
    """Return a setting as `section.key=value`, the value as TOML writes it."""
    dotted = ".".join(keys)
    if any("." in key or "=" in key for key in keys):
        raise ProfileError(f"{name}: [{keys[0]}] {escape_unprintable('.'.join(keys[1:]))}: there is no such key")
    try:
        # JSON writes these values as TOML does, except for one character.
        return f"{dotted}={json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
    except (TypeError, ValueError, RecursionError) as error:
        raise ProfileError(f"{name}: {escape_unprintable(dotted)}: no setting is a date or a time") from error


def _describe_first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = escape_unprintable(".".join(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        known = ", ".join(["profile", "priority", "chapters", *(f"[{section}]" for section in sorted(_SECTIONS))])
        return f"{where}: there is no such key; a side file has {known}"
    return f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}"
