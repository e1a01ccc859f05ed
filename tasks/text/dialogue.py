"""Dialogue: what of a paragraph stands in quotation marks and is said by somebody, for a voice of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.text.boundaries import has_words

# Opening marks and what closes them: English, French, German (both ways), Scandinavian. Curly single marks are British;
# a straight single one is an apostrophe far more often.
_CLOSING = {"“": "”", "«": "»", "„": "“”", "»": "«", "‹": "›", '"': '"', "‘": "’"}
_STOPS = frozenset(".,!?…—–-;:。！？、")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a paragraph. The texts of its spans, put together, are the paragraph."""

    text: str
    is_dialogue: bool


def spans(text: str) -> list[Span]:
    """Cut a paragraph where dialogue begins and ends.

    A word in quotation marks is no dialogue: that ends with a stop inside of the marks or just after them, or is the whole
    paragraph. Marks that are opened and not closed stand, as printers have it, for a speech that goes on in the next
    paragraph. The marks belong to the dialogue.
    """
    found: list[Span] = []
    told = 0
    for begin, end in _quotations(text):
        if begin > told:
            found.append(Span(text[told:begin], is_dialogue=False))
        found.append(Span(text[begin:end], is_dialogue=True))
        told = end
    if told < len(text):
        found.append(Span(text[told:], is_dialogue=False))
    return _worded(found)


def _quotations(text: str) -> Iterator[tuple[int, int]]:
    place = 0
    while place < len(text):
        mark = text[place]
        if mark not in _CLOSING or not _opens(text, place):
            place += 1
            continue
        end = _end(text, place)
        if end is None:
            if mark != '"' and not text[:place].strip():
                yield place, len(text)
                return
            place += 1
        elif _is_said(text, place, end):
            yield place, end
            place = end
        else:
            place = end


def _opens(text: str, place: int) -> bool:
    before = text[place - 1 : place]
    after = text[place + 1 : place + 2]
    return not before.isalnum() and bool(after) and not after.isspace()


def _end(text: str, begin: int) -> int | None:
    """Find the place after the mark that closes the one at `begin`; None where there is none."""
    closing = _CLOSING[text[begin]]
    for place in range(begin + 1, len(text)):
        # An apostrophe has a letter behind it: don’t.
        if text[place] in closing and not (text[place] == "’" and text[place + 1 : place + 2].isalpha()):
            return place + 1
    return None


def _is_said(text: str, begin: int, end: int) -> bool:
    inside = text[end - 2]
    after = text[end : end + 1]
    return (
        inside in _STOPS or (bool(after) and after in _STOPS) or (not text[:begin].strip() and not text[end:].strip())
    )


def _worded(found: list[Span]) -> list[Span]:
    """Give what has no words (a dash, a stop) to the span before it, or to the one after it."""
    worded: list[Span] = []
    unsaid = ""
    for span in found:
        if has_words(span.text):
            worded.append(Span(f"{unsaid}{span.text}", span.is_dialogue))
            unsaid = ""
        elif worded:
            worded[-1] = Span(f"{worded[-1].text}{span.text}", worded[-1].is_dialogue)
        else:
            unsaid += span.text
    return worded or [Span(unsaid, is_dialogue=False)]
