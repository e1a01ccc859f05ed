"""How a German ordinal ends, as far as the word before it and the noun after it tell."""

import re

from tasks.text.speakable.numbers import ordinal
from tasks.text.speakable.tongue import words

_JOINED = re.compile(r"([^\W\d_]{1,20}) \d{1,3}\. (?:und|oder|bis) $")
_LAST_WORD = re.compile(r"([^\W\d_]{1,20}),? ?$")
_WEAK = words(
    "den dem des am im vom zum beim zur bis ab ans ins diesem diesen dieses jedem jeden seinem seinen ihrem ihren"
)
_WITH_ARTICLE = words("der die das diese jede jene eine seine ihre keine welche")
_NEUTER = words("Jahrhundert Jahrtausend Kapitel Buch Mal Jahr Stockwerk Lied Regiment Bataillon Gebot")
_MASCULINE = words(
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember Akt Teil Band Tag Stock Weltkrieg "
    "Gesang Brief Platz Bezirk Abschnitt Satz Sieger Monat Mann"
)
_FEMININE = words("Auflage Szene Klasse Strophe Ausgabe Etage Reihe Runde Symphonie Sinfonie Liga Stunde Woche")
COUNTED_NOUNS = _NEUTER | _MASCULINE | _FEMININE


def german_ordinal(value: int, before: str, noun: str) -> str:
    """Say an ordinal in the case that the word before it asks for; in the nominative where none is told."""
    stem = ordinal(value, "de")
    found = _JOINED.search(before) or _LAST_WORD.search(before)
    word = found[1].lower() if found else ""
    if word in _WEAK:
        return f"{stem}n"
    if word in _WITH_ARTICLE:
        return stem
    return f"{stem}r" if noun in _MASCULINE else f"{stem}s" if noun in _NEUTER else stem
