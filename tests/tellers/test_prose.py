"""What a model wrote as prose and as Markdown: no letter is lost on the way, and what is read is what was written."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.model import BlockKind
from tasks.readers import read_book
from tasks.tellers.prose import SCENE, RetoldChapter, letters, markdown_of, paragraphs_of

LINES = st.text("aZé1. 世-+*_`#>[]()<&;:!|~=\\/'\"\t", max_size=30)
TOLD = st.lists(LINES, max_size=12).map("\n".join) | st.text(max_size=200)
TITLES = st.text("aZé1. -+*_#>[]<&:!", min_size=1, max_size=20).map(lambda it: " ".join(f"x{it}".split()))


@given(TOLD)
@example("**Bold** and *slanted*, _underlined_, `code`.\n\n# A heading\n\n- one\n- two\n\n***\n\nsnake_case_name")
@example("1. First\n2. Second\n\n> quoted\n> on")
def test_no_letter_is_lost_or_moved(told: str) -> None:
    paragraphs = paragraphs_of(told)
    assert letters("".join(paragraphs)) == letters(told)
    assert all(paragraph == " ".join(paragraph.split()) for paragraph in paragraphs)
    assert SCENE not in {paragraphs[0], paragraphs[-1]} if paragraphs else True


@pytest.mark.parametrize(
    ("told", "paragraphs"),
    [
        ("One.\nStill one.\n\nTwo.", ("One. Still one.", "Two.")),
        ("**Bold** and *slanted*, __so__ _too_.", ("Bold and slanted, so too.",)),
        ("snake_case and 2 * 3 * 4", ("snake_case and 2 * 3 * 4",)),
        ("# A heading\nand more", ("A heading", "and more")),
        ("- one\n- two\n  more of two", ("one", "two more of two")),
        ("A.\n\n***\n\n* * *\n\nB.\n\n---", ("A.", SCENE, "B.")),
        ("> quoted\n> on", ("quoted on",)),
        ("\r\nA.\r\n\r\nB.\r\n", ("A.", "B.")),
        ("", ()),
    ],
)
def test_marks_are_taken_away(told: str, paragraphs: tuple[str, ...]) -> None:
    assert paragraphs_of(told) == paragraphs


@given(st.lists(st.tuples(TITLES, TOLD), min_size=1, max_size=3))
@example([("x #", "A C# #")])
@example([("x", "1) one"), ("x", "+ plus"), ("x", "a [link](to) <b> &amp; `x` \\* ^[note] [^1]")])
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, str]]
) -> None:
    chapters = [RetoldChapter(title, ("Once.", *paragraphs_of(told))) for title, told in written]
    path = tmp_path_factory.mktemp("told") / "book.md"
    path.write_text(
        markdown_of({"title": "A: book", "author": ["No: one"], "language": "en"}, chapters), "utf-8", "replace"
    )
    book = read_book(path)
    assert (book.title, book.authors, book.language) == ("A: book", ("No: one",), "en")
    assert [chapter.title for chapter in book.chapters] == [chapter.title for chapter in chapters]
    for read, chapter in zip(book.chapters, chapters, strict=True):
        said = [
            block.text if block.kind is not BlockKind.BREAK else SCENE for block in read.blocks if not block.left_out
        ]
        assert [letters(text) for text in said[1:]] == [letters(text) for text in chapter.paragraphs]
