"""What is said before and behind a book."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.casting import castings_of
from tasks.model import Block, BlockKind, Book, Chapter
from tasks.settings import load_profile
from tasks.text.chunking import TextSettings, scripts_of
from tasks.text.credits import credits_of


def book(title: str = "The Time Machine", authors: tuple[str, ...] = ("H. G. Wells",), language: str = "en-GB") -> Book:
    blocks = (Block(BlockKind.PARAGRAPH, "It was late.", "line=1"),)
    return Book(title, authors, language, (Chapter(1, "I", blocks), Chapter(2, "II", ())))


def said(credited: Book) -> list[str]:
    scripts = scripts_of(credited, TextSettings(), 0)
    return [" ".join(chunk.text for chunk in script.chunks) for script in scripts]


def test_they_name_title_author_and_narrator_and_say_when_it_ends() -> None:
    credited = credits_of(book(), "Joe")
    assert [chapter.number for chapter in credited.chapters] == [0, 3]
    assert said(credited) == [
        "The Time Machine. Written by H. G. Wells. Narrated by the synthetic voice Joe.",
        "This was The Time Machine. Written by H. G. Wells. Narrated by the synthetic voice Joe. The end.",
    ]


def test_what_is_not_known_is_not_said() -> None:
    assert said(credits_of(book(authors=()), ""))[0] == "The Time Machine."
    assert said(credits_of(book(title="", authors=()), "")) == ["", "The end."]


@pytest.mark.parametrize(
    ("language", "end"), [("de", "Ende."), ("fr-CA", "Fin."), ("es", "Fin."), ("IT", "Fine."), ("cy", "Joe.")]
)
def test_they_are_in_the_language_of_the_book(language: str, end: str) -> None:
    text = credits_of(book(language=language), "Joe").chapters[1].blocks[0].text
    assert text.endswith(end)
    assert "The Time Machine" in text


def test_the_profile_may_word_them() -> None:
    credited = credits_of(book(), "Joe", "{title} by {authors}, \n read by {narrator}.", "{other}")
    assert [chapter.blocks[0].text for chapter in credited.chapters] == [
        "The Time Machine by H. G. Wells, read by Joe.",
        "{other}",
    ]


@given(st.text(), st.text())
def test_a_title_is_words_and_no_wording(title: str, author: str) -> None:
    """Braces in a title stand for nothing, and every fact is said once."""
    opening = credits_of(book(f"{title}{{narrator}}", (author,)), "Joe", "<{title}|{authors}>").chapters[0].blocks
    whole = f"{title}{{narrator}}".rstrip(". ")
    assert opening[0].text == " ".join(f"<{whole}|{author}>".split())


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ((), "Joe"),
        (("voice.provider=aimlapi", "voice.model=#g1_aura-2-thalia-en"), "Thalia"),
        (("voice.provider=aimlapi", "voice.model=openai/tts-1", "voice.name=alloy"), "Alloy"),
        (("voice.provider=openai", "voice.model=m", "voice.name=two_words", "voice.base_url=http://x"), "Two Words"),
    ],
)
def test_a_voice_is_called_by_its_name(settings: tuple[str, ...], name: str) -> None:
    assert castings_of(load_profile("piper", settings))[0].spoken_names == name
