from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tasks.model import Block, BlockKind, Book, Call, Chapter, Role, Script
from tasks.text.chunking import TextSettings, scripts_of
from tasks.text.coverage import outside

READING = TextSettings.model_validate({"read": ["footnotes"], "speakable": False})
BY_SENTENCE = READING.model_copy(update={"unit": "sentence"})
TEXT = "One is here. Two is there. Three is gone."


def paragraph(text: str, *calls: Call) -> Block:
    return Block(BlockKind.PARAGRAPH, text, "p", calls=calls)


def note(name: str, text: str, kind: str = "footnotes") -> Block:
    return Block(BlockKind.PARAGRAPH, text, f"anchor of {name}", left_out=kind, note=name)


def book(*blocks: Block, left_out: tuple[Block, ...] = ()) -> Book:
    return Book("A Book", (), "en", (Chapter(1, "I", blocks),), left_out)


def said(script: Script) -> list[str]:
    return [chunk.text for chunk in script.chunks]


def test_a_note_is_read_after_the_sentence_that_calls_it() -> None:
    (script,) = scripts_of(book(paragraph(TEXT, Call(26, "n")), note("n", "A note. Of two.")), READING, 0)
    assert said(script) == ["One is here. Two is there.", "A note. Of two.", "Three is gone."]
    assert [chunk.role for chunk in script.chunks] == [Role.NARRATION] * 3
    assert [str(chunk.pause) for chunk in script.chunks] == ["sentence", "paragraph", "none"]
    assert script.left_out == ()
    (cast,) = scripts_of(book(paragraph(TEXT, Call(26, "n")), note("n", "A note.")), READING, 0, frozenset({Role.NOTE}))
    assert [chunk.role for chunk in cast.chunks] == [Role.NARRATION, Role.NOTE, Role.NARRATION]


def test_without_being_asked_for_it_is_left_out() -> None:
    (script,) = scripts_of(book(paragraph(TEXT, Call(26, "n")), note("n", "A note.")), TextSettings(speakable=False), 0)
    assert said(script) == [TEXT]
    assert [block.text for block in script.left_out] == ["A note."]


def test_an_endnote_from_the_end_of_the_book_is_read_where_it_is_called() -> None:
    endnotes = (note("n", "An endnote.", "endnotes"), note("m", "Nobody calls it.", "endnotes"))
    source = book(paragraph(TEXT, Call(5, "n")), left_out=endnotes)
    (script,) = scripts_of(source, READING, 0)
    assert said(script) == ["One is here.", "An endnote.", "Two is there. Three is gone."]
    assert outside(source, (script,)) == endnotes[1:]


def test_a_note_that_nothing_calls_is_read_where_it_stands() -> None:
    (script,) = scripts_of(book(note("n", "A note."), paragraph(TEXT)), READING, 0)
    assert said(script) == ["A note.", TEXT]


def test_a_note_is_read_once_and_two_of_one_sentence_in_order() -> None:
    first, second = note("n", "The first."), note("m", "The second.")
    calls = (Call(3, "n"), Call(5, "m"), Call(30, "n"))
    (script,) = scripts_of(book(paragraph(TEXT, *calls), first, second), READING, 0)
    assert said(script) == ["One is here.", "The first.", "The second.", "Two is there. Three is gone."]


def test_a_note_of_several_paragraphs_is_read_whole() -> None:
    blocks = (note("n", "The first."), replace(note("n", "The second."), anchor="another"))
    (script,) = scripts_of(book(paragraph(TEXT, Call(40, "n")), *blocks), BY_SENTENCE, 0)
    assert said(script)[3:] == ["The first.", "The second."]


NAMES = ["", "a", "b", "c"]
ANY_BLOCKS = st.lists(
    st.builds(
        Block,
        st.just(BlockKind.PARAGRAPH),
        st.sampled_from([TEXT, "* * *", "One is here. ***"]),
        st.just(""),
        left_out=st.sampled_from(["", "", "footnotes", "endnotes", "captions", "toc"]),
        note=st.sampled_from(NAMES),
        calls=st.lists(st.builds(Call, st.integers(0, 8), st.sampled_from(NAMES[1:])), max_size=2).map(tuple),
    ),
    max_size=7,
)


@given(ANY_BLOCKS, ANY_BLOCKS, st.sampled_from([READING, BY_SENTENCE]))
def test_whatever_calls_what_nothing_is_lost(inside: list[Block], behind: list[Block], settings: TextSettings) -> None:
    blocks = [replace(block, anchor=str(place)) for place, block in enumerate([*inside, *behind])]
    source = book(*blocks[: len(inside)], left_out=tuple(blocks[len(inside) :]))
    (script,) = scripts_of(source, settings, 0)
    spoken = list(dict.fromkeys(chunk.anchor for chunk in script.chunks))
    left_out = [block.anchor for block in (*script.left_out, *outside(source, (script,)))]
    assert sorted([*spoken, *left_out], key=int) == [block.anchor for block in blocks]


@given(
    st.lists(st.integers(0, len(TEXT)), max_size=4).map(sorted),
    st.sampled_from([READING, BY_SENTENCE]),
    st.sampled_from([0, 5, 20]),
)
def test_wherever_notes_are_called_all_is_said_once(places: list[int], settings: TextSettings, limit: int) -> None:
    names = [f"n{number}" for number in range(len(places))]
    notes = [note(name, f"Note {name}.") for name in names]
    source = book(paragraph(TEXT, *map(Call, places, names)), *notes)
    (script,) = scripts_of(source, settings, limit)
    main = [each.text for chunk in script.chunks if chunk.anchor == "p" for each in chunk.sentences]
    assert "".join(" ".join(main).split()) == "".join(TEXT.split())
    read = [chunk.anchor for chunk in script.chunks if chunk.anchor != "p"]
    assert list(dict.fromkeys(read)) == [each.anchor for each in notes]
