from dataclasses import replace

import pytest

from tasks.model import Block, BlockKind, Book, Chapter, Script
from tasks.text.chunking import TextSettings, scripts_of
from tasks.text.coverage import Omission, TextLostError, check_whole, coverage_of

BLOCKS = (
    Block(BlockKind.PARAGRAPH, "He sailed. He came back.", "a"),
    Block(BlockKind.PARAGRAPH, "A note.", "b", left_out="footnotes"),
    Block(BlockKind.PARAGRAPH, "12", "c", left_out="page-number"),
    Block(BlockKind.PARAGRAPH, "Another note.", "d", left_out="footnotes"),
)
COPYRIGHT = Block(BlockKind.PARAGRAPH, "All rights reserved.", "e", left_out="copyright-page")
BOOK = Book("A Book", (), "en", (Chapter(1, "I", BLOCKS),), (COPYRIGHT,))


def scripts() -> tuple[Script, ...]:
    return scripts_of(BOOK, TextSettings(), 0)


def test_what_is_spoken_is_counted_and_what_is_not_by_its_reason() -> None:
    coverage = coverage_of(BOOK, scripts())
    assert coverage.spoken == len("Hesailed.Hecameback.")
    assert coverage.omissions == (
        Omission("copyright-page", 18, 1),
        Omission("footnotes", 6 + 12, 2),
        Omission("page-number", 2, 1),
    )
    assert coverage.characters == coverage.spoken + 18 + 18 + 2
    assert coverage.share == coverage.spoken / coverage.characters


@pytest.mark.parametrize("loss", ["a sentence", "a sentence twice", "another order", "what is left out", "a letter"])
def test_a_loss_is_a_fault_that_names_the_place(loss: str) -> None:
    (script,) = scripts()
    check_whole(BOOK, (script,))
    (chunk,) = script.chunks
    first, second = chunk.sentences
    cut = {
        "a sentence": (first,),
        "a sentence twice": (first, second, second),
        "another order": (second, first),
        "a letter": (first, replace(second, text=second.text[:-2] + ".")),
    }.get(loss, chunk.sentences)
    left_out = script.left_out[1:] if loss == "what is left out" else script.left_out
    broken = replace(script, chunks=(replace(chunk, sentences=cut),), left_out=left_out)
    with pytest.raises(TextLostError, match="b: 'A note" if loss == "what is left out" else "a: 'He sailed"):
        check_whole(BOOK, (broken,))
