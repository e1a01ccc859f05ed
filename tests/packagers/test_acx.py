"""The ACX edition: numbered files with credits, chapters that are too long cut at scenes, a sample that ends at a sentence."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mutagen.mp3 import MP3

from tasks.audio.cut import cut_mp3
from tasks.audio.encode import encoding
from tasks.audio.meter import measured
from tasks.audio.presets import PRESETS
from tasks.packagers import acx
from tasks.packagers.acx import write_acx
from tasks.packagers.plain import plain
from tasks.packagers.publication import Part
from tests.packagers.publications import HOSTILE, mp3_of, part, publication

RATE = 44_100
# A sentence sounds for two seconds; a scene begins with every tenth.
SENTENCE, PAUSE, SCENE = 2.0, 0.7, 1.8


def times(count: int) -> Iterator[tuple[float, float]]:
    place = 0.75
    for number in range(count):
        place += 0 if not number else PAUSE if number % 10 else SCENE
        yield place, place + SENTENCE
        place += SENTENCE


def spoken(number: int, title: str, count: int, folder: Path) -> Part:
    """Make a chapter whose every sentence is a tone of its own."""
    spans = list(times(count))
    seconds = spans[-1][1] + 2.0
    sound = np.random.default_rng(number).standard_normal(round(seconds * RATE)) * 6
    for place, (start, end) in enumerate(spans):
        inside = slice(round(start * RATE), round(end * RATE))
        along = np.arange(inside.stop - inside.start) / RATE
        sound[inside] += 4_600 * np.sin(2 * np.pi * (300 + 10 * place) * along)
    file = folder / f"{number}.mp3"
    with encoding(RATE, len(sound), PRESETS["acx"], {"mp3": file}) as encoders:
        encoders.take(np.round(sound).astype("<i2").tobytes())
    scenes = set(range(10, count, 10))
    sentences = [f"Sentence {place}." for place in range(count)]
    made = part(number, title, sentences, encoded={"mp3": file}, times=spans, scenes=scenes, seconds=seconds)
    heard = measured(file)
    return replace(made, track=replace(made.track, levels=heard.levels, head=heard.head, tail=heard.tail))


def figures(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "acx/figures.csv").open(encoding="utf-8") as table:
        return {row["file"]: row for row in csv.DictReader(table)}


def within(row: dict[str, str]) -> bool:
    return (
        -23 <= float(row["RMS (dBFS)"]) <= -18
        and float(row["noise floor (dBFS)"]) <= -60
        and 0.5 <= float(row["head (s)"]) <= 1
        and 1 <= float(row["tail (s)"]) <= 5
    )


def test_files_are_numbered_with_the_credits(tmp_path: Path) -> None:
    bound = publication(spoken(1, "I", 6, tmp_path), spoken(2, "Of/Two", 30, tmp_path))
    opening, closing = spoken(0, "Opening Credits", 2, tmp_path), spoken(3, "Closing Credits", 2, tmp_path)
    editions = list(write_acx(replace(bound, opening=opening, closing=closing), tmp_path, cut_mp3, measured))
    assert [edition.path for edition in editions] == [
        "acx/00 - Opening Credits.mp3",
        "acx/01 - I.mp3",
        "acx/02 - Of Two.mp3",
        "acx/03 - Closing Credits.mp3",
        "acx/Retail Sample.mp3",
        "acx/figures.csv",
    ]
    assert all(within(row) for name, row in figures(tmp_path).items() if not name.startswith("Retail"))
    assert {str(MP3(tmp_path / edition.path)["TIT2"]) for edition in editions[:5]} >= {"Opening Credits", "Of/Two"}


@pytest.mark.parametrize(("count", "least", "most"), [(30, 80, 90), (200, 290, 300)])
def test_the_sample_ends_at_a_sentence(tmp_path: Path, count: int, least: float, most: float) -> None:
    """The first chapter of a minute or more; what is longer than five ends in the pause behind a sentence."""
    bound = publication(spoken(1, "Short", 6, tmp_path), spoken(2, "Long", count, tmp_path))
    list(write_acx(bound, tmp_path, cut_mp3, measured))
    row = figures(tmp_path)["Retail Sample.mp3"]
    assert least <= float(row["seconds"]) <= most
    assert 0.1 < float(row["tail (s)"]) < 2.1


def test_a_long_chapter_is_cut_at_its_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost at the cuts, and each piece has the room tone that ACX wants at its ends."""
    monkeypatch.setattr(acx, "_LONGEST_SECONDS", 100)
    long = spoken(1, "I", 90, tmp_path)
    names = [edition.path for edition in write_acx(publication(long), tmp_path, cut_mp3, measured)]
    pieces = [f"0{number} - I (part {number} of 3).mp3" for number in (1, 2, 3)]
    assert names[:3] == [f"acx/{name}" for name in pieces]
    rows = figures(tmp_path)
    assert all(within(rows[name]) for name in pieces)
    seconds = [float(rows[name]["seconds"]) for name in pieces]
    assert max(seconds) <= 100
    assert sum(seconds) == pytest.approx(long.track.seconds, abs=0.2)
    assert max(seconds) - min(seconds) < 30


@pytest.mark.parametrize("longest", [30, 61, 100, 170])
def test_cuts_leave_every_sentence_whole(monkeypatch: pytest.MonkeyPatch, longest: int) -> None:
    monkeypatch.setattr(acx, "_LONGEST_SECONDS", longest)
    spans = list(times(90))
    seconds = spans[-1][1] + 2.0
    long = part(1, "I", ["Words."] * 90, times=spans, scenes=set(range(10, 90, 10)), seconds=seconds)
    cuts = list(acx._cuts(long))
    assert cuts
    assert not [cut for cut in cuts for start, end in spans if start < cut < end]
    assert all(other - one <= longest for one, other in pairwise([0.0, *cuts, seconds]))


@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_leads_out_of_the_folder(tmp_path: Path, title: str) -> None:
    encoded = mp3_of(tmp_path)
    names = [
        edition.path
        for edition in write_acx(publication(part(1, title, encoded=encoded), title=title), tmp_path, cut_mp3, measured)
    ]
    assert [Path(name).parent for name in names] == [Path("acx")] * 3
    assert sorted(path.name for path in (tmp_path / "acx").iterdir()) == sorted(Path(name).name for name in names)
    assert str(MP3(tmp_path / names[0])["TIT2"]) == (plain(title) or "Chapter 1")
