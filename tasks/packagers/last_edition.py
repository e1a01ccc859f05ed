"""The edition that lies in an output directory, as its accounts tell it: what the next one is compared with."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tasks.errors import ProfileError
from tasks.packagers.folder import MANIFEST

_COVERAGE = "coverage.json"
_Document = TypeVar("_Document", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk's words as they are sent, and the key of its clip; empty where it could not be spoken."""

    words: str
    key: str


@dataclass(frozen=True, slots=True)
class SpokenChapter:
    """A chapter as it is spoken: its number and title in the book, its passages in order."""

    number: int
    title: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class LastEdition:
    """What the accounts of an edition say of it. `profile` and `voices` are as in the manifest."""

    source_sha256: str
    title: str
    authors: tuple[str, ...]
    language: str
    profile: dict[str, Any] = field(repr=False)
    voices: tuple[dict[str, Any], ...] = field(repr=False)
    chapters: tuple[SpokenChapter, ...] = field(repr=False)


class _Source(BaseModel):
    sha256: str


class _Book(BaseModel):
    title: str
    authors: tuple[str, ...]
    language: str


class _Chapter(BaseModel):
    number: int
    title: str


class _Manifest(BaseModel):
    form: Literal[1] = Field(alias="schema")
    source: _Source
    book: _Book
    profile: dict[str, Any]
    voices: tuple[dict[str, Any], ...]
    chapters: tuple[_Chapter, ...]


class _Sentence(BaseModel):
    chapter: int
    chunk: str
    spoken: str
    clip: str | None


class _Coverage(BaseModel):
    form: Literal[1] = Field(alias="schema")
    sentences: tuple[_Sentence, ...]


def read_last_edition(folder: Path) -> LastEdition:
    """Read the accounts of the edition in a folder.

    Raises `ProfileError` where there is no edition, or one whose accounts cannot be read.
    """
    try:
        # Opened once: when another edition takes the folder's place, this one is read to its end.
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            told, covered = _read(place, MANIFEST), _read(place, _COVERAGE)
            unchanged = _read(place, MANIFEST) == told
        finally:
            os.close(place)
    except OSError as error:
        raise ProfileError(
            f"{folder}: there is no edition to compare with ({error.strerror}: {Path(error.filename or '').name}); "
            "give the --out of one, or leave out --revise"
        ) from error
    if not unchanged:
        raise ProfileError(f"{folder}: another run has put its edition there meanwhile; run the command again")
    manifest, coverage = _checked(_Manifest, told, folder / MANIFEST), _checked(_Coverage, covered, folder / _COVERAGE)
    if not {row.chapter for row in coverage.sentences} <= {chapter.number for chapter in manifest.chapters}:
        raise ProfileError(
            f"{folder / _COVERAGE}: it is not of one edition with {MANIFEST}; leave out --revise to narrate the book again"
        )
    return _edition(manifest, coverage)


def _read(place: int, name: str) -> bytes:
    with open(name, "rb", opener=lambda path, flags: os.open(path, flags, dir_fd=place)) as file:
        return file.read()


def _checked(model: type[_Document], text: bytes, path: Path) -> _Document:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ProfileError(
            f"{path}: it cannot be read ({f'{where}: ' if where else ''}{fault['msg']}); leave out --revise to narrate "
            "the book again"
        ) from error


def _edition(manifest: _Manifest, coverage: _Coverage) -> LastEdition:
    rows = {number: list(group) for number, group in groupby(coverage.sentences, lambda row: row.chapter)}
    return LastEdition(
        source_sha256=manifest.source.sha256,
        title=manifest.book.title,
        authors=manifest.book.authors,
        language=manifest.book.language,
        profile=manifest.profile,
        voices=manifest.voices,
        chapters=tuple(
            SpokenChapter(chapter.number, chapter.title, tuple(_passages(rows.get(chapter.number, ()))))
            for chapter in manifest.chapters
        ),
    )


def _passages(rows: Iterable[_Sentence]) -> Iterator[Passage]:
    for _, group in groupby(rows, lambda row: row.chunk):
        sentences = list(group)
        yield Passage(" ".join(row.spoken for row in sentences), sentences[0].clip or "")
