"""What other passes left of numbers: plain numbers and years."""

import re
from functools import cache

from tasks.text.speakable.genders import NO_NOUNS, gender_of, noun_after
from tasks.text.speakable.numbers import cardinal, number_pattern, plain, quantity, whole, year
from tasks.text.speakable.tongue import Tongue

_YEAR = re.compile(r"1[1-9]\d\d|20\d\d")
# Of a program, or an address of a machine.
_DOTTED = re.compile(r"(?<![\w.,])\d{1,4}(?:\.\d{1,4}){2,8}(?!\w|[.,]\d)")
_NEGATIVE = re.compile(r"(?<![\w)\]\"'’”.,–-])(?:−|-(?=\d|[$£€]\d))\s?(?=[\d$£€])")
_MINUS = re.compile(r"(?<=\d) ?− ?(?=\d)")
_DECADE = {
    "en": re.compile(r"(?<![\w.,])['’]?(\d{3}0|\d0)['’]?s(?!\w)"),
    "de": re.compile(r"(?<![\w.,])(\d{3}0|\d0)er(?!\w)"),
}
_YEAR_WORDS = re.compile(
    r"(?:^|\W)(?:in|since|until|till|by|before|after|of|from|to|year|during|summer|winter|spring|autumn)\W$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r" (?:men|women|people|children|(?!(?:was|is|has|its|his|this|thus|as|always|perhaps|us|does)\b)[a-z]{2,30}s)\b"
)


def spoken_minus(text: str, tongue: Tongue) -> str:
    """Say the sign of negative numbers, and of a difference."""
    return _MINUS.sub(f" {tongue.figures.minus} ", _NEGATIVE.sub(f"{tongue.figures.minus} ", text))


def spoken_dotted(text: str, tongue: Tongue) -> str:
    """Say numbers with two stops and more in them part by part, unless the stops are those between thousands."""
    return _DOTTED.sub(lambda found: _by_parts(found[0], tongue), text)


def _by_parts(written: str, tongue: Tongue) -> str:
    if re.fullmatch(number_pattern(tongue), written):
        return written
    return f" {tongue.address['.']} ".join(whole(part, tongue.code) for part in written.split("."))


def spoken_decades(text: str, tongue: Tongue) -> str:
    """Say decades as English and German write them: 1980s, 80er."""
    if tongue.code not in _DECADE:
        return text
    return _DECADE[tongue.code].sub(lambda found: _decade(int(found[1]), tongue.code), text)


def _decade(value: int, code: str) -> str:
    words = year(value, code) if value > 99 else cardinal(value, code)  # noqa: PLR2004
    if code == "de":
        return f"{words}er"
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


@cache
def _pattern(tongue: Tongue) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?<!\d[.,])(?:{number_pattern(tongue)}|\d+)(?!\w)")


def spoken_figures(text: str, tongue: Tongue) -> str:
    """Say numbers: four figures without signs between them as a year, where nothing is counted by them."""
    return _pattern(tongue).sub(lambda found: _number(found, tongue), text)


def _number(found: re.Match[str], tongue: Tongue) -> str:
    written = found[0]
    if _YEAR.fullmatch(written) and _is_year(found, tongue):
        return year(int(written), tongue.code)
    noun = noun_after(found.string, found.end())
    if not written.isdigit() or len(written) > 15:  # noqa: PLR2004
        return (
            quantity(written, tongue, gender_of(noun, tongue))
            if noun and tongue.code == "es"
            else plain(written, tongue)
        )
    if noun and _counts(noun, tongue):
        return quantity(written, tongue, gender_of(noun, tongue))
    return whole(written, tongue.code)


def _is_year(found: re.Match[str], tongue: Tongue) -> bool:
    before = found.string[max(0, found.start() - 12) : found.start()]
    after = found.string[found.end() : found.end() + 40]
    return tongue.code != "en" or bool(_YEAR_WORDS.search(before)) or not _COUNTED.match(after)


def _counts(noun: str, tongue: Tongue) -> bool:
    """Tell whether a word after a number may be what is counted: in German a noun has a capital."""
    return noun[0].isupper() if tongue.code == "de" else noun[0].islower() and noun not in NO_NOUNS


def figures_alone(text: str, code: str) -> str:
    """Say plain numbers in a language of which nothing else is known."""
    return re.sub(r"(?<![\w.,:/+-])\d{1,15}(?![\w/:%°]|[.,-]\d)", lambda found: whole(found[0], code), text)
