"""Times of day in words."""

import re

from tasks.text.speakable.numbers import cardinal, counted
from tasks.text.speakable.tongue import Tongue

_HOURS, _MINUTES = 24, 59
_CLOCK = re.compile(r"(?<![\w.,:/-])(\d{1,2}):(\d\d)(?::(\d\d))?(?![\w:]|[.,/-]\d)(?P<word> Uhr\b| h\b\.?| [AP]M\b)?")
_WITH_STOP = {
    "de": re.compile(r"(?<![\w.,:/-])(\d{1,2})\.(\d\d)()(?P<word> Uhr)\b"),
    "it": re.compile(r"(?<=\bore )(\d{1,2})\.(\d\d)()(?P<word>)(?![\w.,])"),
    "en": re.compile(r"(?<![\w.,:/-])(\d{1,2})\.(\d\d)()(?P<word> [AP]M)\b"),
}
_FRENCH = re.compile(r"(?<![\w.,:/-])(\d{1,2}) ?h(?: ?(\d\d))?()(?P<word>)(?!\w)")
_FULL_GERMAN = re.compile(r"(?<![\w.,:/-])(\d{1,2})( Uhr\b)")


def spoken_times(text: str, tongue: Tongue) -> str:
    """Say times of day in hours and minutes; figures that are no time stay."""
    text = _CLOCK.sub(lambda found: _time(found, tongue), text)
    if tongue.code in _WITH_STOP:
        text = _WITH_STOP[tongue.code].sub(lambda found: _time(found, tongue), text)
    if tongue.code == "fr":
        text = _FRENCH.sub(lambda found: _time(found, tongue), text)
    if tongue.code == "de":
        text = _FULL_GERMAN.sub(lambda found: f"{counted(found[1], 'de', 'm')}{found[2]}", text)
    return text


def _time(found: re.Match[str], tongue: Tongue) -> str:
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if hour > _HOURS or minute > _MINUTES or second > _MINUTES:
        return found[0]
    said = {"en": _english, "de": _german, "fr": _french, "es": _spanish, "it": _italian}[tongue.code](
        hour, minute, found["word"] or ""
    )
    return f"{said}{_seconds(second, tongue.code)}" if found[3] else said


def _english(hour: int, minute: int, word: str) -> str:
    if not minute:
        last = "" if word else " o'clock" if 1 <= hour <= 12 else " hundred"  # noqa: PLR2004
        return f"{cardinal(hour, 'en')}{last}{word}"
    oh = "oh " if minute < 10 else ""  # noqa: PLR2004
    return f"{cardinal(hour, 'en')} {oh}{cardinal(minute, 'en')}{word}"


def _german(hour: int, minute: int, _: str) -> str:
    hours = f"{counted(str(hour), 'de', 'm')} Uhr"
    return f"{hours} {cardinal(minute, 'de')}" if minute else hours


def _french(hour: int, minute: int, _: str) -> str:
    hours = f"{counted(str(hour), 'fr', 'f')} heure{'s' if hour > 1 else ''}"
    return f"{hours} {counted(str(minute), 'fr', 'f')}" if minute else hours


def _spanish(hour: int, minute: int, word: str) -> str:
    hours = counted(str(hour), "es", "f")
    last = " horas" if word else ""
    return f"{hours} y {cardinal(minute, 'es')}{last}" if minute else f"{hours}{last}"


def _italian(hour: int, minute: int, _: str) -> str:
    hours = "una" if hour == 1 else cardinal(hour, "it")
    return f"{hours} e {cardinal(minute, 'it')}" if minute else hours


def _seconds(second: int, code: str) -> str:
    names = {
        "en": ("and", "second", "seconds"),
        "de": ("und", "Sekunde", "Sekunden"),
        "fr": ("et", "seconde", "secondes"),
        "es": ("y", "segundo", "segundos"),
        "it": ("e", "secondo", "secondi"),
    }
    link, one, more = names[code]
    gender = "f" if code in {"de", "fr"} else "m"
    return f" {link} {counted(str(second), code, gender)} {one if second == 1 else more}"
