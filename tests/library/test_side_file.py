"""Side files: what they say of a book, and what is refused with its name, its key, and what it takes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tasks.errors import ProfileError
from tasks.library.side_file import SideFile, read_side_file
from tasks.settings import load_profile


def test_no_side_file_changes_nothing() -> None:
    assert read_side_file(b"", "one.toml") == SideFile()


def test_its_sections_are_laid_over_a_profile(tmp_path: Path) -> None:
    side = read_side_file(
        b"""
        profile = "piper"
        priority = 3
        chapters = "1-2"
        [voice]
        options = { noise_scale = 0.5, length_scale = 1.1 }
        [text]
        lexicon = "names.toml"
        read = ["tables", "code"]
        [metadata]
        title = 'The "Other"\\'
        authors = ["Anna", "Ben"]
        """,
        "one.toml",
        tmp_path,
    )
    assert (side.profile, side.priority, side.chapters) == ("piper", 3, "1-2")
    profile = load_profile("piper", side.overrides)
    assert profile.voice.options["length_scale"] == 1.1
    assert profile.text.lexicon == str(tmp_path / "names.toml")
    assert set(profile.text.read) == {"tables", "code"}
    assert (profile.metadata.title, profile.metadata.authors) == ('The "Other"\\', ("Anna", "Ben"))


def test_a_profile_of_its_own_lies_beside_it(tmp_path: Path) -> None:
    assert read_side_file(b'profile = "poems.toml"', "one.toml", tmp_path).profile == str(tmp_path / "poems.toml")


@given(some.text(some.characters(exclude_categories=["Cs"]), max_size=50))
def test_a_description_reaches_the_profile_as_it_is(text: str) -> None:
    text = f"({text})"
    quoted = "".join(f"\\U{ord(character):08x}" for character in text)
    side = read_side_file(f'[metadata]\ndescription = "{quoted}"'.encode(), "one.toml")
    assert load_profile("piper", side.overrides).metadata.description == text


@pytest.mark.parametrize(
    ("side", "said"),
    [
        ("prioriti = 3", r"one\.toml: prioriti: there is no such key; a side file has profile, priority"),
        ("priority = 'high'", r"one\.toml: priority: "),
        ("voice = 'joe'", r"one\.toml: voice: this is a section"),
        ("overrides = ['a.b=1']", r"one\.toml: overrides: there is no such key"),
        ("[[fallback]]\nprovider = 'piper'", r"one\.toml: fallback: there is no such key"),
        ("[metadata]\ntitle = 1979-05-27", r"one\.toml: metadata\.title: no setting is a date"),
        ("priority = ", r"one\.toml: the side file is not TOML"),
        ("\xff", r"one\.toml: the side file is not TOML"),
    ],
)
def test_a_side_file_that_is_none(side: str, said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        read_side_file(side.encode("latin-1"), "one.toml")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[metadata]\nauthor = 'Anna'", r"\[metadata\] author: there is no such key"),
        ("[metadata]\nlanguage = 'English'", r"\[metadata\] language: "),
        ('[metadata]\ntitle = "a\\nb"', r"\[metadata\] title: "),
        ("[voice]\n'a.b' = 1", r"\[voice\] a: there is no such key"),
    ],
)
def test_what_a_section_says_is_checked_as_a_profile_is(section: str, said: str) -> None:
    side = read_side_file(section.encode(), "one.toml")
    with pytest.raises(ProfileError, match=said):
        load_profile("piper", side.overrides)
