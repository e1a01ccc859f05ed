"""Pounds, shillings and pence as English books before 1971 write them: £3 10s. 6d., 2s. 6d., 9d."""

import re

from tasks.text.speakable.numbers import cardinal
from tasks.text.speakable.tongue import Tongue

_AMOUNT = re.compile(
    r"(?<![\w.,£$])(?:£(?P<pounds>\d{1,3}(?:,\d{3})+|\d{1,6})(?:\.|,)? )?"
    r"(?:(?P<shillings>\d{1,3})s\.(?: ?(?P<pence>\d{1,2})(?P<half>½)?d\.?)?|(?P<alone>\d{1,2})d\.)(?!\w)"
)
_ENDS = re.compile(r"[\s\"'”’»)\]]*$")
_IN_ONE_WORD = ("", "a penny", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")


def spoken_sterling(text: str, tongue: Tongue) -> str:
    """Say such amounts; a stop that ended the sentence as well stays."""
    if tongue.code != "en" or not ("s." in text or "d." in text):
        return text
    return _AMOUNT.sub(_amount, text)


def _amount(found: re.Match[str]) -> str:
    pence = int(found["alone"] or found["pence"] or 0)
    parts = []
    if found["pounds"]:
        pounds = int(found["pounds"].replace(",", ""))
        parts.append(f"{cardinal(pounds, 'en')} pound{'s' if pounds != 1 else ''}")
    if found["shillings"]:
        shillings = int(found["shillings"])
        parts.append(f"{cardinal(shillings, 'en')} shilling{'s' if shillings != 1 else ''}")
    if pence or found["half"]:
        parts.append(_pence(pence, bool(found["half"])))
    last = parts.pop() if parts else "nothing"
    said = f"{', '.join(parts)} and {last}" if parts else last
    return f"{said}." if found[0].endswith(".") and _ENDS.match(found.string, found.end()) else said


def _pence(pence: int, has_half: bool) -> str:  # noqa: FBT001  # a part of the amount
    if has_half:
        return f"{cardinal(pence, 'en')} pence halfpenny" if pence else "a halfpenny"
    if not pence < len(_IN_ONE_WORD):
        return f"{cardinal(pence, 'en')} pence"
    return _IN_ONE_WORD[pence] if pence == 1 else f"{_IN_ONE_WORD[pence]}pence"
