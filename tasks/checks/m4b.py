"""An M4B: its chapters against the audio, its tags, the levels of every chapter between its marks."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from mutagen import MutagenError
from mutagen.mp4 import MP4

from tasks.audio import AudioSettings
from tasks.audio.bind import chapter_starts
from tasks.audio.meter import measured_spans
from tasks.checks import Finding, told
from tasks.checks.levels import level_findings
from tasks.errors import AudioError

_LEAST_KBPS = 128
# Nero's list of chapters, which mutagen reads, can hold no more; players read QuickTime's track of them, which has all.
_NERO_CHAPTERS = 255
_AUDIOBOOK = 2
_TAGS = {"\xa9nam": "title", "\xa9alb": "album", "\xa9cmt": "disclosure"}
# Marks are told in milliseconds; a player's clock has no finer steps than a packet's 23 ms.
_MARK_SECONDS = 0.03


def m4b_findings(folder: Path, file: str, chapters: dict[int, float], settings: AudioSettings) -> Iterator[Finding]:
    """Measure an M4B below a folder; `chapters` are the seconds of those it is to hold, by their numbers."""
    try:
        book = MP4(folder / file)
        yield from _whole(book, file)
        starts = [mark.start for mark in book.chapters or ()]
        if len(starts) == _NERO_CHAPTERS:
            starts = chapter_starts(folder / file)
        yield _marks(file, starts, chapters, book.info.length)
        if len(starts) == len(chapters):
            spans = measured_spans(folder / file, [*starts, book.info.length])
            for number, heard in zip(chapters, spans, strict=True):
                yield from level_findings(file, number, heard, settings)
    except (AudioError, MutagenError, OSError) as error:
        yield Finding(file, None, "file", str(error), "an M4B that can be read", passes=False)


def _whole(book: MP4, file: str) -> Iterator[Finding]:
    kbps = book.info.bitrate / 1000
    yield Finding(
        file, None, "rate", f"{kbps:.0f} kbit/s", f"more than {_LEAST_KBPS} kbit/s", passes=kbps > _LEAST_KBPS
    )
    tags = book.tags or {}
    missing = [meaning for atom, meaning in _TAGS.items() if not tags.get(atom)]
    missing += [] if list(tags.get("stik", ())) == [_AUDIOBOOK] else ["the mark of an audiobook"]
    found = f"without {', '.join(missing)}" if missing else "all tags"
    yield Finding(file, None, "tags", found, ", ".join([*_TAGS.values(), "the mark of an audiobook"]), not missing)


def _marks(file: str, starts: list[float], chapters: dict[int, float], seconds: float) -> Finding:
    wanted = f"{len(chapters)} marks that lie as far apart as the chapters are long"
    if len(starts) != len(chapters):
        return Finding(file, None, "marks", f"{len(starts)} marks", wanted, passes=False)
    lengths = [after - before for before, after in pairwise([*starts, seconds])]
    worst = max((abs(one - other) for one, other in zip(lengths, chapters.values(), strict=True)), default=0.0)
    return Finding(
        file, None, "marks", f"{len(starts)} marks, at most {told(worst, 's', 3)} off", wanted, worst <= _MARK_SECONDS
    )
