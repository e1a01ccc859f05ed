"""Ordinals written by figures, in words."""

import re

from tasks.text.speakable.german_endings import COUNTED_NOUNS, german_ordinal
from tasks.text.speakable.numbers import feminine_ordinal, ordinal
from tasks.text.speakable.tongue import Tongue

_ENGLISH = re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d{3})*|\d{1,9})(?:st|nd|rd|th|ST|ND|RD|TH)(?!\w)")
# As it was written before 1900: "the 2d Regiment", "August 3d, 1833"; "3d." with a stop is pence.
_OLD_ENGLISH = re.compile(
    r"(?P<before>\b(?:[Tt]he|(?:January|February|March|April|May|June|July|August|September|October|November|December)) )"
    r"(?P<number>[2-9]?[23])d(?![\w.])"
)
_FRENCH = re.compile(r"(?<![\w.,])(\d{1,9})(ers?|ère|res?|èmes?|nde?|es?|ᵉ|ᵉʳ)(?!\w)")
_ROMANCE = re.compile(r"(?<![\w.,])(\d{1,6})\.?([ºª])(?!\w)")
_ITALIAN_DEGREES = re.compile(
    r"(?<![\w.,])(\d{1,3})(°)(?= (?:anniversario|atto|capitolo|canto|giorno|libro|piano|posto|reggimento|secolo|volume)\b)"
)
_GERMAN = re.compile(r"(?<![\w.,/:–-])(\d{1,3})\.(?= (?P<noun>[^\W\d_]{2,40}))")
_GERMAN_LIST_START = re.compile(r"[\s\"„»(]*$")
_BEFORE = 30


def spoken_ordinals(text: str, tongue: Tongue) -> str:
    """Say ordinals: 1st, 3. Kapitel, 2e, 1º."""
    if tongue.code == "en":
        text = _OLD_ENGLISH.sub(lambda found: f"{found['before']}{ordinal(int(found['number']), 'en')}", text)
        return _ENGLISH.sub(lambda found: ordinal(int(found[1].replace(",", "")), "en"), text)
    if tongue.code == "de":
        return _GERMAN.sub(_german, text)
    if tongue.code == "fr":
        return _FRENCH.sub(_french, text)
    if tongue.code == "it":
        text = _ITALIAN_DEGREES.sub(lambda found: ordinal(int(found[1]), "it"), text)
    return _ROMANCE.sub(lambda found: _romance(found, tongue), text)


def _french(found: re.Match[str]) -> str:
    value, ending = int(found[1]), found[2]
    if value == 1:
        said = "première" if ending in {"re", "res", "ère"} else "premier"
    elif ending in {"nd", "nde"}:
        said = f"second{ending[2:]}"
    else:
        said = ordinal(value, "fr")
    return f"{said}s" if ending in {"ers", "res", "es", "èmes"} else said


def _romance(found: re.Match[str], tongue: Tongue) -> str:
    value = int(found[1])
    if found[2] == "ª":
        return feminine_ordinal(value, tongue.code)
    said = ordinal(value, tongue.code)
    # Before a noun Spanish drops the last letter of these two.
    noun_follows = found.string[found.end() : found.end() + 1] == " " and not re.match(
        r" (?:de|y|en)\b", found.string[found.end() :][:5]
    )
    return said[:-1] if tongue.code == "es" and noun_follows and said.endswith(("primero", "tercero")) else said


def _german(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - _BEFORE) : found.start()]
    noun = found["noun"]
    # "1. Der Anfang" is an item of a list, "1. Kapitel" is the first.
    if _GERMAN_LIST_START.match(before) and noun not in COUNTED_NOUNS:
        return found[0]
    return german_ordinal(int(found[1]), before, noun)
