import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from tasks.packagers.plain import chapter_title, language_tag, plain, shortened

# With halves of characters, which Hypothesis else leaves out of texts.
ANY_TEXT = st.text(st.characters())


@given(ANY_TEXT)
@example("half \ud800, no character \uffff, bell \x07, line\u2028, next\x85")
def test_any_text_becomes_a_line_that_xml_and_json_hold(text: str) -> None:
    line = plain(text)
    element = etree.Element("text")
    element.text = line
    assert etree.fromstring(etree.tostring(element)).text == (line or None)
    assert json.loads(json.dumps(line, ensure_ascii=False).encode()) == line
    assert len(line.splitlines()) <= 1
    assert plain(line) == line


@given(st.text("aé\N{FIRE}\u00a0\u0301ש.", max_size=30).map(str.strip))
def test_a_fit_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("title", "worded"), [("I", "I"), ("", "Chapter 7"), (" \n\0 ", "Chapter 7"), ("Two\nlines", "Two lines")]
)
def test_a_chapter_has_a_title_of_one_line(title: str, worded: str) -> None:
    assert chapter_title(7, title) == worded


@pytest.mark.parametrize(
    ("language", "tag"),
    [("de-AT", "de-AT"), ("zh-Hant-TW", "zh-Hant-TW"), ("", ""), ("e", ""), ('en"><x', ""), ("en_US", "")],
)
def test_only_what_is_formed_as_a_tag_is_a_language(language: str, tag: str) -> None:
    assert language_tag(language) == tag


@given(ANY_TEXT, st.integers(3, 60))
def test_a_text_that_is_too_long_is_cut_with_a_sign(text: str, most_bytes: int) -> None:
    line, cut = plain(text), shortened(text, most_bytes)
    assert len(cut.encode()) <= most_bytes
    assert plain(cut) == cut
    if len(line.encode()) <= most_bytes:
        assert cut == line
    else:
        assert cut.endswith("…")
        assert line.startswith(cut.removesuffix("…"))


def test_a_text_is_cut_behind_a_word() -> None:
    assert shortened("It was late, and he slept.", 18) == "It was late…"
