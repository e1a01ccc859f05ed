"""Fractions in words, by their signs or with a stroke."""

import re
import unicodedata

from tasks.text.speakable.numbers import cardinal, plain
from tasks.text.speakable.tongue import Tongue

_SIGNS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
_ALL_DAY = ("24", "7")
_HALF = (1, 2)
_SIGN = re.compile(rf"(?<![\w.,/])(?:(?P<whole>\d{{1,6}}) ?)?(?P<sign>[{_SIGNS}])(?!\w)")
_STROKE = re.compile(r"(?<![\w.,/-])(?:(?P<whole>\d{1,6}) )?(?P<above>\d{1,4})[/⁄](?P<below>\d{1,4})(?![\w/]|[.,-]\d)")


def spoken_fractions(text: str, tongue: Tongue) -> str:
    """Say fractions down to tenths; two other numbers with a stroke between them are said one after the other (24/7)."""
    text = _SIGN.sub(lambda found: _by_sign(found, tongue), text)
    return _STROKE.sub(lambda found: _by_stroke(found, tongue), text)


def _by_sign(found: re.Match[str], tongue: Tongue) -> str:
    above, _, below = unicodedata.normalize("NFKC", found["sign"]).partition("⁄")
    return _said(found["whole"], int(above), int(below), tongue)


def _by_stroke(found: re.Match[str], tongue: Tongue) -> str:
    above, below = int(found["above"]), int(found["below"])
    if 0 < above < below and below in tongue.figures.parts:
        return _said(found["whole"], above, below, tongue)
    before = f"{plain(found['whole'], tongue)} " if found["whole"] else ""
    return f"{before}{plain(found['above'], tongue)} {plain(found['below'], tongue)}"


def _said(whole: str | None, above: int, below: int, tongue: Tongue) -> str:
    if whole and (above, below) == _HALF:
        stem = plain(whole, tongue)
        return f"{'ein' if stem == 'eins' else stem}{tongue.figures.and_a_half}"
    one, more = tongue.figures.parts[below]
    part = one if above == 1 else f"{cardinal(above, tongue.code)} {more}"
    links = {"en": "and", "de": "und", "fr": "et", "es": "y", "it": "e"}
    return f"{plain(whole, tongue)} {links[tongue.code]} {part}" if whole else part
