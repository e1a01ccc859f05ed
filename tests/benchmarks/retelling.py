"""A retelling through Auralis's stream: how much of the text has come when its first sound is in the store, and peak memory.

    python -m tests.benchmarks.retelling [--words 3000 --per-second 50] [--short 10000 --long 100000]

Memory is that of the process that retells and narrates, of a chapter told in one stream; the yardstick is a shorter one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.prefect_start import ENVIRONMENT
from tests.services.service import Service
from tests.services.sounds import encode, named, tone

TOP = Path(__file__).parents[2]
_RATE = 24_000
_POLL_SECONDS = 0.01
_PROFILE = """
[voice]
provider = "auralis"
base_url = "{url}/v1"
reference_audio = ["voice.wav"]
[retell]
model = "a-model"
base_url = "http://127.0.0.1:9/v1"
[output]
editions = []
"""


@dataclass(frozen=True)
class _Run:
    """How a retelling went: words that had come at the first sound, seconds in all, the most memory (MB)."""

    words: int
    seconds: float
    megabytes: float


def _retold(folder: Path, service: Service, words: int, per_second: float) -> _Run:
    service.behave(told_words=words, told_per_second=per_second)
    before = service.told
    source, profile, store = folder / "book.md", folder / "profile.toml", folder / f"store-{words}"
    (folder / "voice.wav").write_bytes(encode(tone("a voice", 8, _RATE), named("wav", _RATE)))
    source.write_text("# One\n\nIt rained all day.\n\nNobody went out.\n", "utf-8")
    profile.write_text(_PROFILE.format(url=service.url), "utf-8")
    command = [sys.executable, "-m", "flows.cli", "retell", str(source), "--profile", str(profile)]
    options = ["--instruction", "Tell it at length.", "--out", str(folder / "out"), "--set", f"store.url={store}"]
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, *options], cwd=TOP, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL
    )
    first: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not (ended.is_set() or first):
            if any(store.rglob("*.wav")):
                first.append(service.told - before)
            time.sleep(_POLL_SECONDS)

    looking = threading.Thread(target=look)
    looking.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    looking.join()
    if process.returncode:
        raise SystemExit("the retelling failed")
    return _Run(first[0], time.perf_counter() - began, usage.ru_maxrss / 1024)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=3_000)
    parser.add_argument("--per-second", type=float, default=50)
    parser.add_argument("--short", type=int, default=10_000)
    parser.add_argument("--long", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Service(seconds_per_character=1 / 25) as service:
        place = Path(folder)
        paced = _retold(place, service, options.words, options.per_second)
        print(
            f"first sound in the store after {paced.words} of {options.words} words ({paced.words / options.words:.1%}), at "
            f"{options.per_second:g} words a second"
        )
        short, long = (_retold(place, service, words, 0) for words in (options.short, options.long))
        print(
            f"peak memory: {short.megabytes:.0f} MB for {options.short} words ({short.seconds:.0f} s), {long.megabytes:.0f} MB for "
            f"{options.long} ({long.seconds:.0f} s): {long.megabytes / short.megabytes:.2f}"
        )


if __name__ == "__main__":
    main()
