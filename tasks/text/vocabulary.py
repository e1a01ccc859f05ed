"""The words of a book that a voice may say wrong: names, and words that a dictionary of the language does not hold."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from spellchecker import SpellChecker

from tasks.model import Book, Script
from tasks.text.abbreviations import OTHER_TONGUE, TONGUES

# Languages that the dictionaries of pyspellchecker are made for.
_DICTIONARIES = frozenset(["ar", "de", "en", "es", "eu", "fa", "fr", "it", "lv", "nl", "pt", "ru"])
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
# Shorter ones are initials, Roman numerals and pieces of contractions.
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A word, what it is, how often it stands in the book, and the first sentence that holds it, with its chapter's number."""

    word: str
    kind: Literal["name", "rare word"]
    count: int
    chapter: int
    sentence: str


def unusual_words(book: Book, scripts: Iterable[Script], at_least: int = 1) -> list[Entry]:
    """List a book's names and rare words that stand in it `at_least` so often, the most frequent first.

    A name has a capital inside of sentences, and never stands without one. In German, where every noun has one, and for
    what stands in small letters, it is a dictionary that tells; where there is none for the language, only names are listed.
    """
    language = book.language.split("-", maxsplit=1)[0].lower()
    seen: dict[str, tuple[int, str]] = {}
    counts, inside = Counter[str](), set[str]()
    for chapter, sentence in _sentences(scripts):
        for place, word in enumerate(_words(sentence)):
            counts[word] += 1
            seen.setdefault(word, (chapter, sentence))
            if place:
                inside.add(word)
    is_known = _dictionary(language)
    kinds = {
        word: _kind(word, counts, inside, is_known, language) for word, count in counts.items() if count >= at_least
    }
    entries = [Entry(word, kind, counts[word], *seen[word]) for word, kind in kinds.items() if kind]
    return sorted(entries, key=lambda entry: (-entry.count, entry.word.casefold(), entry.word))


def _sentences(scripts: Iterable[Script]) -> Iterator[tuple[int, str]]:
    for script in scripts:
        for chunk in script.chunks:
            for sentence in chunk.sentences:
                yield script.number, sentence.text


def _words(sentence: str) -> Iterator[str]:
    for found in _WORD.finditer(sentence):
        word = _POSSESSIVE.sub("", found.group())
        if len(word) >= _SHORTEST:
            yield word


def _kind(
    word: str, counts: Counter[str], inside: set[str], is_known: Callable[[str], bool], language: str
) -> Literal["name", "rare word"] | None:
    if word.isupper():
        return None
    if word[0].isupper():
        openers = TONGUES.get(language, OTHER_TONGUE).openers
        # "I’ll", "We’d".
        first = re.split("['’]", word.lower())[0]
        if word not in inside or word.lower() in counts or first in openers:
            return None
        return None if language == "de" and is_known(word) else "name"
    return None if is_known(word) else "rare word"


def _dictionary(language: str) -> Callable[[str], bool]:
    if language not in _DICTIONARIES:
        return lambda _: True
    # Its own distance is for what it would propose, which is not asked of it.
    dictionary = SpellChecker(language=language, distance=1)
    return lambda word: bool(dictionary.known([word.replace("’", "'")]))
