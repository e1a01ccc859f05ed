"""How a heading is said: "I" is "Chapter One" where it is a chapter's number, "CHAPTER XII" is "Chapter Twelve"."""

import re
from dataclasses import dataclass

from num2words import num2words

from tasks.text.roman_numerals import roman_value

_CHAPTER = {
    "de": "Kapitel",
    "en": "Chapter",
    "es": "Capítulo",
    "fr": "Chapitre",
    "it": "Capitolo",
}
_DIVISIONS = (
    "chapter|part|book|volume|canto|act|scene|section|letter|"
    "kapitel|teil|buch|band|chapitre|partie|livre|tome|capítulo|parte|libro|tomo|capitolo|volume"
)
_ROMAN = "[IVXLC]+"
_NUMBER = rf"{_ROMAN}|\d{{1,3}}"
_BARE = re.compile(rf"^(?P<number>{_NUMBER})[.:)]?$")
_LED = re.compile(rf"^(?P<number>{_ROMAN}(?=[.:]|\s[–—-])|\d{{1,3}})(?:[.:)]|\s*[–—-])?\s+(?P<rest>\S.*)$")
_NAMED = re.compile(
    rf"^(?P<word>{_DIVISIONS})\s+(?P<number>{_ROMAN}|\d{{1,3}})\b(?![.,:]\d)(?P<rest>.*)$", re.IGNORECASE
)
# "Part C" comes after part B, not after part ninety-nine.
_RATHER_LETTERS = {"C", "L"}


@dataclass(frozen=True, slots=True)
class SpokenHeading:
    """A heading as it is said. `number` is the chapter's number where it is a bare or leading one, else 0."""

    text: str
    number: int


def spoken_heading(text: str, language: str, previous: int) -> SpokenHeading:
    """Say a heading.

    A bare number ("I", "12.") is read as the chapter's number; so is one before a title ("1 Foo", "IV. The Road") that
    follows the chapter number `previous` or begins again with one. Any other ("1984", "I Am Born") stays as it is.
    After a word for a division of a book, Roman and Arabic numbers are spelled out. `language` is a BCP 47 tag.
    """
    tongue = language.split("-", maxsplit=1)[0].lower()
    if named := _NAMED.match(text):
        value = _value(named["number"])
        if value and named["number"] not in _RATHER_LETTERS:
            return SpokenHeading(f"{_capital(named['word'])} {_spelled(value, tongue)}{named['rest']}", 0)
    bare, led = _BARE.match(text), _LED.match(text)
    found = bare or led
    value = _value(found["number"]) if found else 0
    if not found or not value or tongue not in _CHAPTER or (led and value not in {1, previous + 1}):
        return SpokenHeading(text, 0)
    rest = led["rest"] if led else ""
    said = f"{_CHAPTER[tongue]} {_spelled(value, tongue)}"
    return SpokenHeading(f"{said}. {rest}" if rest else said, value)


def _capital(word: str) -> str:
    return word.capitalize() if word.isupper() else word


def _spelled(value: int, tongue: str) -> str:
    try:
        words = str(num2words(value, lang=tongue))
    except NotImplementedError:
        # num2words does not speak the language; the digits say as much as a voice needs.
        return str(value)
    return words.title().replace(" And ", " and ") if tongue == "en" else words


def _value(number: str) -> int:
    """Read a number, Roman in capitals or Arabic; 0 for letters that are no Roman numeral as one writes it."""
    return int(number) if number.isdigit() else roman_value(number)
