from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.model import Block, BlockKind, Book, Call
from tasks.readers.epub import read
from tests import skip_reasons
from tests.readers.making_epubs import Epub, all_blocks, blocks_of, book_of

BOOKS = Path(__file__).resolve().parents[3] / "shared" / "books"

NOTE = '<aside epub:type="footnote" id="n1"><p>A note.</p></aside>'
CALLS = [
    '<a epub:type="noteref" href="#n1">1</a>',
    '<a role="doc-noteref" href="#n1">one</a>',
    '<a href="#n1">1</a>',
    '<a href="#n1">[12]</a>',
    '<a href="#n1">*</a>',
    '<a href="#n1">†</a>',
    '<a href="a.xhtml#n1">1</a>',
    '<a href="../text/a.xhtml#n1">1</a>',
    '<sup><a href="#n1">1</a></sup>',
    '<a href="#n1"><sup>1</sup></a>',
    '<sup epub:type="noteref"><a href="#n1">note</a></sup>',
    '<a href="#n1"><sup epub:type="noteref">see</sup></a>',
    '<a epub:type="noteref" href="#n1"></a>',
]


def calls(block: Block) -> list[tuple[int, str]]:
    return [(call.place, call.note) for call in block.calls]


def notes(book: Book) -> dict[str, list[str]]:
    """Give the texts of each note."""
    named: dict[str, list[str]] = {}
    for block in all_blocks(book):
        if block.note:
            named.setdefault(block.note, []).append(block.text)
    return named


@pytest.mark.parametrize("mark", CALLS)
def test_a_call_is_dropped_and_its_place_is_kept(mark: str) -> None:
    first, *others = blocks_of(f"<p>It may be,{mark} of course.</p>{NOTE}")
    assert (first.text, calls(first)) == ("It may be, of course.", [(10, "text/a.xhtml#n1")])
    assert [(block.text, block.left_out, block.note) for block in others if block.left_out != "noteref"] == [
        ("A note.", "footnotes", "text/a.xhtml#n1")
    ]


@pytest.mark.parametrize(
    ("body", "text", "places"),
    [
        ("{}Begin.", "Begin.", [0]),
        (" {} Begin.", "Begin.", [0]),
        ("End.{}", "End.", [4]),
        ("End. {} ", "End.", [4]),
        ("Two{}{} marks.", "Two marks.", [3, 3]),
        ("White \n <b> {} </b> \t space.", "White space.", [5]),
        ("<em>Light{}</em>house.", "Lighthouse.", [5]),
        ("One<br/>{}<br/>two.", "One two.", [3]),
        ('One <span epub:type="pagebreak">7</span>{} two.', "One two.", [3]),
    ],
)
def test_a_mark_stands_directly_behind_the_word_before_it(body: str, text: str, places: list[int]) -> None:
    mark = '<a epub:type="noteref" href="#n1">1</a>'
    first = blocks_of(f"<p>{body.replace('{}', mark)}</p>{NOTE}")[0]
    assert (first.text, [call.place for call in first.calls]) == (text, places)


WORDS = st.text("ab \n\u00a0é", max_size=6)


@given(st.lists(st.tuples(WORDS, st.sampled_from(["", "em", "span"])), min_size=1, max_size=8), WORDS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_the_text_before_a_place_is_what_stood_before_the_mark(pieces: list[tuple[str, str]], last: str) -> None:
    marked = [
        f"{f'<{tag}>{words}</{tag}>' if tag else words}<a epub:type='noteref' href='#n{number}'>1</a>"
        for number, (words, tag) in enumerate(pieces)
    ]
    blocks = blocks_of(f"<p>{''.join(marked)}{last}</p><p>End.</p>")
    whole = "".join(words for words, _ in pieces) + last
    if not whole.split():
        return
    assert blocks[0].text == " ".join(whole.split())
    assert calls(blocks[0]) == [
        (len(" ".join("".join(words for words, _ in pieces[: number + 1]).split())), f"text/a.xhtml#n{number}")
        for number in range(len(pieces))
    ]


@pytest.mark.parametrize(
    ("address", "note"),
    [
        ("notes.xhtml#n1", "text/notes.xhtml#n1"),
        ("../back/notes%20two.xhtml#n%C3%BC", "back/notes two.xhtml#nü"),
        ("./notes.xhtml", "text/notes.xhtml"),
        ("http://example.org/#12", ""),
        ("mailto:a@example.org#1", ""),
        ("#", ""),
        ("", ""),
    ],
)
def test_a_call_names_its_note_as_anchors_are_named(address: str, note: str) -> None:
    first = blocks_of(f'<p>So<a epub:type="noteref" href="{address}">1</a>.</p>')[0]
    assert (first.text, [call.note for call in first.calls]) == ("So.", [note] * bool(note))


@pytest.mark.parametrize("kind", ["footnote", "endnote", "rearnote"])
@pytest.mark.parametrize("opening", ["aside {}", "li {}", "p {}", "div {}"])
def test_a_note_that_no_mark_calls_has_its_name(kind: str, opening: str) -> None:
    tag, attributes = opening.format(f'epub:type="{kind}" id="n"').split(" ", 1)
    note = f"<{tag} {attributes}>A note.</{tag}>"
    blocks = blocks_of(f"<p>One.</p>{f'<ol>{note}</ol>' if tag == 'li' else note}<p>Two.</p>")
    assert [(block.text, block.note) for block in blocks] == [
        ("One.", ""),
        ("A note.", "text/a.xhtml#n"),
        ("Two.", ""),
    ]


def test_every_block_of_a_note_belongs_to_it_and_the_nearest_note_counts() -> None:
    body = """<p>Called<a epub:type="noteref" href="#n1">1</a> twice<a epub:type="noteref" href="#n2">2</a>.</p>
    <section epub:type="endnotes" id="all"><h2>Notes</h2><ol>
    <li id="n1"><p>First.</p><blockquote><p>Quoted.</p></blockquote><ul><li>Item.</li></ul></li>
    <li id="n2" epub:type="endnote"><p>Second.</p><aside epub:type="footnote" id="n3"><p>Its own note.</p></aside></li>
    </ol></section>"""
    assert [(block.text, block.left_out, block.note) for block in blocks_of(body) if block.left_out == "endnotes"] == [
        ("Notes", "endnotes", ""),
        ("First.", "endnotes", "text/a.xhtml#n1"),
        ("Quoted.", "endnotes", "text/a.xhtml#n1"),
        ("Item.", "endnotes", "text/a.xhtml#n1"),
        ("Second.", "endnotes", "text/a.xhtml#n2"),
        ("Its own note.", "endnotes", "text/a.xhtml#n3"),
    ]


@pytest.mark.parametrize(
    "note",
    [
        '<p id="n1">A note.</p>',
        '<p><a id="n1"></a>A note.</p>',
        '<a id="n1"></a><p>A note.</p>',
        '<p>A <span id="n1">note.</span></p>',
        '<div id="n1"><p>A note.</p></div>',
        '<aside epub:type="footnote" id="around"><p><a id="n1"></a>A note.</p></aside>',
        '<aside epub:type="footnote" id="around"><p id="n1">A note.</p></aside>',
    ],
)
def test_a_note_of_no_type_is_known_by_its_call(note: str) -> None:
    body = f'<p>So<a href="#n1">1</a>.</p><section epub:type="footnotes"><p>Notes</p>{note}<p>Other.</p></section>'
    blocks = [(block.text, block.note) for block in blocks_of(body) if block.left_out == "footnotes"]
    assert blocks == [("Notes", ""), ("A note.", "text/a.xhtml#n1"), ("Other.", "")]


def test_notes_in_a_file_of_their_own_are_found_from_others() -> None:
    documents = {
        "text/1.xhtml": '<h1>I</h1><p>One<a href="../notes.xhtml#n1">1</a>.</p>',
        "notes.xhtml": '<h1>Notes</h1><p id="n1">First. <a href="text/1.xhtml#r1">↩</a></p><p id="n2">Second.</p>',
        "alone.xhtml": "<p>Alone.</p>",
    }
    contents = [("I", "text/1.xhtml"), ("Notes", "notes.xhtml")]
    book = book_of(Epub(documents, contents))
    assert notes(book) == {"notes.xhtml#n1": ["First."]}
    assert [block.left_out for block in book.left_out] == ["endnotes", "endnotes", "noteref", "endnotes", "endnotes"]


def test_notes_out_of_the_line_of_reading_are_found() -> None:
    documents = {
        "1.xhtml": '<h1>I</h1><p>One<a href="n.xhtml#n1">1</a> two<a epub:type="noteref" href="m.xhtml">2</a>.</p>',
        "n.xhtml": '<p id="n1">First.</p><aside epub:type="footnote" id="n2">Typed.</aside>',
        "m.xhtml": "<p>A whole file.</p>",
    }
    book = book_of(Epub(documents, [("I", "1.xhtml")], nonlinear=frozenset({"n.xhtml", "m.xhtml"})))
    assert [call.note for call in book.chapters[0].blocks[1].calls] == ["n.xhtml#n1", "m.xhtml"]
    assert [(block.text, block.left_out, block.note) for block in all_blocks(book) if block.note] == [
        ("First.", "nonlinear", "n.xhtml#n1"),
        ("Typed.", "footnotes", "n.xhtml#n2"),
        ("A whole file.", "nonlinear", "m.xhtml"),
    ]


def test_what_is_read_belongs_to_no_note() -> None:
    first, second = blocks_of('<p>See<a href="#b">2</a>.</p><p id="b">Two.</p>')[::2]
    assert (calls(first), second.text, second.note) == ([(3, "text/a.xhtml#b")], "Two.", "")


@pytest.mark.parametrize(
    "link",
    [
        '<a href="#r1">↩</a>',
        '<a href="#r1">↩\ufe0e</a>',
        '<a href="#r1">[↑]</a>',
        '<a role="doc-backlink" href="#r1">back to the text</a>',
        '<a epub:type="backlink" href="#r1">1</a>',
        '<a href="#r1">1.</a>',
        '<a href="#r1">[1]</a>',
        '<a href="#r1">a)</a>',
    ],
)
@pytest.mark.parametrize("order", ["{} A note.", "A note. {}"])
def test_what_leads_back_is_no_part_of_a_note(link: str, order: str) -> None:
    call = '<a id="r1" epub:type="noteref" href="#n1">1</a>'
    body = f'<p>So{call}.</p><aside epub:type="footnote" id="n1"><p>{order.format(link)}</p></aside>'
    spoken, mark, note, back = blocks_of(body)
    assert (spoken.text, calls(spoken), mark.left_out) == ("So.", [(2, "text/a.xhtml#n1")], "noteref")
    assert (note.text, note.note, note.calls) == ("A note.", "text/a.xhtml#n1", ())
    assert (back.left_out, back.note) == ("noteref", "")


CALL = '<sup><a id="r1" href="#n1">1</a></sup>'
LABEL = '<a href="#r1">1</a>'
LINKED = [
    (f'<p id="n1">{LABEL} A note.</p>', ["A note."]),
    (f'<p><a id="n1"></a>{LABEL} A note.</p>', ["A note."]),
    ('<p><a id="n1" href="#r1">[1]</a> A note.</p>', ["A note."]),
    (f'<div id="n1"><p>{LABEL} A note.</p><p>It goes on.</p></div>', ["A note.", "It goes on."]),
    (f'<blockquote id="n1"><p>{LABEL} A note.</p></blockquote>', ["A note."]),
    ('<p class="footnote" id="n1">1. A note.</p>', ["1. A note."]),
    ('<p class="small Footnote" id="n1">A note.</p>', ["A note."]),
    ('<div class="footnotes"><p id="n1">A note.</p></div>', ["A note."]),
    (f'<div class="endnote" id="n1">{LABEL} A note.</div>', ["A note."]),
]


@pytest.mark.parametrize(("note", "texts"), LINKED)
def test_a_note_of_no_type_is_known_by_its_class_or_its_links(note: str, texts: list[str]) -> None:
    book = book_of(Epub({"text/a.xhtml": f"<h1>I</h1><p>It may be{CALL} so.</p><p>Or not.</p>{note}<p>The end.</p>"}))
    blocks = [block for block in all_blocks(book) if block.text and block.left_out != "noteref"]
    spoken = [block.text for block in blocks if not block.left_out]
    assert spoken == ["I", "It may be so.", "Or not.", "The end."]
    found = [(block.text, block.left_out.removesuffix("s"), block.note) for block in blocks if block.left_out]
    assert found == [(text, "endnote" if "endnote" in note else "footnote", "text/a.xhtml#n1") for text in texts]


CONTENTS = """
<p><a id="t1" href="#c1">1</a> <a id="t2" href="#c2">2</a> go there.</p>
<h2 id="c1"><a href="#t1">1</a> One</h2><p>Text.</p><h2 id="c2"><a href="#t2">2</a> Two</h2><p>More.</p>
"""
ELSEWHERE = '<p>See<a href="#n1">1</a>.</p><p id="r1">So.</p><p id="n1"><a href="#r1">1</a> Two.</p>'
CALLED_AT_ITS_HEAD = '<p id="r1"><a href="#n1">1</a> So it is.</p><p id="n1">Two. <a href="#r1">1</a></p>'
OWN_CLASS = '<p>So<span class="footnote"><a href="#n1">1</a></span> it is.</p><p id="n1">Two.</p>'


@pytest.mark.parametrize(
    ("body", "spoken"),
    [
        (CONTENTS, ["go there.", "One", "Text.", "Two", "More."]),
        ('<p>See<a href="#n1">1</a>.</p><p id="n1">Two.</p>', ["See.", "Two."]),
        (ELSEWHERE, ["See.", "So.", "Two."]),
        (OWN_CLASS, ["So it is.", "Two."]),
        (CALLED_AT_ITS_HEAD, ["So it is.", "Two."]),
    ],
    ids=[
        "a list of contents",
        "leads nowhere back",
        "leads back to another place",
        "the class of a mark",
        "a mark at the head",
    ],
)
def test_what_only_looks_like_a_note_is_read(body: str, spoken: list[str]) -> None:
    assert [block.text for block in blocks_of(body) if block.text and not block.left_out] == spoken


def test_a_note_can_call_another() -> None:
    body = f"""<p>So<a epub:type="noteref" href="#n0">1</a>.</p>
    <aside epub:type="footnote" id="n0">Or not.<a href="#n1">2</a></aside>{NOTE}"""
    outer = next(block for block in blocks_of(body) if block.text == "Or not.")
    assert calls(outer) == [(7, "text/a.xhtml#n1")]


def test_a_note_within_a_sentence_is_lifted_out_of_it() -> None:
    body = """<p>So<a epub:type="noteref" href="#n1">1</a> <span epub:type="footnote" id="n1">Not
    so.<a href="#r">↩</a></span> it is.</p>"""
    assert [(block.text, block.left_out, block.note) for block in blocks_of(body)] == [
        ("So it is.", "", ""),
        ("1", "noteref", ""),
        ("Not so.", "footnotes", "text/a.xhtml#n1"),
        ("↩", "noteref", ""),
    ]


def test_a_hidden_note_is_a_note() -> None:
    body = f'<p>One.</p><div hidden="hidden"><p>Unseen.</p>{NOTE}</div>'
    assert [(block.text, block.left_out) for block in blocks_of(body)[1:]] == [
        ("Unseen.", "hidden"),
        ("A note.", "footnotes"),
    ]


def test_a_heading_a_quote_and_a_cell_call_notes_too() -> None:
    mark = '<a epub:type="noteref" href="#n1">1</a>'
    body = f"<h2>Head{mark}</h2><blockquote>Quote{mark}</blockquote><table><tr><td>a</td><td>b{mark}</td></tr></table>{NOTE}"
    called = [block for block in blocks_of(body) if block.calls or block.left_out == "tables"]
    assert [(block.kind, block.text) for block in called] == [
        (BlockKind.HEADING, "Head"),
        (BlockKind.QUOTE, "Quote"),
        (BlockKind.PARAGRAPH, "a b"),
    ]
    assert [block.calls for block in called[:2]] == [(Call(4, "text/a.xhtml#n1"),), (Call(5, "text/a.xhtml#n1"),)]


@pytest.mark.books
def test_the_one_note_of_a_real_book_is_called_from_its_sentence() -> None:
    path = BOOKS / "time-machine.epub"
    if not path.exists():
        pytest.skip(skip_reasons.BOOKS)
    book = read(path)
    called = [block for block in all_blocks(book) if block.calls]
    ((place, note),) = calls(called[0])
    assert (len(called), note) == (1, "text/endnotes.xhtml#note-1")
    assert (called[0].text[place - 1], called[0].text[place]) == (".", " ")
    (text,) = notes(book)[note]
    assert text.endswith("Ed.")
    assert [block.text for block in all_blocks(book) if block.left_out == "noteref"] == ["1", "↩"]
