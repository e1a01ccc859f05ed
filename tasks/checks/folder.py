"""An output directory as a whole: its accounts, and every edition that they name."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.audio import AudioSettings
from tasks.checks import Finding
from tasks.checks.m4b import m4b_findings
from tasks.checks.mp3 import mp3_findings
from tasks.errors import ProfileError
from tasks.packagers.folder import MANIFEST
from tasks.packagers.last_edition import read_last_edition

_Work = Callable[[], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a book's editions, file by file in the order of the manifest."""

    title: str
    findings: tuple[Finding, ...]


def check(folder: Path, settings: AudioSettings | None = None, at_once: int = 1) -> Checked:
    """Measure the editions in a folder, so many files at once, against `settings`, or those of its own manifest.

    Raises `ProfileError` where there is no edition whose accounts can be read.
    """
    edition = read_last_edition(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        audio = settings or AudioSettings.model_validate(edition.profile.get("audio", {}))
        files = [(str(row["kind"]), str(row["path"])) for row in manifest["editions"]]
        lengths = {int(row["number"]): row["seconds"] for row in manifest["chapters"]}
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise ProfileError(f"{folder / MANIFEST}: it cannot be read ({error}); narrate the book again") from error
    work = list(_work(folder, files, {number: length for number, length in lengths.items() if length}, audio))
    with ThreadPoolExecutor(at_once) as pool:
        found = [finding for findings in pool.map(lambda one: tuple(one()), work) for finding in findings]
    return Checked(edition.title, tuple(found))


def _work(
    folder: Path, files: list[tuple[str, str]], lengths: dict[int, float], settings: AudioSettings
) -> Iterator[_Work]:
    numbers = iter(lengths)
    for kind, file in files:
        if not _is_inside(folder, file):
            yield partial(_missing, file)
        elif kind == "mp3":
            yield partial(mp3_findings, folder, file, next(numbers, None), settings)
        elif kind == "m4b":
            yield partial(m4b_findings, folder, file, lengths, settings)


def _is_inside(folder: Path, file: str) -> bool:
    path = (folder / file).resolve()
    return path.is_relative_to(folder.resolve()) and path.is_file()


def _missing(file: str) -> Iterator[Finding]:
    yield Finding(file, None, "file", "not there", "a file that the manifest names", passes=False)


def as_document(checked: Checked) -> dict[str, Any]:
    """Word what was found as the JSON document of `declaim check --json`."""
    rows = [
        {
            "file": finding.file,
            "chapter": finding.chapter,
            "figure": finding.figure,
            "found": finding.found,
            "wanted": finding.wanted,
            "passes": finding.passes,
        }
        for finding in checked.findings
    ]
    return {"title": checked.title, "passes": all(row["passes"] for row in rows), "findings": rows}
