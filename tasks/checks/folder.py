"""An output directory as a whole: its accounts, and every edition that they name."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.audio import AudioSettings
from tasks.checks import Finding
from tasks.checks.acx import acx_findings
from tasks.checks.captions import captions_findings
from tasks.checks.documents import document_findings
from tasks.checks.feed import feed_findings
from tasks.checks.flac import flac_findings
from tasks.checks.m4b import m4b_findings
from tasks.checks.mp3 import mp3_findings
from tasks.checks.readalong import readalong_findings
from tasks.checks.webpub import webpub_findings
from tasks.errors import ProfileError
from tasks.packagers.folder import MANIFEST
from tasks.packagers.last_edition import read_last_edition
from tasks.packagers.plain import plain

_Work = Callable[[], Iterator[Finding]]
# A chapter's file begins with its number: `mp3/01 - I.mp3`, `captions/01.vtt`.
_NUMBER = re.compile(r"\d+")
_ACCOUNTS = {MANIFEST: "manifest", "coverage.json": "coverage"}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a book's editions, file by file in the order of the manifest."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Book:
    """What the accounts in a folder tell of a book: its finished chapters' seconds, and when their sentences begin."""

    folder: Path
    audio: AudioSettings
    feed_url: str
    seconds: dict[int, float]
    starts: dict[int, tuple[float, ...]]


def check(folder: Path, settings: AudioSettings | None = None, at_once: int = 1) -> Checked:
    """Measure the editions in a folder, so many files at once, against `settings`, or those of its own manifest.

    Raises `ProfileError` where there is no edition whose accounts can be read.
    """
    edition = read_last_edition(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        coverage = json.loads((folder / "coverage.json").read_text("utf-8"))
        audio = settings or AudioSettings.model_validate(edition.profile.get("audio", {}))
        files = [(str(row["kind"]), str(row["path"])) for row in manifest["editions"]]
        seconds = {int(row["number"]): float(row["seconds"]) for row in manifest["chapters"] if row["seconds"]}
        feed_url = str(edition.profile.get("output", {}).get("feed_url", ""))
        book = _Book(folder, audio, feed_url, seconds, _starts(coverage["sentences"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ProfileError(f"{folder / MANIFEST}: it cannot be read ({error}); narrate the book again") from error
    work = [partial(document_findings, folder, name, schema) for name, schema in _ACCOUNTS.items()]
    work += [partial(_findings, book, kind, file) for kind, file in files]
    with ThreadPoolExecutor(at_once) as pool:
        found = [finding for findings in pool.map(lambda one: tuple(one()), work) for finding in findings]
    return Checked(edition.title, tuple(found))


def _starts(sentences: list[dict[str, Any]]) -> dict[int, tuple[float, ...]]:
    """Tell when the sentences of each chapter begin; one without a visible character has no cue."""
    starts: dict[int, list[float]] = {}
    for row in sentences:
        if row["start"] is not None and plain(row["text"]):
            starts.setdefault(int(row["chapter"]), []).append(float(row["start"]))
    return {number: tuple(times) for number, times in starts.items()}


def _findings(book: _Book, kind: str, file: str) -> Iterator[Finding]:
    if not _is_inside(book.folder, file):
        return iter([Finding(file, None, "file", "not there", "a file that the manifest names", passes=False)])
    if kind in _OF_CHAPTERS:
        number = _NUMBER.match(Path(file).name)
        return _OF_CHAPTERS[kind](book, file, int(number[0]) if number else None)
    return _OF_BOOKS[kind](book, file) if kind in _OF_BOOKS else iter(())


def _is_inside(folder: Path, file: str) -> bool:
    path = (folder / file).resolve()
    return path.is_relative_to(folder.resolve()) and path.is_file()


def _captions(book: _Book, file: str, chapter: int | None) -> Iterator[Finding]:
    seconds, starts = book.seconds.get(chapter or 0, 0.0), book.starts.get(chapter or 0, ())
    return captions_findings(book.folder, file, chapter, seconds, starts)


def _audiobookshelf(book: _Book, file: str) -> Iterator[Finding]:
    if file.endswith(".mp3"):
        number = _NUMBER.match(Path(file).name)
        return mp3_findings(book.folder, file, int(number[0]) if number else None, book.audio)
    return document_findings(book.folder, file, "audiobookshelf") if file.endswith(".json") else iter(())


def _feed(book: _Book, file: str) -> Iterator[Finding]:
    if file.endswith(".json"):
        return document_findings(book.folder, file, "scenes")
    if file.endswith(".xml"):
        return feed_findings(book.folder, file, len(book.seconds), book.feed_url)
    return iter(())


_OF_CHAPTERS: dict[str, Callable[[_Book, str, int | None], Iterator[Finding]]] = {
    "mp3": lambda book, file, chapter: mp3_findings(book.folder, file, chapter, book.audio),
    "flac": lambda book, file, chapter: flac_findings(book.folder, file, chapter, book.audio),
    "captions": _captions,
}
_OF_BOOKS: dict[str, Callable[[_Book, str], Iterator[Finding]]] = {
    "m4b": lambda book, file: m4b_findings(book.folder, file, book.seconds, book.audio),
    "readalong": lambda book, file: readalong_findings(book.folder, file),
    "webpub": lambda book, file: webpub_findings(book.folder, file, len(book.seconds)),
    "acx": lambda book, file: acx_findings(book.folder, file, book.audio),
    "audiobookshelf": _audiobookshelf,
    "feed": _feed,
}


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
