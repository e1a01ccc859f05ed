"""Paragraphs that the division of a book into files has cut in two."""

import re
from collections.abc import Iterable

from tasks.model import Block, BlockKind
from tasks.readers.xhtml import Passage
from tasks.readers.xhtml_text import joined

_STOPPED = re.compile(r"[.!?…。！？][\"'”’»›)\]\u00ad]*$")


def sewn(passages: Iterable[tuple[str, Passage]]) -> tuple[Block, ...]:
    """Give the blocks of passages (each with its document's name), a paragraph that goes on in the next file as one.

    It goes on where its first part ends without a stop, the next file begins with a small letter, and both are paragraphs
    of one language with nothing that is read between them.
    """
    blocks: list[Block] = []
    last: int | None = None
    last_document = ""
    for document, passage in passages:
        block = passage.block
        if block.left_out:
            blocks.append(block)
            continue
        if last is not None and document != last_document and _goes_on(blocks[last], block):
            blocks[last] = joined([blocks[last], block])
        else:
            last = len(blocks)
            blocks.append(block)
        last_document = document
    return tuple(blocks)


def _goes_on(first: Block, second: Block) -> bool:
    return (
        first.kind is second.kind is BlockKind.PARAGRAPH
        and first.language == second.language
        and second.text[:1].islower()
        and not _STOPPED.search(first.text[-8:])
    )
