"""What a studio does while its store is away."""

import asyncio
import errno
import os
from functools import partial
from pathlib import Path

import pytest

from tasks.casting import castings_of
from tasks.errors import OutputError
from tasks.model import Audio, Clip, Identity
from tasks.settings import load_profile
from tasks.store import ClipStore, clip_key
from tasks.studio import open_studios, patiently
from tasks.voices.limits import Budget

VOICE = Identity("openai", "tts-1", "coral", (), 1)
KEY = clip_key(VOICE, ("One.",))


def put_while(
    failures: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Clip | None, OutputError | None]:
    """Put a clip while the folder fails in these ways, one after the other."""
    flush, left = os.fsync, iter(failures)

    def failing(handle: int) -> None:
        if number := next(left, 0):
            raise OSError(number, os.strerror(number))
        flush(handle)

    monkeypatch.setattr(os, "fsync", failing)

    async def put() -> Clip:
        store = ClipStore(folder)
        work = partial(store.put, KEY, Audio(b"\1\0" * 9, 24_000), VOICE, ("One.",))
        async with open_studios(castings_of(load_profile()), Budget(0, 0), store, "en") as (studio,):
            try:
                return await patiently(work, studio)
            finally:
                closed.extend(gate.closed_by for gate in studio.gates)

    closed: list[object] = []
    try:
        clip = asyncio.run(put())
    except OutputError as error:
        assert closed == [None]
        return None, error
    assert closed == [None]
    return clip, None


def test_a_network_folder_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, error = put_while([errno.ESTALE, errno.EIO], tmp_path, monkeypatch)
    assert clip == ClipStore(tmp_path).get(KEY)
    assert clip
    assert error is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_does_not_pass_is_told_at_once(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, error = put_while([number], tmp_path, monkeypatch)
    assert clip is None
    assert str(error) == (
        f"{tmp_path}: the clip store cannot be written ({os.strerror(number)}); free space or set [store] url"
    )
