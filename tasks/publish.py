"""Where tracks become editions, and the accounts say what was made.

It knows nothing of Prefect, as a studio knows nothing of it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from mutagen import MutagenError

from tasks.audio import AudioSettings
from tasks.audio.bind import bind
from tasks.audio.cut import cut_mp3
from tasks.audio.meter import measured
from tasks.checks.levels import track_findings
from tasks.errors import OutputError, PackageError
from tasks.model import Edition
from tasks.packagers import EditionKind, OutputSettings
from tasks.packagers.accounts import Account, Retelling, coverage, manifest
from tasks.packagers.acx import write_acx
from tasks.packagers.audiobookshelf import write_audiobookshelf
from tasks.packagers.captions import write_captions
from tasks.packagers.feed import write_feed
from tasks.packagers.flac import write_flac
from tasks.packagers.folder import MANIFEST, replaced
from tasks.packagers.m4b import chapter_marks, m4b_name, tag_m4b
from tasks.packagers.mp3 import write_mp3
from tasks.packagers.names import file_name
from tasks.packagers.publication import Publication, publication_of
from tasks.packagers.readalong import write_readalong
from tasks.packagers.report import write_report
from tasks.packagers.report.values import Checked, CheckedFigure, Report
from tasks.packagers.webpub import write_webpub


@dataclass(frozen=True, slots=True)
class Published:
    """Where the editions lie, and which there are; `warnings` are lines for the person who ran the command."""

    folder: Path
    editions: tuple[Edition, ...]
    warnings: tuple[str, ...] = ()


def publish(account: Account, settings: OutputSettings, narrator: str, folder: Path) -> Published:
    """Write the editions and the accounts of a book, and put them in place of those in `folder` (see `replaced`).

    MP3s and captions of finished chapters are always kept. What holds the whole book is only made when no chapter is
    missing, or where the profile allows a partial one, which says so in its name and title. The caller holds the folder's
    claim. Raises `AudioError`, `PackageError` where a file cannot be tagged, and `OutputError` where the folder cannot be
    written.
    """
    try:
        return _published(account, settings, narrator, folder)
    except OSError as error:
        raise _unwritten(folder, error) from error
    except MutagenError as error:
        # mutagen wraps what the system says, a full disk among it.
        if isinstance(error.__cause__, OSError):
            raise _unwritten(folder, error.__cause__) from error
        raise PackageError(
            f"{folder}: an edition cannot be tagged ({error}); remove the chapters' tracks from the store, or the cover "
            "from the source, and run the command again"
        ) from error


def _unwritten(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"{folder}: the editions cannot be written ({error.strerror}); free space or give another --out")


def _published(account: Account, settings: OutputSettings, narrator: str, folder: Path) -> Published:
    publication = publication_of(account, narrator, settings.disclosure)
    book = replace(account.book, warnings=(*account.book.warnings, *publication.warnings))
    with replaced(folder) as draft:
        editions = tuple(_editions(publication, settings, account.retelling, draft))
        _write_accounts(replace(account, book=book, editions=editions), publication, draft)
    return Published(folder, editions, publication.warnings)


def _editions(
    publication: Publication, settings: OutputSettings, retelling: Retelling | None, draft: Path
) -> Iterator[Edition]:
    """Make the editions of single chapters, then those of the whole book, which may link to them."""
    wanted = set(settings.editions)
    if retelling:
        yield _manuscript(publication.book.title, retelling, draft)
    for kind, make in _OF_CHAPTERS.items():
        if kind in wanted:
            yield from make(publication, draft)
    if not publication.parts or not (settings.allow_partial or publication.is_whole):
        return
    for kind, make in _OF_BOOKS.items():
        if kind in wanted:
            yield from make(publication, draft)
    if "feed" in wanted:
        yield from write_feed(publication, draft, settings.feed_url)


def _manuscript(title: str, retelling: Retelling, draft: Path) -> Edition:
    """Write the text of a retold book: narrated by itself, it makes the same editions."""
    target = draft / f"{file_name(title)}.md"
    target.write_text(retelling.markdown, "utf-8", "backslashreplace")
    return Edition("manuscript", target.name)


def _m4b(publication: Publication, draft: Path) -> Iterator[Edition]:
    target, marks = draft / m4b_name(publication), draft / "chapters.txt"
    marks.write_text(chapter_marks(publication.tracks), "utf-8")
    bind([track.encoded["aac"] for track in publication.tracks], marks, target)
    marks.unlink()
    tag_m4b(target, publication)
    yield Edition("m4b", target.name)


_Make: TypeAlias = Callable[[Publication, Path], Iterable[Edition]]
_OF_CHAPTERS: dict[EditionKind, _Make] = {"mp3": write_mp3, "flac": write_flac, "captions": write_captions}
_OF_BOOKS: dict[EditionKind, _Make] = {
    "m4b": _m4b,
    "readalong": write_readalong,
    "webpub": write_webpub,
    "acx": lambda publication, draft: write_acx(publication, draft, cut_mp3, measured),
    "audiobookshelf": write_audiobookshelf,
}


def _write_accounts(account: Account, publication: Publication, draft: Path) -> None:
    told, covered = manifest(account), coverage(account.book, account.performances)
    for name, document in (("coverage.json", covered), (MANIFEST, told)):
        # Half of a character, as some sources have them, is written as JSON escapes it.
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        (draft / name).write_text(text, "utf-8", "backslashreplace")
    write_report(Report(account, publication, told, covered, _checked(account)), draft)


def _checked(account: Account) -> Checked:
    """Compare what was measured of the tracks with the profile, as `declaim check` does."""
    settings = AudioSettings.model_validate(account.profile.get("audio", {}))
    tracks = (performance.track for performance in account.performances if performance.track)
    figures = {
        track.number: tuple(
            CheckedFigure(finding.figure, finding.found, finding.wanted, finding.passes)
            for finding in track_findings(track, settings)
        )
        for track in tracks
    }
    return Checked(figures, settings.loudness_lufs, settings.peak_dbfs)
