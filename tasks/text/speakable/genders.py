"""Whether a noun is feminine, as far as its ending and a few words tell: what a number before it has to agree with."""

import re

from tasks.text.speakable.tongue import Tongue, words

# What may follow a number and is not what it counts.
NO_NOUNS = words(
    "de del di du des y e et o ou a à al en in ne dans por per par pour con avec est es è fue fu era ma mais pero"
)
_NEXT_WORD = re.compile(r"[ -]([^\W\d_]{2,40})")
_ENDINGS = {"es": ("a", "as"), "it": ("a",), "de": ("ung", "heit", "keit", "schaft")}


def gender_of(noun: str, tongue: Tongue) -> str:
    """Say "f" or "m"; "m" where nothing tells."""
    word = noun.split(" ", maxsplit=1)[0].lower()
    if word in tongue.feminine:
        return "f"
    return "f" if word not in tongue.masculine and word.endswith(_ENDINGS.get(tongue.code, ("\0",))) else "m"


def unit_gender(name: str, tongue: Tongue) -> str:
    """Say the gender of a unit by its name for one: in German those in -e are the feminine ones."""
    if tongue.code == "de":
        return "f" if name.split(" ", maxsplit=1)[0].endswith("e") else "m"
    return gender_of(name, tongue)


def noun_after(text: str, place: int) -> str:
    """Give the word after a place of a text, "" where none follows at once."""
    found = _NEXT_WORD.match(text, place)
    return found[1] if found else ""
