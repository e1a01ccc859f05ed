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
    """Words and how they are said in one language; where two entries meet a word, the first and then the longer one holds."""

    entries: tuple[Pronunciation, ...] = ()
    language: str = "en"

    def said(self, text: str) -> Iterator[Said]:
        """Cut a text into pieces that are said as written and pieces that are not; put together they are the text."""
        place = 0
        for found in self._pattern.finditer(text) if self._pattern else ():
            if place < found.start():
                yield Said(text[place : found.start()])
            entry = self._by_group[found.lastindex or 0]
            tail = found.group()[len(entry.grapheme) :]
            yield Said(
                found.group(),
                entry.alias and f"{entry.alias}{tail}",
                entry.phonemes and f"{entry.phonemes}{'z' * bool(tail)}",
            )
            place = found.end()
        if place < len(text):
            yield Said(text[place:])

    @cached_property
    def _by_group(self) -> dict[int, Pronunciation]:
        fitting = [entry for entry in self.entries if _fits(entry.language, self.language)]
        return dict(enumerate(sorted(fitting, key=lambda entry: -len(entry.grapheme)), start=1))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        tail = f"(?:{_POSSESSIVE})?" if self.language.lower().startswith("en") else ""
        words = [f"({_matching(entry, tail)})" for entry in self._by_group.values()]
        return re.compile("|".join(words)) if words else None


def _fits(tag: str, language: str) -> bool:
    """Tell whether an entry's language is the text's, or the wider one that it belongs to."""
    wanted, own = tag.lower().split("-"), language.lower().split("-")
    return not tag or own[: len(wanted)] == wanted or wanted[: len(own)] == own


def _matching(entry: Pronunciation, tail: str) -> str:
    grapheme = re.sub(r"(?:\\ )+", r"\\s+", re.escape(unicodedata.normalize("NFC", entry.grapheme)))
    cased = grapheme if entry.matches_case else f"(?i:{grapheme})"
    return rf"(?<!\w){cased}{tail}(?!\w)" if entry.whole_word else cased


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
