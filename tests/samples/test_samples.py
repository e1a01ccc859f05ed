"""The samples say the same in all three formats, and what is in the repository is what the script makes."""

import re
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lxml import etree
from PIL import Image, ImageChops, ImageStat
from pypdf import PdfReader
from pypdf.generic import Destination

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAME = "tuppence-a-window"
BUILT = {"cover.png", f"{NAME}.epub", f"{NAME}.pdf"}

XHTML = "{http://www.w3.org/1999/xhtml}"
EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """samples/ is no package, so its script is loaded from its file."""
    spec = spec_from_file_location("samples_build", SAMPLES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def built(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    script.build(folder)
    return folder


# Each format is read here by the plainest means there are, and by no code of Declaim or of the script. A chapter is its
# title and its words; footnotes and scene breaks are left out.


def chapters_of_markdown(path: Path) -> list[tuple[str, list[str]]]:
    _, _, text = path.read_text(encoding="utf-8").split("---\n", 2)
    text = re.sub(r"^\[\^1\]:.*$|^\* \* \*$|\[\^1\]|^>|\\$|\*", "", text, flags=re.MULTILINE)
    _, *chapters = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return [(title, words.split()) for title, words in zip(chapters[::2], chapters[1::2], strict=True)]


def documents_of_epub(path: Path) -> list[Any]:
    """Parse the documents of the spine; Any spares the tests from asking of every element whether it is there."""
    with zipfile.ZipFile(path) as archive:
        package = etree.fromstring(archive.read("EPUB/content.opf"))
        files = {item.get("id"): item.get("href") for item in package.iterfind(".//{*}manifest/{*}item")}
        spine = [files[item.get("idref")] for item in package.iterfind(".//{*}itemref")]
        return [etree.fromstring(archive.read(f"EPUB/{file}")) for file in spine]


def chapters_of_epub(path: Path) -> list[tuple[str, list[str]]]:
    chapters = []
    for document in documents_of_epub(path):
        for left_out in document.xpath("//*[@*[. = 'footnote' or . = 'noteref']]"):
            # What follows an element hangs on it in lxml, and has to stay.
            left_out[:] = []
            left_out.text = None
        if document.find(f"{XHTML}body").get(EPUB_TYPE) == "bodymatter":
            heading = document.find(f".//{XHTML}h2")
            blocks = ["".join(block.itertext()) for block in document.iterfind(f".//{XHTML}p")]
            chapters.append((heading.text, " ".join(blocks).split()))
    return chapters


def pages_of_pdf(path: Path) -> list[list[str]]:
    return [[line.strip() for line in page.extract_text().splitlines()] for page in PdfReader(path).pages]


def chapters_of_pdf(path: Path) -> list[tuple[str, list[str]]]:
    reader = PdfReader(path)
    title = "Tuppence a Window"
    pages = [
        [line for line in page if line != title and not line.isdigit() and line != "* * *"]
        for page in pages_of_pdf(path)
    ]
    entries = [entry for entry in reader.outline if isinstance(entry, Destination)]
    starts = {reader.get_destination_page_number(entry): entry.title for entry in entries}
    chapters = []
    for start, end in zip(starts, [*list(starts)[1:], len(pages)], strict=True):
        heading, *lines = [line for page in pages[start:end] for line in page]
        assert heading == starts[start]
        chapters.append((heading, re.sub(r"(?<=\w)-\n(?=[a-z])", "", "\n".join(lines)).split()))
    return chapters


READ = {".epub": chapters_of_epub, ".pdf": chapters_of_pdf}


def without_hyphens(chapters: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """At the end of a line nobody can tell a hyphen that belongs to the word from one that does not."""
    return [(title, [word.replace("-", "") for word in words]) for title, words in chapters]


def picture(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGB")


# Bytes may differ with the version of zlib, FreeType, reportlab or ebooklib, so what is kept and what is made are
# compared by what a reader gets from them.


@pytest.mark.parametrize("suffix", [".epub", ".pdf"])
def test_what_is_kept_is_what_the_script_makes(built: Path, suffix: str) -> None:
    assert READ[suffix](SAMPLES / f"{NAME}{suffix}") == READ[suffix](built / f"{NAME}{suffix}")


def test_the_kept_documents_are_those_that_the_script_makes(built: Path) -> None:
    kept, made = (documents_of_epub(folder / f"{NAME}.epub") for folder in (SAMPLES, built))
    assert [etree.tostring(document) for document in kept] == [etree.tostring(document) for document in made]


def test_the_kept_cover_is_the_one_that_the_script_draws(built: Path) -> None:
    kept, made = (picture((folder / "cover.png").read_bytes()) for folder in (SAMPLES, built))
    assert kept.size == made.size == (1600, 1600)
    assert max(ImageStat.Stat(ImageChops.difference(kept, made)).mean) < 1
    assert (SAMPLES / "cover.png").stat().st_size < 150_000


def test_two_builds_give_the_same_bytes(script: ModuleType, built: Path, tmp_path: Path) -> None:
    script.build(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == BUILT
    for name in BUILT:
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes(), name


@pytest.mark.parametrize("suffix", [".epub", ".pdf"])
def test_all_formats_have_the_words_of_the_manuscript(suffix: str) -> None:
    manuscript = chapters_of_markdown(SAMPLES / f"{NAME}.md")
    assert [title for title, _ in manuscript] == ["I", "II", "The Third Winter"]
    assert 700 <= sum(len(words) for _, words in manuscript) <= 760
    assert without_hyphens(READ[suffix](SAMPLES / f"{NAME}{suffix}")) == without_hyphens(manuscript)


def test_the_epub_says_what_its_parts_are() -> None:
    title_page, *chapters = documents_of_epub(SAMPLES / f"{NAME}.epub")
    kinds = [element.get(EPUB_TYPE) for element in title_page.iter() if element.get(EPUB_TYPE)]
    assert kinds == ["frontmatter", "titlepage"]
    kinds = [element.get(EPUB_TYPE) for chapter in chapters for element in chapter.iter() if element.get(EPUB_TYPE)]
    assert kinds == ["bodymatter", "chapter", "noteref", "footnote", *["bodymatter", "chapter"] * 2]
    assert [len(list(chapter.iter(f"{XHTML}hr"))) for chapter in chapters] == [0, 1, 0]
    assert [len(list(chapter.iter(f"{XHTML}blockquote"))) for chapter in chapters] == [0, 1, 0]


def test_the_epub_names_its_book_and_carries_its_cover() -> None:
    with zipfile.ZipFile(SAMPLES / f"{NAME}.epub") as archive:
        assert archive.namelist()[0] == "mimetype"
        package = etree.fromstring(archive.read("EPUB/content.opf"))
        cover = archive.read("EPUB/cover.png")
    facts = [package.findtext(f".//{DUBLIN_CORE}{name}") for name in ("title", "creator", "language", "rights")]
    assert facts == ["Tuppence a Window", "Declaim's makers", "en-GB", "CC0-1.0"]
    assert [item.get("href") for item in package.iterfind(".//*[@properties='cover-image']")] == ["cover.png"]
    assert cover == (SAMPLES / "cover.png").read_bytes()


def test_the_pdf_names_its_book() -> None:
    reader = PdfReader(SAMPLES / f"{NAME}.pdf")
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Tuppence a Window", "Declaim's makers")
    assert str(reader.root_object["/Lang"]) == "en-GB"


def test_the_pdf_has_what_a_reader_of_pdf_has_to_undo() -> None:
    pages = pages_of_pdf(SAMPLES / f"{NAME}.pdf")
    lines = [line for page in pages for line in page]
    assert [line.rpartition(" ")[2] for line in lines if line.endswith("-")] == ["Satur-", "cur-", "re-"]
    assert [page.count("Tuppence a Window") for page in pages] == [1, 0, 1, 0, 1, 0, 1]
    assert [str(number) in page for number, page in enumerate(pages, 1)] == [False, *[True] * 6]
    assert pages[5][-1].endswith("Mrs."), "a sentence goes on over a page, after an abbreviation"
