from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model import Call
from tasks.readers.markdown import read
from tasks.readers.markdown_inline import folded_with_calls
from tests.readers.test_markdown import blocks_of, write


def notes(path: Path, source: str) -> list[tuple[str, str, tuple[Call, ...]]]:
    """Give each block's text, the note it belongs to, and its calls."""
    return [(block.text, block.note, block.calls) for block in blocks_of(read(write(path, source)))]


def test_a_call_stands_behind_the_word_before_it(tmp_path: Path) -> None:
    source = "Begin[^a], *then*  [^b] on.^[Said *at* once.] [^a]\n\n[^b]: Of b.\n[^a]: Of a."
    assert notes(tmp_path, source) == [
        ("Begin, then on.", "", (Call(5, "note=1"), Call(11, "note=2"), Call(15, "note=3"), Call(15, "note=1"))),
        ("Of a.", "note=1", ()),
        ("Of b.", "note=2", ()),
        ("Said at once.", "note=3", ()),
    ]


@given(st.lists(st.tuples(st.text(" ab\t\n\u2003", max_size=4), st.none() | st.integers(0, 9)), max_size=12))
def test_folding_keeps_the_words_and_places_the_calls_behind_them(parts: list[tuple[str, int | None]]) -> None:
    text, calls = folded_with_calls(parts, str)
    assert text == " ".join("".join(words for words, _ in parts).split())
    assert [call.note for call in calls] == [str(note) for _, note in parts if note is not None]
    ends = [place for place, (_, note) in enumerate(parts, 1) if note is not None]
    assert [call.place for call in calls] == [
        len(" ".join("".join(words for words, _ in parts[:end]).split())) for end in ends
    ]


def test_all_blocks_of_a_note_bear_its_name(tmp_path: Path) -> None:
    source = (
        "Text[^a].\n\n[^a]: One[^b].\n\n    > Two ![pic](p).\n\n        code\n\n[^b]: Inner.\n[^c]: Uncalled[^c].\n"
    )
    blocks = blocks_of(read(write(tmp_path, source)))
    assert [(block.text, block.note, block.left_out) for block in blocks] == [
        ("Text.", "", ""),
        ("One.", "note=1", "footnotes"),
        ("Inner.", "note=2", "footnotes"),
        ("Two .", "note=1", "footnotes"),
        ("pic", "note=1", "captions"),
        ("code", "note=1", "code"),
        ("Uncalled.", "note=3", "footnotes"),
    ]
    assert blocks[-1].calls == (Call(8, "note=3"),)


def test_a_note_that_nothing_calls_has_a_name_of_its_own(tmp_path: Path) -> None:
    source = "Text[^a].\n\n[^never]: Alone.\n[^a]: Of a.\n[^a]: Again."
    assert [(text, note) for text, note, _ in notes(tmp_path, source)] == [
        ("Text.", ""),
        ("Of a.", "note=1"),
        ("Alone.", "note=2"),
        ("Again.", "note=3"),
    ]


@pytest.mark.parametrize(
    ("source", "text", "calls"),
    [
        ("# Head[^a]", "Head", (Call(4, "note=1"),)),
        ("| a[^a] | b |\n|---|---|\n| c | d[^a] |", "a b c d", (Call(1, "note=1"), Call(7, "note=1"))),
        ("![A ship[^a]](x)", "A ship", (Call(6, "note=1"),)),
        ("<p>In <b>HTML</b>[^a].</p>", "In HTML.", (Call(7, "note=1"),)),
        ("[^a] First.", "First.", (Call(0, "note=1"),)),
    ],
)
def test_calls_are_found_wherever_text_stands(tmp_path: Path, source: str, text: str, calls: tuple[Call, ...]) -> None:
    found = notes(tmp_path, f"Begin.\n\n{source}\n\n[^a]: Note.")
    assert found[1] == (text, "", calls)
    assert found[2:] == [("Note.", "note=1", ())]


def test_a_definition_within_another_is_a_note_of_its_own(tmp_path: Path) -> None:
    source = "Text[^a] and[^b].\n\n[^a]: Outer.\n\n    [^b]: Inner.\n\n    Outer again."
    assert [(text, note) for text, note, _ in notes(tmp_path, source)] == [
        ("Text and.", ""),
        ("Outer.", "note=1"),
        ("Outer again.", "note=1"),
        ("Inner.", "note=2"),
    ]


def test_notes_that_call_notes_without_end_are_all_told(tmp_path: Path) -> None:
    chain = "".join(f"[^{number}]: Note {number}[^{number + 1}].\n" for number in range(1_000))
    texts = [text for text, _, _ in notes(tmp_path, f"Text[^0].\n\n{chain}")]
    assert set(texts[1:]) == {*(f"Note {number}." for number in range(999)), "Note 999[^1000]."}
    assert len(texts) == 1_001
