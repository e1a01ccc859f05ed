"""Tracks in the store: made once, whole or not there, whoever else makes the same."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tasks.assemble import _made, track_folder
from tasks.audio import AudioSettings
from tasks.model import Audio, BlockKind, Chunk, Identity, Pause, Receipt, Recital, Script, Sentence, Voiced
from tasks.store import ClipStore, clip_key
from tests.audio.sound import syllables

RATE = 22_050
IDENTITY = Identity("tests", "tone", "", (), 1)


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "store")


def recital(store: ClipStore) -> Recital:
    key = clip_key(IDENTITY, ("It rained.",))
    clip = store.put(key, Audio(syllables(3, RATE, 9_000).tobytes(), RATE), IDENTITY, ("It rained.",), Receipt())
    chunk = Chunk("1.1", BlockKind.PARAGRAPH, "line=1", (Sentence("It rained.", "It rained."),), Pause.NONE)
    return Recital(Script(1, "I", (chunk,), ()), (Voiced(chunk, clip, IDENTITY),))


def test_runs_that_make_the_same_track_at_once_all_have_it(store: ClipStore) -> None:
    settings, codecs, together = AudioSettings(), ("mp3",), Barrier(6)
    one = recital(store)
    folder = track_folder(store, one, settings, codecs)

    def make(_: int) -> float:
        together.wait()
        return _made(folder, one, settings, codecs, store).seconds

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(make, range(6)))) == 1
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert {path.name for path in folder.iterdir()} == {"track.json", "track.mp3"}


def test_a_damaged_track_gives_way(store: ClipStore) -> None:
    settings, codecs, one = AudioSettings(), ("mp3",), recital(store)
    folder = track_folder(store, one, settings, codecs)
    sound = _made(folder, one, settings, codecs, store).encoded["mp3"]
    whole = sound.read_bytes()
    sound.write_bytes(whole[:-1])
    assert _made(folder, one, settings, codecs, store).encoded["mp3"].read_bytes() == whole
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
