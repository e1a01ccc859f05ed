"""The side file of a manuscript, `<name>.toml` beside it: what is to be done otherwise for this one book."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.errors import ProfileError
from tasks.settings import Profile, resolve_paths

# One of the profile's that is a list of tables cannot be laid over it by keys.
_SECTIONS = frozenset(Profile.model_fields) - {"fallback"}


class SideFile(BaseModel):
    """A side file: a profile of the book's own, its place in the queue, the chapters that are wanted, and settings.

    Books of a higher `priority` come first. `overrides` are what its sections say, as `--set` takes it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = ""
    priority: int = 0
    chapters: str = ""
    overrides: tuple[str, ...] = ()


def read_side_file(content: bytes, name: str, folder: Path | None = None) -> SideFile:
    """Read a side file; raises `ProfileError` that names it, the key, and what it takes.

    Relative paths in it are relative to `folder`, where the inbox is one of this machine. What its sections say is checked
    with the profile that they are laid over.
    """
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"{name}: the side file is not TOML: {error}") from error
    sections = {key: document.pop(key) for key in sorted(_SECTIONS & document.keys())}
    if "overrides" in document:
        raise ProfileError(f"{name}: overrides: there is no such key; write [section] and its keys below")
    for key, section in sections.items():
        if not isinstance(section, dict):
            raise ProfileError(f"{name}: {key}: this is a section; write [{key}] and its keys below")
    if folder:
        resolve_paths(sections, folder)
    try:
        read = SideFile.model_validate(document | {"overrides": tuple(_overrides(sections, name))})
    except ValidationError as error:
        raise ProfileError(f"{name}: {_first_fault(error)}") from error
    own = folder / Path(read.profile).expanduser() if folder and read.profile.endswith(".toml") else read.profile
    return read.model_copy(update={"profile": str(own)})


def _overrides(table: Mapping[str, Any], name: str, above: str = "") -> Iterator[str]:
    """Word sections as `section.key=value`, the value as TOML writes it."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _overrides(value, name, f"{above}{key}.")
            continue
        try:
            # Of these, JSON writes all as TOML does but one character.
            yield f"{above}{key}={json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
        except TypeError as error:
            raise ProfileError(f"{name}: {above}{key}: no setting is a date or a time") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = ", ".join(["profile", "priority", "chapters", *(f"[{section}]" for section in sorted(_SECTIONS))])
        return f"{where}: there is no such key; a side file has {known}"
    return f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
