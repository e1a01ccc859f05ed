import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tasks.errors import SourceError
from tasks.model import Block, Book
from tasks.readers import markdown_folder, read_book, source_sha256
from tests.readers.test_markdown import blocks_of, outline, write


def folder_of(tmp_path: Path, files: dict[str, str], name: str = "the-long_tale") -> Path:
    folder = tmp_path / name
    folder.mkdir()
    for each, text in files.items():
        write(folder, text, each)
    return folder


def read_folder(tmp_path: Path, files: dict[str, str]) -> Book:
    return read_book(folder_of(tmp_path, files))


def told(blocks: tuple[Block, ...] | list[Block]) -> list[tuple[str, str]]:
    return [(block.text, block.left_out) for block in blocks]


def test_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["10-end.md", "2_storm.MD", "1.md", "01-prelude.markdown", "chapter-3.md", "3-b.md", "part2-chapter1.md"]
    files = {name: f"In {name.split('.')[0]}." for name in names}
    ignored = {"_draft.md": "No.", ".hidden.md": "No.", "README.md": "No.", "notes.txt": "No."}
    book = read_folder(tmp_path, files | ignored)
    assert outline(book) == [
        ("prelude", ["In 01-prelude."]),
        ("1", ["In 1."]),
        ("storm", ["In 2_storm."]),
        ("part2 chapter1", ["In part2-chapter1."]),
        ("b", ["In 3-b."]),
        ("chapter 3", ["In chapter-3."]),
        ("end", ["In 10-end."]),
    ]
    assert [chapter.number for chapter in book.chapters] == list(range(1, 8))
    assert (book.title, book.language, book.authors, book.warnings) == ("the long tale", "en", (), ())


def test_files_without_a_number_come_behind(tmp_path: Path) -> None:
    book = read_folder(tmp_path, {"afterword.md": "Z.", "about.md": "Y.", "1.md": "A."})
    assert [chapter.title for chapter in book.chapters] == ["1", "about", "afterword"]
    assert [warning.split(":")[0] for warning in book.warnings] == ["about.md", "afterword.md"]


def test_where_no_name_has_a_number_a_readme_is_a_text(tmp_path: Path) -> None:
    book = read_folder(tmp_path, {"README.md": "First.", "b.md": "Second."})
    assert [chapter.title for chapter in book.chapters] == ["README", "b"]
    assert len(book.warnings) == 1
    assert "no file has a number" in book.warnings[0]


def test_a_file_is_a_chapter_or_several(tmp_path: Path) -> None:
    files = {
        "1.md": "# Storm\n\na\n\n## Calm\n\nb",
        "2.md": "Before.\n\n# One\n\nc\n\n# Two\n\nd",
        "3.md": "---\ntitle: From the head\n---\ne",
        "4.md": "```\ncode alone\n```",
        "5.md": "",
    }
    book = read_folder(tmp_path, files)
    assert outline(book) == [
        ("Storm", ["Storm", "a", "Calm", "b"]),
        ("One", ["Before.", "One", "c"]),
        ("Two", ["Two", "d"]),
        ("From the head", ["e"]),
    ]
    assert told(book.left_out) == [("code alone", "code")]
    assert [warning.split(":")[0] for warning in book.warnings] == ["4.md", "5.md"]


HEAD = "---\ntitle: {}\nauthor: Ann\nlang: de\n---\n"


@pytest.mark.parametrize(
    ("files", "title"),
    [
        ({"1.md": HEAD.format("First") + "A."}, "First"),
        ({"1.md": "---\ntitle: One\n---\nA.", "index.md": HEAD.format("Index")}, "Index"),
        ({"1.md": "---\ntitle: One\n---\nA.", "index.md": "No.", "metadata.md": HEAD.format("Meta")}, "Meta"),
        ({"1.md": "A.", "metadata.yaml": "title: Yaml\nauthor: Ann\nlang: de"}, "Yaml"),
        ({"1.md": "A.", "metadata.md": "title: no", "metadata.yml": HEAD.format("Fenced")}, "Fenced"),
    ],
)
def test_one_file_tells_of_the_book(tmp_path: Path, files: dict[str, str], title: str) -> None:
    book = read_folder(tmp_path, files)
    assert (book.title, book.authors, book.language) == (title, ("Ann",), "de")
    assert book.chapters[-1].title in {"1", "One"}


def test_an_index_is_read_first_and_what_stands_in_the_metadata_is_left_out(tmp_path: Path) -> None:
    book = read_folder(tmp_path, {"1.md": "A.", "index.md": "Welcome.", "metadata.md": "---\ntitle: T\n---\nAside."})
    assert outline(book) == [("index", ["Welcome."]), ("1", ["A."])]
    assert told(book.left_out) == [("Aside.", "metadata")]
    assert book.warnings == ()


def test_anchors_and_notes_are_those_of_one_file(tmp_path: Path) -> None:
    text = "# A\n\nText^[Note] ![pic](p)"
    book = read_folder(tmp_path, {"1.md": text, "02-storm.md": text, "3.md": "---\nlang: fr\n---\nUn."})
    blocks = blocks_of(book)
    assert [block.anchor for block in blocks] == [
        *(f"{name}#line={line}" for name in ("1.md", "02-storm.md") for line in ("1", "3", "3.2", "3.3")),
        "3.md#line=4",
    ]
    assert [(block.note, block.calls[0].note) for block in blocks if block.calls] == [
        ("", "1.md#note=1"),
        ("", "02-storm.md#note=1"),
    ]
    assert [block.note for block in blocks if block.left_out == "footnotes"] == ["1.md#note=1", "02-storm.md#note=1"]
    assert [block.language for block in blocks] == [""] * 8 + ["fr"]


def test_the_cover_lies_in_the_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"1.md": "A.", "metadata.yaml": "cover: front.png"})
    assert len(read_book(folder).warnings) == 1
    Image.new("RGB", (2, 2)).save(folder / "front.png")
    cover = read_book(folder).cover
    assert cover is not None
    assert cover.data == (folder / "front.png").read_bytes()


def test_the_hash_is_of_names_and_contents_in_order(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"1.md": "A.", "2.md": "B.", "metadata.yaml": "title: T"})
    first = source_sha256(folder)
    moved = source_sha256(folder.rename(tmp_path / "elsewhere"))
    folder = tmp_path / "elsewhere"
    write(folder, "Nobody reads it.", "_notes.md")
    assert first == moved == source_sha256(folder)
    hashes = {first}
    for name, text in (("1.md", "A!"), ("metadata.yaml", "title: U"), ("3.md", "C.")):
        write(folder, text, name)
        hashes.add(source_sha256(folder))
    (folder / "3.md").rename(folder / "4.md")
    assert len(hashes | {source_sha256(folder)}) == 5


def test_a_folder_without_markdown_is_refused_with_what_it_must_hold(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Words.")
    write(tmp_path, "title: T", "metadata.yaml")
    with pytest.raises(SourceError, match=r"this is a folder; give a file .* or a folder of Markdown files"):
        read_book(tmp_path)


def test_links_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"1.md": "A.", "2.md": "B."})
    (folder / "3.md").symlink_to("2.md")
    assert len(read_book(folder).chapters) == 3
    write(tmp_path, "Secret.", "outside.md")
    (folder / "4.md").symlink_to(tmp_path / "outside.md")
    with pytest.raises(SourceError, match=r"4\.md: the link leads out of the folder"):
        read_book(folder)
    (folder / "4.md").unlink()
    (folder / "5.md").symlink_to("5.md")
    with pytest.raises(SourceError, match="cannot be read"):
        read_book(folder)


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"1.md": "A."})
    os.mkfifo(folder / "2.md")
    shutil.copytree(folder_of(tmp_path, {"1.md": "Deep."}, "deep"), folder / "3.md")
    (folder / "pictures").mkdir()
    book = read_book(folder)
    assert outline(book) == [("1", ["A."])]
    assert [warning.split(":")[0] for warning in book.warnings] == ["3.md", "2.md"]


def test_a_folder_is_bounded_as_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, {"1.md": "A."})
    for name in ("2.md", "3.md"):
        with (folder / name).open("wb") as stream:
            stream.truncate(25_000_000)
    with pytest.raises(SourceError, match="larger than 50 MB together"):
        read_book(folder)
    for name in ("2.md", "3.md"):
        write(folder, "B.", name)
    monkeypatch.setattr(markdown_folder, "MAXIMUM_FILES", 2)
    with pytest.raises(SourceError, match="more than 2 files"):
        read_book(folder)
    monkeypatch.setattr(markdown_folder, "MAXIMUM_ENTRIES", 2)
    with pytest.raises(SourceError, match="more than 2 entries"):
        read_book(folder)


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"1.md": "* * *"}, "no words to speak"),
        ({"1.md": "A.", "2.md": "<script>"}, "2.md, line 1"),
        ({"1.md": "A.", "metadata.yaml": "a: b: c"}, "metadata.yaml, line 1"),
    ],
)
def test_a_fault_names_its_file(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        read_folder(tmp_path, files)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"1.md": "A."})
    Path(os.fsdecode(os.fsencode(folder) + b"/2-\xff.md")).write_text("B.")
    with pytest.raises(SourceError, match=r"xff\.md' is no UTF-8"):
        read_book(folder)
