"""Fractions in words, by their signs or with a stroke."""

import re
import unicodedata

from tasks.text.speakable.genders import NO_NOUNS, gender_of
from tasks.text.speakable.numbers import cardinal, counted, plain
from tasks.text.speakable.tongue import Tongue

_SIGNS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
_ALL_DAY = ("24", "7")
_HALF = (1, 2)
_SIGN = re.compile(rf"(?<![\w.,/])(?:(?P<whole>\d{{1,6}}) ?)?(?P<sign>[{_SIGNS}])(?!\w)")
# French, Italian and Spanish count the whole ones first: "2 ½ tazas" is "dos tazas y media".
_BEFORE_A_NOUN = re.compile(rf"(?<![\w.,/])(?P<whole>\d{{1,6}}) ?(?P<sign>[{_SIGNS}]) (?P<noun>[^\W\d_]{{3,40}})")
_HALF_OF_IT = {"es": ("medio", "media"), "fr": ("demi", "demie"), "it": ("mezzo", "mezza")}
_LINKS = {"en": "and", "de": "und", "fr": "et", "es": "y", "it": "e"}
_STROKE = re.compile(r"(?<![\w.,/-])(?:(?P<whole>\d{1,6}) )?(?P<above>\d{1,4})[/⁄](?P<below>\d{1,4})(?![\w/]|[.,-]\d)")


def spoken_fractions(text: str, tongue: Tongue) -> str:
    """Say fractions down to tenths; two other numbers with a stroke between them are said one after the other (24/7)."""
    if tongue.code in _HALF_OF_IT:
        text = _BEFORE_A_NOUN.sub(lambda found: _around_a_noun(found, tongue), text)
    text = _SIGN.sub(lambda found: _by_sign(found, tongue), text)
    return _STROKE.sub(lambda found: _by_stroke(found, tongue), text)


def _around_a_noun(found: re.Match[str], tongue: Tongue) -> str:
    noun = found["noun"]
    if noun in NO_NOUNS:
        return found[0]
    above, below = _parts(found["sign"])
    gender = gender_of(noun, tongue)
    # More than one of what ends in -a ends in -e in Italian.
    is_feminine = gender == "f" or (tongue.code == "it" and noun.endswith("e"))
    part = _HALF_OF_IT[tongue.code][is_feminine] if (above, below) == _HALF else _part(above, below, tongue)
    return f"{counted(found['whole'], tongue.code, gender)} {noun} {_LINKS[tongue.code]} {part}"


def _by_sign(found: re.Match[str], tongue: Tongue) -> str:
    above, below = _parts(found["sign"])
    return _said(found["whole"], above, below, tongue)


def _parts(sign: str) -> tuple[int, int]:
    above, _, below = unicodedata.normalize("NFKC", sign).partition("⁄")
    return int(above), int(below)


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
    part = _part(above, below, tongue)
    return f"{plain(whole, tongue)} {_LINKS[tongue.code]} {part}" if whole else part


def _part(above: int, below: int, tongue: Tongue) -> str:
    one, more = tongue.figures.parts[below]
    return one if above == 1 else f"{cardinal(above, tongue.code)} {more}"
