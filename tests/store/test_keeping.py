"""Looking after a store: counting, verifying, pruning, moving."""

import hashlib
import io
import json
import os
import tarfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import OutputError
from tasks.model import Audio, Identity, Receipt
from tasks.store import ClipStore, clip_key
from tasks.store.clip_file import clip_bytes
from tasks.store.keeping import Imported, Pruned, damaged, export_clips, import_clips, prunable, remove, stock

ANNA = Identity("aimlapi", "#g1_aura-2-helena-en", "", (), 1)
BELA = Identity("openai", "tts-1", "coral", (), 1)
SPEECH = Audio(b"\1\0" * 20_000, 24_000)
DAY = 86_400


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "store")


def put(store: ClipStore, voice: Identity, text: str, usd: float | None = None) -> str:
    key = clip_key(voice, (text,))
    store.put(key, SPEECH, voice, (text,), Receipt("request-1", usd))
    return key


def pruning(store: ClipStore, unused_for_seconds: float | None, keep_under_bytes: int | None) -> Pruned:
    job = store.job()
    held = job.held()
    job.close()
    return prunable(store, held, unused_for_seconds, keep_under_bytes)


def unused_for(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def test_a_store_says_what_is_in_it_and_what_it_is_worth(store: ClipStore) -> None:
    put(store, ANNA, "One.", 0.25)
    put(store, ANNA, "Two.", 0.5)
    put(store, BELA, "One.")
    broken = store.path("00" * 32)
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no clip")
    first, second = stock(store)
    assert (first.provider, first.voice, first.clips, first.usd, first.unpriced) == ("aimlapi", "", 2, 0.75, 0)
    assert (second.model, second.voice, second.clips, second.usd, second.unpriced) == ("tts-1", "coral", 1, 0, 1)
    assert first.bytes == sum(it.bytes for it in store.shelved() if it.key != broken.stem) - second.bytes


def test_every_damaged_clip_is_found(store: ClipStore) -> None:
    keys = [put(store, ANNA, f"Sentence {number}.") for number in range(20)]
    assert list(damaged(store)) == []
    altered, swapped = store.path(keys[3]), store.path(keys[7])
    altered.write_bytes(altered.read_bytes()[:-100])
    # Whole, but not the clip of its name.
    swapped.write_bytes(store.path(keys[8]).read_bytes())
    assert set(damaged(store)) == {keys[3], keys[7]}
    assert store.get(keys[7]) is None


def test_what_no_run_has_used_for_long_may_go(store: ClipStore) -> None:
    old, held, used, new = (put(store, ANNA, text) for text in ("Old.", "Held.", "Used.", "New."))
    for key in (old, held, used):
        unused_for(store.path(key), 100)
    # To use a clip is to keep it.
    assert store.get(used)
    job = store.job()
    job.hold([held])
    pruned = pruning(store, 90 * DAY, None)
    assert pruned.clips == (old,)
    assert pruned.bytes == store.path(old).stat().st_size
    remove(store, pruned)
    assert {it.key for it in store.shelved()} == {held, used, new}
    job.close()
    assert pruning(store, 90 * DAY, None).clips == (held,)


def test_what_is_leased_is_being_bought_and_stays(store: ClipStore) -> None:
    key = put(store, ANNA, "Old.")
    unused_for(store.path(key), 100)
    job = store.job()
    assert job.take(key)
    assert pruning(store, DAY, None).clips == ()


def test_more_than_may_be_kept_goes_the_longest_unused_first_and_tracks_before_clips(store: ClipStore) -> None:
    keys = [put(store, ANNA, f"Sentence {number}.") for number in range(4)]
    for days, key in enumerate(keys, start=1):
        unused_for(store.path(key), 10 * days)
    track = store.root / "tracks" / "ab" / ("ab" * 32)
    track.mkdir(parents=True)
    (track / "track.mp3").write_bytes(bytes(50_000))
    clip = store.path(keys[0]).stat().st_size
    assert pruning(store, None, 4 * clip + 50_000) == pruning(store, None, 10**12)
    pruned = pruning(store, None, 2 * clip)
    assert pruned.tracks == (track,)
    assert pruned.clips == (keys[3], keys[2])
    assert pruned.bytes == 2 * clip + 50_000
    remove(store, pruned)
    assert not track.exists()
    assert {it.key for it in store.shelved()} == set(keys[:2])


def test_what_killed_processes_left_behind_goes_too(store: ClipStore) -> None:
    key = put(store, ANNA, "One.")
    torn = store.path(key).with_name(".torn.part")
    young = store.path(key).with_name(".young.part")
    scratch = store.root / "tracks" / "ab" / ".scratch.part"
    scratch.mkdir(parents=True)
    (scratch / "track.pcm").write_bytes(b"half")
    for path in (torn, young):
        path.write_bytes(b"half")
    for path in (torn, scratch):
        unused_for(path, 2)
    remove(store, pruning(store, 90 * DAY, None))
    assert store.get(key)
    assert young.exists()
    assert not torn.exists()
    assert not scratch.exists()


def test_clips_move_from_store_to_store(store: ClipStore, tmp_path: Path) -> None:
    keys = [put(store, ANNA, "One.", 0.25), put(store, ANNA, "Two.", 0.5)]
    put(store, BELA, "Not of this book.")
    target, other = tmp_path / "book.tar", ClipStore(tmp_path / "other")
    assert export_clips(store, keys, target) == 2
    put(other, ANNA, "One.")
    assert import_clips(other, target) == Imported(1, 1, 0)
    assert import_clips(other, target) == Imported(0, 2, 0)
    assert {it.key for it in other.shelved()} == set(keys)
    assert other.path(keys[1]).read_bytes() == store.path(keys[1]).read_bytes()


def test_a_clip_that_is_missing_or_damaged_is_not_exported(store: ClipStore, tmp_path: Path) -> None:
    key = put(store, ANNA, "One.")
    target = tmp_path / "book.tar"
    store.path(key).write_bytes(b"torn")
    for keys, said in (([key], "torn or altered"), (["00" * 32], "No such file")):
        with pytest.raises(OutputError, match=said):
            export_clips(store, keys, target)
    assert not target.exists()


def tar(path: Path, name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.type, entry.linkname = len(content), kind, "/etc/passwd"
        archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("../../evil.wav", tarfile.REGTYPE, "is no clip"),
        ("/etc/evil.wav", tarfile.REGTYPE, "is no clip"),
        (f"clips/ab/{'cd' * 32}.wav", tarfile.REGTYPE, "is no clip"),
        (f"clips/cd/{'cd' * 32}.wav", tarfile.SYMTYPE, "is no clip"),
        (f"clips/cd/{'cd' * 32}.wav", tarfile.REGTYPE, "torn or altered"),
    ],
)
def test_nothing_but_whole_clips_is_taken_in(
    store: ClipStore, tmp_path: Path, name: str, kind: bytes, said: str
) -> None:
    source = tar(tmp_path / "book.tar", name, b"no clip at all" * 9 if kind == tarfile.REGTYPE else b"", kind)
    with pytest.raises(OutputError, match=said):
        import_clips(store, source)
    assert not store.root.exists()


def test_a_clip_under_anothers_name_is_not_taken_in(store: ClipStore, tmp_path: Path) -> None:
    content = store.path(put(store, ANNA, "One.")).read_bytes()
    other = ClipStore(tmp_path / "other")
    with pytest.raises(OutputError, match="another's"):
        import_clips(other, tar(tmp_path / "book.tar", f"clips/cd/{'cd' * 32}.wav", content))


def forge(key: str, **facts: object) -> bytes:
    """A clip's file whose hash is right, and that says of itself what it likes."""
    content, _ = clip_bytes(key, SPEECH, ANNA, ("One.",), Receipt())
    kept = json.loads(content[content.index(b"{") : content.index(b"}") + 1])
    made_from = json.dumps(kept | facts).encode()
    made_from += b" " * (len(made_from) % 2)
    chunk = content.index(b"decl")
    length = int.from_bytes(content[chunk + 4 : chunk + 8], "little")
    forged = content[: chunk + 4] + len(made_from).to_bytes(4, "little") + made_from + content[chunk + 8 + length :]
    return forged + hashlib.sha256(forged).digest()


@pytest.mark.parametrize(
    "facts",
    [
        {"text": "Two."},
        {"voice": "another"},
        {"model": "another"},
        {"options": [["speed", "2"]]},
        {"adapter_version": 99},
        {"by_sentence": True, "sentence_ends": [1, 2]},
        {"by_sentence": True, "sentences": ["Another."]},
    ],
)
def test_a_clip_of_another_text_or_voice_is_found_and_not_taken_in(
    store: ClipStore, tmp_path: Path, facts: dict[str, object]
) -> None:
    key = clip_key(ANNA, ("One.",))
    forged = forge(key, **facts)
    with pytest.raises(OutputError, match="is of another text or voice than its name says"):
        import_clips(store, tar(tmp_path / "book.tar", f"clips/{key[:2]}/{key}.wav", forged))
    store.take_in(key, forged)
    assert list(damaged(store)) == [key]


@pytest.mark.parametrize(
    "facts",
    [
        {"sentence_ends": 7},
        {"sentence_ends": ["a"]},
        {"sentence_ends": [5, 1]},
        {"sentence_ends": [10**9]},
        {"sentence_ends": [-1]},
    ],
)
def test_a_malformed_clip_with_the_right_hash_is_none(
    store: ClipStore, tmp_path: Path, facts: dict[str, object]
) -> None:
    key = put(store, ANNA, "One.")
    store.take_in(key, forge(key, **facts))
    assert store.get(key) is None
    assert list(damaged(store)) == [key]
    other = ClipStore(tmp_path / "other")
    with pytest.raises(OutputError, match="malformed"):
        import_clips(other, tar(tmp_path / "book.tar", f"clips/{key[:2]}/{key}.wav", store.content(key)))


def _without(facts: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in names}


SENTENCES = ("It rained.", "Nobody went out; nobody came in.", "So", "it was.")


@pytest.mark.parametrize("is_earlier", [False, True])
def test_a_voice_that_speaks_sentence_by_sentence(store: ClipStore, tmp_path: Path, is_earlier: bool) -> None:  # noqa: FBT001
    voice = replace(ANNA, by_sentence=True)
    key = clip_key(voice, SENTENCES)
    speech = replace(SPEECH, sentence_ends=(1, 2, 3, 4))
    store.put(key, speech, voice, SENTENCES)
    if is_earlier:
        # An earlier version did not keep the sentences.
        facts = _without(store.made_from(key), "key", "sentences")
        store.take_in(key, forge(key, **facts))
    assert list(damaged(store)) == []
    target = tmp_path / "book.tar"
    export_clips(store, [key], target)
    assert import_clips(ClipStore(tmp_path / "other"), target) == Imported(1, 0, 0)


def test_what_cannot_be_decided_is_kept_and_not_taken_in(store: ClipStore, tmp_path: Path) -> None:
    voice = replace(ANNA, by_sentence=True)
    sentences = tuple(f"Word {number}." for number in range(40))
    key = clip_key(voice, sentences)
    store.put(key, SPEECH, voice, sentences)
    facts = _without(store.made_from(key), "key", "sentences")
    store.take_in(
        key, forge(key, **facts | {"text": facts["text"].replace(".", ". And"), "sentence_ends": list(range(40))})
    )
    assert list(damaged(store)) == []
    other = ClipStore(tmp_path / "other")
    source = tar(tmp_path / "book.tar", f"clips/{key[:2]}/{key}.wav", store.content(key))
    assert import_clips(other, source) == Imported(0, 0, 1)
    assert not other.holds(key)


@pytest.mark.parametrize("content", [b"", b"no tar file at all" * 100])
def test_a_file_that_is_no_export_is_refused(store: ClipStore, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "book.tar"
    source.write_bytes(content)
    with pytest.raises(OutputError, match="this is no export of a store"):
        import_clips(store, source)


def test_a_store_that_is_not_there_yet_is_empty(store: ClipStore) -> None:
    assert stock(store) == []
    assert list(damaged(store)) == []
    nothing = pruning(store, DAY, None)
    assert replace(nothing, bytes=0) == nothing
    remove(store, nothing)
