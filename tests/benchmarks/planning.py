"""How long `declaim plan` takes, cold, beside what nltk's Punkt itself takes for the same paragraphs.

python -m tests.benchmarks.planning ../shared/books/moby-dick.epub
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tasks.readers import read_book
from tasks.text.sentences import sentences

_TOP = Path(__file__).parents[2]


def plan_seconds(source: Path) -> float:
    """Time a new process that plans the book, from its start to its end."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "flows.cli", "plan", str(source), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=_TOP)
    return time.perf_counter() - begun


def punkt_seconds(source: Path) -> float:
    """Time the cutting of sentences alone, in this process, tables loaded."""
    book = read_book(source)
    sentences("Tables are loaded here.", book.language)
    begun = time.perf_counter()
    for chapter in book.chapters:
        for block in chapter.blocks:
            sentences(block.text, book.language)
    return time.perf_counter() - begun


def main() -> None:
    """Print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    source = options.source.absolute()
    rounds = [plan_seconds(source) for _ in range(options.rounds)]
    print(f"plan: median {statistics.median(rounds):.2f} s, slowest {max(rounds):.2f} s")
    print(f"sentences alone: {punkt_seconds(source):.2f} s")


if __name__ == "__main__":
    main()
