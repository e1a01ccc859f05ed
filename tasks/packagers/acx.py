"""The ACX edition: what its upload page asks for, in numbered files: credits, chapters, a retail sample, and their figures.

From ACX's audio submission requirements: opening and closing credits in files of their own, no file longer than 120 minutes,
a retail sample of 1 to 5 minutes.
"""

import csv
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeAlias

from tasks.model import Edition, Levels
from tasks.packagers.mp3 import tag_mp3
from tasks.packagers.names import track_name
from tasks.packagers.plain import chapter_title
from tasks.packagers.publication import Part, Publication

_LONGEST_SECONDS = 7_200
# A cut falls so long before the first word behind it, and leaves what ACX wants at the end of the file before.
_HEAD_SECONDS, _TAIL_SECONDS = 0.6, 1.0
SAMPLE_SECONDS = (60.0, 300.0)
SAMPLE = "Retail Sample"


class Heard(Protocol):
    """What was measured of a file: its length, and the room tone before and behind its speech, in seconds."""

    @property
    def levels(self) -> Levels:
        """Its levels in dBFS."""

    @property
    def seconds(self) -> float:
        """Its length."""

    @property
    def head(self) -> float | None:
        """The room tone before its speech."""

    @property
    def tail(self) -> float | None:
        """The room tone behind its speech."""


# Writes what an MP3 has between two times, in seconds, to another.
Cut: TypeAlias = Callable[[Path, float, float, Path], None]
Measure: TypeAlias = Callable[[Path], Heard]


@dataclass(frozen=True, slots=True)
class _File:
    """A stretch of a track that becomes a file of its own, from `start` to `end` (seconds)."""

    title: str
    part: Part
    start: float
    end: float

    @property
    def is_whole(self) -> bool:
        return not self.start and self.end == self.part.track.seconds


def write_acx(publication: Publication, draft: Path, cut: Cut, measure: Measure) -> Iterator[Edition]:
    """Write `acx/00 - Opening Credits.mp3`, the chapters, the closing credits, `Retail Sample.mp3`, and `figures.csv`.

    A chapter of more than 120 minutes is cut at the scene break that is nearest to its middle, or where it would be in three or
    more. Raises what `cut` and `measure` do.
    """
    folder = draft / "acx"
    folder.mkdir()
    files = list(_files(publication))
    # Credits are numbered as what they are: the first before 1, the last one behind all.
    first = 0 if publication.opening else 1
    names = [f"{track_name(number, len(files), file.title)}.mp3" for number, file in enumerate(files, start=first)]
    rows = [*zip(names, files, strict=True), (f"{SAMPLE}.mp3", _sample(publication))]
    with tempfile.TemporaryDirectory(dir=draft) as scratch:
        for name, file in rows:
            if file.is_whole:
                shutil.copyfile(file.part.track.encoded["mp3"], folder / name)
            else:
                # ffmpeg takes a name for what it may be besides a path.
                piece = Path(scratch) / "piece.mp3"
                cut(file.part.track.encoded["mp3"], file.start, file.end, piece)
                shutil.move(piece, folder / name)
            _tag(publication, file, folder / name)
    _write_figures(folder, rows, measure)
    yield from (Edition("acx", f"acx/{name}") for name in (*(name for name, _ in rows), "figures.csv"))


def _files(publication: Publication) -> Iterator[_File]:
    for part in filter(None, (publication.opening, *publication.parts, publication.closing)):
        title, seconds = chapter_title(part.track.number, part.track.title), part.track.seconds
        bounds = [0.0, *_cuts(part), seconds]
        for place, (start, end) in enumerate(pairwise(bounds), start=1):
            of = f" (part {place} of {len(bounds) - 1})" if len(bounds) > 2 else ""  # noqa: PLR2004  # begin and end
            yield _File(f"{title}{of}", part, start, end)


def _cuts(part: Part) -> Iterator[float]:
    """Find where a chapter that is too long is cut (seconds): into pieces as alike as its scene breaks allow."""
    seconds, begin = part.track.seconds, 0.0
    places = _pauses(part)
    while seconds - begin > _LONGEST_SECONDS:
        wanted = begin + (seconds - begin) / math.ceil((seconds - begin) / _LONGEST_SECONDS)
        able = [place for place in places if begin < place <= begin + _LONGEST_SECONDS]
        if not able:
            return
        begin = min(able, key=lambda place: abs(place - wanted))
        yield begin


def _pauses(part: Part) -> Sequence[float]:
    """List where a chapter may be cut: at scene breaks; where there are none, before paragraphs, whose pauses are short."""
    sentences = list(part.sentences)
    before = pairwise(sentences)
    pauses = [
        (one.timing.end, other.timing.start, other.begins_scene) for one, other in before if other.begins_paragraph
    ]
    scenes = [
        start - _HEAD_SECONDS
        for end, start, is_scene in pauses
        if is_scene and start - end > _HEAD_SECONDS + _TAIL_SECONDS
    ]
    return scenes or [(end + start) / 2 for end, start, _ in pauses]


def _sample(publication: Publication) -> _File:
    """Choose the retail sample: the begin of the first chapter that is long enough, up to the end of a sentence."""
    least, most = SAMPLE_SECONDS
    long_enough = (part for part in publication.parts if part.track.seconds >= least)
    part = next(long_enough, max(publication.parts, key=lambda part: part.track.seconds))
    if part.track.seconds <= most:
        return _File(SAMPLE, part, 0.0, part.track.seconds)
    sentences = list(part.sentences)
    pauses = [(other.begins_paragraph, (one.timing.end + other.timing.start) / 2) for one, other in pairwise(sentences)]
    able = [(is_paragraph, place) for is_paragraph, place in pauses if least <= place <= most]
    # The last paragraph that ends in time, or else the last sentence.
    ends = [place for is_paragraph, place in able if is_paragraph] or [place for _, place in able]
    return _File(SAMPLE, part, 0.0, ends[-1] if ends else most)


def _tag(publication: Publication, file: _File, target: Path) -> None:
    part = file.part
    timings = part.track.timings if file.is_whole else ()
    track = replace(part.track, title=file.title, seconds=file.end - file.start, timings=timings)
    tag_mp3(publication, Part(part.script, track), target)


def _write_figures(folder: Path, rows: Sequence[tuple[str, _File]], measure: Measure) -> None:
    """Write what was heard in each file, a row each, in seconds and dBFS; a whole track has been measured as it was encoded."""
    with (folder / "figures.csv").open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "seconds", "RMS (dBFS)", "peak (dBFS)", "noise floor (dBFS)", "head (s)", "tail (s)"])
        for name, file in rows:
            heard: Heard = file.part.track if file.is_whole else measure(folder / name)
            levels = heard.levels
            figures = (heard.seconds, levels.rms_db, levels.peak_db, levels.noise_floor_db, heard.head, heard.tail)
            writer.writerow([name, *("" if figure is None else f"{figure:.2f}" for figure in figures)])
