"""Dates in words, written by names or by figures."""

import re
from functools import cache

from tasks.text.speakable.german_endings import german_ordinal
from tasks.text.speakable.numbers import cardinal, ordinal, year
from tasks.text.speakable.tongue import Tongue

_MONTHS, _DAYS = 12, 31
_DAYS_OF_A_WEEK = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_MONTH_BEGINS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_ISO = re.compile(r"(?<![\w.-])(\d{4})-(\d\d)-(\d\d)(?![\w-]|\.\d)")
_FIGURES = re.compile(r"(?<![\w./-])(\d{1,2})([./])(\d{1,2})\2(\d{4})(?!\w|[./-]\d)")
# German: "am 3.5.", where the last stop may be the sentence's as well.
_WITHOUT_YEAR = re.compile(
    r"(?<!\w)(?P<before>(?:am|vom|zum|bis|ab|seit|dem|den) )(?P<day>\d{1,2})\. ?(?P<month>\d{1,2})\.(?![\w.])",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[\s\"'”’»“)\]]*$")
# English: "Sat." may be a verb, so it stands before a day or a month.
_WEEKDAYS = {name[:length]: name for name in _DAYS_OF_A_WEEK.split() for length in (3, 4, 5) if length < len(name)}
_WEEKDAY = re.compile(
    rf"(?<!\w)(?P<day>{'|'.join(sorted(_WEEKDAYS, key=len, reverse=True))})\.(?=,? (?:the )?(?:\d|{'|'.join(_MONTH_BEGINS.split())}))"
)


@cache
def months(code: str) -> tuple[str, ...]:
    """Name the months from January on."""
    return _babel_months("wide", code)


def _babel_months(width: str, code: str) -> tuple[str, ...]:
    # Its tables take long to load, and most sentences have no date. babel.dates would bring all time zones with them.
    from babel import Locale  # noqa: PLC0415

    names = Locale.parse(code).months["format"][width]
    return tuple(str(names[number]) for number in range(1, _MONTHS + 1))


@cache
def _written(code: str) -> dict[str, int]:
    short = _babel_months("abbreviated", code)
    written = {f"{name.rstrip('.')}.": number for number, name in enumerate(short, 1)}
    if code == "en":
        written |= {"Sept.": 9}
    return {name: number for name, number in written.items() if name[:-1] not in months(code)} | {
        name: number for number, name in enumerate(months(code), 1)
    }


@cache
def _patterns(code: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    month = "|".join(re.escape(name) for name in sorted(_written(code), key=len, reverse=True))
    dotted = {"de": r"\.", "en": "(?:st|nd|rd|th)?", "fr": "(?:er)?", "it": "[º°]?", "es": "[º°]?"}[code]
    of = "(?: de)?" if code == "es" else "(?: of)?" if code == "en" else ""
    then = " de| del" if code == "es" else ","
    day_first = re.compile(
        rf"(?<![\w.,-])(?P<day>\d{{1,2}}){dotted}{of} (?P<month>{month})"
        rf"(?![^\W\d_])(?:(?P<then>{then})? (?P<year>\d{{4}})(?![\w]|[.,]\d))?"
    )
    month_first = re.compile(
        rf"(?<!\w)(?P<month>{month}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\w|[.,:]\d|-\d)(?:(?P<then>,)? (?P<year>\d{{4}})(?!\w|[.,]\d))?"
    )
    return day_first, month_first


@cache
def _days(code: str) -> re.Pattern[str]:
    """Give the pattern for what a range of days begins with: "10–12 May"."""
    month = "|".join(re.escape(name) for name in sorted(_written(code), key=len, reverse=True))
    return re.compile(
        rf"(?<![\w.,/–-])(?P<day>\d{{1,2}})\.?(?: ?– ?|-)(?=\d{{1,2}}\.?(?:st|nd|rd|th)? (?:{month})(?!\w))"
    )


def _first_day(found: re.Match[str], tongue: Tongue) -> str:
    day = int(found["day"])
    if not 1 <= day <= _DAYS:
        return found[0]
    the = "the " if tongue.code == "en" and not _before(found).lower().endswith("the ") else ""
    return f"{the}{_day(day, found, tongue)} {tongue.figures.to} "


def spoken_dates(text: str, tongue: Tongue, *, month_first: bool) -> str:
    """Say dates. `month_first` tells whether 3/4/2021 is the fourth of March; with stops the day always comes first."""
    text = _ISO.sub(lambda found: _by_figures(found, (found[3], found[2], found[1]), tongue, month_first), text)
    text = _FIGURES.sub(lambda found: _slashed(found, tongue, month_first), text)
    if tongue.code == "de":
        text = _WITHOUT_YEAR.sub(_without_year, text)
    if not _has_month(text, tongue):
        return text
    if tongue.code == "en":
        text = _WEEKDAY.sub(lambda found: _WEEKDAYS[found["day"]], text)
    by_day, by_month = _patterns(tongue.code)
    text = _days(tongue.code).sub(lambda found: _first_day(found, tongue), text)
    text = by_day.sub(lambda found: _day_first(found, tongue), text)
    return by_month.sub(lambda found: _month_first(found, tongue), text) if tongue.code == "en" else text


def _has_month(text: str, tongue: Tongue) -> bool:
    return any(name in text for name in _written(tongue.code))


def _slashed(found: re.Match[str], tongue: Tongue, month_first: bool) -> str:  # noqa: FBT001
    day, month = (found[3], found[1]) if month_first and found[2] == "/" else (found[1], found[3])
    if int(month) > _MONTHS:
        day, month = month, day
    return _by_figures(found, (day, month, found[4]), tongue, month_first)


def _by_figures(found: re.Match[str], parts: tuple[str, str, str], tongue: Tongue, month_first: bool) -> str:  # noqa: FBT001
    day, month, the_year = (int(part) for part in parts)
    if not (1 <= month <= _MONTHS and 1 <= day <= _DAYS):
        return found[0]
    name, spoken_year = months(tongue.code)[month - 1], year(the_year, tongue.code)
    if tongue.code == "en" and month_first:
        return f"{name} {ordinal(day, 'en')}, {spoken_year}"
    said = _day(day, found, tongue)
    the = "the " if tongue.code == "en" and not _before(found).lower().endswith("the ") else ""
    links = {"en": " of ", "es": " de "}
    return f"{the}{said}{links.get(tongue.code, ' ')}{name}{', ' if tongue.code == 'en' else ' de ' if tongue.code == 'es' else ' '}{spoken_year}"


def _without_year(found: re.Match[str]) -> str:
    day, month = int(found["day"]), int(found["month"])
    if not (1 <= month <= _MONTHS and 1 <= day <= _DAYS):
        return found[0]
    stop = "." if _ENDS.match(found.string, found.end()) else ""
    return f"{found['before']}{german_ordinal(day, found['before'], 'Mai')} {months('de')[month - 1]}{stop}"


def _before(found: re.Match[str]) -> str:
    return found.string[max(0, found.start() - 20) : found.start()]


def _day(day: int, found: re.Match[str], tongue: Tongue) -> str:
    if tongue.code == "en" or (day == 1 and tongue.code in {"fr", "it"}):
        return ordinal(day, tongue.code)
    if tongue.code == "de":
        return german_ordinal(day, _before(found), "Mai")
    return cardinal(day, tongue.code)


def _day_first(found: re.Match[str], tongue: Tongue) -> str:
    day = int(found["day"])
    if not 1 <= day <= _DAYS:
        return found[0]
    name = months(tongue.code)[_written(tongue.code)[found["month"]] - 1]
    said = _day(day, found, tongue)
    if tongue.code == "en":
        the = "" if _before(found).lower().endswith("the ") else "the "
        said = f"{the}{said} of {name}"
    else:
        said = f"{said} de {name}" if tongue.code == "es" else f"{said} {name}"
    return said + _and_year(found, tongue)


def _month_first(found: re.Match[str], tongue: Tongue) -> str:
    day = int(found["day"])
    if not 1 <= day <= _DAYS:
        return found[0]
    name = months(tongue.code)[_written(tongue.code)[found["month"]] - 1]
    return f"{name} {ordinal(day, tongue.code)}{_and_year(found, tongue)}"


def _and_year(found: re.Match[str], tongue: Tongue) -> str:
    return f"{found['then'] or ''} {year(int(found['year']), tongue.code)}" if found["year"] else ""
