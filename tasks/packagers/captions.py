"""The captions edition: a cue for each sentence, as WebVTT and as SubRip, a pair of files a chapter."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from tasks.model import Edition
from tasks.packagers.names import padded
from tasks.packagers.plain import chapter_title, plain
from tasks.packagers.publication import Part, Publication

_LINE_CHARACTERS = 42
# Players take "<i>" and "{\\an8}" for orders, and times for a cue's own; with a word joiner in them they are shown.
_TAKEN = re.compile(r"[<{](?=\s*[A-Za-z/\\])|\d:(?=\d+:\d+[,.]\d)")
_HOUR, _MINUTE, _SECOND = 3_600_000, 60_000, 1_000


@dataclass(frozen=True, slots=True)
class Cue:
    """When a text is shown, in whole milliseconds, and its lines, at most 42 characters each."""

    start: int
    end: int
    lines: tuple[str, ...]


def write_captions(publication: Publication, folder: Path) -> list[Edition]:
    """Write `captions/<number>.vtt` and `.srt` for each chapter below `folder`; numbers are the chapters' own."""
    (folder / "captions").mkdir(parents=True, exist_ok=True)
    return [edition for part in publication.parts for edition in _write(publication, part, folder)]


def captions_name(publication: Publication, part: Part) -> str:
    """Name a chapter's WebVTT file, relative to the output folder."""
    return f"captions/{padded(part.track.number, len(publication.book.chapters))}.vtt"


def _write(publication: Publication, part: Part, folder: Path) -> Iterator[Edition]:
    name = captions_name(publication, part)
    for path, text in ((name, vtt(publication, part)), (name.replace(".vtt", ".srt"), srt(part))):
        (folder / path).write_text(text, "utf-8", newline="\n")
        yield Edition("captions", path)


def vtt(publication: Publication, part: Part) -> str:
    """Word a chapter's captions as WebVTT, with a note of what they belong to and that the voice is synthetic."""
    title = chapter_title(part.track.number, part.track.title)
    notes = (publication.full_title, title, publication.credit)
    # A note must not hold an arrow, and nothing in it can be escaped.
    note = "\n".join(re.sub("-{2,}>", "->", line) for line in notes)
    blocks = [f"WEBVTT\n\nNOTE\n{note}"]
    for cue in cues(part):
        text = html.escape("\n".join(cue.lines), quote=False)
        blocks.append(f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{text}")
    return "\n\n".join(blocks) + "\n"


def srt(part: Part) -> str:
    """Word a chapter's captions as SubRip, which has no escapes: an arrow in the text is set as one character."""
    blocks = []
    for place, cue in enumerate(cues(part), start=1):
        text = _TAKEN.sub("\\g<0>\u2060", "\n".join(cue.lines).replace("-->", "\N{RIGHTWARDS ARROW}"))
        blocks.append(f"{place}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{text}\n")
    return "\n".join(blocks)


def cues(part: Part) -> Iterator[Cue]:
    """Give a chapter's cues in order: each at least a millisecond long, over before the next begins, inside the track.

    A sentence without a visible character has none. A track of fewer milliseconds than cues is outrun by them.
    """
    sentences = [(plain(sentence.text), sentence.timing) for sentence in part.sentences]
    shown = [(text, timing) for text, timing in sentences if text]
    total = max(int(part.track.seconds * _SECOND), len(shown))
    before = 0
    for place, (text, timing) in enumerate(shown, start=1):
        # What comes after has its millisecond too.
        last = total - (len(shown) - place)
        start = min(max(round(timing.start * _SECOND), before), last - 1)
        before = min(max(round(timing.end * _SECOND), start + 1), last)
        yield Cue(start, before, tuple(wrap(text, _LINE_CHARACTERS, break_on_hyphens=False)))


def _time(milliseconds: int, mark: str) -> str:
    hours, rest = divmod(milliseconds, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    seconds, rest = divmod(rest, _SECOND)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{rest:03}"
