"""A chapter's track in the store: what was measured of it comes back as it was, and what is spoiled is made anew."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from tasks.assemble import _kept, _made
from tasks.audio import AudioSettings
from tasks.audio.meter import measured
from tasks.model import Audio, BlockKind, Chunk, Identity, Pause, Receipt, Recital, Script, Sentence, Track, Voiced
from tasks.store import ClipStore, clip_key
from tests.audio.sound import syllables

RATE = 22_050
CODECS = ("mp3", "aac")
VOICE = Identity("piper", "joe", "", (), 1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return ClipStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def recital(store: ClipStore) -> Recital:
    chunk = Chunk("1.1", BlockKind.PARAGRAPH, "line=1", (Sentence("La.", "La."),), Pause.NONE)
    samples = np.asarray(syllables(8, RATE, 9_000), "<i2").tobytes()
    key = clip_key(VOICE, chunk.spoken)
    store.put(key, Audio(samples, RATE), VOICE, chunk.spoken, Receipt())
    clip = store.get(key)
    assert clip is not None
    return Recital(Script(1, "I", (chunk,), ()), (Voiced(chunk, clip, VOICE),))


@pytest.fixture(scope="module")
def track(store: ClipStore, recital: Recital) -> Track:
    return made(store, recital)


def made(store: ClipStore, recital: Recital) -> Track:
    return _made(store.root / "tracks" / "ab" / "abab", recital, AudioSettings(), CODECS, store)


def folder(track: Track) -> Path:
    return track.encoded["mp3"].parent


def test_a_track_keeps_what_was_measured_of_its_first_file(track: Track, recital: Recital) -> None:
    assert _kept(folder(track), recital, CODECS) == track
    heard = measured(track.encoded["mp3"])
    assert (track.levels, track.head, track.tail, track.curve) == (heard.levels, heard.head, heard.tail, heard.curve)
    assert track.seconds == pytest.approx(heard.seconds, abs=1e-3)


def _gone(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda facts: facts.pop(name)


def _curve(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda facts: facts["curve"].update(changes)


@pytest.mark.parametrize(
    "spoil",
    [
        *(_gone(name) for name in ("curve", "head", "tail", "levels", "timings", "encoded", "seconds")),
        _curve(peaks=[]),
        _curve(peaks=[0.5], loudness=[-19.0, -19.0]),
        _curve(peaks=[0.5], loudness=["loud"]),
        _curve(peaks=[float("nan")], loudness=[None]),
        _curve(peaks=[-0.5], loudness=[None]),
        _curve(peaks=[0.5] * 601, loudness=[None] * 601),
        _curve(seconds=0),
        lambda facts: facts.update(head=float("inf")),
        lambda facts: facts["levels"].update(lufs=float("nan")),
        lambda facts: facts.update(curve=None),
        lambda facts: facts.update(encoded={}),
    ],
)
def test_facts_that_are_spoiled_are_no_track(
    spoil: Callable[[dict[str, Any]], object], track: Track, recital: Recital, tmp_path: Path
) -> None:
    for file in folder(track).iterdir():
        (tmp_path / file.name).hardlink_to(file)
    facts = json.loads((tmp_path / "track.json").read_text("utf-8"))
    spoil(facts)
    (tmp_path / "track.json").unlink()
    (tmp_path / "track.json").write_text(json.dumps(facts), "utf-8")
    assert _kept(tmp_path, recital, CODECS) is None


def test_a_track_that_is_spoiled_is_made_as_it_was(track: Track, store: ClipStore, recital: Recital) -> None:
    before = {file.name: file.read_bytes() for file in folder(track).iterdir()}
    (folder(track) / "track.json").write_text("[]", "utf-8")
    assert _kept(folder(track), recital, CODECS) is None
    assert made(store, recital) == track
    assert {file.name: file.read_bytes() for file in folder(track).iterdir()} == before


def test_a_damaged_sound_is_made_as_it_was(track: Track, store: ClipStore, recital: Recital) -> None:
    sound = track.encoded["mp3"]
    whole = sound.read_bytes()
    sound.write_bytes(whole[:-1])
    assert made(store, recital) == track
    assert sound.read_bytes() == whole
    assert [path.name for path in folder(track).parent.iterdir()] == [folder(track).name]


def test_runs_that_make_the_same_track_at_once_all_have_it(store: ClipStore, recital: Recital) -> None:
    place, together = store.root / "tracks" / "cd" / "cdcd", Barrier(6)

    def make(_: int) -> Track:
        together.wait()
        return _made(place, recital, AudioSettings(), ("mp3",), store)

    with ThreadPoolExecutor(6) as threads:
        one, *others = threads.map(make, range(6))
    assert others == [one] * 5
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert {path.name for path in place.iterdir()} == {"track.json", "track.mp3"}
