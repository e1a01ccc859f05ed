"""Sentences as they are written and as they are said: `kind: written | spoken`, a case a line, a file a language."""

import re
import sys
from pathlib import Path
from subprocess import run

import num2words
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.speakable import speakable

FOLDER = Path(__file__).parent / "spoken_forms"
LANGUAGES = ["de", "en", "es", "fr", "it"]


def cases() -> list[tuple[str, str, str]]:
    found = []
    for language in LANGUAGES:
        for line in (FOLDER / f"{language}.txt").read_text("utf-8").splitlines():
            written, _, spoken = line.partition(": ")[2].partition(" | ")
            found.append((language, written, spoken))
    return found


CASES = cases()


@pytest.mark.parametrize(("language", "written", "spoken"), CASES)
def test_it_is_said_as_a_reader_says_it(language: str, written: str, spoken: str) -> None:
    assert speakable(written, language) == spoken


@pytest.mark.parametrize(("language", "written", "spoken"), CASES)
def test_what_was_said_is_said_again_alike(language: str, written: str, spoken: str) -> None:
    said = speakable(written, language)
    assert speakable(said, language) == said
    assert speakable(spoken, language) == spoken


def test_the_tables_are_as_large_as_they_should_be() -> None:
    assert len(CASES) >= 300
    assert len({written for _, written, _ in CASES}) > 280


REGIONS = [
    ("en-GB", "It happened on 3/4/2021.", "It happened on the third of April, twenty twenty-one."),
    ("en_US", "It happened on 3/4/2021.", "It happened on March fourth, twenty twenty-one."),
    ("en", "It happened on 25/12/2021.", "It happened on December twenty-fifth, twenty twenty-one."),
    ("en-GB", "They walked 5 km.", "They walked five kilometres."),
    ("de-CH", "Es sind 1'234 Leute.", "Es sind eintausendzweihundertvierunddreißig Leute."),
    ("DE", "Sie hatte 3 Hunde.", "Sie hatte drei Hunde."),
]


@pytest.mark.parametrize(("language", "written", "spoken"), REGIONS)
def test_a_region_writes_in_its_own_way(language: str, written: str, spoken: str) -> None:
    assert speakable(written, language) == spoken


OTHERS = [
    ("nl", "Zij had 3 katten & 2 honden.", "Zij had drie katten & twee honden."),
    ("pl", "STOP\u00a0teraz", "STOP teraz"),
    ("xx", "The 3 of them’s here", "The 3 of them's here"),
    ("", "5\u202f000 km", "5000 km"),
]


@pytest.mark.parametrize(("language", "written", "spoken"), OTHERS)
def test_of_another_language_numbers_are_said_and_no_more(language: str, written: str, spoken: str) -> None:
    assert speakable(written, language) == spoken


# What looks like something to say, and is better left.
LEFT = [
    ("en", "I think; therefore I am."),
    ("en", "Then he and I left, and so did Mary and I."),
    ("en", "The book I read was long."),
    ("en", "J. R. R. Tolkien came."),
    ("en", "A DVD, a CD and the IRS."),
    ("en", "Wait... what?"),
    ("en", "Who is it? It is I."),
    ("en", "rock 'n' roll, y'all"),
    ("en", "He has a B in maths and a C in art."),
    ("de", "Er sah den Hund. „Komm.“"),
    ("fr", "Il y a une autre vie que la mienne."),
    ("es", "No sé qué decir de esto."),
    ("it", "Non so che dire di questo."),
]


@pytest.mark.parametrize(("language", "text"), LEFT)
def test_what_needs_no_saying_stays(language: str, text: str) -> None:
    assert speakable(text, language) == text


@given(st.text(st.sampled_from("abcdeéöñ ,;!?"), max_size=60), st.sampled_from([*LANGUAGES, "nl"]))
def test_text_of_small_letters_stays(text: str, language: str) -> None:
    assert speakable(text, language) == text


PIECES = [written for _, written, _ in CASES] + list(
    "0123456789IVXLCDM.,:/-–'’\"°%$€£#§&*_~<>@ºªeshkmM½²( )\u00a0\u202f"
)


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from([*LANGUAGES, "en-GB", "nl", "xx"]))
def test_anything_can_be_said(pieces: list[str], language: str) -> None:
    said = speakable("".join(pieces), language)
    assert said == speakable("".join(pieces), language)


@given(st.text(max_size=200), st.text(max_size=8))
def test_any_text_can_be_said_in_anything_that_calls_itself_a_language(text: str, language: str) -> None:
    assert speakable(text, language) is not None


@given(st.text(st.sampled_from("0123456789"), min_size=1, max_size=40), st.sampled_from(LANGUAGES))
def test_no_figure_is_left(figures: str, language: str) -> None:
    assert not any(letter.isdigit() for letter in speakable(f"So {figures} x", language))


WORDS = ("mirka", "toblen", "Ruvon", "zelph", "Quessam", "ondry", "vask", "perril", "Jorumbe")


@given(
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(["", " ", ", ", ". "])), max_size=len(WORDS) - 1),
    st.sampled_from([*LANGUAGES, "en-GB", "nl"]),
)
def test_no_word_is_dropped_or_moved(pieces: list[tuple[str, str]], language: str) -> None:
    """Words that mean nothing stand between what has to be said, and come back in their order."""
    words = WORDS[: len(pieces) + 1]
    text = words[0] + "".join(
        f" {piece}{behind} {word}" for (piece, behind), word in zip(pieces, words[1:], strict=True)
    )
    said = re.findall("|".join(WORDS), speakable(text, language), re.IGNORECASE)
    assert [word.lower() for word in said] == [word.lower() for word in words]


@pytest.mark.parametrize("language", sorted(num2words.CONVERTER_CLASSES))
def test_in_every_language_a_number_is_said_or_stays(language: str) -> None:
    """Among them are some that are broken."""
    for value in (0, 7, 80, 105, 1984, 21_000, 10**9 + 7, 123_456_789_012_345, 10**15 - 1):
        assert len(speakable(f"So {value}.", language)) > len("So .")


HOSTILE = [
    "1",
    "§",
    "1,",
    "1.",
    "1/",
    "1:",
    "1-",
    "1 ",
    "A",
    "X",
    "*a ",
    "_",
    "a@",
    "a.",
    "+1 ",
    "Mr. ",
    "½",
    "A'",
    "-",
    "$",
    "\u00a0",
    "5'10\" ",
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_hostile_row_is_said_to_its_end(piece: str, language: str) -> None:
    assert speakable(f"{piece * 3_000}end", language).endswith("end")


def test_text_that_needs_nothing_loads_no_tables() -> None:
    asked = (
        "import sys; from tasks.text.speakable import speakable; speakable('It’s Tom, and I know.', 'en'); "
        "sys.exit('num2words' in sys.modules or 'babel' in sys.modules)"
    )
    assert run([sys.executable, "-c", asked], check=False, cwd=Path(__file__).parents[2]).returncode == 0
