"""A chapter as it is given to a model: the words of its paragraphs, in parts that end with one."""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from tasks.model import BlockKind, Chapter

_BETWEEN = "\n\n"
_SCENE = "***"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a chapter: the chapter's number, which of how many parts it is (from 1), and its text."""

    chapter: int
    number: int
    of: int
    text: str


def parts_of(chapter: Chapter, longest: int, read: Container[str] = ()) -> tuple[Part, ...]:
    """Divide what is spoken of a chapter, with the kinds of left-out text in `read`, into parts of at most `longest` characters.

    A part ends with a paragraph, and a paragraph that is longer is one by itself. The headings that open the chapter are not
    retold. A chapter without words has no part.
    """
    texts = tuple(_grouped(_paragraphs(chapter, read), longest))
    return tuple(Part(chapter.number, number, len(texts), text) for number, text in enumerate(texts, start=1))


def _paragraphs(chapter: Chapter, read: Container[str]) -> list[str]:
    blocks = [block for block in chapter.blocks if not block.left_out or block.left_out in read]
    while blocks and blocks[0].kind in {BlockKind.HEADING, BlockKind.BREAK}:
        del blocks[0]
    if not any(char.isalnum() for block in blocks for char in block.text):
        return []
    return [_SCENE if block.kind is BlockKind.BREAK else block.text for block in blocks]


def _grouped(paragraphs: list[str], longest: int) -> Iterator[str]:
    group: list[str] = []
    length = 0
    for paragraph in paragraphs:
        if group and length + len(_BETWEEN) + len(paragraph) > longest:
            yield _BETWEEN.join(group)
            group, length = [], 0
        length += len(_BETWEEN) * bool(group) + len(paragraph)
        group.append(paragraph)
    if group:
        yield _BETWEEN.join(group)
