"""The processes of the embedded voice, as they are begun."""

import multiprocessing.forkserver
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.voices.piper_workers import MODEL_VARIABLE, open_pool, submit
from tests import skip_reasons


@pytest.mark.skipif(sys.platform != "linux", reason=f"{skip_reasons.LINUX}: elsewhere each worker loads the voice")
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


@dataclass(frozen=True)
class Large:
    """A result that takes a while to send; a file says that it begins."""

    begun: Path

    def __reduce__(self) -> tuple[Callable[[bytes], int], tuple[bytes]]:
        self.begun.touch()
        return len, (bytes(64 << 20),)


@pytest.mark.skipif(
    sys.platform != "linux", reason=f"{skip_reasons.LINUX}: elsewhere a worker does not have what the tests import"
)
@pytest.mark.parametrize("milliseconds", range(0, 100, 10))
def test_a_worker_that_is_ended_leaves_no_half_of_a_result(milliseconds: int, tmp_path: Path) -> None:
    pool, begun = open_pool(tmp_path / "none.onnx", 1), tmp_path / "begun"
    worker = submit(pool, os.getpid).result()
    submit(pool, Large, begun)
    while not begun.exists():
        time.sleep(0.001)
    time.sleep(milliseconds / 1000)
    os.kill(worker, signal.SIGTERM)
    # It waits for whoever reads the results.
    ending = threading.Thread(target=pool.shutdown, daemon=True)
    ending.start()
    ending.join(60)
    assert not ending.is_alive()
