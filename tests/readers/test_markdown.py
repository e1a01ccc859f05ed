from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import SourceError
from tasks.model import Block, BlockKind, Book
from tasks.readers.markdown import MAXIMUM_BYTES, read


def write(folder: Path, text: str | bytes, name: str = "the-book.md") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def blocks_of(book: Book) -> list[Block]:
    return [block for chapter in book.chapters for block in chapter.blocks]


def outline(book: Book) -> list[tuple[str, list[str]]]:
    return [(chapter.title, [block.text for block in chapter.blocks]) for chapter in book.chapters]


def told(book: Book) -> list[tuple[str, str, str]]:
    return [(str(block.kind), block.text, block.left_out) for block in blocks_of(book)]


def test_front_matter_names_the_book(tmp_path: Path) -> None:
    head = "---\ntitle: 1984\nauthors: [Ann  One, name: Bo Two]\nlang: nb-NO\n---\n"
    book = read(write(tmp_path, head.replace("name: Bo Two", "{name: Bo Two}") + "Text."))
    assert (book.title, book.authors, book.language) == ("1984", ("Ann One", "Bo Two"), "nb-NO")
    assert book.warnings == ()
    assert outline(book) == [("1984", ["Text."])]


def test_a_book_without_front_matter_has_the_name_of_its_file(tmp_path: Path) -> None:
    book = read(write(tmp_path, b"\xef\xbb\xbfText.\r\nMore.\r\n", "a-long_tale.md"))
    assert (book.title, book.authors, book.language, book.cover) == ("a long tale", (), "en", None)
    assert outline(book) == [("a long tale", ["Text. More."])]


def test_norwegian_is_a_language_and_nonsense_is_none(tmp_path: Path) -> None:
    assert read(write(tmp_path, "---\nlanguage: no\n---\nHei.")).language == "no"
    book = read(write(tmp_path, "---\nlanguage: [what]\n---\nHi."))
    assert book.language == "en"
    book = read(write(tmp_path, "---\nlanguage: old English\n---\nHi."))
    assert book.language == "en"
    assert "'old English'" in book.warnings[0]


@pytest.mark.parametrize(
    ("head", "facts"),
    [
        ("title: 1:30", ("1:30", (), "en")),
        ("title: 0123\nlang: no", ("0123", (), "no")),
        ("Title: Yes\nCreator: Ann One", ("Yes", ("Ann One",), "en")),
        ("title: 0x" + "f" * 9_000, ("0x" + "f" * 9_000, (), "en")),
        ("title: !!bool so\ndate: 2024-99-99\ntags: [a, {b: c}]", ("so", (), "en")),
        ("title: ~\nauthor:\nlanguage: de-AT", ("the book", (), "de-AT")),
        ("title:\n- text: Long\n  type: main\ncreator:\n- role: author\n  text: Ann", ("Long", ("Ann",), "en")),
        ("author: [[x], Bo]\nauthors: [Cy]", ("the book", ("Bo",), "en")),
    ],
)
def test_values_are_read_as_they_are_written(
    tmp_path: Path, head: str, facts: tuple[str, tuple[str, ...], str]
) -> None:
    book = read(write(tmp_path, f"---\n{head}\n---\nText."))
    assert (book.title, book.authors, book.language) == facts
    assert book.warnings == ()


def test_a_lone_title_heading_names_the_book_and_is_not_spoken(tmp_path: Path) -> None:
    book = read(write(tmp_path, "# The Book\n\n## One\n\nA.\n\n### Deep\n\nB.\n\n## Two\n\nC.\n"))
    assert book.title == "The Book"
    assert outline(book) == [("One", ["One", "A.", "Deep", "B."]), ("Two", ["Two", "C."])]
    assert [chapter.number for chapter in book.chapters] == [1, 2]
    assert [(block.kind, block.level) for block in book.chapters[0].blocks if block.kind == "heading"] == [
        (BlockKind.HEADING, 2),
        (BlockKind.HEADING, 3),
    ]
    assert [(block.text, block.left_out) for block in book.left_out] == [("The Book", "title")]


@pytest.mark.parametrize(
    ("source", "chapters"),
    [
        ("# A\n\nx\n\n# B\n\ny", [("A", ["A", "x"]), ("B", ["B", "y"])]),
        ("### A\n\nx\n\n#### B\n\ny", [("A", ["A", "x", "B", "y"])]),
        ("# Only\n\nx", [("Only", ["Only", "x"])]),
        ("Opening.\n\n# A\n\n## B\n\ny", [("the book", ["Opening."]), ("A", ["A", "B", "y"])]),
        ("# Book\n\nOpening.\n\n## A\n\ny", [("Book", ["Opening."]), ("A", ["A", "y"])]),
        ("> # Quoted\n\n## A\n\ny", [("the book", ["Quoted"]), ("A", ["A", "y"])]),
        ("Title\n=====\n\nA\n-\n\ny", [("A", ["A", "y"])]),
        ("#\n\n## A\n\ny", [("A", ["A", "y"])]),
    ],
)
def test_the_highest_headings_make_chapters(tmp_path: Path, source: str, chapters: list[tuple[str, list[str]]]) -> None:
    assert outline(read(write(tmp_path, source))) == chapters


def test_each_block_has_its_kind(tmp_path: Path) -> None:
    source = """\
Plain *text* with `code`, a [link](http://x.example "title"), H<sub>2</sub>O,
one&nbsp;more line<br>and \\*stars\\*.

> Quoted.
>
> - In a list.

1. First.

   Still first.
2. Second.

Roses are red,\\
violets blue  \n and so on.

* * *

```python title
print(  1 )
```

    indented

![A ship](ship.png)

Before ![a mast](mast.png) after.

<!-- a secret -->

<div><p>One <b>bo</b>ld</p><p>two</p></div>
"""
    assert told(read(write(tmp_path, source))) == [
        ("paragraph", "Plain text with code, a link, H2O, one more line and *stars*.", ""),
        ("quote", "Quoted.", ""),
        ("item", "In a list.", ""),
        ("item", "First.", ""),
        ("item", "Still first.", ""),
        ("item", "Second.", ""),
        ("verse", "Roses are red, violets blue and so on.", ""),
        ("break", "", ""),
        ("paragraph", "print( 1 )", "code"),
        ("paragraph", "indented", "code"),
        ("paragraph", "A ship", "captions"),
        ("paragraph", "Before after.", ""),
        ("paragraph", "a mast", "captions"),
        ("paragraph", "One bold", ""),
        ("paragraph", "two", ""),
    ]


def test_footnotes_follow_their_first_call(tmp_path: Path) -> None:
    source = """\
[^early]: Written before its call.

One[^b] and again[^b].

Two[^early]^[Said at once.].

[^b]: Note b calls[^c].

    Its second paragraph.

[^c]: Note c.
[^never]: Nobody calls this.
[^loop]: Only it calls itself[^loop].
"""
    assert told(read(write(tmp_path, source))) == [
        ("paragraph", "One and again.", ""),
        ("paragraph", "Note b calls.", "footnotes"),
        ("paragraph", "Note c.", "footnotes"),
        ("paragraph", "Its second paragraph.", "footnotes"),
        ("paragraph", "Two.", ""),
        ("paragraph", "Written before its call.", "footnotes"),
        ("paragraph", "Said at once.", "footnotes"),
        ("paragraph", "Nobody calls this.", "footnotes"),
        ("paragraph", "Only it calls itself.", "footnotes"),
    ]


def test_a_table_is_one_block_with_the_cells_beyond_its_columns(tmp_path: Path) -> None:
    source = "Text.\n\n> | a | b |\n> |---|---|\n> | c | d | e \\| f |\n> | g |\n"
    assert told(read(write(tmp_path, source)))[1:] == [("paragraph", "a b c d e \\| f g", "tables")]


def test_anchors_name_the_line_and_are_unique(tmp_path: Path) -> None:
    source = "---\ntitle: T\n---\n# A\n\nText ![pic](p)^[note]\n\n* x\n* y\n"
    anchors = [block.anchor for block in blocks_of(read(write(tmp_path, source)))]
    assert anchors == ["line=4", "line=6", "line=6.2", "line=6.3", "line=8", "line=9"]


def test_a_definition_that_nothing_links_to_is_named(tmp_path: Path) -> None:
    book = read(write(tmp_path, "See [it][used].\n\n[used]: http://a.example\n[Aside]: whispered\n"))
    assert told(book) == [("paragraph", "See it.", "")]
    assert len(book.warnings) == 1
    assert "line 4" in book.warnings[0]


def test_the_cover_is_a_picture_beside_the_manuscript(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    folder.mkdir()
    Image.new("RGB", (2, 2)).save(folder / "cover.bin", "PNG")
    Image.new("RGB", (2, 2)).save(tmp_path / "outside.jpg", "JPEG")
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "page.html").write_text("<html>")
    cover = read(write(folder, "---\ncover: cover.bin\n---\nText.")).cover
    assert cover is not None
    assert (cover.media_type, cover.data) == ("image/png", (folder / "cover.bin").read_bytes())
    for name in ("../outside.jpg", "link.jpg", "page.html", "missing.png", str(tmp_path / "outside.jpg"), "."):
        book = read(write(folder, f"---\ncover: {name}\n---\nText."))
        assert book.cover is None, name
        assert name in book.warnings[0]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (b"One.\nTw\xf6.", r"UTF-8 at byte 7, line 2"),
        (b"\xef\xbb\xbf\xff", r"UTF-8 at byte 3, line 1"),
        ("Text".encode("utf-16"), r"UTF-8 at byte 0, line 1"),
        (b"", "no words"),
        (b"* * *\n\n-- ! --\n", "no words"),
        (b"```\nonly code\n```\n", "no words"),
        (b"---\ntitle: T\nauthor: [A\n---\nText.", r"line 3: the front matter"),
        (b"---\ntitle: a: b\n---\nText.", r"line 2: the front matter"),
        (b"---\nWords, no names.\n---\nText.", "line 2: the front matter"),
        (b"---\ntitle: T\n\nText.", "line 1 has no end"),
        (b"---\nx: " + b"[" * 20_000 + b"\n---\nText.", "the front matter"),
        (b"---\nx: " + b"y" * 70_000 + b"\n---\nText.", "longer than"),
        (b"Text.\n\n<!-- open\n\nLost.", "line 3: the comment"),
        (b">" * 150 + b" Lost.", "line 1: lists or quotes"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path, source: bytes, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint) as caught:
        read(write(tmp_path, source))
    assert str(caught.value).startswith("the-book.md")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_a_folder_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.md cannot be opened"):
        read(tmp_path / "gone.md")
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(SourceError, match=r"folder\.md cannot be opened"):
        read(tmp_path / "folder.md")
    large = tmp_path / "large.md"
    with large.open("wb") as stream:
        stream.truncate(MAXIMUM_BYTES + 1)
    with pytest.raises(SourceError, match="larger than 50 MB"):
        read(large)


WORDS = st.lists(st.from_regex(r"[a-zäßж字]{1,8}[.,!?]?", fullmatch=True), min_size=1, max_size=8)
SEPARATORS = st.sampled_from([" ", "\n", "  \n", "\\\n"])
# How a manuscript can hold words, each with the words that are then read.
SHAPES = {
    "{}": "{}",
    "> {}": "{}",
    "*{}*": "{}",
    "# {}": "{}",
    "### {}": "{}",
    "- {}": "{}",
    "1. {}": "{}",
    "> > * {}": "{}",
    "[{}](http://x.example 'title')": "{}",
    "![{}](x.png)": "{}",
    "`{}`": "{}",
    "```\n{}\n```": "{}",
    "    {}": "{}",
    "<p>{}</p>": "{}",
    "* * *\n\n{}": "{}",
    "<!-- hidden -->\n\n{}": "{}",
    "| {} |\n|---|\n| cell |": "{} cell",
    "| head |\n|---|\n| a | {} |": "head a {}",
    "<div>{}</div>": "{}",
    "<center><p>{}<p>more</center>": "{} more",
    "<blockquote>\n\n{}\n\n<p>more</blockquote>": "{} more",
    "<ul><li>{}<li>more</ul>": "{} more",
    "<table><tr><td>{}<th>more</table>": "{} more",
    "<figure><img alt='{}'><figcaption>more</figcaption></figure>": "{} more",
    "<pre>{}\n\nmore</pre>": "{} more",
    "<h2>{}</h2>more": "{} more",
    "<div lang='fr'>\n\n{}\n\n</div>": "{}",
    "<!-- hidden -->{}<!-- hidden --><script>hidden</script>": "{}",
    "<div>\n<![CDATA[{}]]> <? hidden ?></div>": "{}",
    "so <span lang='fr'>{}</span><script>hidden</script>": "so {}",
    "<p>*so* call[^N] {}</p>\n\n[^N]: note": "so call {} note",
    "- so\n  - {}\n\n    more": "so {} more",
    "* * *\n{}\n\\* \\* \\*": "{} * * *",
    "call^[{}]": "call {}",
    "call[^N]\n\n[^N]: {}": "call {}",
    "[^N]: {}\n\ncall[^N]": "call {}",
}
MANY_LINES = {"{}", "> {}", "*{}*"}


def test_brackets_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.md"
    path.write_text("# I\n\nText.\n\n" + "^[" * 3_000, "utf-8")
    with pytest.raises(SourceError, match=r"^book\.md, line 5: over 1,000 brackets are opened"):
        read(path)


@given(st.lists(st.tuples(st.sampled_from(sorted(SHAPES)), WORDS, SEPARATORS), min_size=1, max_size=12))
@settings(deadline=None)
def test_every_word_comes_once_and_in_order(parts: list[tuple[str, list[str], str]]) -> None:
    source, expected = ["begin"], ["begin"]
    for number, (shape, words, separator) in enumerate(parts):
        text = (separator if shape in MANY_LINES else " ").join(words)
        source.append(shape.replace("N", f"n{number}").replace("{}", text))
        expected += SHAPES[shape].replace("{}", " ".join(words)).split()
    with TemporaryDirectory() as folder:
        book = read(write(Path(folder), "\n\n".join([*source, "end\n"])))
    blocks = blocks_of(book)
    assert book.left_out == ()
    assert " ".join(block.text for block in blocks if block.text).split() == [*expected, "end"]
    assert len({block.anchor for block in blocks}) == len(blocks)
    noted = {block.note for block in blocks}
    for block in blocks:
        for call in block.calls:
            assert block.text[: call.place].endswith("call")
            assert call.note in noted
