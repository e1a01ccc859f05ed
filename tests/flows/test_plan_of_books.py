"""What is planned of real books, against a second reading of their files that shares no code with Declaim's."""

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from flows.cli import main
from tests import skip_reasons

TOP = Path(__file__).resolve().parents[2]
BOOKS = TOP.parent / "shared" / "books"
SAMPLES = sorted((TOP / "samples").glob("tuppence*.*"))
XHTML = "{http://www.w3.org/1999/xhtml}"
TYPE = "{http://www.idpf.org/2007/ops}type"
BREAKING = {
    f"{XHTML}{name}" for name in ("p", "h1", "h2", "h3", "h4", "br", "hr", "li", "div", "section", "header", "td")
}
LINE_END = "\0"
RUN = 6

Plan = dict[str, Any]
real_books = [
    pytest.mark.books,
    pytest.mark.skipif(not BOOKS.is_dir(), reason=skip_reasons.BOOKS),
]


@pytest.fixture
def plan_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Path], Plan]:
    def plan_of(path: Path) -> Plan:
        assert main(["plan", str(path), "--json", "--set", f"store.url={tmp_path / 'store'}"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        document: Plan = json.loads(out)
        return document

    return plan_of


class Shelf:
    """An EPUB, read the plainest way there is."""

    def __init__(self, name: str, folder: str, package: str) -> None:
        self.archive = zipfile.ZipFile(BOOKS / name)
        self.folder = PurePosixPath(folder)
        tree = self.tree(package)
        items = {item.get("id"): item.get("href", "") for item in tree.iterfind(".//{*}item")}
        self.spine = [items[reference.get("idref")] for reference in tree.iterfind(".//{*}itemref")]

    def tree(self, name: str) -> ET.Element:
        return ET.fromstring(self.archive.read(str(self.folder / name)))  # noqa: S314  # a book of the project's own

    def text(self, name: str) -> str:
        """Give all that a document's body says, but the numbers that call notes and lines without a word."""
        body = self.tree(name).find(f"{XHTML}body")
        assert body is not None
        return "\n".join(line for line in "".join(_said(body)).split(LINE_END) if words(line))

    def contents(self, name: str) -> list[tuple[str, str]]:
        """List the entries of the table of contents: address and title."""
        (nav,) = (nav for nav in self.tree(name).iter(f"{XHTML}nav") if nav.get(TYPE) == "toc")
        return [(link.get("href", ""), " ".join("".join(link.itertext()).split())) for link in nav.iter(f"{XHTML}a")]


def _said(element: ET.Element) -> list[str]:
    if element.get(TYPE) in {"noteref", "backlink"}:
        return [element.tail or ""]
    inside = [element.text or "", *(piece for child in element for piece in _said(child))]
    gap = [LINE_END] if element.tag in BREAKING else []
    return [*gap, *inside, *gap, element.tail or ""]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def characters(text: str) -> str:
    return "".join(text.split())


def runs(text: str) -> set[tuple[str, ...]]:
    """List every run of six words."""
    listed = words(text)
    return {tuple(listed[start : start + RUN]) for start in range(max(len(listed) - RUN + 1, 1))}


def source_of(chapter: Plan) -> str:
    return " ".join(sentence for chunk in chapter["chunks"] for sentence in chunk["sentences"])


def assert_the_same_words(chapter: Plan, text: str) -> None:
    assert words(source_of(chapter)) == words(text), chapter["title"]
    assert characters(source_of(chapter)) == characters(text), chapter["title"]


def assert_nothing_of(names: list[str], shelf: Shelf, plan: Plan) -> None:
    """No run of words of these documents is said, and every word of them is accounted for as left out."""
    said = runs(" ".join(map(source_of, plan["chapters"])))
    account = Counter(words(" ".join(row["text"] for row in plan["omitted"])))
    for name in names:
        assert not runs(shelf.text(name)) & said, name
        assert Counter(words(shelf.text(name))) <= account, name


class TestTheTimeMachine:
    pytestmark = real_books
    NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

    def test_its_chapters_are_said_and_nothing_else(self, plan_of: Callable[[Path], Plan]) -> None:
        plan = plan_of(BOOKS / "time-machine.epub")
        shelf = Shelf("time-machine.epub", "epub", "content.opf")
        assert [chapter["title"] for chapter in plan["chapters"]] == [*self.NUMERALS, "Epilogue"]
        assert (plan["book"]["title"], plan["book"]["authors"]) == ("The Time Machine", ["H. G. Wells"])
        told = [name for name in shelf.spine if re.search("chapter|epilogue", name)]
        for chapter, name in zip(plan["chapters"], told, strict=True):
            assert_the_same_words(chapter, shelf.text(name))
        around = [name for name in shelf.spine if name not in told]
        assert [PurePosixPath(name).stem for name in around] == [
            "titlepage",
            "imprint",
            "endnotes",
            "colophon",
            "uncopyright",
        ]
        assert_nothing_of(around, shelf, plan)

    def test_the_call_of_its_one_note_is_the_only_thing_left_out_of_a_chapter(
        self, plan_of: Callable[[Path], Plan]
    ) -> None:
        plan = plan_of(BOOKS / "time-machine.epub")
        left_out = [
            (chapter["title"], row["kind"], row["text"]) for chapter in plan["chapters"] for row in chapter["omitted"]
        ]
        assert left_out == [("VIII", "noteref", "1")]


class TestMobyDick:
    pytestmark = real_books

    def test_every_entry_of_its_contents_is_a_chapter(self, plan_of: Callable[[Path], Plan]) -> None:
        plan = plan_of(BOOKS / "moby-dick.epub")
        shelf = Shelf("moby-dick.epub", "OPS", "package.opf")
        around = {"titlepage.xhtml", "preface_001.xhtml", "copyright.xhtml"}
        contents = [entry for entry in shelf.contents("toc.xhtml") if entry[0] not in around]
        assert len(contents) == 138
        assert [chapter["title"] for chapter in plan["chapters"]] == [title for _, title in contents]
        for chapter, (name, _) in zip(plan["chapters"], contents, strict=True):
            assert_the_same_words(chapter, shelf.text(name))
            assert chapter["omitted"] == []
        assert_nothing_of(["copyright.xhtml", "preface_001.xhtml"], shelf, plan)


@pytest.mark.parametrize(
    "arguments",
    [["voices"], ["voices", "--json"], *(["plan", str(path), "--json"] for path in SAMPLES if path.suffix != ".png")],
    ids=lambda arguments: " ".join([arguments[0], *(Path(each).suffix or each for each in arguments[1:])]),
)
def test_neither_plan_nor_voices_imports_prefect(arguments: list[str], tmp_path: Path) -> None:
    program = (
        "import sys; from flows.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(code or ('Prefect was imported' if 'prefect' in sys.modules else 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--set", f"store.url={tmp_path / 'store'}"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
