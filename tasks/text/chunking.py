"""A chapter becomes chunks: whole sentences, one block each, under the voice's limit.

A chunk never crosses a block, so an edit changes the chunks of its own paragraph and no others.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.model import Block, BlockKind, Book, Chapter, Chunk, Pause, Role, Script, Sentence
from tasks.text.boundaries import has_words
from tasks.text.dialogue import spans
from tasks.text.headings import spoken_heading
from tasks.text.sentences import sentences

# Word joiner, zero-width space, soft hyphen, byte order mark: they guide the page and would stumble a voice.
_UNHEARD = re.compile("[\u2060\u200b\u00ad\ufeff]")
# The kind of what is left out that notes are, once they are read.
_NOTES = "footnotes"
_SENTENCE_END = re.compile(r"[.!?…。！？][\W_]*$")
_WORD_END = re.compile(r"(?<=[—–])(?=\S)|\s+(?=\S)")


class TextSettings(BaseModel):
    """`[text]` of a profile: what is read, and in which pieces.

    `max_characters` of 0 leaves the limit to the voice. `read` names kinds of left-out text that are to be spoken.
    `speakable` lets headings be said as a reader would say them; without it they are sent as written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Literal["paragraph", "sentence"] = "paragraph"
    max_characters: int = Field(0, ge=0)
    read: frozenset[Literal["footnotes", "tables", "code", "captions"]] = frozenset()
    speakable: bool = True


@dataclass(frozen=True, slots=True)
class _Piece:
    """Sentences of one block that fit one request."""

    block: Block
    sentences: tuple[Sentence, ...]
    role: Role
    last_of_block: bool


def scripts_of(
    book: Book, settings: TextSettings, limit: int, cast: frozenset[Role] = frozenset()
) -> tuple[Script, ...]:
    """Cut every chapter of a book into chunks of at most `limit` characters (0: no limit of the voice).

    Roles that are in `cast` have a voice of their own, so no chunk holds theirs and another's; all else is narration.
    """
    limits = [bound for bound in (limit, settings.max_characters) if bound]
    return tuple(_scripts(book.chapters, book.language, settings, min(limits, default=0), cast))


def _scripts(
    chapters: Iterable[Chapter], language: str, settings: TextSettings, limit: int, cast: frozenset[Role]
) -> Iterator[Script]:
    previous = 0
    for chapter in chapters:
        previous, said = _sayings(chapter, language, settings, previous)
        blocks = [block for block in chapter.blocks if _is_spoken(block, settings)]
        worded = [block for block in blocks if block.kind is not BlockKind.BREAK]
        pieces = [
            piece
            for block in worded
            for piece in _pieces(block, said.get(block.anchor), language, settings, limit, cast)
        ]
        yield Script(
            number=chapter.number,
            title=chapter.title,
            chunks=tuple(_chunks(chapter.number, pieces, blocks)),
            left_out=tuple(_left_out(chapter, settings)),
        )


def _is_spoken(block: Block, settings: TextSettings) -> bool:
    if block.kind is BlockKind.BREAK:
        return not block.left_out
    return (not block.left_out or block.left_out in settings.read) and has_words(block.text)


def _left_out(chapter: Chapter, settings: TextSettings) -> Iterator[Block]:
    for block in chapter.blocks:
        if block.text and not _is_spoken(block, settings):
            reason = block.left_out or "no words"
            yield Block(block.kind, block.text, block.anchor, block.level, reason)


def in_order_of_requests(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Order a chapter's chunks as they are asked for: the longest first, so that the last ones end together."""
    return sorted(chunks, key=lambda chunk: -len(chunk.text))


def _sayings(chapter: Chapter, language: str, settings: TextSettings, previous: int) -> tuple[int, dict[str, str]]:
    """Say the headings that open a chapter; returns the chapter's number as its heading gives it, for the next one."""
    said: dict[str, str] = {}
    if not settings.speakable:
        return previous, said
    for block in chapter.blocks:
        if block.kind is BlockKind.BREAK or not _is_spoken(block, settings):
            continue
        if block.kind is not BlockKind.HEADING:
            break
        heading = spoken_heading(block.text, language, previous)
        said[block.anchor] = heading.text
        previous = heading.number or previous
    return previous, said


def _pieces(  # noqa: PLR0917  # all that decides how a block is cut
    block: Block, said: str | None, language: str, settings: TextSettings, limit: int, cast: frozenset[Role]
) -> Iterator[_Piece]:
    """Cut a block into pieces of whole sentences; only a sentence that is itself over the limit is cut, at a clause."""
    groups: list[tuple[Role, list[Sentence]]] = []
    for role, text in _parts(block, cast):
        if said is not None and said != block.text and (not limit or len(said) <= limit):
            whole = [Sentence(block.text, said)]
        else:
            whole = _cut(text, language, limit)
        groups += [(role, group) for group in _grouped(whole, 1 if settings.unit == "sentence" else limit)]
    for place, (role, group) in enumerate(groups):
        yield _Piece(block, tuple(group), role, last_of_block=place == len(groups) - 1)


def _parts(block: Block, cast: frozenset[Role]) -> list[tuple[Role, str]]:
    """Share a block's text between those who speak it."""
    role = Role.NARRATION
    if block.kind is BlockKind.HEADING:
        role = Role.HEADING
    elif block.left_out == _NOTES:
        role = Role.NOTE
    elif Role.QUOTE in cast:
        return [(Role.QUOTE if span.is_dialogue else role, span.text) for span in spans(block.text)]
    return [(role if role in cast else Role.NARRATION, block.text)]


def _cut(text: str, language: str, limit: int) -> list[Sentence]:
    """Cut a text that has words; a part that has none goes unsaid with the sentence beside it."""
    whole: list[Sentence] = []
    unsaid = ""
    for part in (part for sentence in sentences(text, language) for part in _fitting(sentence, limit)):
        if has_words(part):
            whole.append(Sentence(f"{unsaid}{part}", _heard(part)))
            unsaid = ""
        elif whole:
            whole[-1] = replace(whole[-1], text=f"{whole[-1].text} {part}")
        else:
            unsaid += f"{part} "
    return whole


def _heard(text: str) -> str:
    return " ".join(_UNHEARD.sub("", text).split())


def _fitting(text: str, limit: int) -> list[str]:
    """Cut a sentence that is over the limit at the ends of clauses, else between words, else anywhere."""
    parts: list[str] = []
    while limit and len(text) > limit:
        ends = [found.start() for found in _WORD_END.finditer(text[: limit + 1])]
        clauses = [end for end in ends if text[end - 1] in ",;:—–" and end > limit // 2]
        cut = max(clauses or ends, default=0) or limit
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*parts, text] if text else parts


def _grouped(whole: list[Sentence], limit: int) -> list[list[Sentence]]:
    groups: list[list[Sentence]] = []
    length = 0
    for sentence in whole:
        if groups and (not limit or length + 1 + len(sentence.spoken) <= limit):
            groups[-1].append(sentence)
            length += 1 + len(sentence.spoken)
        else:
            groups.append([sentence])
            length = len(sentence.spoken)
    return groups


def _chunks(number: int, pieces: list[_Piece], blocks: list[Block]) -> Iterator[Chunk]:
    following = {block.anchor: after for block, after in zip(blocks, [*blocks[1:], None], strict=False)}
    nexts: list[_Piece | None] = [*pieces[1:], None][: len(pieces)]
    for place, (piece, after) in enumerate(zip(pieces, nexts, strict=True), start=1):
        yield Chunk(
            id=f"{number}.{place}",
            kind=piece.block.kind,
            anchor=piece.block.anchor,
            sentences=piece.sentences,
            pause=_pause(piece, following[piece.block.anchor], after) if after else Pause.NONE,
            role=piece.role,
        )


def _pause(piece: _Piece, following: Block | None, after: _Piece) -> Pause:
    if not piece.last_of_block:
        same_sentence = after.role is not piece.role and not _SENTENCE_END.search(piece.sentences[-1].text)
        return Pause.TURN if same_sentence else Pause.SENTENCE
    if piece.block.kind is BlockKind.HEADING:
        return Pause.HEADING
    return Pause.SCENE if following and following.kind is BlockKind.BREAK else Pause.PARAGRAPH
