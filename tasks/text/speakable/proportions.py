"""Numbers with a colon between them that are no time of day: chapter and verse, ratios and scores."""

import re

from tasks.text.speakable.numbers import cardinal
from tasks.text.speakable.tongue import Tongue

_DASH = r"(?: ?– ?|-)"
_BETWEEN_TIMES = re.compile(rf"(?<=\d:\d\d){_DASH}(?=\d{{1,2}}:\d\d(?![\d:]))")
# A work is named before its chapter and verse: "John 3:16", "2 Samuel 12:3-7", "see Ps. 119:105". The first word of a
# sentence has a capital for another reason, but in English such a sentence mostly begins with a work.
_PLACE = re.compile(
    rf"(?P<work>[A-ZÀ-ÖØ-Þ][^\W\d_]*\.? )?(?<![\w.,:/-])(?P<one>\d{{1,3}}):(?P<other>\d{{1,3}})"
    rf"(?:{_DASH}(?P<last>\d{{1,3}}))?(?![\w:/]|[.,]\d|[–-]\w)"
)
_MIGHT_GO_ON = 20
_TO_ONE = {"de": "zu", "en": "to", "es": "a", "fr": "à", "it": "a"}


def spoken_spans_of_time(text: str, tongue: Tongue) -> str:
    """Say the dash between two times of day, while they still stand in figures."""
    return _BETWEEN_TIMES.sub(f" {tongue.figures.to} ", text)


def spoken_proportions(text: str, tongue: Tongue) -> str:
    """Say a chapter and its verses one after the other ("three sixteen"), and what is left with a colon as a ratio."""
    return _PLACE.sub(lambda found: _said(found, tongue), text)


def _said(found: re.Match[str], tongue: Tongue) -> str:
    one, other = (cardinal(int(found[part]), tongue.code) for part in ("one", "other"))
    has_work = found["work"] and (found.start() or tongue.code == "en")
    if not (has_work or found["last"]):
        return f"{found['work'] or ''}{one} {_TO_ONE[tongue.code]} {other}"
    # "Twenty three" might be one number.
    place = f"{found['work'] or ''}{one}{',' if int(found['one']) >= _MIGHT_GO_ON else ''} {other}"
    return f"{place} {tongue.figures.to} {cardinal(int(found['last']), tongue.code)}" if found["last"] else place
