"""Books with files that are right, and with each fault that a distributor would send them back for."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutagen.id3 import ID3
from mutagen.mp4 import MP4

from tasks.audio import AudioSettings
from tasks.audio.bind import bind
from tasks.audio.encode import encoding, whole_packets
from tasks.audio.envelope import Outline
from tasks.audio.loudness import integrated
from tasks.audio.presets import PRESETS
from tasks.checks import failed
from tasks.checks.folder import as_document, check
from tasks.errors import ProfileError
from tasks.model import Book, Chapter, Levels, Script, Track
from tasks.packagers.m4b import chapter_marks, tag_m4b
from tasks.packagers.mp3 import write_mp3
from tasks.packagers.publication import Part, Publication
from tests.audio.sound import Samples, syllables
from tests.packagers.publications import PICTURE

RATE = 44_100
ACX = PRESETS["acx"]


def chapter(gain: float = 1.0, head: float = 0.75, tail: float = 2.0, floor: float = 5.0) -> Samples:
    hiss = np.random.default_rng(1).standard_normal(RATE * 20) * floor
    parts = (part for seed in range(3) for part in (syllables(3, RATE, 20_000, seed), hiss[: RATE // 2]))
    spoken = np.concatenate(list(parts))
    outline = Outline(RATE)
    outline.add(np.round(spoken).astype(np.int16))
    spoken *= gain * 10 ** ((-19 - integrated(outline.drawn().powers)) / 20)
    whole = np.concatenate((hiss[: round(head * RATE)], spoken, hiss[: round((tail - 0.5) * RATE)]))
    return np.asarray(np.round(np.clip(whole, -32_768, 32_767)), "<i2")


def made(folder: Path, sounds: list[Samples]) -> Path:
    """Make a book of its chapters as a run does, from samples that are mastered already."""
    tracks = tuple(_track(number, sound, folder / "tracks") for number, sound in enumerate(sounds, start=1))
    out = folder / "book"
    out.mkdir()
    book = Book("A Book", ("Ann",), "en", tuple(Chapter(track.number, track.title, ()) for track in tracks))
    parts = tuple(Part(Script(track.number, track.title, (), ()), track) for track in tracks)
    modified = datetime(2026, 1, 2, tzinfo=UTC)
    publication = Publication(
        book, parts, len(parts), Path("book.md"), "Joe", "By a machine.", "urn:x", modified, PICTURE
    )
    editions = [(edition.kind, edition.path) for edition in write_mp3(publication, out)]
    marks = folder / "marks.txt"
    marks.write_text(chapter_marks(tracks), "utf-8")
    bind([track.encoded["aac"] for track in tracks], marks, out / "A Book.m4b")
    tag_m4b(out / "A Book.m4b", publication)
    _write_accounts(out, [*editions, ("m4b", "A Book.m4b")], tracks)
    return out


def _track(number: int, sound: Samples, folder: Path) -> Track:
    (folder / str(number)).mkdir(parents=True)
    files = {codec: folder / str(number) / f"track.{codec}" for codec in ("mp3", "aac")}
    length = whole_packets(len(sound) / RATE, ACX)
    with encoding(RATE, length, ACX, files) as encoders:
        encoders.take(sound.tobytes())
    return Track(number, f"Chapter {number}", length / RATE, (), Levels(None, None, None, None), files)


def _write_accounts(out: Path, editions: list[tuple[str, str]], tracks: tuple[Track, ...]) -> None:
    chapters = [{"number": track.number, "title": track.title, "seconds": track.seconds} for track in tracks]
    manifest = {
        "schema": 1,
        "source": {"name": "book.md", "sha256": "ab"},
        "profile": {"audio": AudioSettings().model_dump(mode="json")},
        "book": {"title": "A Book", "authors": ["Ann"], "language": "en"},
        "voices": [],
        "chapters": chapters,
        "editions": [{"kind": kind, "path": path} for kind, path in editions],
    }
    (out / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (out / "coverage.json").write_text(json.dumps({"schema": 1, "sentences": [], "left_out": []}), "utf-8")


def test_a_book_that_is_right_passes(tmp_path: Path) -> None:
    checked = check(made(tmp_path, [chapter(), chapter(head=0.6, tail=4)]), at_once=2)
    assert failed(checked.findings) == ()
    figures = [(finding.file, finding.chapter, finding.figure) for finding in checked.findings]
    for chapter_ in (1, 2):
        for file in (f"mp3/0{chapter_} - Chapter {chapter_}.mp3", "A Book.m4b"):
            assert {
                (file, chapter_, figure) for figure in ("loudness", "RMS", "peak", "noise floor", "head", "tail")
            } <= {*figures}
    assert ("A Book.m4b", None, "marks") in figures
    document = as_document(checked)
    assert json.loads(json.dumps(document)) == document
    assert document["passes"]


@pytest.mark.parametrize(
    ("sound", "figures"),
    [
        (chapter(gain=0.5), {"loudness", "RMS"}),
        (chapter(gain=2.0), {"loudness", "RMS", "peak"}),
        (chapter(floor=60), {"noise floor"}),
        (chapter(head=0.3), {"head"}),
        (chapter(head=1.4), {"head"}),
        (chapter(tail=0.6), {"tail"}),
        (chapter(tail=6.0), {"tail"}),
    ],
    ids=["soft", "loud", "noise", "short head", "long head", "short tail", "long tail"],
)
def test_a_level_that_is_out_of_bounds_fails_alone(tmp_path: Path, sound: Samples, figures: set[str]) -> None:
    missed = failed(check(made(tmp_path, [chapter(), sound])).findings)
    assert {finding.chapter for finding in missed} == {2}
    assert {finding.file for finding in missed} == {"mp3/02 - Chapter 2.mp3", "A Book.m4b"}
    assert {finding.figure for finding in missed} - {"loudness"} == figures - {"loudness"}


def _untagged(out: Path) -> None:
    ID3(out / "mp3/01 - Chapter 1.mp3").delete()


def _no_audiobook(out: Path) -> None:
    tags = MP4(out / "A Book.m4b")
    del tags["stik"]
    tags.save()


def _cut(out: Path) -> None:
    file = out / "mp3/01 - Chapter 1.mp3"
    file.write_bytes(file.read_bytes()[:40_000])


def _renamed(out: Path) -> None:
    (out / "A Book.m4b").rename(out / "Another.m4b")


def _other_marks(out: Path) -> None:
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text("utf-8"))
    manifest["chapters"][0]["seconds"] += 0.2
    (out / "manifest.json").write_text(json.dumps(manifest), "utf-8")


@pytest.mark.parametrize(
    ("harm", "file", "figure"),
    [
        (_untagged, "mp3/01 - Chapter 1.mp3", "tags"),
        (_no_audiobook, "A Book.m4b", "tags"),
        (_cut, "mp3/01 - Chapter 1.mp3", "tail"),
        (_renamed, "A Book.m4b", "file"),
        (_other_marks, "A Book.m4b", "marks"),
    ],
)
def test_a_file_that_is_not_as_it_was_made_fails(
    tmp_path: Path, harm: Callable[[Path], None], file: str, figure: str
) -> None:
    out = made(tmp_path, [chapter()])
    harm(out)
    missed = failed(check(out).findings)
    assert (file, figure) in {(finding.file, finding.figure) for finding in missed}
    assert {finding.file for finding in missed} == {file}


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 1_000])
@pytest.mark.parametrize("file", ["mp3/01 - Chapter 1.mp3", "A Book.m4b"])
def test_what_is_no_sound_is_a_finding(tmp_path: Path, content: bytes, file: str) -> None:
    out = made(tmp_path, [chapter()])
    (out / file).write_bytes(content)
    (missed,) = failed(check(out).findings)
    assert (missed.file, missed.figure) == (file, "file")


def test_a_path_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    out = made(tmp_path, [chapter()])
    text = (out / "manifest.json").read_text("utf-8").replace("A Book.m4b", "../tracks/1/track.aac")
    (out / "manifest.json").write_text(text, "utf-8")
    (missed,) = failed(check(out).findings)
    assert missed.found == "not there"


def test_other_settings_are_measured_against_when_asked(tmp_path: Path) -> None:
    out = made(tmp_path, [chapter()])
    missed = failed(check(out, AudioSettings(preset="streaming")).findings)
    assert {finding.figure for finding in missed} == {"loudness"}


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 1}', "[]"])
def test_a_folder_without_an_edition_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "coverage.json").write_text('{"schema": 1, "sentences": []}', "utf-8")
    if text:
        (tmp_path / "manifest.json").write_text(text, "utf-8")
    with pytest.raises(ProfileError, match="manifest"):
        check(tmp_path)
