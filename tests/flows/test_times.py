"""When chapters and sentences are heard: found in the decoded sound of every edition, by the tones of the tests' service.

A short book by default. The long one takes a minute and tells its figures:

    DECLAIM_CHAPTERS=60 python -m pytest tests/flows/test_times.py -o log_cli=true -o log_cli_level=INFO
"""

import io
import logging
import os
import posixpath
import re
import subprocess
import zipfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import webvtt
from lxml import etree
from mutagen.mp4 import MP4
from numpy.typing import NDArray

from tests.services.service import Service
from tests.services.sounds import frequency_of
from tests.services.sounds import heard as tone_of

from .conftest import KEY, Home, profile_at
from .forks import Forks

CHAPTERS = int(os.environ.get("DECLAIM_CHAPTERS", "8"))
WORDS = ("The mill was shut.", "Nobody had seen it.", "They walked home.")
AWAY_SECONDS = 0.03
RATE = 44_100
_SMIL = "{http://www.w3.org/ns/SMIL}"
_WINDOW = RATE // 400
# Between the room tone and the softest part of a tone.
_SOUND_DBFS = -55.0
_PAUSE_SECONDS = 0.2
EDITIONS = "['mp3', 'm4b', 'captions', 'readalong']"

Samples = NDArray[np.float32]
Span = tuple[float, float]


@pytest.fixture(scope="module")
def narrated(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], forks: Forks, server: str) -> Home:
    folder = tmp_path_factory.mktemp("times")
    lines = ["---", "title: Mornings", "---"]
    for number in range(1, CHAPTERS + 1):
        lines += [f"# Morning {number}", *(f"{words[:-1]} on day {number}." for words in WORDS)]
    source = folder / "book.md"
    source.write_text("\n\n".join(lines), "utf-8")
    with Service() as service:
        home = Home(folder, environment | {"PREFECT_API_URL": server, KEY: service.key}, forks)
        profile = profile_at(service.url, folder)
        text = (
            profile.read_text("utf-8").replace("['mp3']", EDITIONS) + "[text]\nunit = 'sentence'\nspeakable = false\n"
        )
        profile.write_text(text, "utf-8")
        done = home.run("narrate", source, "--profile", profile, "--out", home.out)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def rows(narrated: Home) -> dict[int, list[dict[str, Any]]]:
    """The sentences of each chapter, as the accounts have them."""
    sentences = narrated.document("coverage.json")["sentences"]
    by_chapter = {number: list(group) for number, group in groupby(sentences, key=lambda row: int(row["chapter"]))}
    assert [len(group) for group in by_chapter.values()] == [len(WORDS) + 1] * CHAPTERS
    assert all(row["exact"] for row in sentences)
    return by_chapter


def spans(samples: Samples) -> list[Span]:
    """Find where sound begins and ends, in seconds."""
    windows = samples[: len(samples) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    loud = np.flatnonzero(np.square(windows).mean(axis=1) > 10 ** (_SOUND_DBFS / 10)) * _WINDOW / RATE
    begins = np.append(True, np.diff(loud) > _PAUSE_SECONDS)
    ends = np.append(begins[1:], True)
    return [(float(begin), float(end) + _WINDOW / RATE) for begin, end in zip(loud[begins], loud[ends], strict=True)]


def is_tone(samples: Samples, span: Span, text: str) -> bool:
    inside = samples[round(span[0] * RATE) : round(span[1] * RATE)]
    return tone_of(inside, RATE) == pytest.approx(frequency_of(text))


def away(what: str, found: list[Span], told: list[Span]) -> float:
    """Tell how far times are from where sound was found, at most."""
    assert len(found) == len(told)
    each = [max(abs(one[0] - other[0]), abs(one[1] - other[1])) for one, other in zip(found, told, strict=True)]
    third = -(-len(each) // 3)
    logging.getLogger(__name__).info("%s: first third %.4f s, last %.4f s", what, max(each[:third]), max(each[-third:]))
    return max(each)


def mp3(home: Home, number: int) -> Samples:
    (file,) = (home.out / "mp3").glob(f"{number:02} - *.mp3")
    samples: Samples = soundfile.read(file, dtype="float32")[0]
    return samples


def test_sentences_are_heard_when_the_accounts_and_captions_say(
    narrated: Home, rows: dict[int, list[dict[str, Any]]]
) -> None:
    found: list[Span] = []
    captions: list[Span] = []
    for number, sentences in rows.items():
        samples = mp3(narrated, number)
        own = spans(samples)
        assert all(is_tone(samples, span, row["spoken"]) for span, row in zip(own, sentences, strict=True))
        found += own
        cues = webvtt.read(str(narrated.out / f"captions/{number:02}.vtt")).captions
        captions += [(_seconds(cue.start), _seconds(cue.end)) for cue in cues]
    assert away("MP3", found, [(row["start"], row["end"]) for group in rows.values() for row in group]) <= AWAY_SECONDS
    assert away("WebVTT", found, captions) <= AWAY_SECONDS


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def test_chapters_and_sentences_of_the_m4b_are_heard_at_their_marks(
    narrated: Home, rows: dict[int, list[dict[str, Any]]]
) -> None:
    """No drift: what the last chapters are off is no more than what the first are."""
    (file,) = narrated.out.glob("*.m4b")
    marks = [mark.start for mark in MP4(file).chapters]
    assert len(marks) == CHAPTERS
    samples = _decoded(file)
    sentences = [row for group in rows.values() for row in group]
    starts = [start for start in marks for _ in range(len(WORDS) + 1)]
    expected = [(start + row["start"], start + row["end"]) for start, row in zip(starts, sentences, strict=True)]
    found = spans(samples)
    assert away("M4B", found, expected) <= AWAY_SECONDS
    assert all(is_tone(samples, span, row["spoken"]) for span, row in zip(found, sentences, strict=True))


def _decoded(file: Path) -> Samples:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(file), "-map", "0:a", "-ar", str(RATE)]
    done = subprocess.run([*command, "-f", "f32le", "-"], capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<f4")


def test_sentences_of_the_read_along_begin_at_their_clips(
    narrated: Home, rows: dict[int, list[dict[str, Any]]]
) -> None:
    (file,) = narrated.out.glob("*.epub")
    with zipfile.ZipFile(file) as book:
        clips = [clip for name in sorted(book.namelist()) if name.endswith(".smil") for clip in _clips(book, name)]
        sounds = {name: soundfile.read(io.BytesIO(book.read(name)), dtype="float32")[0] for name, _ in clips}
    assert len(sounds) == CHAPTERS
    found = [(name, begin) for name, samples in sounds.items() for begin, _ in spans(samples)]
    assert [name for name, _ in clips] == [name for name, _ in found]
    assert len(clips) == sum(map(len, rows.values()))
    begins = [[(begin, begin) for _, begin in each] for each in (found, clips)]
    assert away("SMIL", *begins) <= AWAY_SECONDS


def _clips(book: zipfile.ZipFile, name: str) -> Iterator[tuple[str, float]]:
    """List the sounds of an overlay, and when in them each sentence begins (seconds)."""
    for audio in etree.fromstring(book.read(name)).iter(f"{_SMIL}audio"):
        begin = re.sub(r"s$", "", str(audio.get("clipBegin")))
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), str(audio.get("src"))))
        yield path, _seconds(begin) if ":" in begin else float(begin)
