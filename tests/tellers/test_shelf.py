"""Tellings in the store: found again if and only if the same was asked; what broke off stays until one is whole."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.store import ClipStore, StoreSettings, open_store
from tasks.store.keeping import prunable, remove
from tasks.tellers.shelf import Request, Shelf, Telling, telling_key

REQUEST = Request(chapter=1, part=1, kind="telling", asked=10, told=5, words=1, sounds=0, usd=None)
TEXTS = st.text(max_size=5)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_keys_are_equal_if_and_only_if_what_was_asked_is(one: str, two: str, three: str, four: str) -> None:
    first, second = telling_key(text=one, before=two), telling_key(text=three, before=four)
    assert (first == second) == ((one, two) == (three, four))


@pytest.mark.parametrize("url", ["", "memory://tellings"])
def test_what_is_kept_is_found(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.store.user_cache_path", lambda _: tmp_path)
    shelf = Shelf(open_store(StoreSettings(url=url)) if url else ClipStore(tmp_path))
    key = telling_key(text="It rained.")
    telling = Telling("It rained: “so” \ud800.", (REQUEST,))
    assert shelf.get(key) is None
    shelf.put(key, telling)
    assert shelf.get(key) == telling
    assert shelf.get(telling_key(text="It snowed.")) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"key": "other", "text": "x", "requests": []}', b'{"requests": [{}]}']
)
def test_what_is_torn_is_not_there(tmp_path: Path, content: bytes) -> None:
    shelf, key = Shelf(ClipStore(tmp_path)), telling_key(text="x")
    shelf.put(key, Telling("x", ()))
    (path,) = tmp_path.glob("tellings/*/*.json")
    path.write_bytes(content)
    assert shelf.get(key) is None


def test_what_broke_off_is_kept_until_a_telling_is_whole(tmp_path: Path) -> None:
    shelf, key = Shelf(ClipStore(tmp_path)), telling_key(text="x")
    first, second = shelf.draft(key), shelf.draft(key)
    for draft in (first, second):
        draft.write("Once upon")
        draft.speak(b"RIFF")
        draft.write(" a time")
        assert (draft.text, draft.unspoken) == ("Once upon a time", " a time")
    first.keep()
    assert sorted(path.name for path in first.folder.iterdir()) == ["00001.wav", "told.md"]
    assert (first.folder / "told.md").read_text("utf-8") == "Once upon a time"
    assert first.folder != second.folder
    shelf.put(key, Telling("Once.", ()))
    assert [path.name for path in tmp_path.glob("tellings/*/*")] == [f"{key}.json"]


def test_what_broke_off_long_ago_goes_with_a_pruning(tmp_path: Path) -> None:
    store = ClipStore(tmp_path)
    shelf, key = Shelf(store), telling_key(text="x")
    shelf.put(telling_key(text="y"), Telling("Once.", ()))
    drafts = [shelf.draft(key) for _ in range(2)]
    for draft in drafts:
        draft.write("Once upon")
        draft.speak(b"RIFF")
        draft.keep()
    week = 7 * 24 * 3600
    os.utime(drafts[0].folder, (time.time() - week,) * 2)
    remove(store, prunable(store, frozenset(), unused_for_seconds=0, keep_under_bytes=None))
    assert not drafts[0].folder.exists()
    assert len(list(drafts[1].folder.iterdir())) == 2
    assert shelf.get(telling_key(text="y"))
