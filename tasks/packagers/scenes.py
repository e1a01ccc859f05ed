"""Where the scenes of a chapter begin."""

from dataclasses import dataclass
from textwrap import shorten

from tasks.packagers.plain import chapter_title, plain
from tasks.packagers.publication import Part

_TITLE_CHARACTERS = 60
_CUT = "…"


@dataclass(frozen=True, slots=True)
class SceneMark:
    """When a scene begins, in seconds from the start of its track, and its first words."""

    start: float
    title: str


def scene_marks(part: Part) -> list[SceneMark]:
    """Mark the scenes of a chapter, each later than the one before and inside the track.

    The first begins with the track and bears the chapter's title. A chapter of one scene has no marks.
    """
    marks = [SceneMark(0.0, chapter_title(part.track.number, part.track.title))]
    for sentence in part.sentences:
        start, words = round(sentence.timing.start, 3), plain(sentence.text)
        if sentence.begins_scene and words and marks[-1].start < start < part.track.seconds:
            marks.append(SceneMark(start, _opening(words)))
    return marks if len(marks) > 1 else []


def _opening(words: str) -> str:
    opening = shorten(words, _TITLE_CHARACTERS, placeholder=_CUT)
    # Not every script has spaces to cut at.
    return opening if opening != _CUT else f"{words[: _TITLE_CHARACTERS - 1]}{_CUT}"
