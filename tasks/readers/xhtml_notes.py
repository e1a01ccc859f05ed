"""Notes and their calls: which blocks belong to which note, told from what the marks of the whole book lead to."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from tasks.model import Block, BlockKind
from tasks.readers.epub_chapters import Division
from tasks.readers.xhtml import Passage, left_apart
from tasks.readers.xhtml_reasons import NOTES

# A document that is out of the line of reading often holds nothing but a note.
_HOLDING_NOTES = {*NOTES, "nonlinear"}


def with_linked(passages: Sequence[tuple[str, Passage]]) -> tuple[tuple[str, Passage], ...]:
    """Leave out the notes that nothing but their links tells of: a mark in the text leads to one, and its label leads back.

    What goes on after such a note's first paragraph is one with it if both stand in the element that the mark leads to.
    """
    places = {
        f"{document}#{identity}": place
        for place, (document, passage) in enumerate(passages)
        for identity in passage.ids
    }
    notes = {address for place in range(len(passages)) for address in _linked(passages, places, place)}
    return tuple(
        (document, left_apart(passage, "footnotes") if _is_linked(document, passage, notes) else passage)
        for document, passage in passages
    )


def _linked(passages: Sequence[tuple[str, Passage]], places: dict[str, int], place: int) -> Iterator[str]:
    """Give the addresses under which a passage is called as a note by those that its label leads back to."""
    block = passages[place][1].block
    if block.left_out or block.kind is BlockKind.HEADING:
        return
    # Notes come after what calls them: a paragraph that begins with its mark is none of the note that it calls.
    callers = {places[call.note] for call in block.calls if not call.place and places.get(call.note, place) < place}
    for caller in callers:
        for call in passages[caller][1].block.calls:
            # A mark stands behind words; at the beginning it is a label itself, as those of a list of contents are.
            if call.place and places.get(call.note) == place:
                yield call.note


def _is_linked(document: str, passage: Passage, notes: Container[str]) -> bool:
    nearest = passage.context.around[:1]
    return any(f"{document}#{identity}" in notes for identity in (*passage.ids, *nearest))


def with_candidates(passages: Sequence[tuple[str, Passage]]) -> tuple[tuple[str, Passage], ...]:
    """Name for each passage the note that it would belong to, were it left out as one."""
    called: dict[str, set[str]] = {}
    for _, passage in passages:
        for call in passage.block.calls:
            document, _, fragment = call.note.partition("#")
            called.setdefault(document, set()).add(fragment)
    return tuple(
        (document, _with_candidate(document, passage, called.get(document, set()))) for document, passage in passages
    )


def with_notes(division: Division) -> Division:
    """Keep the notes of what is left out as such; a note's own marks call only notes, for others lead back to its call."""
    blocks = [*division.left_out, *(block for chapter in division.chapters for block in chapter.blocks)]
    notes = {block.note for block in blocks if block.note and block.left_out in _HOLDING_NOTES}
    return Division(
        tuple(replace(chapter, blocks=_settled(chapter.blocks, notes)) for chapter in division.chapters),
        _settled(division.left_out, notes),
    )


def _with_candidate(document: str, passage: Passage, called: set[str]) -> Passage:
    """Name a passage's note, of a document in which the fragments `called` are; an empty one is the whole document."""
    context = passage.context
    if not (called or context.note):
        return passage
    note = next((name for name in _names(passage) if name in called), context.note)
    if not note and "" not in called:
        return passage
    return replace(passage, block=replace(passage.block, note=f"{document}#{note}" if note else document))


def _names(passage: Passage) -> Iterator[str]:
    """Give the ids that may name a passage's note: those around it as far as a note, then those at its own head."""
    for identity in passage.context.around:
        yield identity
        if identity == passage.context.note:
            break
    yield from sorted(passage.ids)


def _settled(blocks: tuple[Block, ...], notes: set[str]) -> tuple[Block, ...]:
    return tuple(_settle(block, notes) if block.note or block.calls else block for block in blocks)


def _settle(block: Block, notes: set[str]) -> Block:
    if block.left_out not in _HOLDING_NOTES:
        return replace(block, note="")
    return replace(block, calls=tuple(call for call in block.calls if call.note in notes))
