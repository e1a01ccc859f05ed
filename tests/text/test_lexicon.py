from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ProfileError
from tasks.model import PhoneticSpan, Pronunciation
from tasks.text.diction import Diction, as_written
from tasks.text.lexicon import Lexicon, load_lexicon

PEQUOD = Pronunciation("Pequod", alias="Peekwod")
SPOKEN = Pronunciation("Ahab", phonemes="ˈeɪhæb")
PLS = """<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="{alphabet}" xml:lang="en-US">
  <lexeme><grapheme>Pequod</grapheme><grapheme>Pequot</grapheme><alias>Peekwod</alias></lexeme>
  <lexeme><grapheme>Ahab</grapheme><phoneme>eˈhæb</phoneme><phoneme prefer="true">ˈeɪhæb</phoneme></lexeme>
  <lexeme><grapheme>nothing</grapheme></lexeme>
</lexicon>"""


@pytest.mark.parametrize(
    ("entry", "text", "expected"),
    [
        (PEQUOD, "The Pequod sailed.", "The Peekwod sailed."),
        (PEQUOD, "The Pequod’s deck, Pequods, pequod.", "The Peekwod’s deck, Pequods, pequod."),
        (Pronunciation("pequod", "peekwod", matches_case=False), "PEQUOD", "peekwod"),
        (Pronunciation("ough", "uff", whole_word=False), "Tough, rough.", "Tuff, ruff."),
        (Pronunciation("New York", "Noo York"), "In New\u00a0York.", "In Noo York."),
        (Pronunciation("C++", "see plus plus"), "He writes C++.", "He writes see plus plus."),
        (Pronunciation("Bach", "Bakh", language="de"), "Bach", "Bach"),
        (Pronunciation("colour", "culler", language="en-GB"), "colour", "culler"),
        (Pronunciation("a.*b", "x"), "a.*b aXXb", "x aXXb"),
    ],
)
def test_a_word_is_said_by_its_alias(entry: Pronunciation, text: str, expected: str) -> None:
    assert Diction((entry,), expands=False).spoken(text, "en") == expected


def test_phonemes_are_for_voices_that_take_them() -> None:
    both = Pronunciation("Ahab", "Ayhab", "ˈeɪhæb")
    for entries, takes, expected in (
        ((SPOKEN,), True, "Old [[ˈeɪhæb]] stood."),
        ((SPOKEN,), False, "Old Ahab stood."),
        ((both,), True, "Old [[ˈeɪhæb]] stood."),
        ((both,), False, "Old Ayhab stood."),
    ):
        assert Diction(entries, expands=False, takes_phonemes=takes).spoken("Old Ahab stood.", "en") == expected
    assert Diction((SPOKEN,), expands=False, takes_phonemes=True).spoken("Ahab’s leg", "en") == "[[ˈeɪhæbz]] leg"


def test_brackets_of_the_source_are_no_phonemes() -> None:
    for takes in (False, True):
        assert (
            Diction((SPOKEN,), expands=False, takes_phonemes=takes).spoken("He wrote [[x]].", "en")
            == "He wrote [ [x]]."
        )
    assert as_written("[[x]]") == "[ [x]]"


def test_spans_whose_sound_the_source_gives() -> None:
    spans = (PhoneticSpan(4, 8, "ˈeɪhæb"), PhoneticSpan(13, 19, "ˈpiːkwɒd"))
    text = "Old Ahab and Pequod."
    assert Diction(takes_phonemes=True, expands=False).spoken(text, "en", spans) == "Old [[ˈeɪhæb]] and [[ˈpiːkwɒd]]."
    assert Diction(expands=False).spoken(text, "en", spans) == text


def test_of_two_entries_the_profiles_own_holds_and_the_longer_word_comes_first() -> None:
    entries = (Pronunciation("Moby Dick", "Moby-Deck"), Pronunciation("Moby", "Mobee"), Pronunciation("Moby", "Never"))
    assert Diction(entries, expands=False).spoken("Moby Dick, Moby", "en") == "Moby-Deck, Mobee"


@given(st.text(), st.lists(st.text(min_size=1, max_size=4), max_size=4))
def test_pieces_put_together_are_the_text(text: str, words: list[str]) -> None:
    entries = tuple(Pronunciation(word, alias="x", whole_word=False) for word in words)
    pieces = list(Lexicon(entries).said(text))
    assert "".join(piece.written for piece in pieces) == text
    assert all(piece.written for piece in pieces)


def test_a_lexicon_of_the_w3c(tmp_path: Path) -> None:
    path = tmp_path / "words.pls"
    path.write_text(PLS.format(alphabet="ipa"), "utf-8")
    assert load_lexicon(str(path)) == (
        Pronunciation("Pequod", "Peekwod", language="en-US"),
        Pronunciation("Pequot", "Peekwod", language="en-US"),
        Pronunciation("Ahab", phonemes="ˈeɪhæb", language="en-US"),
    )
    path.write_text(PLS.format(alphabet="x-sampa"), "utf-8")
    assert [entry.grapheme for entry in load_lexicon(str(path))] == ["Pequod", "Pequot"]


def test_a_lexicon_in_toml(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    path.write_text(
        '[[word]]\ngrapheme = "Pequod"\nalias = "Peekwod"\nmatch_case = false\n\n[[word]]\ngrapheme = "Queequeg"\nalias = ""\n',
        "utf-8",
    )
    assert load_lexicon(str(path)) == (Pronunciation("Pequod", "Peekwod", matches_case=False),)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", b"[[word]]\nalias = 'x'", "word.0.grapheme: field required"),
        ("a.toml", b"[[word]]\ngrapheme = 'x'\nsound = 'y'", "word.0.sound: extra inputs are not permitted"),
        ("a.toml", b"[[", "TOML"),
        ("a.toml", b"\xff", "TOML"),
        ("a.pls", b"<lexicon/>", "it is no lexicon"),
        ("a.pls", b"<lexicon", "not well-formed"),
        ("a.pls", b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>', "it is no lexicon"),
        ("missing.pls", None, "cannot be read"),
    ],
)
def test_a_lexicon_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ProfileError) as caught:
        load_lexicon(str(tmp_path / name))
    assert str(caught.value).startswith(f"[text] lexicon: {tmp_path / name}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
