"""Which chapter was which, and what becomes of every chunk: the comparison alone, on values."""

import random
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tasks.packagers.last_edition import Passage, SpokenChapter
from tasks.revision import Change, Comparison, Fate, compare

WORDS = [
    "ash",
    "birch",
    "cedar",
    "elm",
    "fir",
    "hazel",
    "larch",
    "maple",
    "oak",
    "pine",
    "rowan",
    "spruce",
    "willow",
    "yew",
]


def chapter(number: int, *texts: str, title: str = "", voice: str = "a") -> SpokenChapter:
    return SpokenChapter(number, title or f"Title {number}", tuple(Passage(text, f"{voice}:{text}") for text in texts))


def told(number: int) -> str:
    """A paragraph that shares hardly three words in a row with another number's."""
    return " ".join(random.Random(number).choices(WORDS, k=40))  # noqa: S311  # the same each time


def book(*numbers: int) -> tuple[SpokenChapter, ...]:
    return tuple(
        chapter(place, told(number), told(number + 1000), title=f"On {number}")
        for place, number in enumerate(numbers, 1)
    )


def changes(comparison: Comparison) -> list[tuple[Change, ...]]:
    return [row.changes for row in comparison.chapters]


TEN = book(*range(1, 11))


def test_a_book_is_as_it_is() -> None:
    comparison = compare(TEN, TEN)
    assert changes(comparison) == [()] * 10
    assert (comparison.gone, comparison.gone_chunks, comparison.count(Fate.KEPT)) == ((), 0, 20)


def test_a_chapter_at_the_front_is_the_only_one_that_is_new() -> None:
    comparison = compare(TEN, book(77, *range(1, 11)))
    assert changes(comparison) == [(Change.NEW,), *[(Change.RENUMBERED,)] * 10]
    assert comparison.count(Fate.NEW) == 2
    assert comparison.gone == ()


def test_headings_that_count_do_not_mislead() -> None:
    """Where titles are numbers, all after an inserted chapter have the title of their neighbour."""
    last = [chapter(number, f"Chapter {number}", told(number), title=str(number)) for number in range(1, 6)]
    now = [chapter(1, "Chapter 1", told(9), title="1")]
    now += [chapter(number, f"Chapter {number}", told(number - 1), title=str(number)) for number in range(2, 7)]
    comparison = compare(last, now)
    assert [row.was and row.was.number for row in comparison.chapters] == [None, 1, 2, 3, 4, 5]
    assert comparison.count(Fate.NEW) == 1 + 1  # the new chapter's text, and "Chapter 6"; "Chapter 1" is elsewhere now


def test_a_chapter_that_moves_moves_alone() -> None:
    comparison = compare(TEN, book(1, 9, 2, 3, 4, 5, 6, 7, 8, 10))
    assert [row.chapter.title for row in comparison.chapters if row.is_moved] == ["On 9"]
    assert comparison.count(Fate.KEPT) == 20


def test_a_chapter_keeps_its_name_when_it_is_rewritten_and_its_words_when_it_is_renamed() -> None:
    first, second = book(1, 2)
    rewritten = chapter(1, told(50), title=first.title)
    renamed = replace(second, title="Something Else")
    comparison = compare((first, second), (rewritten, renamed))
    assert changes(comparison) == [(Change.CHANGED,), (Change.RENAMED,)]
    assert [row.gone for row in comparison.chapters] == [2, 0]


def test_a_chapter_that_is_renamed_and_edited_is_known_by_what_it_keeps() -> None:
    (last,) = book(1)
    edited = chapter(1, told(1).replace("oak", "teak", 1), told(1001), title="Other")
    (row,) = compare((last,), (edited,)).chapters
    assert row.changes == (Change.CHANGED, Change.RENAMED)
    assert (row.fates, row.gone) == ((Fate.NEW, Fate.KEPT), 1)


def test_what_a_split_chapter_gives_away_is_not_gone() -> None:
    (last,) = book(1)
    halves = chapter(1, told(1), title="On 1"), chapter(2, told(1001), title="On 1, still")
    comparison = compare((last,), halves)
    assert (comparison.count(Fate.KEPT), comparison.gone_chunks) == (2, 0)


def test_chunks_that_change_places_change_the_chapter() -> None:
    (row,) = compare((chapter(1, "a", "b"),), (chapter(1, "b", "a"),)).chapters
    assert (row.changes, row.fates, row.gone) == ((Change.CHANGED,), (Fate.KEPT, Fate.KEPT), 0)


def test_one_of_two_like_chunks_can_go() -> None:
    (row,) = compare((chapter(1, "No.", "Why?", "No."),), (chapter(1, "No.", "Why?"),)).chapters
    assert (row.changes, row.gone) == ((Change.CHANGED,), 1)


def test_another_voice_changes_no_words() -> None:
    last = chapter(1, "a", "b")
    (row,) = compare((last,), (chapter(1, "a", "b", voice="other"),)).chapters
    assert (row.changes, row.fates, row.gone) == ((Change.REVOICED,), (Fate.REVOICED,) * 2, 0)


def test_what_could_not_be_spoken_last_time_is_not_called_changed() -> None:
    now = chapter(1, "a", "b")
    last = replace(now, passages=(now.passages[0], Passage("b", "")))
    (row,) = compare((last,), (now,)).chapters
    assert (row.changes, row.fates) == ((Change.UNFINISHED,), (Fate.KEPT, Fate.UNFINISHED))


passages = st.builds(
    lambda words, voice: Passage(words, voice and f"{voice}:{words}"),
    st.sampled_from(["one", "two", "three", "four five six", "six four five seven"]),
    st.sampled_from(["a", "b", ""]),
)
shelves = st.lists(
    st.builds(
        SpokenChapter,
        st.integers(1, 9),
        st.sampled_from(["", "I", "II"]),
        st.lists(passages, max_size=4).map(tuple),
    ),
    max_size=5,
)
# Whatever is planned has the key of a clip.
plans = shelves.map(
    lambda shelf: [
        replace(it, passages=tuple(Passage(each.words, each.key or f"a:{each.words}") for each in it.passages))
        for it in shelf
    ]
)


def keys(shelf: list[SpokenChapter]) -> "Counter[str]":
    return Counter(passage.key for it in shelf for passage in it.passages)


@given(shelves, plans)
def test_the_figures_add_up(last: list[SpokenChapter], planned: list[SpokenChapter]) -> None:
    comparison = compare(last, planned)
    counts = {fate: comparison.count(fate) for fate in Fate}
    assert sum(counts.values()) == keys(planned).total()
    assert sum(counts.values()) - counts[Fate.NEW] + comparison.gone_chunks == keys(last).total()
    assert counts[Fate.KEPT] == (keys(last) & keys(planned)).total()
    origins = [row.was for row in comparison.chapters if row.was]
    assert len(origins) + len(comparison.gone) == len(last)
    assert [row.chapter for row in comparison.chapters] == planned


@given(plans)
def test_nothing_differs_from_itself(shelf: list[SpokenChapter]) -> None:
    shelf = [replace(it, number=place, title=f"{place}") for place, it in enumerate(shelf, 1)]
    comparison = compare(shelf, shelf)
    assert changes(comparison) == [()] * len(shelf)
    assert (comparison.gone, comparison.gone_chunks) == ((), 0)


@given(st.permutations(range(1, 11)), st.integers(0, 10))
def test_a_chapter_put_anywhere_is_one_new_chapter(order: list[int], at: int) -> None:
    comparison = compare(book(*order), book(*order[:at], 99, *order[at:]))
    assert [row.chapter.title for row in comparison.chapters if Change.NEW in row.changes] == ["On 99"]
    assert not any(row.is_moved for row in comparison.chapters)
    assert comparison.count(Fate.NEW) == 2
