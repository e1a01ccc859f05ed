"""Peak memory of the narrating process, workers and Prefect's server apart.

    python -m tests.benchmarks.memory ../shared/books/moby-dick.epub --chapters 56

Chapter 56 of Moby-Dick as Declaim counts them ("Chapter 54. The Town-Ho's Story.") is its longest.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_TOP = Path(__file__).parents[2]


def peak_memory(source: Path, chapters: str) -> tuple[float, float]:
    """Narrate into an empty store; returns the peak of resident memory (MB) and the time taken (seconds)."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "flows.cli", "narrate", str(source), "--chapters", chapters]
        command += ["--out", f"{folder}/out", "--set", f"store.url={folder}/store"]
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=_TOP, stdout=subprocess.DEVNULL, env=os.environ | {"DO_NOT_TRACK": "1"})
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _high_water(process.pid))
            time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"declaim ended with {process.returncode}")
    return peak, time.perf_counter() - begun


def _high_water(process: int) -> float:
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def main() -> None:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--chapters", default="56")
    options = parser.parse_args()
    peak, seconds = peak_memory(options.source.absolute(), options.chapters)
    print(f"peak {peak:.0f} MB, {seconds:.0f} s")


if __name__ == "__main__":
    main()
