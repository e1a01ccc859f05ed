"""A chapter becomes chunks: whole sentences, one block each, under the voice's limit.

A chunk never crosses a block, so an edit changes the chunks of its own paragraph and no others.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.model import Block, BlockKind, Book, Chapter, Chunk, Pause, Role, Script
from tasks.text.abbreviations import abbreviations_of
from tasks.text.boundaries import has_words
from tasks.text.coverage import check_whole
from tasks.text.cutting import Cut, Manner, cut, said_whole
from tasks.text.dialogue import spans
from tasks.text.diction import Diction
from tasks.text.headings import spoken_heading
from tasks.text.lexicon import load_lexicon

# The kinds of what is left out that notes are: read, those that are called follow the sentence that calls them.
_NOTES = {"footnotes", "endnotes", "nonlinear"}
_SENTENCE_END = re.compile(r"[.!?…。！？][\W_]*$")


class TextSettings(BaseModel):
    """`[text]` of a profile: what is read, and in which pieces.

    `max_characters` of 0 leaves the limit to the voice. `read` names kinds of left-out text that are to be spoken; notes are
    spoken after the sentence that calls them. `lexicon` is the path of a lexicon (W3C PLS or TOML). `speakable` has numbers,
    abbreviations and signs said as a reader would say them; without it all is sent as written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Literal["paragraph", "sentence"] = "paragraph"
    max_characters: int = Field(0, ge=0)
    read: frozenset[Literal["footnotes", "tables", "code", "captions"]] = frozenset()
    lexicon: str = ""
    speakable: bool = True


@dataclass(frozen=True, slots=True)
class _Piece:
    """Sentences of one block that fit one request."""

    block: Block
    cuts: tuple[Cut, ...]
    role: Role
    last_of_block: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """What decides how every chapter of a book is cut. `notes` are the blocks of each note that is read where it is called."""

    settings: TextSettings
    manner: Manner
    limit: int
    cast: frozenset[Role]
    notes: Mapping[str, tuple[Block, ...]]


def diction_of(settings: TextSettings, book: Book, takes_phonemes: bool) -> Diction:  # noqa: FBT001  # what voices can do
    """Say how a book's words are said: by the profile's lexicon first, then by the manuscript's. Raises `ProfileError`."""
    own = load_lexicon(settings.lexicon) if settings.lexicon else ()
    return Diction((*own, *book.lexicon), settings.speakable, takes_phonemes)


def scripts_of(
    book: Book,
    settings: TextSettings,
    limit: int,
    cast: frozenset[Role] = frozenset(),
    diction: Diction | None = None,
) -> tuple[Script, ...]:
    """Cut every chapter of a book into chunks of at most `limit` characters (0: no limit of the voice).

    Roles that are in `cast` have a voice of their own, so no chunk holds theirs and another's; all else is narration. Raises
    `TextLostError` should a word of the book be neither spoken nor left out.
    """
    return _cut(book, settings, limit, cast, diction or Diction(book.lexicon, settings.speakable))


# A command cuts a book to plan it, and its run once more: two seconds for 10,000 chunks. A book's credits are cut beside it.
@lru_cache(maxsize=4)
def _cut(book: Book, settings: TextSettings, limit: int, cast: frozenset[Role], diction: Diction) -> tuple[Script, ...]:
    limits = [bound for bound in (limit, settings.max_characters) if bound]
    shown = abbreviations_of(block.text for chapter in book.chapters for block in chapter.blocks)
    manner = Manner(book.language, shown, diction)
    notes = _called_notes(book, settings) if "footnotes" in settings.read else {}
    scripts = tuple(_scripts(book.chapters, _Plan(settings, manner, min(limits, default=0), cast, notes)))
    check_whole(book, scripts)
    return scripts


def _called_notes(book: Book, settings: TextSettings) -> dict[str, tuple[Block, ...]]:
    """Gather the blocks of each note that the text calls; what is called by notes alone stays where it stands."""
    chapters = [block for chapter in book.chapters for block in chapter.blocks]
    text = (block for block in chapters if block.left_out not in _NOTES and _is_wanted(block, settings))
    called = {call.note for block in text for call in block.calls}
    notes: dict[str, tuple[Block, ...]] = {}
    for block in chain(chapters, book.left_out):
        if _is_read_where_called(block, called):
            notes[block.note] = (*notes.get(block.note, ()), block)
    return notes


def _scripts(chapters: Iterable[Chapter], plan: _Plan) -> Iterator[Script]:
    previous = 0
    read: set[str] = set()
    for chapter in chapters:
        previous, said = _sayings(chapter, plan.manner.language, plan.settings, previous)
        blocks = [block for block in chapter.blocks if _is_spoken(block, plan)]
        worded = [block for block in blocks if block.kind is not BlockKind.BREAK]
        pieces = [piece for block in worded for piece in _pieces_and_notes(block, said.get(block.anchor), plan, read)]
        yield Script(
            number=chapter.number,
            title=chapter.title,
            chunks=tuple(_chunks(chapter.number, pieces, blocks)),
            left_out=tuple(_left_out(chapter, plan)),
        )


def _is_spoken(block: Block, plan: _Plan) -> bool:
    """Tell whether a block is spoken where it stands."""
    if block.kind is BlockKind.BREAK:
        return not block.left_out
    return _is_wanted(block, plan.settings) and not _is_read_where_called(block, plan.notes)


def _is_read_where_called(block: Block, called: Container[str]) -> bool:
    return block.note in called and block.left_out in _NOTES and has_words(block.text)


def _is_wanted(block: Block, settings: TextSettings) -> bool:
    return (not block.left_out or block.left_out in settings.read) and has_words(block.text)


def _left_out(chapter: Chapter, plan: _Plan) -> Iterator[Block]:
    for block in chapter.blocks:
        if block.text and not _is_spoken(block, plan) and not _is_read_where_called(block, plan.notes):
            yield replace(block, left_out=block.left_out or "no words")


def in_order_of_requests(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Order a chapter's chunks as they are asked for: the longest first, so that the last ones end together."""
    return sorted(chunks, key=lambda chunk: -len(chunk.text))


def _sayings(chapter: Chapter, language: str, settings: TextSettings, previous: int) -> tuple[int, dict[str, str]]:
    """Say the headings that open a chapter; returns the chapter's number as its heading gives it, for the next one."""
    said: dict[str, str] = {}
    if not settings.speakable:
        return previous, said
    for block in chapter.blocks:
        if block.kind is BlockKind.BREAK or block.left_out or not has_words(block.text):
            continue
        if block.kind is not BlockKind.HEADING:
            break
        heading = spoken_heading(block.text, language, previous)
        said[block.anchor] = heading.text
        previous = heading.number or previous
    return previous, said


def _pieces_and_notes(block: Block, said: str | None, plan: _Plan, read: set[str]) -> Iterator[_Piece]:
    """Cut a block into pieces, and each note that it calls behind the sentence that does, the first time."""
    if not any(call.note in plan.notes for call in block.calls):
        yield from _pieces(block, said, plan)
        return
    for piece in _pieces(block, said, plan):
        begin = 0
        for place, sentence in enumerate(piece.cuts, start=1):
            is_last = place == len(piece.cuts)
            end = len(block.text) if is_last and piece.last_of_block else sentence.end
            called = [call.note for call in block.calls if call.place <= end and call.note in plan.notes]
            notes = [note for note in dict.fromkeys(called) if note not in read]
            if notes or is_last:
                yield replace(piece, cuts=piece.cuts[begin:place], last_of_block=piece.last_of_block and is_last)
                begin = place
            read.update(notes)
            yield from (part for note in notes for each in plan.notes[note] for part in _pieces(each, None, plan))


def _pieces(block: Block, said: str | None, plan: _Plan) -> Iterator[_Piece]:
    """Cut a block into pieces of whole sentences; only a sentence that is itself over the limit is cut, at a clause."""
    groups: list[tuple[Role, list[Cut]]] = []
    place = 0
    for role, text in _parts(block, plan.cast):
        whole = said_whole(block, said, plan.manner) if said and said != block.text else None
        if whole is None or (plan.limit and len(whole.sentence.spoken) > plan.limit):
            made = cut(block, place, place + len(text), plan.manner, plan.limit)
        else:
            made = [whole]
        place += len(text)
        groups += [(role, group) for group in _grouped(made, 1 if plan.settings.unit == "sentence" else plan.limit)]
    for number, (role, group) in enumerate(groups, start=1):
        yield _Piece(block, tuple(group), role, last_of_block=number == len(groups))


def _parts(block: Block, cast: frozenset[Role]) -> list[tuple[Role, str]]:
    """Share a block's text between those who speak it."""
    role = Role.NARRATION
    if block.kind is BlockKind.HEADING:
        role = Role.HEADING
    elif block.left_out in _NOTES:
        role = Role.NOTE
    elif Role.QUOTE in cast:
        return [(Role.QUOTE if span.is_dialogue else role, span.text) for span in spans(block.text)]
    return [(role if role in cast else Role.NARRATION, block.text)]


def _grouped(cuts: list[Cut], limit: int) -> list[list[Cut]]:
    groups: list[list[Cut]] = []
    length = 0
    for each in cuts:
        longer = length + 1 + len(each.sentence.spoken)
        if groups and (not limit or longer <= limit):
            groups[-1].append(each)
            length = longer
        else:
            groups.append([each])
            length = len(each.sentence.spoken)
    return groups


def _chunks(number: int, pieces: list[_Piece], blocks: list[Block]) -> Iterator[Chunk]:
    following = {block.anchor: after for block, after in zip(blocks, [*blocks[1:], None], strict=False)}
    nexts: list[_Piece | None] = [*pieces[1:], None][: len(pieces)]
    for place, (piece, after) in enumerate(zip(pieces, nexts, strict=True), start=1):
        yield Chunk(
            id=f"{number}.{place}",
            kind=piece.block.kind,
            anchor=piece.block.anchor,
            sentences=tuple(each.sentence for each in piece.cuts),
            pause=_pause(piece, following.get(piece.block.anchor), after) if after else Pause.NONE,
            role=piece.role,
        )


def _pause(piece: _Piece, following: Block | None, after: _Piece) -> Pause:
    if not piece.last_of_block:
        same_sentence = after.role is not piece.role and not _SENTENCE_END.search(piece.cuts[-1].sentence.text)
        return Pause.TURN if same_sentence else Pause.SENTENCE
    if piece.block.kind is BlockKind.HEADING:
        return Pause.HEADING
    return Pause.SCENE if following and following.kind is BlockKind.BREAK else Pause.PARAGRAPH
