import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.model import (
    Block,
    BlockKind,
    Book,
    Chapter,
    Chunk,
    Clip,
    Cost,
    Edition,
    Failure,
    Identity,
    Levels,
    Recital,
    Script,
    Timing,
    Track,
    Voiced,
)
from tasks.packagers.accounts import Account, Performance, coverage, manifest
from tasks.text.chunking import TextSettings, scripts_of

VOICE = Identity("piper", "joe", "", (("length_scale", "1.2"),), 1, by_sentence=True)
NOTE = Block(BlockKind.PARAGRAPH, "A note.", "1#9", left_out="footnotes")
IMPRINT = Block(BlockKind.PARAGRAPH, "Printed in Ghent.", "0#0", left_out="copyright-page")
FIGURES = ("seconds", "lufs", "rms_db", "peak_db", "noise_floor_db")


def paragraphs(number: int, *texts: str) -> tuple[Block, ...]:
    return tuple(Block(BlockKind.PARAGRAPH, text, f"{number}#{place}") for place, text in enumerate(texts))


BOOK = Book(
    "Title",
    ("Ann One",),
    "en",
    (
        Chapter(1, "I", (*paragraphs(1, "One. Two.", "Three. One."), NOTE)),
        Chapter(2, "II", paragraphs(2, "* * *", "Four.")),
    ),
    left_out=(IMPRINT,),
    warnings=("Page 3 is doubtful.",),
)
SCRIPTS = scripts_of(BOOK, TextSettings(), 0)


def performed(
    script: Script, *, cached: bool = False, retries: int = 0, price: float | None = None, finished: bool = True
) -> Performance:
    def cost(chunk: Chunk) -> Cost:
        return Cost(1 + retries, None if price is None else len(chunk.text) / 1000 * price, usd_charged=0.001)

    voiced = tuple(
        Voiced(chunk, Clip(f"key{chunk.id}", Path("clip.wav"), 2.0, 22_050), VOICE, Cost() if cached else cost(chunk))
        for chunk in script.chunks
    )
    timings = tuple(
        Timing(chunk.id, place, float(place), place + 0.123456, exact=True)
        for chunk in script.chunks
        for place in range(len(chunk.sentences))
    )
    track = Track(script.number, script.title, 4.00049, timings, Levels(-19.04, -22.0, -3.0, -75.0), {})
    return Performance(Recital(script, voiced), track if finished else None)


def account(*performances: Performance) -> Account:
    editions = (Edition("mp3", "mp3/01 - I.mp3"),)
    return Account(Path("title.md"), "ab" * 32, {"voice": {}}, BOOK, performances, editions)


def test_the_manifest_says_what_was_made() -> None:
    document = manifest(account(performed(SCRIPTS[0], retries=1, price=2.0), performed(SCRIPTS[1], cached=True)))
    assert json.loads(json.dumps(document)) == document
    assert document["schema"] == 1
    assert document["source"] == {"name": "title.md", "sha256": "ab" * 32}
    assert document["book"] == {
        "title": "Title",
        "authors": ["Ann One"],
        "language": "en",
        "description": "",
        "series": "",
        "series_position": "",
        "warnings": ["Page 3 is doubtful."],
    }
    assert document["voices"][0]["options"] == {"length_scale": "1.2"}
    assert document["editions"] == [{"kind": "mp3", "path": "mp3/01 - I.mp3"}]
    first, second = document["chapters"]
    assert first == {
        "number": 1,
        "title": "I",
        "voices": [0],
        "seconds": 4.0,
        "lufs": -19.04,
        "rms_db": -22.0,
        "peak_db": -3.0,
        "noise_floor_db": -75.0,
        "clips": 2,
        "requests": 4,
        "cached": 0,
        "damaged": 0,
        "retries": 2,
        "characters": len("One. Two.") + len("Three. One."),
        "usd": 0.04,
        "usd_charged": 0.002,
    }
    assert (second["clips"], second["requests"], second["cached"], second["usd"]) == (1, 0, 1, 0)
    assert document["totals"] == {
        "chapters": 2,
        "seconds": 8.0,
        "clips": 3,
        "requests": 4,
        "cached": 1,
        "damaged": 0,
        "retries": 2,
        "characters": 25,
        "usd": 0.04,
        "usd_charged": 0.002,
    }


def test_what_is_not_known_is_null_and_never_nought() -> None:
    document = manifest(account(performed(SCRIPTS[0], finished=False), performed(SCRIPTS[1])))
    first, second = document["chapters"]
    assert [first[name] for name in FIGURES] == [None] * 5
    assert None not in [second[name] for name in FIGURES]
    assert first["usd"] is second["usd"] is None
    assert document["totals"]["seconds"] is None
    assert document["totals"]["usd"] is None
    assert document["totals"]["characters"] == 25


def test_a_level_that_is_not_known_is_null_and_one_of_nought_is_nought() -> None:
    known = performed(SCRIPTS[0])
    assert known.track
    track = replace(known.track, levels=Levels(None, 0.0, None, None), seconds=0.0)
    (chapter,) = manifest(account(replace(known, track=track)))["chapters"]
    assert [chapter[name] for name in FIGURES] == [0.0, None, 0.0, None, None]


def test_a_voice_that_costs_nothing_costs_nought() -> None:
    document = manifest(account(performed(SCRIPTS[0], price=0)))
    assert document["chapters"][0]["usd"] == document["totals"]["usd"] == 0


def test_a_failure_is_told() -> None:
    whole = performed(SCRIPTS[0], finished=False)
    failure = Failure(1, "1.2", "the service is down (6 attempts)")
    recital = Recital(SCRIPTS[0], whole.recital.voiced[:1], (failure,))
    performance = Performance(recital, None)
    assert manifest(account(performance))["failures"] == [
        {"chapter": 1, "chunk": "1.2", "error": "the service is down (6 attempts)"}
    ]
    rows = coverage(BOOK, (performance,))["sentences"]
    assert [(row["text"], row["clip"]) for row in rows] == [
        ("One.", "key1.1"),
        ("Two.", "key1.1"),
        ("Three.", None),
        ("One.", None),
    ]
    assert [(row["start"], row["end"], row["exact"]) for row in rows] == [(None, None, None)] * 4


def words(rows: list[dict[str, Any]]) -> list[str]:
    return [row["text"] for row in rows]


def test_every_sentence_is_told_once() -> None:
    document = coverage(BOOK, (performed(script) for script in SCRIPTS))
    assert words(document["sentences"]) == ["One.", "Two.", "Three.", "One.", "Four."]
    assert [(row["chapter"], row["kind"], row["text"]) for row in document["left_out"]] == [
        (None, "copyright-page", "Printed in Ghent."),
        (1, "footnotes", "A note."),
        (2, "no words", "* * *"),
    ]
    source = [block.text for block in (IMPRINT, *(it for chapter in BOOK.chapters for it in chapter.blocks))]
    told = words(document["sentences"]) + words(document["left_out"])
    assert sorted(" ".join(told).split()) == sorted(" ".join(source).split())


def test_a_sentence_is_told_with_its_place() -> None:
    row = coverage(BOOK, [performed(SCRIPTS[0])])["sentences"][3]
    assert row == {
        "chapter": 1,
        "anchor": "1#1",
        "text": "One.",
        "spoken": "One.",
        "chunk": "1.2",
        "clip": "key1.2",
        "start": 1.0,
        "end": 1.1235,
        "exact": True,
    }


def test_a_sentence_at_the_very_beginning_begins_at_nought() -> None:
    first = coverage(BOOK, [performed(SCRIPTS[0])])["sentences"][0]
    assert first["start"] == pytest.approx(0)


def test_an_estimated_time_says_so() -> None:
    performance = performed(SCRIPTS[1])
    assert performance.track
    timings = tuple(replace(timing, exact=False) for timing in performance.track.timings)
    performance = replace(performance, track=replace(performance.track, timings=timings))
    (row,) = coverage(BOOK, [performance])["sentences"]
    assert row["exact"] is False
