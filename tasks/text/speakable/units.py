"""Measures in words: numbers, and ranges of them, with their units."""

import re
from functools import cache

from tasks.text.speakable.genders import unit_gender
from tasks.text.speakable.numbers import bare, counted, number_pattern, plain, quantity
from tasks.text.speakable.tongue import Tongue, words

# A sign -> the unit's name in the Unicode locale data. English "in" is a preposition more often than an inch.
_UNITS = {
    "km": "length-kilometer",
    "m": "length-meter",
    "cm": "length-centimeter",
    "mm": "length-millimeter",
    "µm": "length-micrometer",
    "mi": "length-mile",
    "ft": "length-foot",
    "yd": "length-yard",
    "kg": "mass-kilogram",
    "g": "mass-gram",
    "mg": "mass-milligram",
    "t": "mass-tonne",
    "lb": "mass-pound",
    "lbs": "mass-pound",
    "oz": "mass-ounce",
    "l": "volume-liter",
    "L": "volume-liter",
    "ml": "volume-milliliter",
    "mL": "volume-milliliter",
    "cl": "volume-centiliter",
    "dl": "volume-deciliter",
    "°C": "temperature-celsius",
    "° C": "temperature-celsius",
    "°F": "temperature-fahrenheit",
    "° F": "temperature-fahrenheit",
    "°": "angle-degree",
    "mph": "speed-mile-per-hour",
    "km/h": "speed-kilometer-per-hour",
    "m/s": "speed-meter-per-second",
    "m²": "area-square-meter",
    "km²": "area-square-kilometer",
    "cm²": "area-square-centimeter",
    "ha": "area-hectare",
    "m³": "volume-cubic-meter",
    "cm³": "volume-cubic-centimeter",
    "km³": "volume-cubic-kilometer",
    "h": "duration-hour",
    "min": "duration-minute",
    "s": "duration-second",
    "ms": "duration-millisecond",
    "W": "power-watt",
    "kW": "power-kilowatt",
    "MW": "power-megawatt",
    "V": "electric-volt",
    "Hz": "frequency-hertz",
    "kHz": "frequency-kilohertz",
    "MHz": "frequency-megahertz",
    "GHz": "frequency-gigahertz",
    "kB": "digital-kilobyte",
    "MB": "digital-megabyte",
    "GB": "digital-gigabyte",
    "TB": "digital-terabyte",
    "kWh": "energy-kilowatt-hour",
    "kcal": "energy-kilocalorie",
    "hPa": "pressure-hectopascal",
}
# After a letter that might belong to the number ("1900s", "5m" for millions) these need a space.
_NEED_A_SPACE = words("m g t l L s h V W")
_LEADING_NUMBER = re.compile(r"^[\d.,\s]+")
_FEET = re.compile(r"(?<![\w.,])(\d{1,2})['′’](?:\s?(\d{1,2})(?:[\"″”]|''|’’))(?!\w)")
_ONE, _MORE = "1", "2"


@cache
def _pattern(tongue: Tongue) -> re.Pattern[str]:
    number = number_pattern(tongue)
    glued = "|".join(re.escape(sign) for sign in sorted(_UNITS.keys() - _NEED_A_SPACE, key=len, reverse=True))
    spaced = "|".join(sorted(_NEED_A_SPACE))
    return re.compile(
        rf"(?<![\w.,])(?:(?P<first>{number}) ?[–-] ?)?(?P<number>{number})"
        rf"(?:-?(?P<percent> ?[%‰])|[ -]?(?P<glued>{glued})(?![\w²³/])(?:\.(?=,| \w))?|[ -](?P<spaced>{spaced})(?![\w²³/'’]))"
    )


def spoken_measures(text: str, tongue: Tongue, locale: str) -> str:
    """Say measures with the names that babel has for their units in a locale ("en_GB")."""
    text = _FEET.sub(lambda found: _feet(found, tongue, locale), text)
    return _pattern(tongue).sub(lambda found: _measure(found, tongue, locale), text)


def _feet(found: re.Match[str], tongue: Tongue, locale: str) -> str:
    feet, inches = (
        _with_name(figures, unit, tongue, locale)
        for figures, unit in ((found[1], "length-foot"), (found[2], "length-inch"))
    )
    return f"{feet} {inches}"


def _measure(found: re.Match[str], tongue: Tongue, locale: str) -> str:
    if found["percent"]:
        word = tongue.figures.percent if "%" in found["percent"] else tongue.figures.permille
        said = f"{_percent_number(found['number'], tongue)} {word}"
    else:
        said = _with_name(found["number"], _UNITS[found["glued"] or found["spaced"]], tongue, locale)
    if not found["first"]:
        return said
    return f"{quantity(found['first'], tongue)} {tongue.figures.to} {said}"


def _percent_number(number: str, tongue: Tongue) -> str:
    # German says "ein Prozent", the others count: "uno por ciento".
    return quantity(number, tongue) if tongue.code == "de" else plain(number, tongue)


def _with_name(number: str, unit: str, tongue: Tongue, locale: str) -> str:
    figures = bare(number, tongue)
    name = unit_name(unit, _like(figures), locale)
    gender = unit_gender(unit_name(unit, _ONE, locale), tongue)
    said = quantity(number, tongue, gender) if "." in figures else counted(figures, tongue.code, gender)
    return f"{said} {name}"


def _like(figures: str) -> str:
    """Give one of a few numbers that has the plural form of a number: names are kept by it."""
    value = float(figures)
    return "0" if value == 0 else _ONE if figures == _ONE else "1.5" if value < 2 else _MORE  # noqa: PLR2004


@cache
def unit_name(unit: str, figures: str, locale: str) -> str:
    """Name a unit of the Unicode locale data as it stands after a number."""
    # Its tables take long to load, and most sentences have no unit.
    from babel.units import format_unit  # noqa: PLC0415

    value = int(figures) if figures.isdigit() else float(figures)
    return " ".join(_LEADING_NUMBER.sub("", format_unit(value, unit, "long", locale=locale)).replace("’", "'").split())
