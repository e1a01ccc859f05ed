"""Notes and their calls: which blocks belong to which note, told from what the marks of the whole book lead to."""

from collections.abc import Sequence
from dataclasses import replace

from tasks.model import Block
from tasks.readers.epub_chapters import Division
from tasks.readers.xhtml import Passage
from tasks.readers.xhtml_reasons import NOTES

# A document that is out of the line of reading often holds nothing but a note.
_HOLDING_NOTES = {*NOTES, "nonlinear"}


def with_candidates(passages: Sequence[tuple[str, Passage]]) -> tuple[tuple[str, Passage], ...]:
    """Name for each passage the note that it would belong to, were it left out as one."""
    called = {call.note for _, passage in passages for call in passage.block.calls}
    return tuple((document, _with_candidate(document, passage, called)) for document, passage in passages)


def with_notes(division: Division) -> Division:
    """Keep the notes of what is left out as such; a note's own marks call only notes, for others lead back to its call."""
    blocks = [*division.left_out, *(block for chapter in division.chapters for block in chapter.blocks)]
    notes = {block.note for block in blocks if block.note and block.left_out in _HOLDING_NOTES}
    return Division(
        tuple(replace(chapter, blocks=_settled(chapter.blocks, notes)) for chapter in division.chapters),
        _settled(division.left_out, notes),
    )


def _with_candidate(document: str, passage: Passage, called: set[str]) -> Passage:
    context = passage.context
    if not (called or context.note):
        return passage
    # What stands around it no farther than a note of its own; then what stands at the head of the block itself.
    nearer = context.around[: context.around.index(context.note)] if context.note else context.around
    own = [f"{document}#{context.note}"] * bool(context.note)
    names = [*(f"{document}#{identity}" for identity in nearer), *(name for name in own if name in called)]
    names += [f"{document}#{identity}" for identity in sorted(passage.ids)]
    note = next((name for name in (*names, document) if name in called), "".join(own))
    return replace(passage, block=replace(passage.block, note=note)) if note else passage


def _settled(blocks: tuple[Block, ...], notes: set[str]) -> tuple[Block, ...]:
    return tuple(_settle(block, notes) if block.note or block.calls else block for block in blocks)


def _settle(block: Block, notes: set[str]) -> Block:
    if block.left_out not in _HOLDING_NOTES:
        return replace(block, note="")
    return replace(block, calls=tuple(call for call in block.calls if call.note in notes))
