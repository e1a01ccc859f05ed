"""The whole way of a book, as a person runs it: real files, the embedded voice, a Prefect server."""

import hashlib
import json
import resource
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import mutagen
import psutil
import pytest
from mutagen.mp4 import MP4

from tests.services.service import Service

from .conftest import KEY, SAMPLE, Home, ask, profile_at, wait_for

pytestmark = pytest.mark.voice

TITLES = ["I", "II", "The Third Winter"]


@pytest.mark.parametrize("suffix", [".md", ".epub", ".pdf"])
def test_three_chapters_become_mp3_and_m4b(narrated: dict[str, Home], suffix: str) -> None:
    home = narrated[suffix]
    manifest = home.document("manifest.json")
    assert [chapter["title"] for chapter in manifest["chapters"]] == TITLES
    files = sorted(path.name for path in (home.out / "mp3").iterdir())
    assert files == ["01 - I.mp3", "02 - II.mp3", "03 - The Third Winter.mp3"]
    for chapter, name in zip(manifest["chapters"], files, strict=True):
        audio = mutagen.File(home.out / "mp3" / name)
        assert audio.info.length == pytest.approx(chapter["seconds"], abs=0.1)
        assert str(audio.tags["TIT2"]) == chapter["title"]
        assert abs(chapter["lufs"] + 19) <= 0.3
        assert chapter["peak_db"] <= -2.9
        assert -80 < chapter["noise_floor_db"] < -60
    book = MP4(home.out / "Tuppence a Window.m4b")
    assert book.info.length == pytest.approx(manifest["totals"]["seconds"], abs=0.1)
    assert [mark.title for mark in book.chapters or ()] == TITLES
    # The PDF has no cover: one is drawn.
    drawn = bytes(book["covr"][0]) != (SAMPLE.parent / "cover.png").read_bytes()
    assert drawn == (suffix == ".pdf")


def test_the_formats_say_the_same_sentences(narrated: dict[str, Home]) -> None:
    spoken = {
        suffix: [(row["chapter"], row["text"], row["clip"]) for row in home.document("coverage.json")["sentences"]]
        for suffix, home in narrated.items()
    }
    assert len(spoken[".md"]) > 60
    assert spoken[".md"] == spoken[".epub"] == spoken[".pdf"]
    assert narrated[".epub"].document("manifest.json")["totals"]["requests"] == 0
    assert narrated[".pdf"].document("manifest.json")["totals"]["requests"] == 0


def test_every_sentence_has_its_clip_and_its_time(narrated: dict[str, Home]) -> None:
    home = narrated[".md"]
    coverage = home.document("coverage.json")
    seconds = {chapter["number"]: chapter["seconds"] for chapter in home.document("manifest.json")["chapters"]}
    clips = home.clips()
    for chapter, length in seconds.items():
        rows = [row for row in coverage["sentences"] if row["chapter"] == chapter]
        times = [time for row in rows for time in (row["start"], row["end"])]
        assert times == sorted(times)
        assert times[0] >= 0.7
        assert times[-1] <= length - 1.9
        assert all(row["exact"] and row["clip"] in clips for row in rows)
    assert coverage["sentences"][0] | {"start": 0, "end": 0} == coverage["sentences"][0] | {
        "text": "I",
        "spoken": "Chapter One",
        "start": 0,
        "end": 0,
    }
    assert {row["kind"] for row in coverage["left_out"]} == {"footnotes"}


def test_marks_stand_where_the_chapters_begin(narrated: dict[str, Home]) -> None:
    """The first sound of each chapter, found in the decoded M4B, is as far behind its mark as it is in the track."""
    home = narrated[".md"]
    book = home.out / "Tuppence a Window.m4b"
    marks = [mark.start for mark in MP4(book).chapters or ()]
    rows = home.document("coverage.json")["sentences"]
    for number, mark in enumerate(marks, start=1):
        expected = next(row["start"] for row in rows if row["chapter"] == number)
        heard = _first_sound(book, mark)
        assert heard == pytest.approx(expected, abs=0.05), f"chapter {number}"


def test_what_was_narrated_passes_its_check(narrated: dict[str, Home]) -> None:
    """Every file of it meets ACX's figures; a level that no longer does is found, and named with its chapter."""
    home = narrated[".epub"]
    done = home.run("check", home.out, "--json")
    assert done.returncode == 0, done.stdout
    checked = json.loads(done.stdout)
    assert checked["passes"]
    assert {(row["file"], row["chapter"]) for row in checked["findings"] if row["figure"] == "noise floor"} == {
        *(
            (f"mp3/{name}.mp3", number)
            for number, name in ((1, "01 - I"), (2, "02 - II"), (3, "03 - The Third Winter"))
        ),
        *(("Tuppence a Window.m4b", number) for number in (1, 2, 3)),
    }
    done = home.run("check", home.out, "--set", "audio.preset=streaming")
    assert done.returncode == 5
    assert "01 - I.mp3, chapter 1: loudness is -19" in done.stdout


def _first_sound(book: Path, start: float) -> float:
    """When, after `start`, speech is first heard (seconds): the first 5 ms louder than room tone can be."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(book), "-map", "0:a", "-f", "s16le", "-"]
    samples = memoryview(subprocess.run(command, check=True, capture_output=True).stdout).cast("h")
    rate, window = 44_100, 220
    begin = round(start * rate)
    for place in range(begin, len(samples), window):
        if max(abs(value) for value in samples[place : place + window]) > 300:
            return (place - begin) / rate
    pytest.fail("no sound behind the mark")


def test_runs_bear_the_names_of_book_and_chapters(narrated: dict[str, Home], server: str) -> None:
    assert narrated
    runs = ask("POST", f"{server}/flow_runs/filter")
    outs = {str(home.out) for home in narrated.values()}
    named = [run for run in runs if run["parameters"].get("out") in outs]
    assert {(run["name"], run["state_type"]) for run in named} == {("Tuppence a Window", "COMPLETED")}
    chosen = {"flow_runs": {"id": {"any_": [named[0]["id"]]}}}

    def names() -> set[str]:
        return {run["name"] for run in ask("POST", f"{server}/task_runs/filter", **chosen)}

    # A server records them a moment later.
    wait_for(lambda: "editions" in names(), "the record of the last stage")
    assert {"1 · I", "2 · II", "3 · The Third Winter"} <= names()
    assert len(names()) <= 9


def test_a_second_run_speaks_nothing_and_leaves_the_files_alone(narrated: dict[str, Home]) -> None:
    home = narrated[".md"]
    clips = home.clips()
    files = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (home.out / "mp3").iterdir()}
    # Where sets are ordered otherwise, as they are from one start of Python to the next.
    done = home.run_afresh("narrate", SAMPLE, "--out", home.out, "--json")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["folder"]) == home.out
    assert home.clips() == clips
    totals = home.document("manifest.json")["totals"]
    assert (totals["requests"], totals["cached"]) == (0, totals["clips"])
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (home.out / "mp3").iterdir()} == files


@pytest.mark.slow
def test_killed_and_begun_again_it_speaks_only_what_was_unfinished(narrated: dict[str, Home], home: Home) -> None:
    process = home.begin("narrate", SAMPLE, "--chapters", "2", "--out", home.out)
    wait_for(lambda: len(home.clips()) >= 3, "three clips")
    workers = _children(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(psutil.pid_exists, workers)), "the end of the worker processes")
    finished = home.clips()
    assert not home.out.exists() or not list(home.out.rglob("*.m4b"))
    done = home.run("narrate", SAMPLE, "--chapters", "2", "--out", home.out)
    assert done.returncode == 0, done.stderr
    totals = home.document("manifest.json")["totals"]
    assert (totals["cached"], totals["requests"]) == (len(finished), totals["clips"] - len(finished))
    assert finished.items() <= home.clips().items()
    assert len(home.mastered()) == 1
    assert home.mastered() < narrated[".md"].mastered()


def _children(parent: int) -> list[int]:
    return [child.pid for child in psutil.Process(parent).children()]


def test_a_disk_that_fills_is_one_line_and_leaves_no_torn_file(home: Home) -> None:
    with Service() as service:
        profile = profile_at(service.url, home.folder)
        # Where there is another voice, nothing is spoken before the flow begins.
        with profile.open("a") as file:
            file.write(
                f'[[fallback]]\nprovider = "openai"\nmodel = "tts-1"\nbase_url = "{service.url}/v1"\nname = "alloy"\n'
            )
        mine = replace(home, environment=home.environment | {KEY: service.key})
        voice = ("--profile", profile, "--chapters", "1")
        done = mine.run_afresh("narrate", SAMPLE, *voice, "--out", home.out, limit=_small_files)
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("declaim: ")]
    assert str(home.store) in line
    assert "free space" in line
    assert "Traceback" not in done.stderr
    for path in home.store.rglob("*"):
        assert path.is_dir() or path.suffix == ".wav"
        assert path.is_dir() or path.stat().st_size < 200_000
    assert not list(home.out.rglob("*")) if home.out.exists() else True


def _small_files() -> None:
    """Let no file grow over 200 kB, as a disk that is all but full would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_a_prefect_server_that_is_not_there_is_one_line(narrated: dict[str, Home], home: Home) -> None:
    lost = replace(narrated[".md"], environment=home.environment | {"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    done = lost.run("narrate", SAMPLE, "--out", home.out)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "PREFECT_API_URL" in line
    assert "prefect server start" in line


def test_without_a_server_one_is_started_for_the_run(narrated: dict[str, Home], home: Home) -> None:
    alone = replace(narrated[".md"], environment=home.environment | {"PREFECT_API_URL": ""})
    done = alone.run("narrate", SAMPLE, "--chapters", "2", "--out", home.out)
    assert done.returncode == 0, done.stderr
    manifest = home.document("manifest.json")
    assert [chapter["title"] for chapter in manifest["chapters"]] == ["II"]
    assert [edition["path"] for edition in manifest["editions"]] == ["mp3/02 - II.mp3", "Tuppence a Window.m4b"]


def test_an_edition_that_is_no_longer_made_is_taken_away(narrated: dict[str, Home], home: Home) -> None:
    place = replace(home, folder=narrated[".md"].folder)
    for chapters, expected in (("1-2", ["01 - I.mp3", "02 - II.mp3"]), ("1", ["01 - I.mp3"])):
        done = place.run("narrate", SAMPLE, "--chapters", chapters, "--out", home.out)
        assert done.returncode == 0, done.stderr
        assert sorted(path.name for path in (home.out / "mp3").iterdir()) == expected


def test_an_output_directory_that_cannot_be_written(narrated: dict[str, Home], home: Home) -> None:
    place = replace(home, folder=narrated[".md"].folder)
    blocked = home.folder / "file"
    blocked.write_text("no folder")
    done = place.run("narrate", SAMPLE, "--chapters", "1", "--out", blocked)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("declaim: ")]
    assert str(blocked) in line


def test_a_track_that_cannot_be_tagged_is_one_line(narrated: dict[str, Home], home: Home) -> None:
    shutil.copytree(narrated[".md"].store.resolve(), home.store)
    for track in home.store.glob("tracks/*/*/track.mp3"):
        track.write_bytes(b"ID3\x09\0\0\0\0\0\x10" + track.read_bytes()[10:])
        facts = json.loads(track.with_name("track.json").read_text("utf-8"))
        facts["encoded"]["mp3"] = hashlib.sha256(track.read_bytes()).hexdigest()
        track.with_name("track.json").write_text(json.dumps(facts), "utf-8")
    done = home.run("narrate", SAMPLE, "--out", home.out)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("declaim: ")]
    assert "cannot be tagged" in line
    assert "remove the chapters' tracks" in line
    assert not home.out.exists() or not list(home.out.rglob("*.mp3"))


def test_a_damaged_track_is_made_again(narrated: dict[str, Home], home: Home) -> None:
    shutil.copytree(narrated[".md"].store.resolve(), home.store)
    clips = home.clips()
    for track in home.store.glob("tracks/*/*/track.mp3"):
        # A tag of a version that there never was; the size is what it was.
        track.write_bytes(b"ID3\x09\0\0\0\0\0\x10" + track.read_bytes()[10:])
    done = home.run("narrate", SAMPLE, "--chapters", "2", "--out", home.out)
    assert done.returncode == 0, done.stderr
    assert home.clips() == clips
    whole = narrated[".md"].out / "mp3" / "02 - II.mp3"
    assert [path.read_bytes() for path in (home.out / "mp3").iterdir()] == [whole.read_bytes()]
