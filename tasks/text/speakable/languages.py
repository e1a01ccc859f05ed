"""Which languages are known, by their tags."""

from functools import cache, lru_cache

from tasks.text.speakable.tongue import Tongue, words


@cache
def _tongues() -> dict[str, Tongue]:
    from tasks.text.speakable.english import ENGLISH  # noqa: PLC0415
    from tasks.text.speakable.french import FRENCH  # noqa: PLC0415
    from tasks.text.speakable.german import GERMAN  # noqa: PLC0415
    from tasks.text.speakable.italian import ITALIAN  # noqa: PLC0415
    from tasks.text.speakable.spanish import SPANISH  # noqa: PLC0415

    return {tongue.code: tongue for tongue in (ENGLISH, FRENCH, GERMAN, ITALIAN, SPANISH)}


# Where English is written and the day comes before the month; and where a metre is no meter.
_DAY_FIRST = words("GB AU NZ IE ZA IN SG HK JM MT NG KE UK")


@lru_cache(64)
def parts(language: str) -> tuple[str, str]:
    """Cut a BCP 47 tag into its language and its region; "" where it has none."""
    code, *others = language.replace("_", "-").split("-")
    region = next((other.upper() for other in others if len(other) == 2), "")  # noqa: PLR2004
    return code.lower(), region


def tongue(code: str) -> Tongue | None:
    """Give what is known of a language; None for all but five."""
    return _tongues().get(code)


def month_first(code: str, region: str) -> bool:
    """Tell whether 3/4/2021 is written for the fourth of March."""
    return code == "en" and region not in _DAY_FIRST


def locale(code: str, region: str) -> str:
    """Give the locale that names units: British English spells them in its own way."""
    return "en_GB" if code == "en" and region in _DAY_FIRST else code
