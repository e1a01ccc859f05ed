from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model import Block, BlockKind, Book, Chapter, Identity, Pause, Script
from tasks.store import clip_key
from tasks.text.boundaries import has_words
from tasks.text.chunking import TextSettings, scripts_of

PLAIN = TextSettings(speakable=False)
KINDS = [kind for kind in BlockKind if kind is not BlockKind.BREAK]
REASONS = ["", "", "", "footnotes", "tables", "noteref", "running-head"]
TEXTS = st.one_of(
    st.lists(
        st.sampled_from(
            ["It rained.", "“Go!” he said;", "Mr. Fox,", "ran—and hid.", "Why?", "* * *", "co\u00adop\u2060.", "…"]
        ),
        min_size=1,
    ).map(" ".join),
    st.text(st.sampled_from("aB1é .!?,;—\u2060\u00ad"), min_size=1).map(lambda text: " ".join(text.split())),
    st.text(min_size=1, max_size=40).map(lambda text: " ".join(text.split())),
).filter(bool)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    if draw(st.integers(0, 5)) == 0:
        return Block(BlockKind.BREAK, "", "")
    return Block(draw(st.sampled_from(KINDS)), draw(TEXTS), "", left_out=draw(st.sampled_from(REASONS)))


def book_of(*chapters: list[Block]) -> Book:
    """Number the chapters and give every block an anchor of its own."""
    return Book(
        "A Book",
        (),
        "en",
        tuple(
            Chapter(
                number,
                f"Chapter {number}",
                tuple(replace(block, anchor=f"{number}#{place}") for place, block in enumerate(chapter)),
            )
            for number, chapter in enumerate(chapters, start=1)
        ),
    )


CHAPTERS = st.lists(st.lists(blocks(), max_size=6), min_size=1, max_size=3)
BOOKS = CHAPTERS.map(lambda chapters: book_of(*chapters))
LIMITS = st.sampled_from([0, 1, 2, 7, 30, 600])
SETTINGS = st.builds(
    TextSettings,
    unit=st.sampled_from(["paragraph", "sentence"]),
    max_characters=LIMITS,
    read=st.frozensets(st.sampled_from(["footnotes", "tables", "code", "captions"])),
    speakable=st.booleans(),
)


def paragraph(text: str) -> Block:
    return Block(BlockKind.PARAGRAPH, text, "")


def heading(text: str) -> Block:
    return Block(BlockKind.HEADING, text, "", level=1)


SCENE_BREAK = Block(BlockKind.BREAK, "", "")


def sent(*chapter: Block, settings: TextSettings = PLAIN, limit: int = 0) -> list[str]:
    (script,) = scripts_of(book_of(list(chapter)), settings, limit)
    return [chunk.text for chunk in script.chunks]


def solid(text: str) -> str:
    return "".join(text.split())


def told(script: Script) -> dict[str, str]:
    """Put what is spoken and what is left out of each block together again."""
    found: dict[str, str] = {}
    for chunk in script.chunks:
        found[chunk.anchor] = found.get(chunk.anchor, "") + "".join(sentence.text for sentence in chunk.sentences)
    for block in script.left_out:
        assert block.anchor not in found
        found[block.anchor] = block.text
    return {anchor: solid(text) for anchor, text in found.items()}


@given(BOOKS, SETTINGS, LIMITS)
def test_every_word_is_spoken_or_left_out_once_and_in_order(book: Book, settings: TextSettings, limit: int) -> None:
    scripts = scripts_of(book, settings, limit)
    assert [(script.number, script.title) for script in scripts] == [(it.number, it.title) for it in book.chapters]
    for chapter, script in zip(book.chapters, scripts, strict=True):
        order = [block.anchor for block in chapter.blocks]
        assert told(script) == {block.anchor: solid(block.text) for block in chapter.blocks if block.text}
        for anchors in ([it.anchor for it in script.chunks], [it.anchor for it in script.left_out]):
            assert sorted(anchors, key=order.index) == anchors
        assert [chunk.id for chunk in script.chunks] == [
            f"{chapter.number}.{place}" for place in range(1, len(script.chunks) + 1)
        ]


@given(BOOKS, SETTINGS, LIMITS)
def test_no_chunk_is_over_the_limit_and_each_has_words(book: Book, settings: TextSettings, limit: int) -> None:
    bounds = [bound for bound in (limit, settings.max_characters) if bound]
    for script in scripts_of(book, settings, limit):
        for chunk in script.chunks:
            assert len(chunk.text) <= min(bounds, default=len(chunk.text))
            assert chunk.text == chunk.text.strip()
            assert has_words(chunk.text)


@given(BOOKS, LIMITS)
def test_by_sentence_every_chunk_has_one(book: Book, limit: int) -> None:
    for script in scripts_of(book, TextSettings(unit="sentence"), limit):
        assert all(len(chunk.sentences) == 1 for chunk in script.chunks)


@given(BOOKS, LIMITS)
def test_what_is_left_out_has_a_reason(book: Book, limit: int) -> None:
    asked_for = {block.anchor: block.left_out for chapter in book.chapters for block in chapter.blocks}
    for script in scripts_of(book, PLAIN, limit):
        for block in script.left_out:
            assert block.left_out == (asked_for[block.anchor] or "no words")
            assert asked_for[block.anchor] or not has_words(block.text)


@given(BOOKS, SETTINGS)
def test_a_pause_says_what_follows(book: Book, settings: TextSettings) -> None:
    for chapter, script in zip(book.chapters, scripts_of(book, settings, 30), strict=True):
        spoken = {chunk.anchor for chunk in script.chunks}
        heard = [it for it in chapter.blocks if it.anchor in spoken or it.kind is BlockKind.BREAK]
        places = {block.anchor: place for place, block in enumerate(heard)}
        for chunk, after in zip(script.chunks, (*script.chunks[1:], None), strict=False):
            if after is None:
                expected = Pause.NONE
            elif after.anchor == chunk.anchor:
                expected = Pause.SENTENCE
            elif chunk.kind is BlockKind.HEADING:
                expected = Pause.HEADING
            elif heard[places[chunk.anchor] + 1].kind is BlockKind.BREAK:
                expected = Pause.SCENE
            else:
                expected = Pause.PARAGRAPH
            assert chunk.pause is expected


IDENTITY = Identity("piper", "m", "", (), 1, by_sentence=True)


def keys(book: Book, limit: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for script in scripts_of(book, TextSettings(), limit):
        for chunk in script.chunks:
            found.setdefault(chunk.anchor, []).append(clip_key(IDENTITY, chunk.spoken))
    return found


@given(CHAPTERS, TEXTS.filter(has_words), st.data(), LIMITS)
def test_an_edit_changes_the_keys_of_its_own_paragraph_alone(
    drawn: list[list[Block]], text: str, data: st.DataObject, limit: int
) -> None:
    book = book_of(*drawn, [paragraph(text)])
    paragraphs = [
        block
        for chapter in book.chapters
        for block in chapter.blocks
        if block.kind is BlockKind.PARAGRAPH and not block.left_out and has_words(block.text)
    ]
    edited = data.draw(st.sampled_from(paragraphs))
    longer = f"{edited.text} Zebras."
    chapters = [
        replace(it, blocks=tuple(replace(block, text=longer) if block is edited else block for block in it.blocks))
        for it in book.chapters
    ]
    before, after = keys(book, limit), keys(replace(book, chapters=tuple(chapters)), limit)
    assert before.pop(edited.anchor) != after.pop(edited.anchor)
    assert before == after


# A sentence that is over the limit is cut at its clauses, else between words, else anywhere.
@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("One two. Three four.", 20, ["One two. Three four."]),
        ("One two. Three four.", 19, ["One two.", "Three four."]),
        ("One two. Three. Four.", 15, ["One two. Three.", "Four."]),
        ("He came, he saw, he won it all.", 20, ["He came, he saw,", "he won it all."]),
        ("He came—he saw—he won it all.", 16, ["He came—he saw—", "he won it all."]),
        ("one two three four", 10, ["one two", "three four"]),
        ("one two three", 7, ["one two", "three"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("ab cdefghij", 4, ["ab", "cdef", "ghij"]),
        ("a, bcdefgh ijk", 12, ["a, bcdefgh", "ijk"]),
    ],
)
def test_a_long_sentence_is_cut_where_it_hurts_least(text: str, limit: int, expected: list[str]) -> None:
    assert sent(paragraph(text), limit=limit) == expected


def test_the_smaller_of_two_limits_counts() -> None:
    block = paragraph("One two. Three four.")
    settings = PLAIN.model_copy(update={"max_characters": 12})
    for limit in (0, 12, 100):
        assert sent(block, settings=settings, limit=limit) == ["One two.", "Three four."]
    assert sent(block, settings=settings, limit=7) == ["One", "two.", "Three", "four."]


def test_pauses_of_a_chapter() -> None:
    chapter = [
        heading("I"),
        heading("The Road"),
        paragraph("One. Two."),
        paragraph("Three."),
        SCENE_BREAK,
        paragraph("Four."),
    ]
    (script,) = scripts_of(book_of([*chapter, SCENE_BREAK]), TextSettings(unit="sentence"), 0)
    assert [(chunk.text, str(chunk.pause)) for chunk in script.chunks] == [
        ("Chapter One", "heading"),
        ("The Road", "heading"),
        ("One.", "sentence"),
        ("Two.", "paragraph"),
        ("Three.", "scene"),
        ("Four.", "none"),
    ]


def test_headings_count_through_the_book() -> None:
    chapters = [[heading(text), paragraph("It rained.")] for text in ("1 Foo", "2 Bar", "7 Baz", "III", "1984")]
    said = [script.chunks[0] for script in scripts_of(book_of(*chapters), TextSettings(), 0)]
    assert [chunk.text for chunk in said] == [
        "Chapter One. Foo",
        "Chapter Two. Bar",
        "seven Baz",
        "Chapter Three",
        "nineteen eighty-four",
    ]
    assert [chunk.sentences[0].text for chunk in said] == ["1 Foo", "2 Bar", "7 Baz", "III", "1984"]


def test_a_number_inside_a_chapter_is_no_chapters() -> None:
    (script,) = scripts_of(book_of([heading("I"), paragraph("So."), heading("II"), paragraph("V")]), TextSettings(), 0)
    assert [chunk.text for chunk in script.chunks] == ["Chapter One", "So.", "II", "V"]


def test_headings_are_sent_as_written_where_the_profile_says_so() -> None:
    assert sent(heading("I"), paragraph("So.")) == ["I", "So."]


def test_a_heading_that_is_too_long_when_said_is_sent_as_written() -> None:
    assert sent(heading("XXXVIII"), settings=TextSettings(), limit=10) == ["XXXVIII"]


@pytest.mark.parametrize("kind", ["footnotes", "tables", "code", "captions"])
def test_what_is_asked_for_is_read(kind: str) -> None:
    note = replace(paragraph("A note."), left_out=kind)
    page = replace(paragraph("Page 4"), left_out="running-head")
    book = book_of([paragraph("Text."), note, page])
    (without,) = scripts_of(book, PLAIN, 0)
    (read,) = scripts_of(book, TextSettings.model_validate({"read": [kind], "speakable": False}), 0)
    assert [chunk.text for chunk in without.chunks] == ["Text."]
    assert [(block.text, block.left_out) for block in without.left_out] == [
        ("A note.", kind),
        ("Page 4", "running-head"),
    ]
    assert [chunk.text for chunk in read.chunks] == ["Text.", "A note."]
    assert [block.text for block in read.left_out] == ["Page 4"]


def test_a_block_without_words_is_left_out_with_a_reason() -> None:
    (script,) = scripts_of(book_of([paragraph("* * *"), paragraph("Text."), paragraph("\u2060")]), PLAIN, 0)
    assert [(block.text, block.left_out) for block in script.left_out] == [
        ("* * *", "no words"),
        ("\u2060", "no words"),
    ]


def test_a_chapter_without_words_has_no_chunks() -> None:
    chapters = [[], [SCENE_BREAK], [replace(paragraph("A note."), left_out="footnotes")]]
    scripts = scripts_of(book_of(*chapters), PLAIN, 0)
    assert [script.chunks for script in scripts] == [(), (), ()]
    assert [block.text for block in scripts[2].left_out] == ["A note."]


def test_invisible_characters_are_the_sources_and_not_the_voices() -> None:
    (script,) = scripts_of(book_of([paragraph("A\u2060 zero\u200b-width co\u00adop.\ufeff")]), PLAIN, 0)
    (chunk,) = script.chunks
    assert chunk.text == "A zero-width coop."
    assert [sentence.text for sentence in chunk.sentences] == ["A\u2060 zero\u200b-width co\u00adop.\ufeff"]


def test_a_book_that_is_read_again_is_not_cut_again() -> None:
    one, two = (book_of([Block(BlockKind.PARAGRAPH, "It rained. Nobody came.", "")]) for _ in range(2))
    assert one is not two
    assert scripts_of(two, PLAIN, 0) is scripts_of(one, PLAIN, 0)
    assert scripts_of(two, PLAIN, 12) != scripts_of(one, PLAIN, 0)
