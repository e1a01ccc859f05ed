"""What of a body is text, and how it is set."""

import pytest

from tests.readers.making_epubs import blocks_of

Told = list[tuple[str, str, str]]


def told(body: str) -> Told:
    return [(str(block.kind), block.text, block.left_out) for block in blocks_of(body)]


def said(body: str) -> list[str]:
    return [block.text for block in blocks_of(body) if not block.left_out]


def apart(body: str) -> list[tuple[str, str]]:
    return [(block.left_out, block.text) for block in blocks_of(body) if block.left_out]


@pytest.mark.parametrize(
    ("ruby", "base", "annotations"),
    [
        ("<ruby>漢<rt>kan</rt>字<rt>ji</rt></ruby>", "漢字", ["kan", "ji"]),
        ("<ruby>漢字<rp>(</rp><rt>kanji</rt><rp>)</rp></ruby>", "漢字", ["(", "kanji", ")"]),
        ("<ruby><ruby>漢<rt>kan</rt></ruby><rt>outer</rt></ruby>", "漢", ["kan", "outer"]),
        ("<ruby><rb>漢</rb><rb>字</rb><rtc><rt>kan</rt><rt>ji</rt></rtc></ruby>", "漢字", ["kanji"]),
        ("<ruby>\n 漢\n <rt>kan</rt>\n <rb>字</rb>\n <rt>ji</rt>\n</ruby>", " 漢 字", ["kan", "ji"]),
    ],
)
def test_the_base_of_a_ruby_is_read(ruby: str, base: str, annotations: list[str]) -> None:
    assert said(f"<p>A{ruby}b.</p>") == [f"A{base}b."]
    assert apart(f"<p>A{ruby}b.</p>") == [("ruby", annotation) for annotation in annotations]


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("<p>light<wbr/>house</p>", ["lighthouse"]),
        ("<p>light\u00adhouse</p>", ["light\u00adhouse"]),
        ("<p><span class='dropcap'>O</span>nce upon</p>", ["Once upon"]),
        ("<p><span class='small-caps'>Once</span> upon</p>", ["Once upon"]),
        ("<p>in<span style='display:inline-block'>to</span></p>", ["into"]),
        ("<p>One<br/>two</p>", ["One two"]),
        ("<p>One.<br/><br/>Two.</p>", ["One. Two."]),
        ("<div class='dropcap'>O</div><p>nce upon</p>", ["Once upon"]),
        ("<div class='drop-cap'>“O</div>\n<p>\nNCE <b>upon</b></p>", ["“ONCE upon"]),
        ("<div class='dropcap'>A</div><p> boy</p>", ["A boy"]),
        ("<div class='dropcap'>O</div><div epub:type='pagebreak'>7</div><p>nce</p>", ["Once"]),
        ("<div class='dropcap'>O</div><aside epub:type='footnote'>x</aside><p>nce</p>", ["Once"]),
        ("<div class='dropcap'>O</div><h2>Head</h2><p>nce</p>", ["O", "Head", "nce"]),
        ("<div class='dropcap'>O</div><p>“Yes”</p>", ["O", "“Yes”"]),
        ("<p>One.</p><div class='dropcap'>O</div>", ["One.", "O"]),
        ("<div class='dropcap'>A</div><div class='dropcap'>O</div><p>nce</p>", ["A", "Once"]),
        ("<div class='dropcap'>Once</div><p>upon</p>", ["Once", "upon"]),
        ("<p><img class='dropcap' src='o.png' alt='O'/>nce upon</p>", ["Once upon"]),
    ],
)
def test_words_are_joined_as_they_are_printed(body: str, texts: list[str]) -> None:
    assert said(body) == texts


def test_a_drop_cap_of_its_own_keeps_the_places_of_marks() -> None:
    body = "<div class='dropcap'>O</div><p><b id='x'>nce</b><a href='#n' epub:type='noteref'>1</a> upon</p>"
    once = blocks_of(body)[0]
    assert (once.text, [call.place for call in once.calls]) == ("Once upon", [4])


@pytest.mark.parametrize("kind", ["z3998:verse", "z3998:poem", "poem", "verse", "z3998:song"])
def test_the_lines_of_a_stanza_are_one_block(kind: str) -> None:
    body = f"<div epub:type='{kind}'><p>Roses<br/>are red,<br/></p><p><span>Violets</span><br/><span>blue.</span></p></div>"
    assert told(body) == [("verse", "Roses are red,", ""), ("verse", "Violets blue.", "")]


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ("<tr><th>a</th><td>b</td></tr><tr><td>c</td></tr>", [("tables", "a b"), ("tables", "c")]),
        ("<caption>T</caption><tbody><tr><td>a</td></tr></tbody>", [("captions", "T"), ("tables", "a")]),
        ("<tr>\n<td><p>a</p><p>b</p></td><td><ul><li>c</li></ul>d</td></tr>", [("tables", "a b c d")]),
        ("<tr><td>a<hr/>b</td><td></td></tr>", [("tables", "a b")]),
        ("<tr><td>a<br/>b</td></tr>", [("tables", "a b")]),
        ("<tr><td><table><tr><td>a</td><td>b</td></tr></table></td><td>c</td></tr>", [("tables", "a b c")]),
        (
            "<tr><td>a<a epub:type='noteref' href='#n'>1</a></td><td>b</td></tr>",
            [("tables", "a b"), ("noteref", "1")],
        ),
        ("<tr><td>a<img src='x' alt='A sail'/></td></tr>", [("tables", "a"), ("images", "A sail")]),
    ],
)
def test_a_row_of_a_table_is_a_block(table: str, parts: list[tuple[str, str]]) -> None:
    assert apart(f"<table>{table}</table>") == parts
    assert said(f"<p>One.</p><table>{table}</table><p>Two.</p>") == ["One.", "Two."]


def test_a_table_that_only_lays_out_is_read() -> None:
    assert said("<table role='presentation'><tr><td>One.</td><td>Two.</td></tr></table>") == ["One.", "Two."]


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("<pre>a = 1\nb = 2</pre>", [("paragraph", "a = 1 b = 2", "code")]),
        ("<pre><code>a = <b>1</b></code></pre>", [("paragraph", "a = 1", "code")]),
        ("<div><code>a = 1</code></div>", [("paragraph", "a = 1", "code")]),
        (
            "<p>One.</p><code>a = 1</code><p>Two.</p>",
            [("paragraph", "One.", ""), ("paragraph", "a = 1", "code"), ("paragraph", "Two.", "")],
        ),
        ("<p>Call <code>open</code> here.</p>", [("paragraph", "Call open here.", "")]),
        ("<div>Call <code>open</code></div>", [("paragraph", "Call open", "")]),
        ("<h2><code>open</code></h2>", [("heading", "open", "")]),
        ("<ul><li><code>open</code></li></ul>", [("item", "open", "")]),
    ],
)
def test_code_is_left_out_where_it_is_a_block(body: str, parts: Told) -> None:
    assert told(body) == parts


@pytest.mark.parametrize(
    ("body", "text", "parts"),
    [
        ("<p>A <img src='x' alt='A  sail'/> came.</p>", ["A came."], [("images", "A sail")]),
        ("<p>A <img src='x' alt=''/> came.</p>", ["A came."], []),
        ("<p>A <img src='x'/> came.</p>", ["A came."], []),
        (
            "<figure><img src='x' alt='A sail'/><figcaption>Fig. 1</figcaption></figure>",
            [],
            [("images", "A sail"), ("captions", "Fig. 1")],
        ),
        (
            "<p>A <svg xmlns='http://www.w3.org/2000/svg'><title>A sail</title><text>12</text></svg> came.</p>",
            ["A came."],
            [("images", "A sail12")],
        ),
        ("<p>A <audio src='x'>Get a player.</audio><video><p>Get it.</p></video>came.</p>", ["A came."], []),
        ("<p>So <math alttext='x  squared'><mi>x</mi><mn>2</mn></math>.</p>", ["So x squared."], []),
        ("<p>So <math><mi>x</mi><mn>2</mn></math>.</p>", ["So ."], [("math", "x2")]),
        ("<p>So <math alttext='\\frac{x}{2}'><mi>x</mi></math>.</p>", ["So ."], [("math", "x")]),
        ("<p>So <math alttext=' '><mi>x</mi></math>.</p>", ["So ."], [("math", "x")]),
    ],
)
def test_what_is_no_text_is_left_out_but_for_what_it_says_in_words(
    body: str, text: list[str], parts: list[tuple[str, str]]
) -> None:
    assert (said(body), apart(body)) == (text, parts)


@pytest.mark.parametrize(
    "attributes",
    [
        "hidden=''",
        "hidden='hidden'",
        "aria-hidden='true'",
        "style='color: red; display:none'",
        "style='DISPLAY : NONE;'",
        "style='visibility:hidden'",
    ],
)
@pytest.mark.parametrize(("opening", "closing"), [("<p>One ", "three.</p>"), ("", "<p>One three.</p>")])
def test_what_is_hidden_is_left_out(attributes: str, opening: str, closing: str) -> None:
    tag = "span" if opening else "div"
    body = f"{opening}<{tag} {attributes}>two</{tag}> {closing}"
    assert (said(body), apart(body)) == (["One three."], [("hidden", "two")])


@pytest.mark.parametrize("attributes", ["aria-hidden='false'", "style='display:block'", "class='hidden'"])
def test_what_is_not_hidden_is_read(attributes: str) -> None:
    assert said(f"<p {attributes}>One.</p>") == ["One."]


def test_the_numbers_of_a_list_are_no_text() -> None:
    body = "<ol start='3'><li value='7'>One.</li><li>Two.<ul><li>Three.</li></ul></li></ol><dl><dt>Four</dt><dd>Five.</dd></dl>"
    assert told(body) == [("item", text, "") for text in ("One.", "Two.", "Three.", "Four", "Five.")]


def test_epigraphs_and_block_quotes_are_quotes() -> None:
    body = "<div epub:type='epigraph'><p>One.</p></div><blockquote><p>Two.</p></blockquote><p role='doc-epigraph'>Three.</p>"
    assert told(body) == [("quote", text, "") for text in ("One.", "Two.", "Three.")]


def test_an_empty_paragraph_is_no_scene_break() -> None:
    assert told("<p>One.</p><p class='space'>\u00a0</p><p>Two.</p>") == [
        ("paragraph", "One.", ""),
        ("paragraph", "Two.", ""),
    ]


LEFT_OUT = [
    ("footnote", "footnotes"),
    ("footnotes", "footnotes"),
    ("rearnote", "footnotes"),
    ("rearnotes", "footnotes"),
    ("endnote", "endnotes"),
    ("endnotes", "endnotes"),
    ("index", "index"),
    ("toc", "toc"),
    ("page-list", "toc"),
    ("landmarks", "toc"),
    ("pagebreak", "pagebreak"),
    ("cover", "cover"),
    ("titlepage", "titlepage"),
    ("copyright-page", "copyright-page"),
    ("colophon", "colophon"),
    ("imprint", "copyright-page"),
    ("bibliography", "bibliography"),
    ("glossary", "glossary"),
]


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        *((f"epub:type='{kind}'", reason) for kind, reason in LEFT_OUT),
        *((f"role='doc-{kind}'", reason) for kind, reason in LEFT_OUT),
        ("role='doc-pagelist'", "toc"),
        ("role='doc-pageheader'", "running-head"),
        ("epub:type='backmatter  Index'", "index"),
    ],
)
def test_a_section_is_left_out_by_its_type(attribute: str, reason: str) -> None:
    body = f"<p>One.</p><section {attribute}><p>Apart.</p></section><p>Two.</p>"
    assert (said(body), apart(body)) == (["One.", "Two."], [(reason, "Apart.")])


READ = "dedication epigraph foreword preface introduction prologue epilogue afterword acknowledgments appendix chapter part"


@pytest.mark.parametrize("kind", READ.split())
def test_a_section_that_is_part_of_the_narration_is_read(kind: str) -> None:
    assert said(f"<section epub:type='{kind}'><p>One.</p></section><div role='doc-{kind}'>Two.</div>") == [
        "One.",
        "Two.",
    ]


@pytest.mark.parametrize(
    ("page_break", "number"),
    [
        ("<span epub:type='pagebreak' id='p7'>7</span>", "7"),
        ("<span role='doc-pagebreak' aria-label='7'/>", ""),
        ("<div epub:type='pagebreak'><p>7</p></div>", "7"),
        ("<hr epub:type='pagebreak' class='page'/>", ""),
    ],
)
def test_a_page_number_breaks_no_word_and_no_sentence(page_break: str, number: str) -> None:
    for around in ("light{}house", "the {}light", "the{} light"):
        body = f"<p>{around.format(page_break)}</p>"
        assert told(body) == [
            ("paragraph", around.format(""), ""),
            *[("paragraph", number, "pagebreak")] * bool(number),
        ]
    assert said(f"<p>One.</p>{page_break}<p>Two.</p>") == ["One.", "Two."]


def test_deep_nesting_leaves_room_in_the_stack_for_those_who_read() -> None:
    def from_below(frames: int) -> list[str]:
        return from_below(frames - 1) if frames else said("<div>" * 240 + "<p>Deep.</p>" + "</div>" * 240)

    assert from_below(250) == ["Deep."]
