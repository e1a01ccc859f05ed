import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from tasks.model import Cover
from tasks.packagers.picture import picture_of
from tasks.packagers.plain import chapter_title, language_tag, plain
from tests.packagers.publications import cover

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


@pytest.mark.parametrize(
    ("kind", "name"), [("jpeg", "cover.jpg"), ("png", "cover.png"), ("webp", "cover.webp"), ("gif", "cover.gif")]
)
def test_a_picture_is_what_its_bytes_say(kind: str, name: str) -> None:
    data = cover(kind).data
    picture = picture_of(Cover("text/plain", data))
    assert picture is not None
    assert (picture.media_type, picture.name, picture.data) == (f"image/{kind}", name, data)


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFF1234WAVE", b"no picture"])
def test_what_is_no_picture_is_none(data: bytes) -> None:
    assert picture_of(Cover("image/jpeg", data)) is None


def test_no_cover_is_no_picture() -> None:
    assert picture_of(None) is None
