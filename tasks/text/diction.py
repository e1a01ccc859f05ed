"""How a sentence of the source is said: its words as a reader would say them, and those of a lexicon as that has them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tasks.model import LanguageSpan, PhoneticSpan, Pronunciation
from tasks.text.lexicon import Lexicon
from tasks.text.speakable import speakable

# Word joiner, zero-width space, soft hyphen, byte order mark: they guide the page and would stumble a voice.
_UNHEARD = re.compile("[\u2060\u200b\u00ad\ufeff]")
# What stands between these is phonemes to a voice that takes them.
_BEGIN, _END = "[[", "]]"


@dataclass(frozen=True)
class Diction:
    """How words are said.

    `expands` says numbers, abbreviations and signs as a reader would, else they are sent as written. `takes_phonemes` is
    true where every voice of the book does (as Piper: `[[…]]` in its text); the others get aliases alone.
    """

    pronunciations: tuple[Pronunciation, ...] = ()
    expands: bool = True
    takes_phonemes: bool = False

    def spoken(
        self,
        text: str,
        language: str,
        phonetic: tuple[PhoneticSpan, ...] = (),
        languages: tuple[LanguageSpan, ...] = (),
    ) -> str:
        """Say a text; `phonetic` are the spans of it whose sound the source gives, `languages` those in another language."""
        own = _in_languages(len(text), language, languages)
        pieces = self._around(text, own, phonetic if self.takes_phonemes else ())
        return _heard("".join(pieces))

    def _around(
        self, text: str, languages: tuple[LanguageSpan, ...], phonetic: tuple[PhoneticSpan, ...]
    ) -> Iterator[str]:
        place = 0
        for span in phonetic:
            yield from self._between(text, place, span.start, languages)
            yield f"{_BEGIN}{span.phonemes}{_END}"
            place = span.end
        yield from self._between(text, place, len(text), languages)

    def _between(self, text: str, start: int, end: int, languages: tuple[LanguageSpan, ...]) -> Iterator[str]:
        for span in languages:
            if span.start < end and start < span.end:
                yield from self._by_lexicon(text[max(start, span.start) : min(end, span.end)], span.language)

    def _by_lexicon(self, text: str, language: str) -> Iterator[str]:
        for said in self._lexicon(language).said(text):
            if said.phonemes and self.takes_phonemes:
                yield f"{_BEGIN}{said.phonemes}{_END}"
            elif said.alias:
                yield said.alias
            else:
                yield _unbracketed(speakable(said.written, language) if self.expands else said.written)

    def _lexicon(self, language: str) -> Lexicon:
        if language not in self._lexicons:
            self._lexicons[language] = Lexicon(self.pronunciations, language)
        return self._lexicons[language]

    @cached_property
    def _lexicons(self) -> dict[str, Lexicon]:
        return {}


def _in_languages(length: int, language: str, spans: tuple[LanguageSpan, ...]) -> tuple[LanguageSpan, ...]:
    """Say of each character of a text in which language it is: in `language` but for those of `spans`."""
    whole: list[LanguageSpan] = []
    place = 0
    for span in spans:
        whole += [LanguageSpan(place, span.start, language)] * (place < span.start) + [span]
        place = span.end
    return (*whole, LanguageSpan(place, length, language)) if place < length else tuple(whole)


def as_written(text: str) -> str:
    """Say a text as it is written."""
    return _heard(_unbracketed(text))


def _unbracketed(text: str) -> str:
    # The source's own brackets are no phonemes.
    return text.replace(_BEGIN, "[ [")


def _heard(text: str) -> str:
    return " ".join((text if text.isascii() else _UNHEARD.sub("", text)).split())
