"""Abbreviations in full, by what stands around them."""

import re
from collections.abc import Mapping
from functools import cache

from tasks.text.speakable.tongue import Tongue

_ENDS = re.compile(r"[\s\"'”’»)\]]*$")
# "M. et Mme Dupont" has the name behind both.
_NAME = r"(?=\s+(?:(?:and|e|et|und|y) )?[A-ZÀ-ÖØ-Þ])"
# "No. I will" has the pronoun, "vol. I." the number.
_NUMBER = r"(?=\s?(?:\d|[VXL][IVXLC]*\b|I[IVX]+\b|I(?=[.;:)]|$)))"
_HOUSE_AND_STREET = re.compile(r"\d\w* (?:[A-Z][\w'-]* ){1,3}$")
_CAPITAL_WORD = re.compile(r"(?:[A-Z][\w'-]*|\d\w*) $")
_WITHOUT_STOP = re.compile(r"[nN]\.?[°º]|(?<!\w)(?:M(?:me|lle)s?|Dr|Pr|Mgr|Gal) ")
_IN_CAPITALS = re.compile(r"(?<![\w.'’-])[A-ZÀ-ÖØ-Þ]{2,6}\.(?=\s)")
_INITIAL = len("v.")
_STREETS = {"St.": "Street", "Dr.": "Drive"}
_STREET = re.compile(r"(?<![\w.])(?:St|Dr)\.")
_HALF_DAY = re.compile(r"(?<![\w.])([ap])\. ?m\.|(?<=\d)([ap])\. ?m\.")
_COMPOUND_STREET = re.compile(r"(?<=[a-zäöüß])(-?[Ss])tr\.(?=\s|$|[,;])")


def _as_usual(text: str, tongue: Tongue) -> str:
    """Write abbreviations that are set in capitals as they are usually written: "MR. DARCY"."""
    return _IN_CAPITALS.sub(lambda found: _usual(tongue).get(found[0], found[0]), text)


@cache
def _usual(tongue: Tongue) -> dict[str, str]:
    return {short.upper(): short for kind in _meanings(tongue) for short in kind if short[0].isupper()}


@cache
def _pattern(tongue: Tongue) -> re.Pattern[str]:
    forms = tongue.shortenings
    always = _alternatives(forms.always)
    named = _alternatives(forms.before_name)
    numbered = _alternatives(forms.before_number)
    return re.compile(rf"(?<![\w.'’-])(?:(?P<a>{always})|(?P<c>{numbered}){_NUMBER}|(?P<b>{named}){_NAME})(?!\w)")


def _both_cases(forms: Mapping[str, str]) -> dict[str, str]:
    # A single capital with a stop is an initial.
    capitals = {
        _capital(short): _capital(full) for short, full in forms.items() if short[0].islower() and len(short) > _INITIAL
    }
    return {**capitals, **forms}


def _alternatives(forms: Mapping[str, str]) -> str:
    written = sorted(_both_cases(forms), key=len, reverse=True)
    return "|".join(re.escape(short).replace(r"\.", r"\. ?").removesuffix(" ?") for short in written)


@cache
def _meanings(tongue: Tongue) -> tuple[dict[str, str], ...]:
    forms = tongue.shortenings
    return tuple(_both_cases(kind) for kind in (forms.always, forms.before_name, forms.before_number))


def _capital(word: str) -> str:
    return word[0].upper() + word[1:]


def in_full(text: str, tongue: Tongue) -> str:
    """Say abbreviations in full; a stop that ended the sentence as well stays."""
    if not _may_have_some(text, tongue):
        return text
    text = _as_usual(text, tongue)
    if tongue.code == "en":
        text = _HALF_DAY.sub(lambda found: _half_day(found, text), text)
        text = _STREET.sub(_street, text)
    if tongue.code == "de":
        text = _COMPOUND_STREET.sub(
            lambda found: f"{found[1]}traße{'.' if _ENDS.match(text, found.end()) else ''}", text
        )
    return _pattern(tongue).sub(lambda found: _full(found, tongue), text)


def _may_have_some(text: str, tongue: Tongue) -> bool:
    """Tell quickly that a sentence has no stop but its own, which most have not."""
    first = text.find(".")
    if 0 <= first < len(text) - 1 and not _ENDS.match(text, first + 1):
        return True
    if first >= 0 and text[max(0, text.rfind(" ", 0, first)) + 1 : first + 1] in _last_words(tongue):
        return True
    if "°" in text or "º" in text or (tongue.code == "fr" and _WITHOUT_STOP.search(text)):
        return True
    return tongue.code == "de" and "str." in text


@cache
def _last_words(tongue: Tongue) -> frozenset[str]:
    return frozenset(f"{short.rsplit('.', 2)[-2]}." for short in tongue.shortenings.always)


def _full(found: re.Match[str], tongue: Tongue) -> str:
    group = "abc".index(found.lastgroup or "a")
    said = _meanings(tongue)[group][found[0].replace(" ", "")]
    if tongue.code == "fr" and found[0] in {"M.", "MM."} and found.string[: found.start()].endswith(". "):
        return found[0]
    ends = found[0].endswith(".") and _ENDS.match(found.string, found.end())
    return f"{said}." if ends else said


def _half_day(found: re.Match[str], text: str) -> str:
    said = f"{(found[1] or found[2]).upper()}M"
    glue = " " if found[2] else ""
    return f"{glue}{said}{'.' if _ENDS.match(text, found.end()) else ''}"


def _street(found: re.Match[str]) -> str:
    before, after = found.string[max(0, found.start() - 80) : found.start()], found.string[found.end() :]
    named = re.match(r"\s+[A-Z]", after)
    if _HOUSE_AND_STREET.search(before) or (_CAPITAL_WORD.search(before) and not named):
        return f"{_STREETS[found[0]]}{'.' if _ENDS.match(after) else ''}"
    return found[0]
