"""Signs in words, by what stands around them; and the marks of emphasis left out."""

import re
from functools import cache

from tasks.text.speakable.tongue import Tongue

_EMPHASIS = re.compile(r"(?<![\w*_])(\*{1,3}|_{1,3})(?=[^\s*_])([^*_\n]{1,2000}?)(?<=[^\s*_])\1(?![\w*_])")
_AND_OR = re.compile(r"\b(and|und|et|y|e)/(or|oder|ou|o)\b", re.IGNORECASE)
_ABOUT = re.compile(r"(?<!\w)[~≈] ?(?=\d)")
_NUMBER = re.compile(r"(?<!\w)#(?=\d)")
_SECTION = re.compile(r"§{1,2} ?")


@cache
def _pattern(tongue: Tongue) -> re.Pattern[str]:
    spaced = "".join(re.escape(sign) for sign in tongue.signs if sign in "<>")
    anywhere = "".join(re.escape(sign) for sign in tongue.signs if sign not in "<>+=@")
    # "AT&T" is spelled as it stands.
    return re.compile(
        rf"(?<![A-Z](?=&[A-Z])) ?[{anywhere}] ?|(?<=[\w)] )[{spaced}](?= [\w(])|(?<=\w)[+=](?=\w)|(?<=[\w)] )[+=](?= ?[\w(])|(?<= )@(?= ?\w)|^@(?=\w)"
    )


def signs_before_numbers(text: str, tongue: Tongue) -> str:
    """Say the signs that belong to a number after them, while it still stands in figures."""
    text = _ABOUT.sub(f"{tongue.about} ", text)
    return _NUMBER.sub(f"{tongue.number_sign} ", text)


def spoken_signs(text: str, tongue: Tongue) -> str:
    """Say signs by their names, and drop the marks of emphasis around words."""
    text = _EMPHASIS.sub(r"\2", text)
    text = _AND_OR.sub(r"\1 \2", text)
    text = _SECTION.sub(f"{tongue.section_sign} ", text)
    return _pattern(tongue).sub(lambda found: _sign(found, tongue), text)


def _sign(found: re.Match[str], tongue: Tongue) -> str:
    word = tongue.signs[found[0].strip()]
    before = found.string[found.start() - 1 : found.start()] if found.start() else ""
    after = found.string[found.end() : found.end() + 1]
    left = " " if found[0].startswith(" ") or (before and before not in " (\"“'") else ""
    right = " " if found[0].endswith(" ") or (after.isalnum()) else ""
    return f"{left}{word}{right}"
