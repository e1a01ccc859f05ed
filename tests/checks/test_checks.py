"""Books with files that are right, and with each fault that a distributor would send them back for."""

import json
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from mutagen.flac import FLAC
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
from tasks.checks.m4b import m4b_findings
from tasks.errors import ProfileError
from tasks.model import (
    Block,
    BlockKind,
    Book,
    Chapter,
    Chunk,
    Clip,
    Identity,
    Levels,
    Pause,
    Recital,
    Script,
    Sentence,
    Timing,
    Track,
    Voiced,
)
from tasks.packagers import EditionKind, OutputSettings
from tasks.packagers.accounts import Account, Performance
from tasks.packagers.m4b import chapter_marks
from tasks.publish import publish
from tests.audio.sound import Samples, syllables

RATE = 44_100
ACX = PRESETS["acx"]
SENTENCES = ("It rained all day.", "Nobody came.", "The lamp was lit.")
ALL: tuple[EditionKind, ...] = ("mp3", "m4b", "flac", "captions", "webpub", "acx", "audiobookshelf", "feed")


def chapter(gain: float = 1.0, head: float = 0.75, tail: float = 2.0, floor: float = 5.0) -> Samples:
    hiss = np.random.default_rng(1).standard_normal(RATE * 20) * floor
    parts = (part for seed in range(3) for part in (syllables(3, RATE, 20_000, seed), hiss[: RATE // 2]))
    spoken = np.concatenate(list(parts))
    outline = Outline(RATE)
    outline.add(np.round(spoken).astype(np.int16))
    spoken *= gain * 10 ** ((-19 - integrated(outline.drawn().powers)) / 20)
    whole = np.concatenate((hiss[: round(head * RATE)], spoken, hiss[: round((tail - 0.5) * RATE)]))
    return np.asarray(np.round(np.clip(whole, -32_768, 32_767)), "<i2")


def made(folder: Path, sounds: list[Samples], *editions: EditionKind) -> Path:
    """Make a book of its chapters as a run does, from samples that are mastered already."""
    source = folder / "book.md"
    source.write_text("a manuscript", "utf-8")
    performances = tuple(_performance(number, sound, folder / "tracks") for number, sound in enumerate(sounds, start=1))
    blocks = ((Block(BlockKind.PARAGRAPH, " ".join(SENTENCES), f"line={number}"),) for number in count(1))
    chapters = tuple(
        Chapter(it.recital.script.number, it.recital.script.title, own)
        for it, own in zip(performances, blocks, strict=False)
    )
    profile = {"audio": AudioSettings().model_dump(mode="json")}
    account = Account(source, "ab" * 32, profile, Book("A Book", ("Ann",), "en", chapters), performances, ())
    return publish(account, OutputSettings(editions=editions or ("mp3", "m4b")), "Joe", folder / "book").folder


def _performance(number: int, sound: Samples, folder: Path) -> Performance:
    (folder / str(number)).mkdir(parents=True)
    files = {codec: folder / str(number) / f"track.{codec}" for codec in ("mp3", "aac", "flac")}
    length = whole_packets(len(sound) / RATE, ACX)
    with encoding(RATE, length, ACX, files) as encoders:
        encoders.take(sound.tobytes())
    sentences = tuple(Sentence(text, text) for text in SENTENCES)
    chunk = Chunk(f"{number}.1", BlockKind.PARAGRAPH, f"line={number}", sentences, Pause.NONE)
    script = Script(number, f"Chapter {number}", (chunk,), ())
    times = ((0.75 + 3.5 * place, 3.75 + 3.5 * place) for place in range(len(SENTENCES)))
    timings = tuple(Timing(chunk.id, place, start, end, exact=True) for place, (start, end) in enumerate(times))
    track = Track(number, script.title, length / RATE, timings, Levels(None, None, None, None), files)
    voice = Identity("tests", "tone", "", (), 1)
    return Performance(Recital(script, (Voiced(chunk, Clip("c" * 64, folder, 9.0, RATE), voice),)), track)


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
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 3 // 4])


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


def _rewritten(file: str, was: str, now: str) -> Callable[[Path], None]:
    def rewrite(out: Path) -> None:
        text = (out / file).read_text("utf-8")
        assert was in text
        (out / file).write_text(text.replace(was, now, 1), "utf-8")

    return rewrite


def _no_comment(out: Path) -> None:
    flac = FLAC(out / "flac/01 - Chapter 1.flac")
    del flac["COMMENT"]
    flac.save()


def _short_sample(out: Path) -> None:
    sample = out / "acx/Retail Sample.mp3"
    sample.write_bytes(sample.read_bytes()[: 192_000 // 8 * 30])


def _lost_chapter(out: Path) -> None:
    package = out / "A Book.lpf"
    with ZipFile(package) as archive:
        entries = {name: archive.read(name) for name in archive.namelist() if not name.endswith("1.mp3")}
    with ZipFile(package, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def _lost_transcript(out: Path) -> None:
    (out / "captions/01.vtt").rename(out / "captions/1.vtt")


VTT, SRT = "captions/01.vtt", "captions/01.srt"
SHELF = "audiobookshelf/Ann/A Book/metadata.json"


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (_rewritten(VTT, "WEBVTT", "CAPTIONS"), (VTT, "cues", "no WebVTT")),
        (_rewritten(VTT, "00:00:04.250", "00:00:03.000"), (VTT, "cues", "cue 2 begins 1.250 s beside its sentence")),
        (
            _rewritten(VTT, "--> 00:00:03.750", "--> 00:00:04.300"),
            (VTT, "cues", "cue 1 ends behind the begin of the next"),
        ),
        (
            _rewritten(VTT, "--> 00:00:10.750", "--> 00:01:10.750"),
            (VTT, "cues", "the last cue ends behind the chapter"),
        ),
        (_rewritten(SRT, "--> 00:00:03,750", "--> 00:00:00,100"), (SRT, "cues", "cue 1 ends before it begins")),
        (_rewritten(SRT, "00:00:00,750 -->", "soon -->"), (SRT, "cues", "2 cues")),
        (_no_comment, ("flac/01 - Chapter 1.flac", "tags", "without disclosure")),
        (_short_sample, ("acx/Retail Sample.mp3", "sample", "0.")),
        (_lost_chapter, ("A Book.lpf", "files", "2 chapters, without audio/01.mp3")),
        (_rewritten(SHELF, '"title": "A Book"', '"title": 7'), (SHELF, "form", "$.title: 7 is not of type 'string'")),
        (_rewritten("feed/feed.xml", 'length="', 'length="1'), ("feed/feed.xml", "episodes", "has another length")),
        (_lost_transcript, ("feed/feed.xml", "episodes", "captions/01.vtt is not there")),
        (_rewritten("manifest.json", '"failures": []', '"failures": 3'), ("manifest.json", "form", "$.failures: 3")),
    ],
)
def test_each_edition_is_read_for_faults_of_its_own(
    whole: Path, tmp_path: Path, harm: Callable[[Path], None], fault: tuple[str, str, str]
) -> None:
    out = tmp_path / "book"
    shutil.copytree(whole, out)
    harm(out)
    file, figure, found = fault
    missed = {(finding.file, finding.figure): finding.found for finding in failed(check(out, at_once=2).findings)}
    assert found in missed[file, figure]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a book with a chapter that is long enough for a retail sample."""
    long = np.concatenate([chapter(tail=0.6) for _ in range(6)])
    out = made(tmp_path_factory.mktemp("whole"), [chapter(), np.concatenate((long, chapter()))], *ALL)
    assert failed(check(out, at_once=2).findings) == ()
    return out


def test_a_thousand_chapters_have_a_thousand_marks(tmp_path: Path) -> None:
    """Nero's list ends at 255 of them."""
    files = {"aac": tmp_path / "track.aac"}
    with encoding(RATE, 1024 * 22, ACX, files) as encoders:
        encoders.take(b"\x10\x10\xf0\xef" * (1024 * 11))
    seconds = dict.fromkeys(range(1, 1_001), 1024 * 22 / RATE)
    tracks = tuple(
        Track(number, f"{number}", it, (), Levels(None, None, None, None), files) for number, it in seconds.items()
    )
    marks = tmp_path / "marks.txt"
    marks.write_text(chapter_marks(tracks), "utf-8")
    bind([files["aac"]] * len(tracks), marks, tmp_path / "book.m4b")
    rows = (finding for finding in m4b_findings(tmp_path, "book.m4b", seconds, AudioSettings()))
    found = next(finding for finding in rows if finding.figure == "marks")
    assert found.found.startswith("1000 marks")
    assert found.passes


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
