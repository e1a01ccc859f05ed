"""The processes of the embedded voice, as they are begun."""

import multiprocessing.forkserver
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.voices.piper_workers import MODEL_VARIABLE, open_pool


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each worker loads the voice for itself")
def test_voices_that_are_prepared_at_once_name_their_files_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named: list[str] = []
    both = threading.Barrier(2)

    def ensure_running() -> None:
        # Two that are here at the same time go on together; one alone goes on after a while.
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        named.append(os.environ[MODEL_VARIABLE])

    monkeypatch.setattr(multiprocessing.forkserver, "ensure_running", ensure_running)
    models = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    with ThreadPoolExecutor(2) as threads:
        pools = list(threads.map(open_pool, models, [1, 1]))
    for pool in pools:
        pool.shutdown()
    assert sorted(named) == [str(model) for model in models]
    assert MODEL_VARIABLE not in os.environ
