"""How words are said that a voice would say wrong: a profile's lexicon, and the one that a manuscript brings."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.errors import ProfileError
from tasks.model import Pronunciation
from tasks.pls import MAXIMUM_BYTES, read_pls

# "Ahab's": what English hangs on a name is said with it.
_POSSESSIVE = "['’]s"
_WORD = re.compile(r"\w+")


class Word(BaseModel):
    """`[[word]]` of a lexicon in TOML. One with neither an alias nor phonemes is still to be filled in, and changes nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grapheme: str = Field(min_length=1)
    alias: str = ""
    phonemes: str = ""
    language: str = ""
    match_case: bool = True
    whole_word: bool = True


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    word: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of a text: as written, or with `alias` or `phonemes` that are to be said in its place."""

    written: str
    alias: str = ""
    phonemes: str = ""


@dataclass(frozen=True)
class Lexicon:
    """Words and how they are said in one language; of those that meet at a place the longest holds, of equals the first.

    A lexicon may have thousands of words, so a text is gone through word by word, and each is looked up.
    """

    entries: tuple[Pronunciation, ...] = ()
    language: str = "en"

    def said(self, text: str) -> Iterator[Said]:
        """Cut a text into pieces that are said as written and pieces that are not; put together they are the text."""
        place = 0
        for found, entry in self._met(text):
            if found.start() < place:
                continue
            if place < found.start():
                yield Said(text[place : found.start()])
            tail = found["tail"] or ""
            yield Said(
                found.group(), entry.alias and entry.alias + tail, entry.phonemes and entry.phonemes + "z" * bool(tail)
            )
            place = found.end()
        if place < len(text):
            yield Said(text[place:])

    def _met(self, text: str) -> list[tuple[re.Match[str], Pronunciation]]:
        if not self._words and not self._others:
            return []
        met = [(found, row.entry) for row in self._others for found in row.pattern.finditer(text)]
        for word in _WORD.finditer(text) if self._words else ():
            rows = self._words.get(word.group().casefold(), ())
            met += [(found, row.entry) for row in rows if (found := row.pattern.match(text, word.start()))]
        return sorted(met, key=lambda pair: (pair[0].start(), -pair[0].end()))

    @cached_property
    def _rows(self) -> list["_Row"]:
        tail = f"(?P<tail>{_POSSESSIVE})?" if self.language.lower().startswith("en") else "(?P<tail>)"
        return [_Row(entry, _pattern(entry, tail)) for entry in self.entries if _fits(entry.language, self.language)]

    @cached_property
    def _words(self) -> dict[str, list["_Row"]]:
        """Whole words by their first one."""
        words: dict[str, list[_Row]] = {}
        for row in self._rows:
            first = _WORD.match(row.entry.grapheme)
            if row.entry.whole_word and first:
                words.setdefault(first.group().casefold(), []).append(row)
        return words

    @cached_property
    def _others(self) -> list["_Row"]:
        """What is met inside of words, or does not begin with a letter or digit: few, and sought one by one."""
        return [row for row in self._rows if not (row.entry.whole_word and _WORD.match(row.entry.grapheme))]


@dataclass(frozen=True, slots=True)
class _Row:
    entry: Pronunciation
    pattern: re.Pattern[str]


def _fits(tag: str, language: str) -> bool:
    """Tell whether an entry's language is the text's, or the wider one that it belongs to."""
    wanted, own = tag.lower().split("-"), language.lower().split("-")
    return not tag or own[: len(wanted)] == wanted or wanted[: len(own)] == own


def _pattern(entry: Pronunciation, tail: str) -> re.Pattern[str]:
    grapheme = re.sub(r"(?:\\ )+", r"\\s+", re.escape(unicodedata.normalize("NFC", entry.grapheme)))
    bounded = rf"(?<!\w){grapheme}{tail}(?!\w)" if entry.whole_word else f"{grapheme}(?P<tail>)"
    return re.compile(bounded, 0 if entry.matches_case else re.IGNORECASE)


def load_lexicon(path: str) -> tuple[Pronunciation, ...]:
    """Read `[text] lexicon`: W3C PLS, or TOML with `[[word]]` tables; raises `ProfileError`."""
    where = f"[text] lexicon: {path}"
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
        if path.lower().endswith(".toml"):
            return tuple(_entries(tomllib.loads(data.decode("utf-8"))))
        return read_pls(data)
    except OSError as error:
        raise ProfileError(f"{where}: it cannot be read ({error.strerror}); check the path") from error
    except ValidationError as error:
        fault = error.errors()[0]
        raise ProfileError(f"{where}: {'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}") from error
    except ValueError as error:
        raise ProfileError(f"{where}: {error}; give W3C PLS, or TOML that `declaim lexicon` has begun") from error


def _entries(document: dict[str, Any]) -> Iterable[Pronunciation]:
    for word in _Words.model_validate(document).word:
        if word.alias or word.phonemes:
            yield Pronunciation(
                word.grapheme, word.alias, word.phonemes, word.language, word.match_case, word.whole_word
            )
