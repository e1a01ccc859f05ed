"""Whether a sentence ends at a place where one might: rules over Punkt's judgement.

Each rule is sure of what it says or says nothing (None), and the first that speaks decides; where none does, Punkt has
judged. The kinds of difficulty are those of tests/text/boundaries/.
"""

import re
from dataclasses import dataclass

from tasks.text.abbreviations import OTHER_TONGUE, TONGUES, Tongue

# What opens in one language closes in another („so“, »so«): before white space, all of them close.
CLOSING = "\"')]}”’»›“‘«‹"
QUOTES = "“”„‘’\u201a«»‹›"
# What may stand between the end of a sentence and the word that shows whether it was one.
_BEFORE_A_WORD = f"\"'()[]{{}}{QUOTES} \u00a0\u202f—–-…¡¿"
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_WORD = re.compile(r"[^\W_]+")
_DIVISION = r"(?:chapter|part|book|volume|section|kapitel|teil|buch|band|chapitre|partie|livre|tome|capítulo|parte|libro|capitolo)"
# A number or a letter that opens an item or a heading, alone: "3.", "b)", "iv.", "Chapter XII.".
_MARKER = re.compile(rf"(?:{_DIVISION}\s)?(?:\d{{1,3}}|[IVXLC]+|[ivx]+|[^\W\d_])[.)]", re.IGNORECASE)
_NEXT_MARKER = re.compile(r"(?:\d{1,2}|[ivx]+|[^\W\d_])[.)]\s+\w")
_ELLIPSIS = re.compile(r"(?:…|\.\s?\.\s?\.?\s?\.?)$")
# Backwards, for what ends somewhere would be sought from every place before: ".U .S", ".rD".
_ABBREVIATION_BACKWARDS = re.compile(r"\.([^\W\d_]+(?:\s?[.-]{1,2}[^\W\d_]{1,4})*)")
_INITIAL = re.compile(r"(?:^|[\s(\[“„«\"‘'’—–-])(?:[^\W\d_]\.-?)*[^\W\d_]\.$")
_HALF = re.compile(r"(?:^|\s)[a-zäöü]\.$")
_NUMBER = re.compile(r"(?:^|[\s(])(?:\d{1,2}|[IVXL]+)\.$")
_STREET = re.compile(r"[A-Z]\w+ St\.$")
# "10s. 6d." goes on.
_SHILLINGS = re.compile(r"\d\s?s\.$")
_PENCE = re.compile(r"\d{1,2}½?\s?d\b")
_DIGIT = re.compile(r"[\d§]")
_FIGURE = re.compile(r"[\d§]|[IVXLC]+\b(?!['’])")
# English: "No. 5", and "No. I will not", where the letter is no figure.
_EITHER = "no"
_PRONOUN = re.compile(r"[a-z,] I\.$")
# Words that a sentence may begin with, and a name go on with after an initial: C. de Gaulle, J. La Fontaine.
_PARTICLES = frozenset(
    [
        "d",
        "da",
        "de",
        "del",
        "della",
        "den",
        "der",
        "des",
        "di",
        "du",
        "el",
        "l",
        "la",
        "las",
        "le",
        "les",
        "li",
        "lo",
        "los",
        "van",
        "von",
        "zu",
        "zum",
        "zur",
    ]
)
# "At 10:30 a.m. Mr. Fox woke": so few words are no sentence yet.
_WORDS_OF_A_SENTENCE = 4
# Longer than any abbreviation with the word before it.
_TAIL = 32


@dataclass(frozen=True, slots=True)
class Place:
    """A place where a sentence might end: what of it was read, what follows, and whether Punkt cuts there."""

    before: str
    after: str
    is_cut: bool

    @property
    def tail(self) -> str:
        """The last of what was read: a pattern that ends at the end would be sought from the beginning."""
        return self.before[-_TAIL:]


def has_words(text: str) -> bool:
    """Tell whether there is anything to speak: a letter or a digit."""
    return _LETTER_OR_DIGIT.search(text) is not None


def ends_sentence(place: Place, language: str, shown: frozenset[str] = frozenset()) -> bool:
    """Tell whether a sentence ends at a place; `shown` are the abbreviations that the book itself shows."""
    tongue = TONGUES.get(language, OTHER_TONGUE)
    following = place.after.lstrip(_BEFORE_A_WORD)
    inside = _is_inside(place, following)
    if inside is not None:
        return not inside
    core = place.before.rstrip(f"{CLOSING} ")
    if core.endswith(("!", "?")):
        return place.is_cut and not _is_said_by_name(place, following, tongue)
    if _ELLIPSIS.search(core[-_TAIL:]):
        return _after_ellipsis(core, following, place, tongue)
    # "(etc.) The": what closes shows an end as well as a stop does.
    if core != place.before or not core.endswith("."):
        return place.is_cut
    return _after_stop(place, following, tongue, shown)


def _is_inside(place: Place, following: str) -> bool | None:
    """Tell what needs no language: beside a piece without words, before a small letter, after an item's own number."""
    if not has_words(place.after) or not has_words(place.before):
        return True
    if _MARKER.fullmatch(place.before):
        return True
    if following[:1].islower():
        return not (_NEXT_MARKER.match(following) and _MARKER.match(place.before))
    return True if following[:1] in {",", ";", ":"} else None


def _is_said_by_name(place: Place, following: str, tongue: Tongue) -> bool:
    """Tell whether a name and a verb follow that say who spoke: "Come in!" Dr. Brown called."""
    if place.before[-1] not in CLOSING or place.after[:1] in QUOTES or place.after[:1] == '"':
        return False
    words = [found.group() for found in _WORD.finditer(following, 0, 60)][:4]
    for count, word in enumerate(words):
        if count and word in tongue.sayers:
            return True
        if not word[:1].isupper() or word.lower() in tongue.openers:
            return False
    return False


def _after_ellipsis(core: str, following: str, place: Place, tongue: Tongue) -> bool:
    words = _WORD.findall(core)
    first = _first(following)
    # A voice that falters: "I… I can't", "Well… I suppose".
    if first == words[-1] or (first == "I" and len(words) == 1):
        return False
    if _opens(following, tongue) or core != place.before:
        return True
    # German nouns have capitals anywhere.
    return place.is_cut or not tongue.counts_by_stops


def _after_stop(place: Place, following: str, tongue: Tongue, shown: frozenset[str]) -> bool:
    key, opens = _key(place.tail), _opens(following, tongue)
    last = key.rpartition(".")[2]
    if _SHILLINGS.search(place.tail) and _PENCE.match(following):
        return False
    if _HALF.search(place.tail) and key not in tongue.ending:
        return False
    if tongue.counts_by_stops and _NUMBER.search(place.tail):
        return opens
    if not key or _is_half_of_one(last, following, tongue):
        return place.is_cut and not key
    if last in tongue.numbered or (tongue.counts_by_stops and last.endswith("str")):
        figure = _DIGIT if last == _EITHER else _FIGURE
        return not figure.match(following) and (place.is_cut or opens)
    return _after_abbreviation(place, key, following, tongue, shown)


def _after_abbreviation(place: Place, key: str, following: str, tongue: Tongue, shown: frozenset[str]) -> bool:
    opens, last = _opens(following, tongue), key.rpartition(".")[2]
    if key in tongue.ending:
        if _DIGIT.match(following):
            return False
        return (
            opens
            or place.after[0] in QUOTES
            or (len(place.before.split()) >= _WORDS_OF_A_SENTENCE and not tongue.counts_by_stops)
        )
    if last in tongue.leading:
        is_written_small = place.before[-len(last) - 1].islower()
        return bool(_STREET.search(place.tail)) or (opens and is_written_small and "." not in key)
    if _INITIAL.search(place.tail) and not _PRONOUN.search(place.tail):
        return opens and _first(following).lower() not in _PARTICLES
    return opens or (place.is_cut and last not in shown)


def _is_half_of_one(last: str, following: str, tongue: Tongue) -> bool:
    """Tell whether an abbreviation goes on behind the white space: EE. UU., p. m., z. B."""
    word = _first(following)
    whole = f"{last}.{word.lower()}"
    return following[len(word) :].startswith(".") and any(
        whole in kind for kind in (tongue.leading, tongue.ending, tongue.numbered)
    )


def _opens(following: str, tongue: Tongue) -> bool:
    """Tell whether the next word is one that nothing but a sentence's beginning gives a capital; an initial is none."""
    word = _first(following)
    is_initial = len(word) == 1 and following[1:2] == "."
    return word[:1].isupper() and not is_initial and word.lower() in tongue.openers


def _first(following: str) -> str:
    found = _WORD.match(following)
    return found.group() if found else ""


def _key(before: str) -> str:
    """Word the abbreviation that a text ends with as the tables have it; empty where there is none."""
    found = _ABBREVIATION_BACKWARDS.match(before[::-1])
    return "".join(found.group(1)[::-1].lower().split()) if found else ""
