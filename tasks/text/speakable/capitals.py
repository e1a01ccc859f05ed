"""Words in capitals as words: a voice would spell them out."""

import re

from tasks.text.roman_numerals import roman_value
from tasks.text.speakable.tongue import Tongue

_SHORTEST = 4
_SHORTEST_OF_ALL = 2
_CAPITALS = "A-ZÀ-ÖØ-ÞŒŸ"
# "AT&T", "R&D": what is glued by that sign is spelled.
_WORD = re.compile(rf"(?<![\w@#.&])[{_CAPITALS}]{{1,60}}(?:['’][{_CAPITALS}]{{1,40}})*(?![\w&]|\.\w)")
_COMPOUND = re.compile(rf"(?<![\w@#.&-])[{_CAPITALS}]+(?:-[{_CAPITALS}]+)+(?![\w&-])")
_VOWEL = re.compile("[AEIOUYÀ-ÆÈ-ÏÒ-ÖØ-ÝŒŸ]")


def lowered(text: str, tongue: Tongue) -> str:
    """Write words in capitals with one only; acronyms and Roman numerals stay."""
    # Where all is in capitals, so are the words that are too short to be told from acronyms.
    shortest = _SHORTEST_OF_ALL if text.isupper() and " " in text else _SHORTEST
    text = _COMPOUND.sub(lambda found: _compound(found[0], tongue), text)
    return _WORD.sub(lambda found: _word(found[0], tongue, shortest), text)


def _compound(written: str, tongue: Tongue) -> str:
    """Write the short parts of a word like "FIN-BACK" as its long ones are written."""
    parts = written.split("-")
    if not any(_word(part, tongue, _SHORTEST) != part for part in parts):
        return written
    return "-".join(_word(part, tongue, _SHORTEST_OF_ALL) for part in parts)


def _word(word: str, tongue: Tongue, shortest: int) -> str:
    parts = re.split("(['’])", word)
    letters = parts[-1] if tongue.code in {"fr", "it"} else parts[0]
    longest = max(parts, key=len)
    if word in tongue.acronyms or letters in tongue.acronyms or not _VOWEL.search(word):
        return word
    if len(word) == 1 or (len(longest) < shortest and len(word) <= shortest and word not in tongue.short_words):
        return word
    if roman_value(word):
        return word
    if len(parts) > 1 and len(parts[0]) == 1 and len(parts[-1]) > 2:  # noqa: PLR2004
        return "".join(part.capitalize() for part in parts)
    return word.capitalize()
