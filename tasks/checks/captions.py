"""Captions: their cues in order, inside of the chapter, and where the accounts say that the sentences are heard."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from tasks.checks import Finding, told

# WebVTT has a point before the milliseconds, SubRip a comma.
_CUE = re.compile(r"^(\d\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d\d+):(\d\d):(\d\d)[.,](\d{3})[ \t]*$", re.MULTILINE)
_SECONDS = (3600, 60, 1, 0.001)
_AWAY_SECONDS = 0.03


def captions_findings(
    folder: Path, file: str, chapter: int | None, seconds: float, starts: Sequence[float]
) -> Iterator[Finding]:
    """Read WebVTT or SubRip of a chapter that lasts so many seconds, whose sentences begin at `starts`."""
    wanted = (
        f"{len(starts)} cues in order, within {told(seconds, 's', 3)}, at most {_AWAY_SECONDS} s beside their sentences"
    )
    try:
        text = (folder / file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield Finding(file, chapter, "cues", str(error), wanted, passes=False)
        return
    fault = _fault([_times(cue) for cue in _CUE.findall(text)], seconds, starts)
    if file.endswith(".vtt") and not text.startswith("WEBVTT"):
        fault = "no WebVTT"
    yield Finding(file, chapter, "cues", fault or f"{len(starts)} cues in order", wanted, passes=not fault)


def _times(cue: Sequence[str]) -> tuple[float, float]:
    start, end = (
        sum(int(figure) * unit for figure, unit in zip(part, _SECONDS, strict=True)) for part in (cue[:4], cue[4:])
    )
    return start, end


def _fault(cues: Sequence[tuple[float, float]], seconds: float, starts: Sequence[float]) -> str:
    """Word the first fault of a chapter's cues; nothing where there is none."""
    if len(cues) != len(starts):
        return f"{len(cues)} cues"
    for place, ((start, end), heard) in enumerate(zip(cues, starts, strict=True), start=1):
        if end <= start:
            return f"cue {place} ends before it begins"
        if abs(start - heard) > _AWAY_SECONDS:
            return f"cue {place} begins {told(abs(start - heard), 's', 3)} beside its sentence"
    for place, (one, other) in enumerate(pairwise(cues), start=1):
        if other[0] < one[1]:
            return f"cue {place} ends behind the begin of the next"
    return "the last cue ends behind the chapter" if cues and cues[-1][1] > seconds else ""
