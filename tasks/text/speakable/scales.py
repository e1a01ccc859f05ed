"""Numbers with a word or an abbreviation for millions after them."""

import re
from functools import cache

from tasks.text.speakable.numbers import bare, number_pattern, quantity
from tasks.text.speakable.tongue import Tongue


def is_one(figures: str) -> bool:
    """Tell whether a number written as Python does is one."""
    return figures.lstrip("0") == "1"


def scaled(number: str, scale: str, tongue: Tongue) -> str:
    """Say a number of millions: "5 Mio." is five millions, "1 Mio." one."""
    one, more = tongue.figures.scales[scale]
    if tongue.code != "en" and is_one(bare(number, tongue)):
        return one
    return f"{quantity(number, tongue)} {more}"


@cache
def _pattern(tongue: Tongue) -> re.Pattern[str]:
    written = (name for name in sorted(tongue.figures.scales, key=len, reverse=True) if len(name) > 2)  # noqa: PLR2004
    names = "|".join(re.escape(name) for name in written)
    return re.compile(rf"(?<![\w.,])(?P<number>{number_pattern(tongue)}) ?(?P<scale>{names})(?!\w)")


def spoken_scales(text: str, tongue: Tongue) -> str:
    """Say numbers of millions."""
    return _pattern(tongue).sub(lambda found: scaled(found["number"], found["scale"], tongue), text)
