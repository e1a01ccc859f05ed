"""How long the check takes that 10,000 clips are in the store, and how long to read and verify them all.

python -m tests.benchmarks.store
"""

import argparse
import tempfile
import time
from pathlib import Path

from tasks.model import Audio, Identity
from tasks.store import ClipStore, clip_key

_VOICE = Identity("aimlapi", "#g1_aura-2-helena-en", "", (), 1)
_SPEECH = Audio(b"\1\0" * 48_000, 24_000)  # two seconds


def main() -> None:
    """Fill a store, and print the times in seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = ClipStore(Path(folder))
        texts = [(f"Entry {number} was written in brown ink.",) for number in range(options.clips)]
        for text in texts:
            store.put(clip_key(_VOICE, text), _SPEECH, _VOICE, text)
        begun = time.perf_counter()
        there = sum(store.holds(clip_key(_VOICE, text)) for text in texts)
        checked = time.perf_counter() - begun
        begun = time.perf_counter()
        whole = sum(store.get(clip_key(_VOICE, text)) is not None for text in texts)
        verified = time.perf_counter() - begun
    if there != options.clips or whole != options.clips:
        raise SystemExit(f"{there} there, {whole} whole")
    print(f"{there} clips: all there in {checked:.2f} s; read and verified in {verified:.2f} s")


if __name__ == "__main__":
    main()
