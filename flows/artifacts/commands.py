"""The command that runs again what a flow run did, quoted for a POSIX shell."""

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_CONTROL = 0x20
_DELETE = 0x7F
_SURROGATES = range(0xD800, 0xE000)


def rerun_command(flow: str, parameters: Mapping[str, Any], folder: Path) -> str:
    """Return the `declaim` command that does the same as a run of a flow.

    `flow` is `narrate`, `retell` or `library`, `parameters` are those of the run, and `folder` is its resolved output folder.
    Paths are made absolute, so that the command works in any directory. Each option has a line, for narrow pages.
    """
    options = _library_options if flow == "library" else _book_options
    first, *others = options(parameters, folder)
    groups = [["declaim", flow, *first], *others]
    return " \\\n  ".join(" ".join(map(quote_argument, words)) for words in groups)


def quote_argument(text: str) -> str:
    r"""Return one word of a command, quoted for /bin/sh.

    Line breaks stand as they are within the quotes. Other control characters and bytes that are not UTF-8 do not survive a page
    and the clipboard: `printf` writes them.
    """
    if not any(_is_fragile(character) for character in text):
        return shlex.quote(text)
    # The shell removes line breaks from the end of a substitution, so they stand behind it.
    body = text.rstrip("\n")
    escaped = "".join(_octal(it) if _is_fragile(it) or it == "\\" else it for it in body)
    return f'"$(printf %b {shlex.quote(escaped)}){text[len(body) :]}"'


def _is_fragile(character: str) -> bool:
    code = ord(character)
    return (code < _CONTROL and character != "\n") or code == _DELETE or code in _SURROGATES


def _octal(character: str) -> str:
    return "".join(f"\\0{byte:03o}" for byte in os.fsencode(character))


def _book_options(parameters: Mapping[str, Any], folder: Path) -> Iterator[list[str]]:
    yield [_absolute(str(parameters.get("source", "")))]
    if instruction := parameters.get("instruction"):
        # In one word: an instruction may begin with a dash.
        yield [f"--instruction={instruction}"]
    yield from _profile_options(parameters)
    yield ["--out", str(folder)]
    if chapters := parameters.get("chapters"):
        yield ["--chapters", str(chapters)]


def _library_options(parameters: Mapping[str, Any], folder: Path) -> Iterator[list[str]]:
    yield [_absolute(str(parameters.get("inbox", "")))]
    yield ["--out", str(folder)]
    yield from _profile_options(parameters)
    for name, option in {"at_once": "--at-once", "settle_seconds": "--settle"}.items():
        if (value := parameters.get(name)) is not None:
            yield [option, str(value)]
    # Without them there is no limit, and all is narrated in one process.
    for name, option in {"budget_usd": "--budget", "deployment": "--deployment"}.items():
        if value := parameters.get(name):
            yield [option, str(value)]


def _profile_options(parameters: Mapping[str, Any]) -> Iterator[list[str]]:
    if profile := str(parameters.get("profile") or ""):
        is_path = profile.endswith(".toml") or os.sep in profile
        yield ["--profile", _absolute(profile) if is_path else profile]
    for override in parameters.get("overrides") or ():
        yield ["--set", str(override)]


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).expanduser().absolute())
