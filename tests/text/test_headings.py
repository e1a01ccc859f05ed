import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.headings import SpokenHeading, spoken_heading

# The heading, the number of the chapter before, what is said, the chapter's own number.
ENGLISH = [
    ("I", 0, "Chapter One", 1),
    ("II", 1, "Chapter Two", 2),
    ("12.", 11, "Chapter Twelve", 12),
    ("V", 1, "Chapter Five", 5),
    ("IV. The Road", 3, "Chapter Four. The Road", 4),
    ("II – Away", 1, "Chapter Two. Away", 2),
    ("3) Foo", 2, "Chapter Three. Foo", 3),
    ("1 Foo", 0, "Chapter One. Foo", 1),
    ("6 Foo", 5, "Chapter Six. Foo", 6),
    # Numbers begin again in the next part of a book.
    ("1 Foo", 5, "Chapter One. Foo", 1),
    ("CHAPTER XII", 0, "Chapter Twelve", 0),
    ("CHAPTER LXXII. THE MONKEY-ROPE", 71, "Chapter Seventy-Two. THE MONKEY-ROPE", 0),
    ("Chapter 1. Loomings.", 0, "Chapter One. Loomings.", 0),
    ("Chapter 101", 100, "Chapter One Hundred and One", 0),
    ("BOOK II. THE SEA", 0, "Book Two. THE SEA", 0),
    ("PART I", 0, "Part One", 0),
    ("Letter 4", 0, "Letter Four", 0),
]
UNCHANGED = [
    ("7 Foo", 5),
    ("12 Angry Men", 5),
    ("IV. The Road", 9),
    ("1984", 0),
    ("1984", 1983),
    ("I Am Born", 0),
    ("Civil War", 0),
    ("Civil War", 103),
    ("MIX", 0),
    ("IIII", 0),
    ("Part of Me", 0),
    ("Part One", 0),
    ("Chapter One", 0),
    ("Section 1.2 Foo", 0),
    ("42nd Street", 41),
    ("3:10 to Yuma", 2),
    ("1.5 Degrees", 0),
    ("²", 0),
    ("0", 0),
    ("", 0),
    ("The Third Winter", 2),
]
OTHERS = [
    ("en-GB", "I", "Chapter One", 1),
    ("de", "I", "Kapitel eins", 1),
    ("de-CH", "21", "Kapitel einundzwanzig", 21),
    ("de", "KAPITEL XII", "Kapitel zwölf", 0),
    ("de", "Drittes Kapitel", "Drittes Kapitel", 0),
    ("fr", "I", "Chapitre un", 1),
    ("fr", "CHAPITRE XXI", "Chapitre vingt et un", 0),
    ("es", "II", "Capítulo dos", 2),
    ("es", "Capítulo 4", "Capítulo cuatro", 0),
    ("it", "III", "Capitolo tre", 3),
    ("it", "CAPITOLO V", "Capitolo cinque", 0),
    # Neither a word for "chapter" nor one for the number is known: better as written than wrong.
    ("ru", "II", "II", 0),
    ("xx", "Chapter II", "Chapter 2", 0),
]


@pytest.mark.parametrize(("text", "previous", "said", "number"), ENGLISH)
def test_a_number_is_said_as_the_chapters(text: str, previous: int, said: str, number: int) -> None:
    assert spoken_heading(text, "en", previous) == SpokenHeading(said, number)


@pytest.mark.parametrize(("text", "previous"), UNCHANGED)
def test_what_is_no_chapters_number_stays_as_it_is(text: str, previous: int) -> None:
    assert spoken_heading(text, "en", previous) == SpokenHeading(text, 0)


@pytest.mark.parametrize(("language", "text", "said", "number"), OTHERS)
def test_a_heading_is_said_in_its_language(language: str, text: str, said: str, number: int) -> None:
    assert spoken_heading(text, language, number - 1) == SpokenHeading(said, number)


def roman(number: int) -> str:
    """Write a number by the additive rule and fold the fours and nines: another way than the code's own."""
    text = "I" * number
    for one, five, ten in (("I", "V", "X"), ("X", "L", "C")):
        text = text.replace(one * 5, five).replace(five * 2, ten)
        text = text.replace(five + one * 4, one + ten).replace(one * 4, one + five)
    return text


@given(st.integers(1, 399))
def test_roman_and_arabic_numbers_are_said_alike(number: int) -> None:
    by_letters, by_figures = (spoken_heading(text, "en", number - 1) for text in (roman(number), str(number)))
    assert by_letters == by_figures
    assert by_letters.number == number
    assert by_letters.text.startswith("Chapter ")


@given(st.text(), st.sampled_from(["en", "de", "xx", ""]), st.integers(0, 50))
def test_any_heading_can_be_said(text: str, language: str, previous: int) -> None:
    heading = spoken_heading(text, language, previous)
    assert bool(heading.text) == bool(text)
    assert heading.text == text or heading.number or heading.text[0] == text[0].upper() or heading.text[0] == text[0]
