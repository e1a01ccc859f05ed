"""Numbers in words: cardinals, ordinals, years, decimals and single digits, and how they are written."""

import re
from collections.abc import Callable
from functools import cache, lru_cache

from tasks.text.speakable.tongue import Tongue

# num2words knows names up to some size only, and nobody counts that far aloud.
_LONGEST = 15
_LONGEST_DECIMALS_IN_ONE = 2
_REMEMBERED = 4096
# num2words' Amharic fails at 1984 and does not end at a million millions.
_UNTOLD = {"am"}
_ITSELF_BEFORE_NOUNS = {"fr": ("un", "une"), "es": ("un", "una"), "it": ("un", "una"), "de": ("ein", "eine")}


@cache
def _num2words() -> Callable[..., str]:
    # It takes tens of milliseconds to load, and most sentences have no number.
    from num2words import num2words  # noqa: PLC0415

    def said(value: int, **how: str) -> str:
        return str(num2words(value, **how))

    return said


@lru_cache(_REMEMBERED)
def cardinal(value: int, code: str) -> str:
    """Say a whole number from 0 to 15 digits; in a language that is not known it stays in figures."""
    if code in _UNTOLD:
        return str(value)
    try:
        said = _num2words()(value, lang=code).replace(", ", " ")
    # The first says that a language is not known; its many converters have no error of their own for what their tables lack.
    except (NotImplementedError, OverflowError, ValueError, TypeError, IndexError, KeyError):
        return str(value)
    # num2words drops a letter of eighteen in Italian compounds.
    return said.replace("dicotto", "diciotto") if code == "it" else said


@lru_cache(_REMEMBERED)
def ordinal(value: int, code: str) -> str:
    """Say which one in a row it is, in the masculine nominative as it stands after an article."""
    if code == "fr" and value > 1:
        return _french_ordinal(value)
    return _num2words()(value, lang=code, to="ordinal").replace(", ", " ").lower()


def _french_ordinal(value: int) -> str:
    words = cardinal(value, "fr")
    if value % 100 in {0, 80}:
        words = words.removesuffix("s")
    if words.endswith("cinq"):
        return f"{words}uième"
    if words.endswith("neuf"):
        return f"{words[:-1]}vième"
    return f"{words.removesuffix('e')}ième"


@lru_cache(_REMEMBERED)
def year(value: int, code: str) -> str:
    """Say a year: in pairs of figures where the language does so (nineteen eighty-four)."""
    if code in {"en", "de"} and 1100 <= value <= 2099:  # noqa: PLR2004
        said = _num2words()(value, lang=code, to="year").replace("oh-", "oh ")
        return said.replace(", ", " ")
    return cardinal(value, code)


def feminine_ordinal(value: int, code: str) -> str:
    """Say an ordinal before a feminine noun."""
    said = ordinal(value, code)
    if code == "fr":
        return "première" if value == 1 else said
    return " ".join(f"{word[:-1]}a" if word.endswith("o") else word for word in said.split())


def digits(figures: str, code: str) -> str:
    """Say figures one by one; anything else among them is left out."""
    return " ".join(cardinal(int(figure), code) for figure in figures if figure.isdecimal())


def whole(figures: str, code: str) -> str:
    """Say a row of figures as one number; one by one where it begins with a zero or is too long for a number."""
    if len(figures) > _LONGEST or (len(figures) > 1 and figures[0] == "0"):
        return digits(figures, code)
    return cardinal(int(figures), code)


def counted(figures: str, code: str, gender: str) -> str:
    """Say a whole number before a noun of a gender, "m" or "f"."""
    said = whole(figures, code)
    if code not in _ITSELF_BEFORE_NOUNS:
        return said
    if figures.lstrip("0") == "1":
        return _ITSELF_BEFORE_NOUNS[code][gender == "f"]
    if code == "fr" and gender == "f" and said.endswith(" un"):
        return f"{said}e"
    if code == "es":
        return _spanish_counted(said, gender)
    return said


def _spanish_counted(said: str, gender: str) -> str:
    if gender == "f":
        said = f"{said[:-3]}una" if said.endswith("uno") else said
        return re.sub(r"(cient|quinient)os\b", r"\1as", said)
    if said.endswith("veintiuno"):
        return f"{said[:-9]}veintiún"
    return said[:-1] if said.endswith("uno") else said


@cache
def number_pattern(tongue: Tongue) -> str:
    """Give the regular expression for a number as the language writes it; bounded, so that it takes linear time."""
    figures = tongue.figures
    grouped = "|".join(rf"\d{{1,3}}(?:{re.escape(sign)}\d{{3}}){{1,4}}(?!\d)" for sign in figures.groups)
    return rf"(?:(?:{grouped}|\d{{1,15}}(?!\d))(?:{re.escape(figures.mark)}\d{{1,15}}(?!\d))?)"


def bare(written: str, tongue: Tongue) -> str:
    """Write a number as Python does: without signs between thousands and with a stop before decimals."""
    whole_part, _, decimals = _split(written, tongue)
    return f"{whole_part}.{decimals}" if decimals else whole_part


def _split(written: str, tongue: Tongue) -> tuple[str, str, str]:
    whole_part, mark, decimals = written.partition(tongue.figures.mark)
    return "".join(figure for figure in whole_part if figure.isdecimal()), mark, decimals


def quantity(written: str, tongue: Tongue, gender: str = "m") -> str:
    """Say a number as written, decimals and all, before a noun of a gender, "m" or "f"."""
    whole_part, mark, decimals = _split(written, tongue)
    if not mark:
        return counted(whole_part, tongue.code, gender)
    return f"{plain(whole_part, tongue)} {tongue.figures.point} {_decimals(decimals, tongue)}"


def plain(written: str, tongue: Tongue) -> str:
    """Say a number as written where nothing is counted."""
    whole_part, mark, decimals = _split(written, tongue)
    said = whole(whole_part, tongue.code)
    return f"{said} {tongue.figures.point} {_decimals(decimals, tongue)}" if mark else said


def _decimals(decimals: str, tongue: Tongue) -> str:
    code = tongue.code
    if code in {"en", "de"} or len(decimals) > _LONGEST_DECIMALS_IN_ONE or decimals[0] == "0":
        return digits(decimals, code)
    return whole(decimals, code)
