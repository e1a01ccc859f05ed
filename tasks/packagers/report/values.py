"""What a report is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.packagers.accounts import Account, Performance
from tasks.packagers.mp3 import mp3_name
from tasks.packagers.publication import Publication


@dataclass(frozen=True, slots=True)
class CheckedFigure:
    """One figure of the check: what it is, what was found, what is wanted, and whether the one is within the other."""

    figure: str
    found: str
    wanted: str
    passes: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """The check of a book: its figures by the chapters' numbers, and the loudness (LUFS) and peak (dBFS) that are aimed at."""

    figures: Mapping[int, tuple[CheckedFigure, ...]]
    loudness_lufs: float
    peak_dbfs: float

    @property
    def all(self) -> tuple[CheckedFigure, ...]:
        """The figures of all chapters."""
        return tuple(figure for figures in self.figures.values() for figure in figures)


@dataclass(frozen=True, slots=True)
class ReportedChapter:
    """A chapter: as it was performed, as the manifest has it, what was checked, and the path of its MP3, empty without one."""

    performance: Performance
    row: Mapping[str, Any]
    figures: tuple[CheckedFigure, ...]
    mp3: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page tells: `manifest` and `coverage` are the documents of the same run."""

    account: Account
    publication: Publication
    manifest: Mapping[str, Any]
    coverage: Mapping[str, Any]
    checked: Checked

    @property
    def language(self) -> str:
        """The language of the book's own words."""
        return self.account.book.language

    @property
    def chapters(self) -> Iterator[ReportedChapter]:
        """The chapters of the run in order, those that could not be finished among them."""
        paths = {edition.path for edition in self.account.editions if edition.kind == "mp3"}
        for performance, row in zip(self.account.performances, self.manifest["chapters"], strict=True):
            name = mp3_name(self.publication, performance.track) if performance.track else ""
            figures = self.checked.figures.get(row["number"], ())
            yield ReportedChapter(performance, row, figures, name if name in paths else "")
