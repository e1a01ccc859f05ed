"""The laws of the spans: no letter changes, no id gets lost, and each sentence is found where it was read."""

from html import escape
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from tasks.packagers.readalong.places import Numbered, places_of
from tasks.packagers.readalong.spans import Range, anchored
from tasks.packagers.readalong.text import letters_of, parsed, text_of
from tasks.readers.xhtml import read_document

HEAD = (
    '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title>t</title></head>'
)
TEXTS = st.text("abcAB. 1’\u00a0\n&", min_size=1, max_size=12)
INLINE = ["em", "a", "small", "b", "q", "span"]


def page(body: str) -> bytes:
    return f"{HEAD}<body>{body}</body></html>".encode()


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(INLINE), st.lists(inner, max_size=4)).map(
        lambda made: f"<{made[0]} class='k'>{''.join(made[1])}</{made[0]}>"
    )


LINES = st.recursive(
    st.one_of(TEXTS.map(escape), st.sampled_from(["<br/>", "<!-- c -->", "<ruby>漢<rt>kan</rt>字<rt>ji</rt></ruby>"])),
    _wrapped,
    max_leaves=12,
)
BLOCKS = st.lists(LINES, max_size=4).map(lambda lines: f"<p id='?'>{''.join(lines)}</p>")
BODIES = st.lists(BLOCKS, min_size=1, max_size=4).map("".join)


def with_ids(body: str) -> str:
    pieces = body.split("id='?'")
    return pieces[0] + "".join(f"id='p{number}'{piece}" for number, piece in enumerate(pieces[1:]))


@given(BODIES, st.sets(st.integers(0, 60), max_size=8))
def test_no_letter_changes_and_each_range_has_its_element(body: str, cuts: set[int]) -> None:
    root: Any = parsed(page(with_ids(body)))
    assert root is not None
    text = text_of(root[1])
    before = str(root.xpath("string()"))
    ids_before = root.xpath("//@id")
    places = sorted(cut for cut in cuts if cut <= len(text.letters))
    ranges = [Range(key, first, last) for key, (first, last) in enumerate(pairwise(places))]
    ids = anchored(root, text, ranges, {})
    again: Any = etree.fromstring(etree.tostring(root))
    assert again.xpath("string()") == before
    assert sorted(ids) == [each.key for each in ranges]
    after = [str(value) for value in again.xpath("//@id")]
    assert len(after) == len(set(after))
    assert set(map(str, ids_before)) <= set(after)
    for each in ranges:
        (element,) = again.xpath("//*[@id=$id]", id=ids[each.key])
        if ids[each.key].startswith("said-") and "in" not in ids[each.key]:
            inside = letters_of(element.xpath("string()"))
            whole = text.letters[each.first : each.last]
            # In a ruby, or in a quotation that is none of its own, it may be more or less than the range.
            assert inside == whole or "<ruby>" in body or (inside in whole and ("<q" in body or "<p" in body))


@given(BODIES)
def test_a_whole_block_is_one_span(body: str) -> None:
    root: Any = parsed(page(with_ids(body)))
    assert root is not None
    text = text_of(root[1])
    extents = [
        (extent.first, extent.last)
        for number, extent in text.extents.items()
        if text.tokens[number].node.tag.endswith("}p") and extent.first < extent.last
    ]
    ids = anchored(root, text, [Range(key, *extent) for key, extent in enumerate(extents)], {})
    for key, (first, last) in enumerate(extents):
        (element,) = root.xpath("//*[@id=$id]", id=ids[key])
        assert etree.QName(element).localname == "span"
        assert letters_of(element.xpath("string()")) == text.letters[first:last]


@pytest.mark.parametrize(
    ("body", "ranges", "expected"),
    [
        ("<p>One. Two.</p>", ["One.", "Two."], "<p><i>One.</i> <i>Two.</i></p>"),
        # Cut in two, and the id stays in front.
        (
            '<p>A <em id="e" class="k">b. C</em> d.</p>',
            ["Ab.", "Cd."],
            '<p><i>A <em id="e" class="k">b.</em></i><em class="k"> </em><i><em class="k">C</em> d.</i></p>',
        ),
        ("<p><em>A <b>b. C</b></em> d.</p>", ["Ab."], "<p><em><i>A <b>b.</b></i><b> C</b></em> d.</p>"),
        # An element that is the sentence's beginning or end is not cut.
        ("<p><em>A b</em> c. <b>D.</b></p>", ["Abc.", "D."], "<p><i><em>A b</em> c.</i> <b><i>D.</i></b></p>"),
        # A mark behind the sentence is none of it.
        ("<p><em>A.<a>1</a></em> B.</p>", ["A.", "B."], "<p><em><i>A.</i><a>1</a></em> <i>B.</i></p>"),
        # Quotation marks would show twice: the longer part is marked.
        ("<p><q>A. No</q> he said.</p>", ["A.", "Nohesaid."], "<p><q><i>A.</i> No</q> <i>he said.</i></p>"),
        ("<div>O</div><p>nce more.</p>", ["Oncemore."], "<div>O</div><p><i>nce more.</i></p>"),
        ("<p><ruby>A<rt>b</rt></ruby></p>", ["A"], "<p><i><ruby>A<rt>b</rt></ruby></i></p>"),
        ("<p>A <svg/>b.<!-- c --> D.</p>", ["Ab.", "D."], "<p><i>A <svg/>b.</i><!-- c --> <i>D.</i></p>"),
        (
            "<table><tr><td>A</td><td>bc</td></tr></table>",
            ["Abc"],
            "<table><tr><td>A</td><td><i>bc</i></td></tr></table>",
        ),
        ('<p>A<img src="s" alt="x"/>b</p>', ["Axb"], '<p><i>A<img src="s" alt="x"/>b</i></p>'),
    ],
)
def test_a_sentence_is_wrapped(body: str, ranges: list[str], expected: str) -> None:
    root: Any = parsed(page(body))
    assert root is not None
    text = text_of(root[1])
    found = [text.letters.index(sought) for sought in ranges]
    ids = anchored(root, text, [Range(key, first, first + len(ranges[key])) for key, first in enumerate(found)], {})
    written = etree.tostring(root[1]).decode()
    for identity in ids.values():
        written = written.replace(f'<span id="{identity}">', "<span>")
    shown = written.replace("<span>", "<i>").replace("</span>", "</i>")
    assert shown.partition(">")[2].removesuffix("</body>") == expected


def test_what_cannot_be_wrapped_is_anchored_to_the_element_around_it() -> None:
    root: Any = parsed(page('<p id="p">A <em>bc</em> d</p><p>e</p>'))
    assert root is not None
    text = text_of(root[1])
    # The second overlaps the first; the third and the fourth were not found.
    ids = anchored(root, text, [Range(1, 0, 4), Range(2, 1, 3)], {3: 4, 4: None})
    names = {key: etree.QName(root.xpath("//*[@id=$id]", id=identity)[0]).localname for key, identity in ids.items()}
    assert names == {1: "span", 2: "em", 3: "p", 4: "body"}


MARKS = st.sampled_from(
    [
        '<a epub:type="noteref" href="#n">1</a>',
        '<sup><a href="#n">12</a></sup>',
        '<span epub:type="pagebreak">7</span>',
        "<ruby>漢<rt>kan</rt></ruby>",
        "<em>and</em>",
        '<img src="s" alt="A picture"/>',
        "<br/>",
    ]
)
WORDS = st.sampled_from(["One ", "two ", "1 ", "12", " it was. ", "I", "then", " 7 ", "kan", "A picture"])
PARAGRAPHS = st.lists(st.one_of(WORDS, WORDS, MARKS), min_size=1, max_size=8).map("".join)
DOCUMENTS = st.lists(
    st.one_of(
        PARAGRAPHS.map(lambda inner: f"<p>{inner}</p>"),
        PARAGRAPHS.map(lambda inner: f"<h2>{inner}</h2>"),
        PARAGRAPHS.map(lambda inner: f"<blockquote>{inner}<p>{inner}</p></blockquote>"),
        PARAGRAPHS.map(lambda inner: f'<aside epub:type="footnote"><p>{inner}</p></aside>'),
        st.just("<table><tr><td>One</td><td>two</td></tr></table>"),
        st.just("<script>One</script>"),
        st.just("<hr/>"),
    ),
    min_size=1,
    max_size=6,
).map("".join)


# The words of the first paragraph are those of its own marks too.
@example(
    '<p><sup><a href="#n">12</a></sup><sup><a href="#n">12</a></sup>1212</p>'
    '<p>One <a epub:type="noteref" href="#n">1</a>One </p>'
)
@given(DOCUMENTS)
def test_each_block_is_found_where_its_reader_met_it(body: str) -> None:
    data = page(body)
    blocks = [passage.block for passage in read_document(data, "d.xhtml").passages]
    numbered = [
        Numbered("d.xhtml", int(block.anchor.rpartition("#")[2]), block) for block in blocks if letters_of(block.text)
    ]
    root: Any = parsed(data)
    assert root is not None
    text = text_of(root[1])
    places = places_of(numbered, {"d.xhtml": text})
    reached = 0
    for each in numbered:
        if each.block.left_out:
            continue
        own = places[each.block.anchor]
        assert "".join(text.letters[place.first : place.last] for place in own) == letters_of(each.block.text)
        assert own[0].first >= reached
        reached = own[-1].last
