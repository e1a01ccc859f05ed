"""A chapter in parts: whole paragraphs, in order, each once, and no part longer than it may be unless it is one paragraph."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.model import Block, BlockKind, Chapter
from tasks.tellers.parts import parts_of

PARAGRAPHS = st.lists(st.text("ab ", min_size=1, max_size=40).map(lambda text: f"x{text}".strip()), max_size=12)


def chapter(*texts: str) -> Chapter:
    blocks = (Block(BlockKind.PARAGRAPH, text, f"#{place}") for place, text in enumerate(texts))
    return Chapter(3, "Three", (Block(BlockKind.HEADING, "Three", "#h"), *blocks))


@given(PARAGRAPHS, st.integers(1, 100))
def test_every_paragraph_is_in_one_part(texts: list[str], longest: int) -> None:
    parts = parts_of(chapter(*texts), longest)
    assert [text for part in parts for text in part.text.split("\n\n")] == texts
    assert all(len(part.text) <= longest or "\n\n" not in part.text for part in parts)
    assert [(part.chapter, part.number, part.of) for part in parts] == [
        (3, number, len(parts)) for number in range(1, len(parts) + 1)
    ]


def test_what_is_read_is_told() -> None:
    blocks = (
        Block(BlockKind.HEADING, "Three", "#1"),
        Block(BlockKind.BREAK, "", "#2"),
        Block(BlockKind.PARAGRAPH, "One.", "#3"),
        Block(BlockKind.PARAGRAPH, "a | b", "#4", left_out="tables"),
        Block(BlockKind.BREAK, "", "#5"),
        Block(BlockKind.HEADING, "Within", "#6"),
        Block(BlockKind.PARAGRAPH, "12", "#7", left_out="running-head"),
    )
    told = Chapter(1, "Three", blocks)
    assert [part.text for part in parts_of(told, 500)] == ["One.\n\n***\n\nWithin"]
    assert [part.text for part in parts_of(told, 500, {"tables"})] == ["One.\n\na | b\n\n***\n\nWithin"]


def test_a_chapter_without_words_has_no_part() -> None:
    assert parts_of(chapter(), 500) == ()
    assert parts_of(chapter("…"), 500) == ()
