"""A folder of numbered Markdown files is one book."""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.errors import SourceError
from tasks.model import Block, Book, Call, Chapter
from tasks.readers import markdown_facts
from tasks.readers.markdown import (
    MAXIMUM_BYTES,
    Manuscript,
    divided,
    highest_headings,
    in_language,
    parsed,
    text_of,
    title_from_name,
)

MAXIMUM_FILES = 2_000
MAXIMUM_ENTRIES = 20_000
ENDINGS = frozenset({".md", ".markdown"})
_FACTS = ("metadata.yaml", "metadata.yml", "metadata.md", "metadata.markdown")
_INDEX = frozenset({"index.md", "index.markdown"})
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class FolderOfMarkdown:
    """The files of a book in the order in which they are read; `facts` is a file that only tells of the book."""

    texts: tuple[Path, ...]
    facts: Path | None
    warnings: tuple[str, ...]


def files_of(folder: Path) -> FolderOfMarkdown:
    """Find the files of a book: an index first, then by the numbers in their names, then those without a number.

    Hidden files and those that begin with `_` are passed over, and a README beside numbered files. There are no `texts` in
    a folder without Markdown. Raise `SourceError` for a folder that cannot be opened, is too large, or has a link that
    leads out of it.
    """
    try:
        entries = list(islice(folder.iterdir(), MAXIMUM_ENTRIES + 1))
        if len(entries) > MAXIMUM_ENTRIES:
            raise SourceError(f"{folder}: there are more than {MAXIMUM_ENTRIES} entries; give a folder of a book alone")
        shown = sorted(each for each in entries if each.name[0] not in "._")
        warnings = [
            f"{each.name}: folders within a folder are not read" for each in shown if each.is_dir() and _holds_any(each)
        ]
        found = [each for each in shown if each.suffix.lower() in ENDINGS or each.name.lower() in _FACTS]
        for each in found:
            _refuse_stranger(folder, each)
        # What is neither a file nor a folder might never end.
        warnings += [
            f"{each.name}: it is no file; not read" for each in found if not each.is_file() and not each.is_dir()
        ]
        found = [each for each in found if each.is_file()]
        _refuse_large(folder, found)
    except (OSError, RuntimeError) as error:
        # RuntimeError is how pathlib reports a loop of links.
        reason = (error.strerror if isinstance(error, OSError) else "") or error
        raise SourceError(f"{folder}: the folder cannot be read ({reason}); check its rights and links") from error
    facts = min((each for each in found if each.name.lower() in _FACTS), key=_rank, default=None)
    texts = [each for each in found if each.name.lower() not in _FACTS]
    numbered = sorted((each for each in texts if _numbers(each)), key=lambda each: (_numbers(each), each.name))
    index = [each for each in texts if each.name.lower() in _INDEX]
    others = [each for each in texts if each not in index and not _numbers(each)]
    if not numbered and len(others) > 1:
        warnings.append(f"{folder.name}: no file has a number in its name; read in the order of their names")
    if numbered:
        others = [each for each in others if each.stem.lower() != "readme"]
        warnings += [f"{each.name}: there is no number in its name; read after those that have one" for each in others]
    return FolderOfMarkdown((*index, *numbered, *others), facts, tuple(warnings))


def read(folder: Path) -> Book:
    """Read a folder of Markdown as one book, each file of it at least one chapter; raise `SourceError`.

    The facts of the book are those of its file of metadata, its index, or its first file. What is no part of a chapter
    stands in the book's `left_out`.
    """
    files = files_of(folder)
    warnings = list(files.warnings)
    manuscripts = [(path, parsed(path)) for path in files.texts]
    facts_path = files.facts or files.texts[0]
    facts, beside = _facts(files.facts) if files.facts else (manuscripts[0][1].facts, [])
    # Nonsense is told once, with the file's own warnings or here.
    doubts = warnings if files.facts else []
    language = markdown_facts.language(facts_path, facts, doubts) or "en"
    chapters: list[tuple[str, list[Block]]] = []
    left_out = list(beside)
    for path, manuscript in manuscripts:
        warnings += manuscript.warnings
        blocks = in_language([_placed(path, block) for block in manuscript.blocks], manuscript.language, language)
        if manuscript.has_words:
            title = "" if path == facts_path else markdown_facts.title(manuscript.facts)
            chapters += _chapters(blocks, _headings(path, manuscript), title or _title(path))
        else:
            left_out += [block for block in blocks if block.text]
            if not manuscript.facts:
                warnings.append(f"{path.name}: there are no words to speak in it")
    series, series_position = markdown_facts.series(facts)
    return Book(
        markdown_facts.title(facts) or title_from_name(folder.resolve().name) or "Untitled",
        markdown_facts.authors(facts),
        language,
        tuple(Chapter(number, title, tuple(blocks)) for number, (title, blocks) in enumerate(chapters, 1)),
        tuple(left_out),
        markdown_facts.cover(facts_path, facts, warnings),
        tuple(warnings),
        description=markdown_facts.description(facts),
        series=series,
        series_position=series_position,
    )


def sha256(folder: Path) -> str:
    """Hash the names and contents of a book's files, in the order in which they are read; raise `OSError`, `SourceError`."""
    files = files_of(folder)
    whole = hashlib.sha256()
    for path in (*([files.facts] if files.facts else []), *files.texts):
        with path.open("rb") as file:
            # A name has no zero byte, and a hash has one length: no two books are the same row of bytes.
            whole.update(os.fsencode(path.name) + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _facts(path: Path) -> tuple[dict[str, Any], list[Block]]:
    """Read a file of metadata: the facts, and what stands behind them, which is not spoken."""
    if path.suffix.lower() in ENDINGS:
        manuscript = parsed(path)
        blocks = (_placed(path, replace(block, left_out="metadata")) for block in manuscript.blocks if block.text)
        return manuscript.facts, list(blocks)
    # It may be fenced as front matter is.
    fences = r"\A---[ \t]*\n(.*?)(\n(---|\.\.\.)\s*)?\Z"
    return markdown_facts.facts_of(path, re.sub(fences, r"\n\1", text_of(path), flags=re.DOTALL), 1), []


def _chapters(blocks: Sequence[Block], headings: frozenset[str], title: str) -> Iterable[tuple[str, list[Block]]]:
    """Divide a file at its highest headings; what stands before the first belongs to its chapter."""
    outer = [block for block in blocks if block.anchor in headings]
    before, chapters = divided(blocks, highest_headings(outer))
    first = [*before, *(chapters[0] if chapters else [])]
    yield outer[0].text if outer else title, first
    for each in chapters[1:]:
        yield each[0].text, each


def _headings(path: Path, manuscript: Manuscript) -> frozenset[str]:
    return frozenset(f"{path.name}#{anchor}" for anchor in manuscript.outer_headings)


def _placed(path: Path, block: Block) -> Block:
    """Say of a block in which file it stands, for lines and notes are counted anew in each."""
    calls = tuple(Call(call.place, f"{path.name}#{call.note}") for call in block.calls)
    note = f"{path.name}#{block.note}" if block.note else ""
    return replace(block, anchor=f"{path.name}#{block.anchor}", note=note, calls=calls)


def _title(path: Path) -> str:
    """Make a chapter's title of a file's name without the number in front."""
    return title_from_name(re.sub(r"^[0-9]+[\s._-]*", "", path.stem)) or title_from_name(path.stem)


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(map(int, _NUMBER.findall(path.stem)))


def _rank(path: Path) -> tuple[int, str]:
    return _FACTS.index(path.name.lower()), path.name


def _holds_any(folder: Path) -> bool:
    with suppress(OSError):
        return any(each.suffix.lower() in ENDINGS for each in islice(folder.iterdir(), MAXIMUM_ENTRIES))
    return False


def _refuse_stranger(folder: Path, path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"{folder}: the name {os.fsencode(path.name)!r} is no UTF-8; rename the file") from error
    if not path.resolve().is_relative_to(folder.resolve()):
        raise SourceError(f"{path}: the link leads out of the folder; put the file itself there")


def _refuse_large(folder: Path, found: Sequence[Path]) -> None:
    if len(found) > MAXIMUM_FILES:
        raise SourceError(
            f"{folder}: there are more than {MAXIMUM_FILES} files of Markdown, which no book has; split it"
        )
    if sum(path.stat().st_size for path in found) > MAXIMUM_BYTES:
        raise SourceError(
            f"{folder}: its files are larger than {MAXIMUM_BYTES // 1_000_000} MB together, which no manuscript is; split it"
        )
