import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.packagers.names import file_name, track_name

FORBIDDEN = set('<>:"/\\|?*')


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The Time Machine", "The Time Machine"),
        ("Either/Or", "Either Or"),
        ("Either\\Or", "Either Or"),
        ("..", "Untitled"),
        (".", "Untitled"),
        ("", "Untitled"),
        (" \n ", "Untitled"),
        ("///", "Untitled"),
        ("../../etc/passwd", "etc passwd"),
        (".hidden", "hidden"),
        ("The End.", "The End"),
        ("Wait...", "Wait"),
        ("What? “No!”", "What “No!”"),
        ('He said "no"', "He said no"),
        ("One\nTwo\tThree", "One Two Three"),
        ("Null\0byte", "Null byte"),
        ("Fire \N{FIRE}\N{FIRE}", "Fire \N{FIRE}\N{FIRE}"),
        ("ספר הזמן", "ספר הזמן"),
        # A mark that turns the direction of writing can make one file look like another.
        ("evil\u202e3pm.exe", "evil 3pm.exe"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "café"),
        ("CON", "_CON"),
        ("nul", "_nul"),
        ("com1", "_com1"),
        ("Con.txt", "_Con.txt"),
        ("lone \ud800 half", "lone half"),
        ("Console", "Console"),
        ("Lost\u2028line", "Lost line"),
    ],
)
def test_a_title_becomes_a_file_name(title: str, name: str) -> None:
    assert file_name(title) == name


def test_a_long_title_is_cut_between_characters() -> None:
    assert file_name("a" * 300) == "a" * 180
    assert file_name("é" * 300) == "é" * 90
    assert file_name("\N{FIRE}" * 300) == "\N{FIRE}" * 45
    assert file_name("a" + "é" * 300) == "a" + "é" * 89


@given(st.text() | st.text('. /\\\0é"\u202e\N{FIRE}conCON1', max_size=400))
def test_any_title_becomes_a_name_that_any_system_takes(title: str) -> None:
    name = file_name(title)
    assert 0 < len(name.encode()) <= 180
    assert not FORBIDDEN & set(name)
    assert not any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in name)
    assert name == name.strip(" .")
    assert Path(name).name == name
    assert name.split(".")[0].strip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


@given(st.text(max_size=20))
def test_a_name_made_of_a_name_is_the_same(title: str) -> None:
    assert file_name(file_name(title)) == file_name(title)


@pytest.mark.parametrize(
    ("number", "total", "name"),
    [(1, 3, "01 - I"), (12, 99, "12 - I"), (7, 135, "007 - I"), (100, 135, "100 - I"), (5, 1_000, "0005 - I")],
)
def test_tracks_sort_as_chapters_do(number: int, total: int, name: str) -> None:
    assert track_name(number, total, "I") == name


def test_a_track_without_a_title_is_a_chapter() -> None:
    assert track_name(2, 3, "?") == "02 - Chapter"


@given(st.integers(1, 300), st.text(max_size=300))
def test_the_names_of_tracks_are_in_order(total: int, title: str) -> None:
    names = [track_name(number, total, title) for number in range(1, total + 1)]
    assert sorted(names) == names
    assert len(set(names)) == total
    assert all(len(name.encode()) <= 190 for name in names)


def test_a_name_can_be_written(tmp_path: Path) -> None:
    for title in ("Either/Or", "\N{FIRE}" * 300, "evil\u202e3pm", "..", "a\nb"):
        path = tmp_path / f"{track_name(1, 3, title)}.mp3"
        path.write_bytes(b"")
        assert path.parent == tmp_path
        assert path.is_file()
