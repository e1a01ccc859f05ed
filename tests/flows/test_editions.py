"""What the output directory holds after each run: part of a book, the whole, one word of it changed."""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import mutagen
import pysubs2
import pytest
import soundfile
from ebooklib.epub import read_epub
from lxml import etree
from mutagen.flac import FLAC
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4

from tests.services.service import Service

from .conftest import BRISK, KEY, Home, wait_for

CURSED = "The lamp went out at nine."
BOOK = f"""---
title: Three Lamps
---

# The First

Nobody lit it.

# The Second

It was lit each night.

{CURSED}

# The Third

They all burned on.
"""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home, service: Service) -> Home:
    return replace(home, environment=home.environment | {KEY: service.key})


@pytest.fixture
def profile(tmp_path: Path, service: Service) -> Path:
    path = tmp_path / "profile.toml"
    path.write_text(
        f'[voice]\nprovider = "openai"\nbase_url = "{service.url}/v1"\napi_key_env = "{KEY}"\nmodel = "tts-1"\n'
        'name = "coral"\n[voice.options]\nresponse_format = "wav"\n[limits]\nattempts = 2\nconcurrency = 4\n',
        "utf-8",
    )
    return path


def written(folder: Path, text: str) -> Path:
    path = folder / "book.md"
    path.write_text(text, "utf-8")
    return path


def files(place: Home) -> list[str]:
    return sorted(str(path.relative_to(place.out)) for path in place.out.rglob("*") if path.is_file())


def marks(path: Path) -> list[str]:
    return [mark.title for mark in MP4(path).chapters or ()]


ACCOUNTS = ["coverage.json", "manifest.json"]
REPORT = "report.html"
FINISHED = ["mp3/01 - The First.mp3", "mp3/03 - The Third.mp3", REPORT]
WHOLE = ["Three Lamps.m4b", *ACCOUNTS, FINISHED[0], "mp3/02 - The Second.mp3", *FINISHED[1:]]
PARTIAL = "Three Lamps (partial, 2 of 3 chapters).m4b"


def test_a_chapter_that_fails_ends_alone(service: Service, place: Home, profile: Path, tmp_path: Path) -> None:
    service.behave(fails_on=CURSED)
    command = ("narrate", written(tmp_path, BOOK), "--profile", profile, "--out", place.out)

    done = place.run(*command)
    assert done.returncode == 5, done.stderr
    assert "2 (The Second)" in done.stderr.splitlines()[-1]
    assert files(place) == [*ACCOUNTS, *FINISHED]
    manifest = place.document("manifest.json")
    for number, name in ((1, FINISHED[0]), (3, FINISHED[1])):
        chapter, audio = manifest["chapters"][number - 1], mutagen.File(place.out / name)
        assert audio.info.length == pytest.approx(chapter["seconds"], abs=0.1)
        assert (str(audio.tags["TIT2"]), str(audio.tags["TRCK"])) == (chapter["title"], f"{number}/3")
    (failure,) = manifest["failures"]
    cursed = next(row for row in place.document("coverage.json")["sentences"] if row["text"] == CURSED)
    assert (failure["chapter"], failure["chunk"]) == (2, cursed["chunk"])
    assert CURSED in failure["error"]
    assert cursed["clip"] is None

    asked = len(service.asked)
    done = place.run(*command, "--allow-partial")
    assert done.returncode == 5, done.stderr
    assert {seen.text for seen in service.asked[asked:]} == {CURSED}
    assert files(place) == [PARTIAL, *ACCOUNTS, *FINISHED]
    assert marks(place.out / PARTIAL) == ["The First", "The Third"]
    tags = MP4(place.out / PARTIAL).tags
    assert tags is not None
    assert tags["\xa9nam"] == [PARTIAL.removesuffix(".m4b")]
    assert {"kind": "m4b", "path": PARTIAL} in place.document("manifest.json")["editions"]

    # The service is mended.
    service.behave(fails_on="")
    asked = len(service.asked)
    done = place.run(*command, "--allow-partial")
    assert done.returncode == 0, done.stderr
    assert [seen.text for seen in service.asked[asked:]] == [CURSED]
    assert files(place) == WHOLE
    assert marks(place.out / WHOLE[0]) == ["The First", "The Second", "The Third"]
    assert MP4(place.out / WHOLE[0])["\xa9nam"] == ["Three Lamps"]
    assert place.document("manifest.json")["failures"] == []
    assert all(count == 1 for count in service.billed.values())


def test_an_m4b_of_an_earlier_text_does_not_stay(service: Service, place: Home, profile: Path, tmp_path: Path) -> None:
    command = ("narrate", written(tmp_path, BOOK), "--profile", profile, "--out", place.out)
    assert place.run(*command).returncode == 0
    (place.out / "notes.txt").write_text("mine")
    assert files(place) == sorted([*WHOLE, "notes.txt"])
    written(tmp_path, BOOK.replace("each night", "each evening"))
    service.behave(fails_on="each evening")
    assert place.run(*command).returncode == 5
    assert files(place) == sorted([*ACCOUNTS, *FINISHED, "notes.txt"])


def test_the_profile_allows_a_partial_book_too(service: Service, place: Home, profile: Path, tmp_path: Path) -> None:
    profile.write_text(profile.read_text("utf-8") + "[output]\nallow_partial = true\n", "utf-8")
    service.behave(fails_on=CURSED)
    done = place.run("narrate", written(tmp_path, BOOK), "--profile", profile, "--out", place.out)
    assert done.returncode == 5, done.stderr
    assert PARTIAL in files(place)


def test_a_part_that_was_asked_for_is_whole(place: Home, profile: Path, tmp_path: Path) -> None:
    command = ("narrate", written(tmp_path, BOOK), "--profile", profile, "--out", place.out)
    done = place.run(*command, "--chapters", "1,3", "--allow-partial")
    assert done.returncode == 0, done.stderr
    assert files(place) == ["Three Lamps.m4b", *ACCOUNTS, *FINISHED]


def test_the_second_of_two_runs_into_one_directory_speaks_nothing(
    service: Service, place: Home, profile: Path, tmp_path: Path
) -> None:
    service.behave(script=["stalled"])
    command = ("narrate", written(tmp_path, BOOK), "--profile", profile, "--out", place.out)
    first = place.begin(*command)
    try:
        # Held in the audition, before its flow begins.
        wait_for(lambda: service.seen, "the first request")
        second = place.run(*command)
        assert second.returncode == 2
        (line,) = second.stderr.splitlines()
        assert str(place.out) in line
        assert "another run writes there" in line
        assert f"process {first.pid} on " in line
        assert len(service.seen) == 1
    finally:
        first.kill()
        first.wait()
    # A claim dies with its process.
    done = place.run(*command)
    assert done.returncode == 0, done.stderr
    assert files(place) == WHOLE
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("out", ["file", "file/book", "/proc/book"])
def test_an_output_directory_that_cannot_be_is_noticed_before_any_request(
    service: Service, place: Home, profile: Path, tmp_path: Path, out: str
) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    done = place.run("narrate", written(tmp_path, BOOK), "--profile", profile, "--out", tmp_path / out)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path / out}: the output directory cannot be written" in line
    assert "give another --out" in line
    assert service.seen == []
    assert (tmp_path / "file").read_text("utf-8") == "no folder"


FLOW = """
import asyncio, sys
from flows.narrate import narrate
from tasks.errors import OutputError
try:
    asyncio.run(narrate(source=sys.argv[1], profile=sys.argv[2], out=sys.argv[3], overrides=(sys.argv[4],)))
except OutputError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_flow_that_begins_without_the_command_line_is_held_off_too(
    service: Service, place: Home, profile: Path, tmp_path: Path
) -> None:
    service.behave(script=["stalled"])
    book = written(tmp_path, BOOK)
    first = place.begin("narrate", book, "--profile", profile, "--out", place.out)
    try:
        wait_for(lambda: service.seen, "the first request")
        flow = subprocess.run(
            [sys.executable, "-c", FLOW, str(book), str(profile), str(place.out), place.arguments()[-1]],
            cwd=Path(__file__).parents[2],
            env=place.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert flow.returncode == 2, flow.stderr
        assert "another run writes there" in flow.stdout
        assert len(service.seen) == 1
    finally:
        first.kill()
        first.wait()


@pytest.mark.slow
def test_one_word_changed_in_a_book_of_thirty_chapters(
    service: Service, place: Home, profile: Path, tmp_path: Path
) -> None:
    text = "---\ntitle: Thirty Nights\n---\n"
    for night in range(1, 31):
        text += f"\n# Night {night}\n\nIt was night {night}, and quiet.\n\nNobody counted {night} ships in the bay.\n"
    command = ("narrate", written(tmp_path, text), "--profile", profile, "--out", place.out)
    done = place.run(*command)
    assert done.returncode == 0, done.stderr
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (place.out / "mp3").iterdir()}
    assert len(before) == 30

    asked = len(service.asked)
    written(tmp_path, text.replace("counted 17 ships", "counted 17 boats"))
    done = place.run(*command, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folder"] == str(place.out)
    assert [seen.text for seen in service.asked[asked:]] == ["Nobody counted seventeen boats in the bay."]
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (place.out / "mp3").iterdir()}
    changed = {name for name in before if after[name] != before[name]}
    assert after.keys() == before.keys()
    assert changed == {"17 - Night 17.mp3"}
    assert after["17 - Night 17.mp3"][0] != before["17 - Night 17.mp3"][0]
    assert len(marks(place.out / "Thirty Nights.m4b")) == 30


EVERY_KIND = '["mp3", "m4b", "flac", "captions", "readalong", "acx", "webpub", "audiobookshelf", "feed"]'


def overlaid_seconds(epub: Path) -> float:
    """Tell how long the overlays of a read-along last together, as its package document says."""
    with zipfile.ZipFile(epub) as archive:
        package = etree.fromstring(archive.read("EPUB/package.opf"))
    metas = package.iterfind("{*}metadata/{*}meta[@property='media:duration']")
    (told,) = (str(meta.text) for meta in metas if not meta.get("refines"))
    hours, minutes, seconds = told.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def assert_readers_agree(place: Home, chapters: list[tuple[str, float]]) -> None:
    """mutagen, ffmpeg, libsndfile and ebooklib read the same chapters, durations and cover out of the editions."""
    titles, seconds = [title for title, _ in chapters], [length for _, length in chapters]
    cover = (place.out / "feed/cover.png").read_bytes()
    mp3s, flacs = sorted(place.out.glob("mp3/*.mp3")), sorted(place.out.glob("flac/*.flac"))
    assert [str(MP3(file)["TIT2"]) for file in mp3s] == [FLAC(file)["TITLE"][0] for file in flacs] == titles
    for file in (*mp3s, *flacs):
        assert soundfile.info(file).duration == pytest.approx(seconds[int(file.name[:2]) - 1], abs=0.001)
        picture = MP3(file).tags.getall("APIC")[0] if file.suffix == ".mp3" else FLAC(file).pictures[0]
        assert picture.data == cover
    (m4b,) = place.out.glob("*.m4b")
    tags = MP4(m4b)
    assert [mark.title for mark in tags.chapters] == titles
    assert [mark.start for mark in tags.chapters] == pytest.approx(
        [sum(seconds[:place]) for place in range(3)], abs=0.001
    )
    assert (bytes(tags["covr"][0]), tags.info.length) == (cover, pytest.approx(sum(seconds), abs=0.05))
    said = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(m4b)], capture_output=True, check=False, text=True
    ).stderr
    assert re.findall(r"Chapter #\d+:\d+: start [\d.]+, end [\d.]+\s+Metadata:\s+title\s+: (.*)", said) == titles
    assert "attached pic" in said
    (epub,) = place.out.glob("*.epub")
    read = read_epub(epub)
    assert [item.get_content() for item in read.get_items() if item.get_name().startswith("cover.")] == [cover]
    starts = [row["start"] for row in place.document("coverage.json")["sentences"] if row["chunk"].endswith(".1")]
    assert overlaid_seconds(epub) == pytest.approx(sum(seconds) - sum(starts), abs=0.01)
    with zipfile.ZipFile(place.out / "Three Lamps.lpf") as package:
        assert package.read("cover.png") == cover
    assert (place.out / "audiobookshelf/Unknown Author/Three Lamps/cover.png").read_bytes() == cover


def test_every_edition_is_made_of_one_timeline(place: Home, profile: Path, tmp_path: Path) -> None:
    command = ("narrate", written(tmp_path, BOOK), "--profile", profile, "--out", place.out)
    done = place.run(
        *command, "--set", f"output.editions={EVERY_KIND}", "--set", "output.feed_url=https://a.example/lamps"
    )
    assert done.returncode == 0, done.stderr
    manifest = place.document("manifest.json")
    assert [kind for kind in json.loads(EVERY_KIND) if kind not in {row["kind"] for row in manifest["editions"]}] == []
    assert sorted([*(row["path"] for row in manifest["editions"]), *ACCOUNTS, REPORT]) == files(place)
    seconds = [chapter["seconds"] for chapter in manifest["chapters"]]

    rows = place.document("coverage.json")["sentences"]
    for number in (1, 2, 3):
        cues = pysubs2.load(str(place.out / f"captions/0{number}.vtt"))
        expected = [(row["start"] * 1000, row["end"] * 1000) for row in rows if row["chapter"] == number]
        assert [(cue.start, cue.end) for cue in cues] == [pytest.approx(times, abs=1) for times in expected]
    with zipfile.ZipFile(place.out / "Three Lamps.lpf") as package:
        publication = json.loads(package.read("publication.json"))
        assert [row["url"] in package.namelist() for row in publication["readingOrder"]] == [True] * 3
    assert [float(row["duration"][2:-1]) for row in publication["readingOrder"]] == pytest.approx(seconds, abs=0.001)
    shelf = place.document("audiobookshelf/Unknown Author/Three Lamps/metadata.json")
    assert [row["end"] - row["start"] for row in shelf["chapters"]] == pytest.approx(seconds, abs=0.002)
    feed = (place.out / "feed/feed.xml").read_text("utf-8")
    assert feed.count("https://a.example/lamps/mp3/0") == 3
    assert_readers_agree(place, [(chapter["title"], chapter["seconds"]) for chapter in manifest["chapters"]])

    # The manifest and the report tell what their own run bought.
    own = {"manifest.json", REPORT}
    before = {name: (place.out / name).read_bytes() for name in files(place) if name not in own}
    # Where sets are ordered otherwise.
    done = place.run_afresh(
        *command, "--set", f"output.editions={EVERY_KIND}", "--set", "output.feed_url=https://a.example/lamps"
    )
    assert done.returncode == 0, done.stderr
    assert {name: (place.out / name).read_bytes() for name in files(place) if name not in own} == before
