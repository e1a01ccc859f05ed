"""A profile: a TOML file that says who speaks, how fast, how loud, and which editions are made.

Each section's model stands beside the code that it governs; here they come together. Unknown keys are errors.
"""

import json
import os
import tomllib
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tasks.audio import AudioSettings
from tasks.errors import BadAudio, ProfileError
from tasks.packagers import OutputSettings
from tasks.readers.metadata import MetadataSettings
from tasks.store import StoreSettings
from tasks.tellers import RetellSettings
from tasks.text.chunking import TextSettings
from tasks.voices import CastSettings, LimitSettings, OtherVoiceSettings, VoiceSettings, secret

DEFAULT_PROFILE = "piper"
_HERE = Path(__file__).parent
# A wheel carries the profiles beside this file, a checkout at its top.
_PROFILE_FOLDERS = (_HERE / "config", _HERE.parent / "config")


class RunSettings(BaseModel):
    """`[run]`: where chapters are spoken and mastered: in the run's own process, or by the workers of a Dask cluster."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runner: Literal["local", "dask"] = "local"
    address: str = ""

    @field_validator("address")
    @classmethod
    def _address(cls, address: str) -> str:
        parts = urlsplit(address)
        if address and not (parts.scheme and parts.hostname and parts.port):
            raise ValueError(f"{address} is no address of a Dask scheduler; give one like tcp://host:8786")
        return address


# What no side file may set, whatever the publisher lists: where requests, money and data go, which keys are used, whose code runs, and
# what the publisher says of every book.
_PUBLISHERS_SECTIONS = frozenset({"limits", "store", "run", "retell", "library", "fallback"})
_PUBLISHERS_KEYS = frozenset({"base_url", "api_key_env", "api_key_block", "result_hosts", "row", "limits"})
_PUBLISHERS_OUTPUT = frozenset({"disclosure", "feed_url", "link_base"})
# These decide what a character costs and who gets the text, so a whole section does not include them.
_NAMED_THEMSELVES = frozenset({"provider", "model"})


class LibrarySettings(BaseModel):
    """`[library]`: what the side files of an inbox may change.

    `side_files` lists sections and keys, such as "text" and "audio.pauses"; `provider` and `model` of a voice only by their own names.
    `side_file_profiles` are profiles that a side file may choose by name: names in config/, or paths of .toml files.
    `remake_for_side_files` makes a finished book again when only its side file changes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side_files: tuple[str, ...] = ()
    side_file_profiles: tuple[str, ...] = ()
    remake_for_side_files: bool = False

    @field_validator("side_files")
    @classmethod
    def _check_side_files(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            keys = tuple(name.split("."))
            if not may_be_allowed(keys):
                raise ValueError(f"{name}: no side file may set this")
            if keys[0] not in Profile.model_fields:
                raise ValueError(f"{name}: there is no such section")
        return names

    def allows(self, keys: tuple[str, ...]) -> bool:
        """Return whether a side file may set the key that these names lead to."""
        listed = {tuple(name.split(".")) for name in self.side_files}
        if keys[-1] in _NAMED_THEMSELVES and keys not in listed:
            return False
        return any(keys[:length] in listed for length in range(1, len(keys) + 1))


def may_be_allowed(keys: tuple[str, ...]) -> bool:
    """Return whether a publisher may let side files set a key, given the names that lead to it."""
    if keys[0] in _PUBLISHERS_SECTIONS or (keys[0] == "output" and not _PUBLISHERS_OUTPUT.isdisjoint(keys)):
        return False
    return _PUBLISHERS_KEYS.isdisjoint(keys) and not any(key.startswith("price_") for key in keys)


def is_path(keys: tuple[str, ...], value: Any) -> bool:
    """Return whether a setting names files."""
    return keys[-1] in {"lexicon", "reference_audio"} or (keys[-1] == "model" and str(value).endswith(".onnx"))


class Profile(BaseModel):
    """A whole profile, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    voice: VoiceSettings = Field(default_factory=VoiceSettings)
    fallback: tuple[OtherVoiceSettings, ...] = ()
    cast: CastSettings = Field(default_factory=CastSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    text: TextSettings = Field(default_factory=TextSettings)
    audio: AudioSettings = Field(default_factory=AudioSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    metadata: MetadataSettings = Field(default_factory=MetadataSettings)
    run: RunSettings = Field(default_factory=RunSettings)
    retell: RetellSettings = Field(default_factory=RetellSettings)
    library: LibrarySettings = Field(default_factory=LibrarySettings)

    @property
    def voices(self) -> dict[str, VoiceSettings]:
        """All voices that may speak, by the name of their section."""
        cast = {f"cast.{role}": voice for role, voice in self.cast if voice}
        return {"voice": self.voice, **cast, **{f"fallback.{place}": it for place, it in enumerate(self.fallback, 1)}}


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
    resolve_paths(document, path.parent)
    for override in overrides:
        _override(document, override)
    try:
        profile = Profile.model_validate(document)
    except ValidationError as error:
        raise ProfileError(f"{path}: {_first_fault(error)}") from error
    return profile


def check_ready(profile: Profile) -> None:
    """Check what a run needs from outside of its profile: keys in the environment, recordings to clone, prices to reckon with.

    Raises `ProfileError`; also where an edition does not go with the levels, and where a cluster cannot be asked.
    """
    check_editions(profile)
    check_runner(profile.run)
    for section, voice in profile.voices.items():
        check_key(section, voice)
        check_voice(section, voice, profile.limits)


def check_editions(profile: Profile) -> None:
    """Raise `ProfileError` where an edition does not go with the levels."""
    if "acx" in profile.output.editions and profile.audio.preset != "acx":
        raise ProfileError(
            f'[output] editions: acx is made of files with the levels of [audio] preset = "acx", not "{profile.audio.preset}"'
        )


def check_runner(run: RunSettings) -> None:
    """Raise `ProfileError` where chapters are to go to a cluster, and what that takes is missing."""
    if run.runner != "dask":
        return
    if not run.address:
        raise ProfileError('[run] address: runner = "dask" needs the scheduler\'s address, such as tcp://host:8786')
    if not all(find_spec(name) for name in ("prefect_dask", "distributed")):
        raise ProfileError('[run] runner: "dask" needs packages that are not installed: pip install "declaim[dask]"')


def check_key(section: str, voice: VoiceSettings) -> None:
    """Raise `ProfileError` where the variable that a voice names holds no key; a block is the run's own to look for."""
    if voice.api_key_env and not secret(voice):
        raise ProfileError(
            f"[{section}] api_key_env: the environment variable {voice.api_key_env} is not set; put the key in it"
        )


def check_voice(section: str, voice: VoiceSettings, limits: LimitSettings) -> None:
    """Raise `ProfileError` where a budget cannot be kept, or a recording to clone is none."""
    if limits.budget_usd and voice.price_per_1000_characters is None:
        raise ProfileError(
            f"[limits] budget_usd: what [{section}] costs is not known; set its price_per_1000_characters"
        )
    for recording in voice.reference_audio:
        _check_recording(section, recording)


def _check_recording(section: str, recording: str) -> None:
    from tasks.audio.reference import check_reference  # noqa: PLC0415  # numpy and ffmpeg, for cloned voices alone

    try:
        check_reference(Path(recording))
    except (BadAudio, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise ProfileError(f"[{section}] reference_audio: {recording}: {said}") from error


def config_folder() -> Path:
    """Where Declaim's own profiles lie, and what Prefect is told of it."""
    return next(folder for folder in _PROFILE_FOLDERS if folder.is_dir())


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


def resolve_paths(document: dict[str, Any], folder: Path) -> None:
    """Make the relative paths in a profile, or in some of its sections, those of files below a folder."""
    cast, fallback = document.get("cast"), document.get("fallback")
    others = [*(cast.values() if isinstance(cast, dict) else ()), *(fallback if isinstance(fallback, list) else ())]
    for voice in [document.get("voice"), *others]:
        if isinstance(voice, dict):
            _resolve_voice(voice, folder)
    text = document.get("text")
    if isinstance(text, dict) and isinstance(lexicon := text.get("lexicon"), str) and lexicon:
        text["lexicon"] = str(folder / Path(lexicon).expanduser())
    library = document.get("library")
    if isinstance(library, dict) and isinstance(profiles := library.get("side_file_profiles"), list):
        library["side_file_profiles"] = [
            str(folder / Path(name).expanduser()) if str(name).endswith(".toml") else name for name in profiles
        ]
    store = document.get("store")
    if isinstance(store, dict) and isinstance(url := store.get("url"), str) and url and "://" not in url:
        store["url"] = str(folder / Path(url).expanduser())


def absolute_override(override: str) -> str:
    """Return a `section.key=value` whose relative path, if it holds one, is made absolute by the working directory.

    A run of a worker has another working directory than the command that ordered it. Raises `ProfileError`.
    """
    document: dict[str, Any] = {}
    _override(document, override)
    resolved = deepcopy(document)
    resolve_paths(resolved, Path.cwd())
    if resolved == document:
        return override
    name = override.partition("=")[0].strip()
    value: Any = resolved
    for key in name.split("."):
        value = value[key]
    return f"{name}={json.dumps(value, ensure_ascii=False)}"


def _resolve_voice(voice: dict[str, Any], folder: Path) -> None:
    if str(voice.get("model", "")).endswith(".onnx"):
        voice["model"] = str(folder / Path(voice["model"]).expanduser())
    recordings = voice.get("reference_audio")
    if isinstance(recordings, list):
        voice["reference_audio"] = [
            str(folder / Path(path).expanduser()) if isinstance(path, str) else path for path in recordings
        ]


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
