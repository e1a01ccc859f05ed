"""Ranges of numbers and years in words."""

import re
from functools import cache

from tasks.text.speakable.numbers import cardinal, number_pattern, plain, year
from tasks.text.speakable.tongue import Tongue

_FIRST_YEAR, _LAST_YEAR = 1100, 2099
_YEARS = re.compile(r"(?<![\w.,/–-])(\d{4}) ?[–-] ?(\d{4}|\d{2})(?![\w%°]|[.,:/–-]\d)")


@cache
def _pattern(tongue: Tongue) -> re.Pattern[str]:
    number = number_pattern(tongue)
    return re.compile(rf"(?<![\w.,/–-])(?P<first>{number})(?: ?– ?|-)(?P<last>{number})(?![\w/]|[–-]\w|[.,]\d)")


def spoken_ranges(text: str, tongue: Tongue) -> str:
    """Say the dash between two numbers or years; where the second is shorter ("1914–18") it stays short."""
    text = _YEARS.sub(lambda found: _years(found, tongue), text)
    return _pattern(tongue).sub(
        lambda found: f"{plain(found['first'], tongue)} {tongue.figures.to} {plain(found['last'], tongue)}", text
    )


def _years(found: re.Match[str], tongue: Tongue) -> str:
    first, last = int(found[1]), int(found[2])
    if not _FIRST_YEAR <= first <= _LAST_YEAR:
        return found[0]
    to = tongue.figures.to
    said = cardinal(last, tongue.code) if len(found[2]) == len("18") else year(last, tongue.code)
    return f"{year(first, tongue.code)} {to} {said}"
