from pathlib import Path

import pytest

from tasks.errors import SourceError
from tasks.readers.markdown import read
from tests.readers.test_markdown import blocks_of, outline, told, write


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("<p>One<br>line <em>more</em> &amp; on</p>", [("paragraph", "One line more & on", "")]),
        ("<center>* * *</center>", [("break", "", "")]),
        ("<center>The <i>End</i></center>", [("paragraph", "The End", "")]),
        ("<hr class='x'>", [("break", "", "")]),
        ("<div>One<hr/>Two</div>", [("paragraph", "One", ""), ("break", "", ""), ("paragraph", "Two", "")]),
        ("<div>\n\nIn *it*.\n\n</div>", [("paragraph", "In it.", "")]),
        ("<p>A *star* and[^1] `code`</p>\n\n[^1]: Note.", [
            ("paragraph", "A star and code", ""),
            ("paragraph", "Note.", "footnotes"),
        ]),
        ("<!-- pagebreak -->", []),
        ("<!-- one --><!-- two -->Said.", [("paragraph", "Said.", "")]),
        ("<script>\nif (a < b) {}\n\nmore()\n</script>", []),
        ("<style>p { x: y }</style>\n<STYLE>z</STYLE>", []),
        ("<blockquote>\nSaid.\n</blockquote>", [("quote", "Said.", "")]),
        ("<blockquote>\n\nSaid.\n\n* Item\n\n</blockquote>", [("quote", "Said.", ""), ("item", "Item", "")]),
        ("<ul><li>One<li>Two</ul>", [("item", "One", ""), ("item", "Two", "")]),
        ("<dl><dt>Word<dd>Meaning</dl>", [("item", "Word", ""), ("item", "Meaning", "")]),
        ("<table><tr><td>a</td><td>b</td></tr>\n\n<tr><td>c</table>", [
            ("paragraph", "a", "tables"),
            ("paragraph", "b", "tables"),
            ("paragraph", "c", "tables"),
        ]),
        ("<figure><img src=x alt='A &lt;ship&gt;'><figcaption>At sea</figcaption></figure>", [
            ("paragraph", "A <ship>", "captions"),
            ("paragraph", "At sea", "captions"),
        ]),
        ("<pre>x = *y*  &lt; 2\n\nz</pre>", [("paragraph", "x = *y* < 2 z", "code")]),
        ("<p>One\n\nTwo <p>three", [("paragraph", "One", ""), ("paragraph", "Two three", "")]),
        ('<p>A < B & <o:p>C</o:p> <a href=x"y>D</a></p>', [("paragraph", 'A < B & C <a href=x"y>D', "")]),
        ("</div>\n\nText.", [("paragraph", "Text.", "")]),
        ("> <div>\n> Said.\n\nOutside.\n\n</div>", [("quote", "Said.", ""), ("paragraph", "Outside.", "")]),
        ("> <table>\n> </table>\n\nOutside.", [("paragraph", "Outside.", "")]),
        ("<div><![CDATA[1 <b>2</b> & 3]]> <? 4 <!X 5 ></div>", [("paragraph", "1 <b>2</b> & 3 <? 4", "")]),
        ("- One\n  - Two\n\n    Still two.\n1. <p>Three</p>", [
            ("item", "One", ""),
            ("item", "Two", ""),
            ("item", "Still two.", ""),
            ("item", "Three", ""),
        ]),
        ("<nav><a href=x>One</a></nav>", [("paragraph", "One", "toc")]),
    ],
)  # fmt: skip
def test_html_is_read_as_markdown_is(tmp_path: Path, source: str, blocks: list[tuple[str, str, str]]) -> None:
    assert told(read(write(tmp_path, f"Begin.\n\n{source}"))) == [("paragraph", "Begin.", ""), *blocks]


@pytest.mark.parametrize(
    ("source", "text", "aside"),
    [
        ("E = mc<sup>2</sup>, H<sub>2</sub>O", "E = mc2, H2O", []),
        ("one<br/>two<br>three<hr>four", "one two three four", []),
        ("a<!-- pagebreak -->b", "ab", []),
        ("a <script>alert('x')</script> b", "a b", []),
        ("a <script> b", "a b", []),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>字", "漢字", [("ruby", "("), ("ruby", "kan"), ("ruby", ")")]),
        ('see <img alt="a ship" src=x> here', "see here", [("captions", "a ship")]),
        ("see ![a *fine* ship](x 'unread') here", "see here", [("captions", "a fine ship")]),
        ("a [link *text*](http://x 'unread') and <http://a.example/b>", "a link text and http://a.example/b", []),
        ('soft\u00adhyphen “smart” "straight" it\'s', 'soft\u00adhyphen “smart” "straight" it\'s', []),
        ("**bold** __bold__ *a* _b_ ***c*** snake_case 5 * 3", "bold bold a b c snake_case 5 * 3", []),
    ],
)
def test_marks_and_tags_in_a_line_are_not_read(
    tmp_path: Path, source: str, text: str, aside: list[tuple[str, str]]
) -> None:
    block, *others = blocks_of(read(write(tmp_path, source)))
    assert (block.text, block.left_out) == (text, "")
    assert [(each.left_out, each.text) for each in others] == aside


@pytest.mark.parametrize("mark", ["* * *", "***", "- - -", "⁂", "#", "\\* \\* \\*", "\\*", "• • •", "—", "~"])
def test_a_paragraph_of_marks_alone_is_a_scene_break(tmp_path: Path, mark: str) -> None:
    assert told(read(write(tmp_path, f"One.\n\n{mark}\n\nTwo."))) == [
        ("paragraph", "One.", ""),
        ("break", "", ""),
        ("paragraph", "Two.", ""),
    ]


def test_headings_of_all_forms_open_chapters(tmp_path: Path) -> None:
    source = "One\n===\n\na\n\n# Two ##\n\nb\n\n<div>\n\n<h1 align=center>Three</h1>\n\n</div>\n\nc\n\n<blockquote><h1>No</h1></blockquote>"
    assert outline(read(write(tmp_path, source))) == [
        ("One", ["One", "a"]),
        ("Two", ["Two", "b"]),
        ("Three", ["Three", "c", "No"]),
    ]


@pytest.mark.parametrize(
    ("source", "languages"),
    [
        ('<div lang="fr">\n\nUn.\n\n> Deux.\n\n</div>\n\nThree.', ["fr", "fr", ""]),
        ("<p lang='de'>Eins</p>\n\nTwo.", ["de", ""]),
        ('<span lang="fr">Bonjour à *tous*</span>.', ["fr"]),
        ('<span lang="fr">Bonjour</span>, he said.', [""]),
        ('He <i lang="la">vidi</i>', [""]),
        ('<section xml:lang="pt-BR">\n\n<p lang="">Um</p>\n\n- Dois\n\n</section>', ["pt-BR", "pt-BR"]),
        ('<div lang="en">\n\nOne.\n\n</div>', [""]),
        ('<div lang="no language">\n\nOne.\n\n</div>', [""]),
        ('# <span lang="fr">La Mer</span>\n\n<span lang="fr">\n\nUn.\n\n</span>\n\nTwo.', ["fr", "fr", ""]),
        ('> <div lang="fr">\n>\n> Un.\n\nTwo.', ["fr", ""]),
        ('<div lang="fr"><div lang="en">\n\nOne.\n\n</div>\n\nDeux.\n\n</div>', ["", "fr"]),
    ],
)
def test_whole_blocks_say_their_language(tmp_path: Path, source: str, languages: list[str]) -> None:
    assert [block.language for block in blocks_of(read(write(tmp_path, source)))] == languages


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("Text.\n\n<script>\n\nLost.", "line 3: <script> has no end"),
        ("Text.\n\n<div>\n<!-- open\n\nLost.", "line 4: the comment"),
        ("Text.\n\n<?php\n\nLost.", "line 3: the declaration"),
        ("Text.\n\n<table>\n\nLost.", "line 3: <table> has no end"),
        ("Text.\n\n<pre>\n\nLost.", "line 3: <pre> has no end"),
        ("Text.\n\n" + "<div>" * 1_001, "line 3: more than 1000 elements"),
    ],
)
def test_html_that_would_swallow_the_rest_is_refused(tmp_path: Path, source: str, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        read(write(tmp_path, source))
