"""Text as a reader says it aloud: numbers, dates, money, measures, abbreviations, signs and capitals in words."""

import re

from tasks.text.speakable import figures, languages, typography
from tasks.text.speakable.addresses import spelled_addresses, spelled_phones
from tasks.text.speakable.capitals import lowered
from tasks.text.speakable.dates import spoken_dates
from tasks.text.speakable.fractions import spoken_fractions
from tasks.text.speakable.money import spoken_money
from tasks.text.speakable.ordinals import spoken_ordinals
from tasks.text.speakable.proportions import spoken_proportions, spoken_spans_of_time
from tasks.text.speakable.ranges import spoken_ranges
from tasks.text.speakable.romans import spoken_romans
from tasks.text.speakable.scales import spoken_scales
from tasks.text.speakable.shortenings import in_full
from tasks.text.speakable.signs import signs_before_numbers, spoken_signs
from tasks.text.speakable.sterling import spoken_sterling
from tasks.text.speakable.times import spoken_times
from tasks.text.speakable.tongue import Tongue
from tasks.text.speakable.units import spoken_measures

__all__ = ["speakable"]

_DIGIT = re.compile(r"\d|[¼-¾⅐-⅞]")
_FIGURE_OR_SIGN = re.compile(r"[\d¼-¾⅐-⅞&+=×÷<>±→©™®@√§*_/]")
_CAPITALS = re.compile(r"[A-ZÀ-ÖØ-ÞŒ]{2}")
# A lone capital may be a numeral after a name or a word; the English "I" mostly is none.
_NUMERALS = re.compile(r"(?<!\w)[IVXLC](?:[IVXLC]|(?:er|re|e|ᵉ|ᵉʳ)?(?![\w'’]))")
_ENGLISH_NUMERALS = re.compile(r"[IVXLC](?:[IVXLC]|(?<!I)(?![\w'’]))")
_LONE_I = re.compile(r"[A-Z][a-z]+ I(?![\w'’])|[a-z] I(?=[.;:)]|$)")
_CLOSED = re.compile(r"[.!?…:;][\"'”’»)\]]*$")
_FIRST = re.compile(r"[^\W_]")


def speakable(text: str, language: str) -> str:
    """Say a sentence or heading as a reader of a book would say it aloud.

    `language` is a BCP 47 tag; English, French, German, Italian and Spanish are known. In another language only spaces and
    apostrophes become plain ones, and numbers words where they are known. Text without figures, signs, abbreviations and
    words in capitals comes back as it is. No word is left out; what cannot be told stays as written. It never raises.
    """
    code, region = languages.parts(language)
    tongue = languages.tongue(code)
    text = typography.plain(text, tongue.figures.groups[0] if tongue else "")
    if tongue is None:
        return figures.figures_alone(text, code) if _DIGIT.search(text) else text
    said = _said(text, tongue, region)
    return text if said == text else _with_a_capital(said, text)


def _said(text: str, tongue: Tongue, region: str) -> str:
    text = in_full(spelled_addresses(text, tongue), tongue)
    figures_or_signs = _FIGURE_OR_SIGN.search(text)
    if figures_or_signs and _DIGIT.search(text):
        text = _numbers(text, tongue, region)
    if _may_have_numerals(text, tongue):
        text = spoken_romans(text, tongue)
    if _CAPITALS.search(text):
        text = lowered(text, tongue)
    return spoken_signs(text, tongue) if figures_or_signs else text


def _may_have_numerals(text: str, tongue: Tongue) -> bool:
    if tongue.code != "en":
        return bool(_NUMERALS.search(text))
    return bool(_ENGLISH_NUMERALS.search(text) or (" I" in text and _LONE_I.search(text)))


def _numbers(text: str, tongue: Tongue, region: str) -> str:
    """Say all that has figures. Each pass leaves words that the later ones do not take for theirs."""
    text = spelled_phones(text, tongue)
    text = spoken_dates(text, tongue, month_first=languages.month_first(tongue.code, region))
    text = spoken_proportions(spoken_times(spoken_spans_of_time(text, tongue), tongue), tongue)
    text = figures.spoken_dotted(text, tongue)
    text = figures.spoken_minus(signs_before_numbers(text, tongue), tongue)
    text = spoken_money(spoken_sterling(text, tongue), tongue)
    text = spoken_ordinals(spoken_scales(text, tongue), tongue)
    text = spoken_measures(text, tongue, languages.locale(tongue.code, region))
    text = spoken_fractions(spoken_ranges(text, tongue), tongue)
    return figures.spoken_figures(figures.spoken_decades(text, tongue), tongue)


def _with_a_capital(said: str, written: str) -> str:
    """Begin what was said with a capital, where a sentence was written that began with a number or a capital."""
    first, begins = _FIRST.search(said), _FIRST.search(written)
    if not first or not begins or not _CLOSED.search(written) or begins[0].islower() or not first[0].islower():
        return said
    return f"{said[: first.start()]}{first[0].upper()}{said[first.end() :]}"
