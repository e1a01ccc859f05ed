"""A block's text becomes sentences that fit a request, each as it is written and as it is said."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tasks.model import Block, LanguageSpan, PhoneticSpan, Sentence
from tasks.text.boundaries import has_words
from tasks.text.diction import Diction, as_written
from tasks.text.sentences import sentences

_WORD_END = re.compile(r"(?<=[—–])(?=\S)|\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Manner:
    """How the texts of a book are cut and said: its language, the abbreviations it shows, and a diction."""

    language: str
    shown: frozenset[str]
    diction: Diction


@dataclass(frozen=True, slots=True)
class Cut:
    """A sentence of a block, or a part of one, and the place in the block's text where it ends, in characters."""

    sentence: Sentence
    end: int


def cut(block: Block, start: int, end: int, manner: Manner, limit: int) -> list[Cut]:
    """Cut the characters `start` to `end` of a block into sentences of at most `limit` characters as said (0: no limit).

    Only a sentence that is itself over the limit is cut, at a clause where there is one. A part without words goes unsaid
    with the sentence beside it. What is over the limit when said, and cannot be cut, is sent as written.
    """
    whole = _sentence_pieces(block.text, start, end, block.language or manner.language, manner.shown)
    return [made for span in _worded(block.text, whole) for made in _fitted(block, span, manner, limit)]


def said_whole(block: Block, said: str, manner: Manner) -> Cut:
    """Take a block as one sentence that is said in other words than its own."""
    spoken = manner.diction.spoken(said, block.language or manner.language)
    return Cut(Sentence(block.text, spoken), len(block.text))


@dataclass(frozen=True, slots=True)
class _Span:
    """Characters `first` to `last` of a text, of which those from `start` to `end` are said."""

    first: int
    last: int
    start: int
    end: int


def _sentence_pieces(
    text: str, start: int, end: int, language: str, shown: frozenset[str]
) -> Iterator[tuple[int, int]]:
    place = start
    for sentence in sentences(text[start:end], language, shown):
        first = text.index(sentence, place)
        place = first + len(sentence)
        yield first, place


def _worded(text: str, pieces: Iterable[tuple[int, int]]) -> list[_Span]:
    """Give each piece that has no words to the one before it, or else to the one behind; there it goes unsaid."""
    spans: list[_Span] = []
    begin: int | None = None
    for first, last in pieces:
        if has_words(text[first:last]):
            spans.append(_Span(first if begin is None else begin, last, first, last))
            begin = None
        elif spans:
            spans[-1] = replace(spans[-1], last=last)
        else:
            begin = first if begin is None else begin
    return spans


def _fitted(block: Block, span: _Span, manner: Manner, limit: int) -> Iterator[Cut]:
    text, written = block.text[span.first : span.last], block.text[span.start : span.end]
    language = block.language or manner.language
    spoken = manner.diction.spoken(written, language, _phonetic(block, span), _languages(block, span, manner.language))
    if not limit or len(spoken) <= limit:
        yield Cut(Sentence(text, spoken), span.last)
        return
    # What is said may be longer than what is written; then parts of the same share are tried.
    length = limit if len(spoken) <= len(written) else max(1, len(written) * limit // len(spoken))
    parts = _worded(block.text, _parts(block.text, span.start, span.end, length))
    if len(parts) == 1 and (parts[0].start, parts[0].end) == (span.start, span.end):
        yield Cut(Sentence(text, as_written(written)), span.last)
        return
    parts[0] = replace(parts[0], first=span.first)
    parts[-1] = replace(parts[-1], last=span.last)
    for part in parts:
        yield from _fitted(block, part, manner, limit)


def _phonetic(block: Block, span: _Span) -> tuple[PhoneticSpan, ...]:
    return tuple(
        PhoneticSpan(each.start - span.start, each.end - span.start, each.phonemes)
        for each in block.phonetic
        if span.start <= each.start and each.end <= span.end
    )


def _languages(block: Block, span: _Span, book_language: str) -> tuple[LanguageSpan, ...]:
    return tuple(
        LanguageSpan(
            max(each.start, span.start) - span.start,
            min(each.end, span.end) - span.start,
            each.language or book_language,
        )
        for each in block.languages
        if each.start < span.end and span.start < each.end
    )


def _parts(text: str, first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    """Cut a sentence that is over a length at the ends of clauses, else between words, else anywhere."""
    while last - first > length:
        rest = text[first:last]
        ends = [found.start() for found in _WORD_END.finditer(rest, 0, length + 1)]
        clauses = [end for end in ends if rest[end - 1] in ",;:—–" and end > length // 2]
        end = max(clauses or ends, default=0) or length
        yield first, first + len(rest[:end].rstrip())
        first += len(rest) - len(rest[end:].lstrip())
    if first < last:
        yield first, last
