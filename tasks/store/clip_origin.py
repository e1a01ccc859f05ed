"""Whether a clip is what its name says: its key, computed again from the text and the voice that the clip names.

A key is a promise about a sound. A clip that somebody else has made, in an archive or a shared store, is taken only if it keeps it.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from math import comb
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.model import Identity
from tasks.store import clip_key

_IDENTITY = TypeAdapter(Identity)
_FIELDS = frozenset(Identity.__dataclass_fields__)
# Where a sentence may end: in front of these spaces, of which clips of earlier versions do not say which.
_ENDS = re.compile(r"(?<=[.!?…:;,—–\"'”’»)\]।。！？]) | (?=[—–])")
_SPACES = re.compile(" ")
# A hash takes a microsecond.
_MOST_DIVISIONS = 50_000


def find_sentences(made_from: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """Return the sentences of which a clip has this key, by what made it; None if there are none.

    Raises `ValueError` for a clip of an earlier version that cannot be decided: its sentences are not kept, and too many divisions of
    its text would have to be tried.
    """
    try:
        identity = _IDENTITY.validate_python({name: made_from[name] for name in _FIELDS & made_from.keys()})
        text, kept = str(made_from["text"]), made_from.get("sentences")
        count = max(len(made_from["sentence_ends"]), 1) if identity.by_sentence else 1
        sentences = (text,) if kept is None else tuple(map(str, kept))
    except (ValidationError, KeyError, TypeError):
        return None
    if kept is not None or count == 1:
        return sentences if " ".join(sentences) == text and clip_key(identity, sentences) == key else None
    return next((it for it in _iter_divisions(text, count) if clip_key(identity, it) == key), None)


def _iter_divisions(text: str, count: int) -> Iterator[tuple[str, ...]]:
    """Yield the ways to divide a text into so many sentences, the likely ones first; raises `ValueError` if there are too many."""
    for ends in (_ENDS, _SPACES):
        places = [match.start() for match in ends.finditer(text)]
        if comb(len(places), count - 1) > _MOST_DIVISIONS:
            raise ValueError("the clip does not say how its text was divided into sentences")
        for division in combinations(places, count - 1):
            yield _divide(text, division)


def _divide(text: str, places: tuple[int, ...]) -> tuple[str, ...]:
    starts = (0, *(place + 1 for place in places))
    return tuple(text[start:end] for start, end in zip(starts, (*places, len(text)), strict=True))
