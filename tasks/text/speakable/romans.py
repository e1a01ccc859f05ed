"""Roman numerals in words: of rulers, centuries and the divisions of a book; never the pronoun I nor an initial."""

import re
from functools import cache

from tasks.text.roman_numerals import roman_value
from tasks.text.speakable.german_endings import german_ordinal
from tasks.text.speakable.numbers import cardinal, feminine_ordinal, ordinal
from tasks.text.speakable.tongue import Tongue, words

_NUMERAL = "[IVXLC]{1,12}"
_LONG = "(?=[IVXLC]{2})[IVXL]{2,9}"
_SUPERSCRIPT = str.maketrans("ᵉʳ", "er")
_ENDS = re.compile(r"[\s\"'”’»)\]]*$")
_LAST_SPANISH_ORDINAL = 10
_HIGHEST = 40
_SAYS_I = re.compile(r" (?:am|do|did|have|will|would|shall|should|think|know|say)\b")
_DATIVE = re.compile(r"(?:^|\W)(?:von|mit|unter|bei|zu|seit|nach|dem|vom|zum|zur) $", re.IGNORECASE)
_WITH_THE_PRONOUN = words("Letter Number War Book Part Type Class")


@cache
def _rulers(tongue: Tongue) -> re.Pattern[str]:
    names = rf"(?:{tongue.romans.kings})s?|(?P<queen>{tongue.romans.queens})s?"
    titled = rf"(?P<title>(?:{tongue.romans.titles}) )?(?P<name>{names})"
    first = {"fr": "(?P<premier>Ier|Iᵉʳ|1er|Ire)", "en": r"(?P<premier>\0)"}.get(tongue.code, r"(?P<premier>\0)")
    stop = r"\.?" if tongue.code == "de" else ""
    return re.compile(rf"(?<!\w){titled} (?:{first}|(?P<number>{_NUMERAL}))(?P<stop>{stop})(?!\w)")


@cache
def _places(tongue: Tongue) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?P<word>(?i:{tongue.romans.divisions})) (?P<number>{_NUMERAL})(?![\w'’])")


@cache
def _centuries(tongue: Tongue) -> re.Pattern[str]:
    word = tongue.romans.centuries or r"\0"
    ending = {"fr": "(?:er|ers|es?|ᵉ|ᵉʳ|èmes?)", "de": r"\.", "it": "[º°]?"}.get(tongue.code, "")
    return re.compile(
        rf"(?<!\w)(?:(?P<before>[IVX]{{1,6}}){ending}(?= (?:{word}|et|e|und)\b)(?=.{{0,24}}(?:{word}))"
        rf"|(?P<word>{word}) (?P<after>[IVX]{{1,6}})(?!\w))"
    )


_FRENCH_ORDINAL = re.compile(r"(?<!\w)(?P<number>[IVX]{1,6})(?P<ending>e|ᵉ|ème|er|ᵉʳ|re)(?!\w)")
_AFTER_NAME = re.compile(rf"(?<!\w)(?P<name>[A-ZÀ-Þ][^\W\d_]*[^\W\d_A-ZÀ-Þ]) (?P<number>{_LONG})(?![\w.]\w|\w|'|’)")


def spoken_romans(text: str, tongue: Tongue) -> str:
    """Say Roman numerals after the names of rulers, with a century, after a division's word and after other names."""
    text = _rulers(tongue).sub(lambda found: _ruler(found, tongue), text)
    if tongue.romans.centuries:
        text = _centuries(tongue).sub(lambda found: _century(found, tongue), text)
    if tongue.code == "fr":
        text = _FRENCH_ORDINAL.sub(_french_ordinal, text)
    text = _places(tongue).sub(lambda found: _place(found, tongue), text)
    return _AFTER_NAME.sub(lambda found: _after_name(found, tongue), text)


def _ruler(found: re.Match[str], tongue: Tongue) -> str:
    if found["premier"]:
        return f"{found['title'] or ''}{found['name']} {'première' if found['queen'] else 'premier'}"
    value = roman_value(found["number"])
    after = found.string[found.end() :]
    if not value or value > _HIGHEST or (found["number"] == "I" and tongue.code == "en" and not _first(found)):
        return found[0]
    ends = found["stop"] and _ENDS.match(after)
    return f"{found['title'] or ''}{found['name']} {_rank(value, found, tongue)}{'.' if ends else ''}"


def _first(found: re.Match[str]) -> bool:
    after = found.string[found.end() : found.end() + 12]
    if after.startswith((" of ", "'s ")):
        return True
    return bool(found["title"]) and not _SAYS_I.match(after)


def _rank(value: int, found: re.Match[str], tongue: Tongue) -> str:
    code, woman = tongue.code, bool(found["queen"])
    if code == "en":
        return f"the {ordinal(value, code).title()}"
    if code == "de":
        return _german_rank(value, found, woman)
    if code == "fr":
        return ("première" if woman else "premier") if value == 1 else cardinal(value, code)
    if code == "es" and value > _LAST_SPANISH_ORDINAL:
        return cardinal(value, code)
    return feminine_ordinal(value, code) if woman else ordinal(value, code)


def _german_rank(value: int, found: re.Match[str], woman: bool) -> str:  # noqa: FBT001
    stem = ordinal(value, "de").capitalize()
    if found["name"].endswith("s") and found["name"] not in {"Johannes", "Nikolaus", "Ramses", "Pius"}:
        return f"{'der' if woman else 'des'} {stem}n"
    before = found.string[max(0, found.start() - 12) : found.start()]
    if _DATIVE.search(before):
        return f"{'der' if woman else 'dem'} {stem}n"
    return f"{'die' if woman else 'der'} {stem}"


def _century(found: re.Match[str], tongue: Tongue) -> str:
    number = found["before"] or found["after"]
    value = roman_value(number)
    if not value:
        return found[0]
    if tongue.code == "de" and found["before"]:
        noun = "Jahrhundert"
        return german_ordinal(value, found.string[max(0, found.start() - 30) : found.start()], noun)
    cardinals = tongue.code == "es" and value > _LAST_SPANISH_ORDINAL
    said = cardinal(value, tongue.code) if cardinals else ordinal(value, tongue.code)
    return said if found["before"] else f"{found['word']} {said}"


def _french_ordinal(found: re.Match[str]) -> str:
    value, ending = roman_value(found["number"]), found["ending"].translate(_SUPERSCRIPT)
    if not value or (ending in {"er", "re"}) != (value == 1):
        return found[0]
    return "première" if ending == "re" else ordinal(value, "fr")


def _place(found: re.Match[str], tongue: Tongue) -> str:
    value, number = roman_value(found["number"]), found["number"]
    # "Part C" comes after part B; "the book I read" has the pronoun.
    if (
        not value
        or number in {"C", "L"}
        # "The letter X" is one of the alphabet, "Letter X" one of a row of letters.
        or (len(number) == 1 and found["word"] == "letter")
        or (number == "I" and found["word"][0].islower() and not _no_pronoun(found, tongue))
    ):
        return found[0]
    small_follows = re.match(r" [a-z]", found.string[found.end() : found.end() + 2])
    if number == "I" and tongue.code == "en" and small_follows and found["word"] in _WITH_THE_PRONOUN:
        return found[0]
    words = cardinal(value, tongue.code)
    return f"{found['word']} {words.title() if tongue.code == 'en' and found['word'][0].isupper() else words}"


def _no_pronoun(found: re.Match[str], tongue: Tongue) -> bool:
    return tongue.code != "en" or bool(re.match(r"[.,;:)]|$", found.string[found.end() : found.end() + 1]))


def _after_name(found: re.Match[str], tongue: Tongue) -> str:
    value = roman_value(found["number"])
    if not value or value > _HIGHEST:
        return found[0]
    return f"{found['name']} {cardinal(value, tongue.code)}"
