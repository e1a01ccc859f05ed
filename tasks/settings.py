"""A profile: a TOML file that says who speaks, how fast, how loud, and which editions are made.

Each section's model stands beside the code that it governs; here they come together. Unknown keys are errors.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.audio import AudioSettings
from tasks.errors import ProfileError
from tasks.packagers import OutputSettings
from tasks.store import StoreSettings
from tasks.text.chunking import TextSettings
from tasks.voices import VoiceSettings
from tasks.voices.limits import LimitSettings

DEFAULT_PROFILE = "piper"
_HERE = Path(__file__).parent
# A wheel carries the profiles beside this file, a checkout at its top.
_PROFILE_FOLDERS = (_HERE / "config", _HERE.parent / "config")


class Profile(BaseModel):
    """A whole profile, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    voice: VoiceSettings = Field(default_factory=VoiceSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    text: TextSettings = Field(default_factory=TextSettings)
    audio: AudioSettings = Field(default_factory=AudioSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)


def load_profile(name: str = DEFAULT_PROFILE, overrides: tuple[str, ...] = ()) -> Profile:
    """Read a profile by its name in config/ or by the path of a TOML file.

    `overrides` are `section.key=value` as given to `--set`; the value is TOML, a bare word a string. Relative paths in a
    profile are relative to its file. Raises `ProfileError` that names the file, the key and what it takes.
    """
    path = _profile_path(name)
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: the profile cannot be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path}: the profile is not TOML: {error}") from error
    _resolve_paths(document, path.parent)
    for override in overrides:
        _override(document, override)
    try:
        profile = Profile.model_validate(document)
    except ValidationError as error:
        raise ProfileError(f"{path}: {_first_fault(error)}") from error
    variable = profile.voice.api_key_env
    if variable and not os.environ.get(variable):
        raise ProfileError(
            f"{path}: [voice] api_key_env: the environment variable {variable} is not set; put the key in it"
        )
    return profile


def profile_names() -> list[str]:
    """Name the profiles that come with Declaim."""
    return sorted({path.stem for folder in _PROFILE_FOLDERS for path in folder.glob("*.toml")})


def _profile_path(name: str) -> Path:
    if name.endswith(".toml") or os.sep in name:
        path = Path(name).expanduser()
        if not path.is_file():
            raise ProfileError(f"{path}: there is no such profile file")
        return path
    for folder in _PROFILE_FOLDERS:
        path = folder / f"{name}.toml"
        if path.is_file():
            return path
    raise ProfileError(
        f"there is no profile {name!r}; choose {', '.join(profile_names())} or give the path of a .toml file"
    )


def _resolve_paths(document: dict[str, Any], folder: Path) -> None:
    voice = document.get("voice")
    if isinstance(voice, dict) and str(voice.get("model", "")).endswith(".onnx"):
        voice["model"] = str(folder / Path(voice["model"]).expanduser())
    store = document.get("store")
    if isinstance(store, dict) and isinstance(url := store.get("url"), str) and url and "://" not in url:
        store["url"] = str(folder / Path(url).expanduser())


def _override(document: dict[str, Any], override: str) -> None:
    name, separator, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (separator and dot and section and key):
        raise ProfileError(f"--set {override}: give it as section.key=value, for example limits.concurrency=4")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = document
    for part in (section, *key.split(".")[:-1]):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ProfileError(f"--set {override}: {part} is no section")
    table[key.split(".")[-1]] = value


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    section, *keys = (str(part) for part in fault["loc"])
    where = f"[{section}] {'.'.join(keys)}".rstrip()
    if fault["type"] == "extra_forbidden":
        return f"{where}: there is no such key; README.md lists those that there are"
    return f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
