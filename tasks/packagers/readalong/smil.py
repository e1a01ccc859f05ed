"""When the sentences are heard, and the media overlays that say so (SMIL, a document for each content document)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from lxml import etree

from tasks.packagers.publication import Part, SpokenSentence

_SMIL = "http://www.w3.org/ns/SMIL"
_OPS = "http://www.idpf.org/2007/ops"
_PREFIXES = {None: _SMIL, "epub": _OPS}
_TEXTREF = f"{{{_OPS}}}textref"


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a chapter's sound, in milliseconds from the beginning of its file; `chapter` is the chapter's number."""

    chapter: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence in a content document, by the id of its element, and its clip."""

    identity: str
    clip: Clip


def clips_of(part: Part, sentences: Sequence[SpokenSentence]) -> Iterator[Clip]:
    """Give the clip of each sentence of a chapter, in order.

    A clip goes on to where the next begins, so that pauses are heard as they were set: the last to the end of the track. None
    is empty, as no player knows what to do with such.
    """
    begins: list[int] = []
    for sentence in sentences:
        begins.append(max(round(sentence.timing.start * 1000), begins[-1] + 1 if begins else 0))
    whole = int(part.track.seconds * 1000)
    for begin, end in zip(begins, [*begins[1:], whole], strict=False):
        yield Clip(part.track.number, begin, max(end, begin + 1))


def overlay(said: Iterable[Said], document: str, sounds: dict[int, str]) -> bytes:
    """Word the overlay of a document, whose address and those of the chapters' sounds are relative to the overlay's."""
    address = quote(document)
    root = etree.Element(f"{{{_SMIL}}}smil", {"version": "3.0"}, nsmap=_PREFIXES)  # type: ignore[arg-type]  # the stubs know of no namespace without a prefix
    body = etree.SubElement(root, f"{{{_SMIL}}}body", {_TEXTREF: address})
    number = 0
    for place, (chapter, group) in enumerate(groupby(said, key=lambda each: each.clip.chapter), start=1):
        sequence = etree.SubElement(body, f"{{{_SMIL}}}seq", {"id": f"seq-{place}", _TEXTREF: address})
        for each in group:
            number += 1
            par = etree.SubElement(sequence, f"{{{_SMIL}}}par", {"id": f"par-{number}"})
            etree.SubElement(par, f"{{{_SMIL}}}text", {"src": f"{address}#{quote(each.identity)}"})
            times = {"clipBegin": clock(each.clip.begin), "clipEnd": clock(each.clip.end)}
            etree.SubElement(par, f"{{{_SMIL}}}audio", {"src": quote(sounds[chapter]), **times})
    etree.indent(root, " ")
    data: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


def clock(milliseconds: int) -> str:
    """Word a time as SMIL's full clock value: `0:01:02.345`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
