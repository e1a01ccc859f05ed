import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import imageio_ffmpeg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import ID3
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4, MP4Cover
from PIL import Image

from tasks.audio.bind import bind
from tasks.audio.encode import encoding
from tasks.audio.presets import PRESETS
from tasks.model import Book, Chapter, Cover, Levels, Script, Track
from tasks.packagers.m4b import chapter_marks, m4b_name, tag_m4b
from tasks.packagers.mp3 import write_mp3
from tasks.packagers.plain import plain
from tasks.packagers.publication import Part, Publication, picture_of
from tests.packagers import publications

RATE = 44_100
SAMPLES = 1_024 * 30
TITLES = ["I", "Of = and ; and # and \\", "= begins", "Two\nlines", "“Ünï” \N{FIRE}", "ends with \\", "[CHAPTER]"]
NARRATOR = "Joe"
DISCLOSURE = "Not a person, but Joe."


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("encoded")
    files = {"mp3": folder / "track.mp3", "aac": folder / "track.aac"}
    with encoding(RATE, SAMPLES, PRESETS["acx"], files) as encoders:
        encoders.take(b"\x10\x10\xf0\xef" * (SAMPLES // 2))
    return files


@pytest.fixture(scope="module")
def covers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cover]:
    folder = tmp_path_factory.mktemp("covers")
    covers = {}
    for name in ("png", "jpeg"):
        Image.new("RGB", (40, 40), "teal").save(folder / name, format=name)
        covers[name] = Cover(f"image/{name}", (folder / name).read_bytes())
    return covers


def book_of(titles: list[str], cover: Cover | None = None, authors: tuple[str, ...] = ("Ann One", "Bo Tŵo")) -> Book:
    chapters = tuple(Chapter(number, title, ()) for number, title in enumerate(titles, start=1))
    return Book("Ūber / Time", authors, "de-AT", chapters, cover=cover)


def tracks_of(book: Book, encoded: dict[str, Path]) -> tuple[Track, ...]:
    silent = Levels(None, None, None, None)
    return tuple(Track(chapter.number, chapter.title, SAMPLES / RATE, (), silent, encoded) for chapter in book.chapters)


def publication(book: Book, encoded: dict[str, Path], chapters: slice = slice(None)) -> Publication:
    tracks = tracks_of(book, encoded)[chapters]
    parts = tuple(Part(Script(track.number, track.title, (), ()), track) for track in tracks)
    modified = datetime(2026, 1, 2, tzinfo=UTC)
    picture = picture_of(book, DISCLOSURE)[0] if book.cover else publications.PICTURE
    return Publication(
        book, parts, len(book.chapters), Path("book.md"), NARRATOR, DISCLOSURE, "urn:x", modified, picture
    )


def bound(book: Book, encoded: dict[str, Path], folder: Path) -> Path:
    tracks = tracks_of(book, encoded)
    marks, target = folder / "marks.txt", folder / m4b_name(publication(book, encoded))
    marks.write_text(chapter_marks(tracks), "utf-8")
    bind([track.encoded["aac"] for track in tracks], marks, target)
    return target


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_an_mp3_is_tagged(tmp_path: Path, encoded: dict[str, Path], covers: dict[str, Cover], kind: str) -> None:
    book = book_of(["I", "Either/Or \N{FIRE}"], covers[kind])
    editions = write_mp3(publication(book, encoded), tmp_path)
    assert [(edition.kind, edition.path) for edition in editions] == [
        ("mp3", "mp3/01 - I.mp3"),
        ("mp3", "mp3/02 - Either Or \N{FIRE}.mp3"),
    ]
    tags = ID3(tmp_path / editions[1].path)
    assert tags.version == (2, 3, 0)
    texts = {name: str(tags[name]) for name in ("TIT2", "TALB", "TPE1", "TPE2", "TCOM", "TCON", "TRCK", "TLAN", "TLEN")}
    assert texts == {
        "TIT2": "Either/Or \N{FIRE}",
        "TALB": "Ūber / Time",
        # In ID3v2.3 a slash stands between several people, so none is in here.
        "TPE1": "Ann One, Bo Tŵo",
        "TPE2": "Ann One, Bo Tŵo",
        "TCOM": "Joe",
        "TCON": "Audiobook",
        "TRCK": "2/2",
        "TLAN": "ger",
        "TLEN": str(round(SAMPLES / RATE * 1000)),
    }
    assert tags.getall("COMM")[0].text == [f"{DISCLOSURE} Made with Declaim."]
    (picture,) = tags.getall("APIC")
    assert (picture.mime, picture.type, picture.data) == (f"image/{kind}", 3, covers[kind].data)
    assert MP3(tmp_path / editions[1].path).info.length == pytest.approx(SAMPLES / RATE, abs=0.1)


def test_an_mp3_without_author_has_no_empty_tags(tmp_path: Path, encoded: dict[str, Path]) -> None:
    book = book_of(["I"], authors=())
    (edition,) = write_mp3(publication(book, encoded), tmp_path)
    tags = ID3(tmp_path / edition.path)
    assert not {"TPE1", "TPE2"} & set(tags)


def test_scenes_of_a_chapter_are_marked(tmp_path: Path) -> None:
    """As mutagen reads them, and as ffmpeg does."""
    words = ("It was late.", "He slept.", "Morning came.", "He rose.", "Night fell.")
    chapter = publications.part(1, "I", words, encoded=publications.mp3_of(tmp_path), scenes={2, 4})
    (edition,) = write_mp3(publications.publication(chapter), tmp_path)
    tags = ID3(tmp_path / edition.path)
    milliseconds = [0, *(round(publications.SECONDS * place / 5 * 1000) for place in (2, 4))]
    ends = [*milliseconds[1:], round(publications.SECONDS * 1000)]
    scenes = [tags[f"CHAP:scene000{place}"] for place in (1, 2, 3)]
    assert tags["CTOC:scenes"].child_element_ids == ["scene0001", "scene0002", "scene0003"]
    assert [(scene.start_time, scene.end_time) for scene in scenes] == list(zip(milliseconds, ends, strict=True))
    assert [str(scene.sub_frames["TIT2"]) for scene in scenes] == ["I", "Morning came.", "Night fell."]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-i", str(tmp_path / edition.path)]
    said = subprocess.run(command, capture_output=True, check=False).stderr.decode()
    starts = [float(start) * 1000 for start in re.findall(r"Chapter #\d+:\d+: start ([\d.]+)", said)]
    assert starts == pytest.approx(milliseconds, abs=1)


@pytest.mark.parametrize("title", publications.HOSTILE)
def test_any_title_can_be_tagged(tmp_path: Path, encoded: dict[str, Path], title: str) -> None:
    book = book_of([title], authors=(title,))
    (edition,) = write_mp3(publication(book, encoded), tmp_path)
    assert str(ID3(tmp_path / edition.path).get("TIT2", "")) == plain(title)
    path = bound(book, encoded, tmp_path)
    tag_m4b(path, publication(book, encoded))
    assert (MP4(path).tags or {}).get("aART", [""]) == [plain(title)]


def test_a_drawn_cover_takes_the_place_of_one_that_is_no_picture(tmp_path: Path, encoded: dict[str, Path]) -> None:
    """As mutagen finds it, and as ffmpeg does."""
    book = book_of(["I"], Cover("image/png", b"no picture"))
    made = publication(book, encoded)
    (edition,) = write_mp3(made, tmp_path)
    (picture,) = ID3(tmp_path / edition.path).getall("APIC")
    path = bound(book, encoded, tmp_path)
    tag_m4b(path, made)
    (cover,) = (MP4(path).tags or {})["covr"]
    assert picture.data == bytes(cover) == made.picture.data
    for sound in (tmp_path / edition.path, path):
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-i", str(sound)]
        said = subprocess.run(command, capture_output=True, check=False).stderr.decode()
        assert re.search(r"Video: png.*1600x1600.*attached pic", said)


def test_a_part_of_a_book_keeps_its_numbers(tmp_path: Path, encoded: dict[str, Path]) -> None:
    book = book_of(["I"] * 120)
    editions = write_mp3(publication(book, encoded, slice(99, 101)), tmp_path)
    assert [edition.path for edition in editions] == ["mp3/100 - I.mp3", "mp3/101 - I.mp3"]
    assert str(ID3(tmp_path / editions[0].path)["TRCK"]) == "100/120"


def test_the_encoded_track_is_left_as_it_was(tmp_path: Path, encoded: dict[str, Path]) -> None:
    before = encoded["mp3"].read_bytes()
    book = book_of(["I"])
    write_mp3(publication(book, encoded), tmp_path)
    assert encoded["mp3"].read_bytes() == before


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_an_m4b_is_tagged(tmp_path: Path, encoded: dict[str, Path], covers: dict[str, Cover], kind: str) -> None:
    book = book_of(["I", "II"], covers[kind])
    path = bound(book, encoded, tmp_path)
    assert path.name == "Ūber Time.m4b"
    tag_m4b(path, publication(book, encoded))
    tags = MP4(path)
    authors = "Ann One, Bo Tŵo"
    for atom, text in {
        "\xa9nam": "Ūber / Time",
        "\xa9alb": "Ūber / Time",
        "\xa9ART": authors,
        "aART": authors,
        "\xa9wrt": "Joe",
        "\xa9nrt": "Joe",
        "\xa9gen": "Audiobook",
        "\xa9cmt": f"{DISCLOSURE} Made with Declaim.",
    }.items():
        assert tags[atom] == [text], atom
    assert tags["stik"] == [2]
    assert bytes(tags["----:com.apple.iTunes:NARRATOR"][0]) == b"Joe"
    (picture,) = tags["covr"]
    assert bytes(picture) == covers[kind].data
    assert picture.imageformat == (MP4Cover.FORMAT_PNG if kind == "png" else MP4Cover.FORMAT_JPEG)
    assert tags.info.length == pytest.approx(2 * SAMPLES / RATE, abs=0.1)
    # Tags do not cost the chapters.
    assert [mark.title for mark in tags.chapters] == ["I", "II"]


def test_an_m4b_without_author_has_no_empty_tags(tmp_path: Path, encoded: dict[str, Path]) -> None:
    book = book_of(["I"], authors=())
    path = bound(book, encoded, tmp_path)
    tag_m4b(path, publication(book, encoded))
    assert not {"\xa9ART", "aART"} & set(MP4(path).tags or {})


def test_chapters_have_their_titles_whatever_they_are(tmp_path: Path, encoded: dict[str, Path]) -> None:
    path = bound(book_of(TITLES), encoded, tmp_path)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-i", str(path)]
    said = subprocess.run(command, capture_output=True, check=False).stderr.decode()
    # ffmpeg prints the second line of a title under its first, behind another colon.
    titles = re.findall(r"title\s+: (.*(?:\n\s+: .*)*)", said)
    assert [re.sub(r"\n\s+: ", "\n", title).rstrip() for title in titles] == TITLES
    assert [mark.title.rstrip() for mark in MP4(path).chapters] == TITLES


@given(st.lists(st.floats(0.01, 9_000), min_size=1, max_size=50))
def test_marks_leave_no_gap_and_do_not_drift(lengths: list[float]) -> None:
    silent = Levels(None, None, None, None)
    marks = chapter_marks(tuple(Track(1, "I", seconds, (), silent, {}) for seconds in lengths))
    starts, ends = ([int(found) for found in re.findall(rf"{name}=(\d+)", marks)] for name in ("START", "END"))
    assert starts[0] == 0
    assert starts[1:] == ends[:-1]
    assert ends[-1] == pytest.approx(sum(lengths) * 1000, abs=0.51)
