from pathlib import Path

import pytest

from tasks.model import Book
from tasks.readers.pdf import read
from tests.readers.making_pdfs import PROSE, TALE, Press, blocks_of, columns_of, left_out, outline

LEFT, RIGHT = 0, 165


@pytest.fixture
def press(tmp_path: Path) -> Press:
    return Press(tmp_path / "notes.pdf")


def told(book: Book) -> list[str]:
    return [text for _, each in outline(book) for text in each]


def calls_of(book: Book) -> list[tuple[str, str]]:
    """What stands before each call, and the note that it calls."""
    return [(block.text[: call.place][-8:], call.note) for block in blocks_of(book) for call in block.calls]


def notes_of(book: Book) -> list[tuple[str, str]]:
    return [(block.note, block.text) for block in blocks_of(book) if block.left_out == "footnotes"]


def test_a_note_is_called_where_its_mark_stood(press: Press) -> None:
    press.marked("The keeper", "1", " climbed the stairs and counted can-")
    press.marked("dles,", "2", " all of them by name. Nobody")
    press.lines("answered, and the sea said nothing at all that night.")
    press.line("1 Whose name is not known.", size=8, y=60)
    press.line("2 There were nine.", size=8, y=50)
    book = read(press.close())
    text = "The keeper climbed the stairs and counted candles, all of them by name. Nobody answered, and the sea said nothing at all that night."
    assert told(book) == [text]
    assert calls_of(book) == [("e keeper", "page=1#note-1"), ("candles,", "page=1#note-2")]
    assert notes_of(book) == [
        ("page=1#note-1", "1 Whose name is not known."),
        ("page=1#note-2", "2 There were nine."),
    ]
    assert [kind for kind, _ in left_out(blocks_of(book))].count("noteref") == 2


@pytest.mark.parametrize("mark", ["*", "\N{DAGGER}", "**"])
def test_signs_call_notes_in_any_size(press: Press, mark: str) -> None:
    press.lines(f"The keeper{mark} climbed the stairs each night with his lamp, and")
    press.lines("the sea below counted with him.")
    press.line(f"{mark} Whose name is not known.", size=8, y=60)
    book = read(press.close())
    assert told(book) == ["The keeper climbed the stairs each night with his lamp, and the sea below counted with him."]
    assert calls_of(book) == [("e keeper", f"page=1#note-{mark}")]


def test_a_sign_that_calls_no_note_stays(press: Press) -> None:
    press.lines("He wrote four* of them, and the sea below counted with him.")
    assert told(read(press.close())) == ["He wrote four* of them, and the sea below counted with him."]


def test_powers_are_no_marks(press: Press) -> None:
    press.marked("The room had nine m", "2", " of floor, which the keeper")
    press.marked("measured twice, as x", "2", " has two roots, or so he")
    press.marked("said.", "2", " Nobody asked him for the third.")
    press.line("2 There were nine.", size=8, y=60)
    book = read(press.close())
    assert told(book) == [
        "The room had nine m2 of floor, which the keeper measured twice, as x2 has two roots, or so he said. Nobody asked him for the third."
    ]
    assert calls_of(book) == [("he said.", "page=1#note-2")]


def test_a_note_goes_on_at_the_foot_of_the_next_page(press: Press) -> None:
    press.marked("The keeper", "1", " climbed the stairs each night with his lamp, un-")
    press.line("1", x=140, y=30)
    press.line("1 Whose name is not known, although the books of the har-", size=8, y=60)
    press.new_page()
    press.lines("til the wind fell, and nobody knew when that would be.")
    press.marked("And then", "2", " it did.")
    press.line("bour were kept by his daughter.", size=8, y=60)
    press.line("2 In May.", size=8, y=50)
    press.line("2", x=140, y=30)
    book = read(press.close())
    assert notes_of(book) == [
        ("page=1#note-1", "1 Whose name is not known, although the books of the harbour were kept by his daughter."),
        ("page=2#note-2", "2 In May."),
    ]
    assert " ".join(told(book)).startswith(
        "The keeper climbed the stairs each night with his lamp, until the wind fell"
    )
    assert [note for _, note in calls_of(book)] == ["page=1#note-1", "page=2#note-2"]


def test_a_rule_sets_notes_off_that_have_no_mark(press: Press) -> None:
    press.paragraph(PROSE)
    press.canvas.line(60, 75, 160, 75)
    press.line("From the papers of the harbour.", size=8, y=62)
    book = read(press.close())
    assert told(book) == [PROSE]
    assert notes_of(book) == [("page=1#note-0", "From the papers of the harbour.")]


def test_notes_under_a_rule_may_be_as_large_as_the_text(press: Press) -> None:
    press.marked("The keeper", "1", " climbed the stairs each night with his lamp.")
    press.canvas.line(60, 75, 160, 75)
    press.line("1 Whose name is not known.", y=62)
    book = read(press.close())
    assert told(book) == ["The keeper climbed the stairs each night with his lamp."]
    assert notes_of(book) == [("page=1#note-1", "1 Whose name is not known.")]


def test_small_type_at_the_foot_that_is_no_note_is_spoken(press: Press) -> None:
    press.paragraph(PROSE)
    press.line("Dear sister, the lamp is lit and I am well,", size=9)
    press.line("and 9 is the number of the oranges that are left.", size=9)
    book = read(press.close())
    assert notes_of(book) == []
    assert "Dear sister" in " ".join(told(book))


def test_a_call_behind_a_large_first_letter(press: Press) -> None:
    press.line("T", size=30, y=press.y - 14)
    press.marked("he keeper", "1", " climbed the stairs each night", x=24)
    press.line("with his lamp, and counted them", x=24)
    press.lines("aloud, and the sea below counted with him.")
    press.line("1 Whose name is not known.", size=8, y=60)
    book = read(press.close())
    assert told(book)[0].startswith("The keeper climbed")
    assert calls_of(book) == [("e keeper", "page=1#note-1")]


def test_footnotes_stand_at_the_foot_of_each_column(press: Press) -> None:
    left, right = columns_of(TALE)
    press.column(left, LEFT, 500)
    press.column(right, RIGHT, 500)
    for x, end, mark, note in ((LEFT, left[3], "1", "1 Of oak."), (RIGHT, right[3], "2", "2 Never proved.")):
        press.canvas.setFont("Times-Roman", 6)
        press.canvas.drawString(60 + x + press.canvas.stringWidth(end, "Times-Roman", 10), 500 - 36 + 4, mark)
        press.line(note, x=x, y=60, size=8)
    book = read(press.close())
    assert told(book) == [TALE]
    assert sorted(left_out(blocks_of(book))) == [
        ("footnotes", "1 Of oak."),
        ("footnotes", "2 Never proved."),
        ("noteref", "1"),
        ("noteref", "2"),
    ]
    block = next(block for block in blocks_of(book) if block.text == TALE)
    ends = [TALE.index(end) + len(end) for end in (left[3], right[3])]
    assert [call.place for call in block.calls] == ends
