"""How long `declaim plan` takes, cold, and how fast sentences are cut, beside nltk's Punkt alone with the same tables.

python -m tests.benchmarks.planning ../shared/books/moby-dick.epub
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from nltk.tokenize.punkt import PunktSentenceTokenizer
from punkt.data import english

from tasks.readers import read_book
from tasks.text.sentences import sentences

_TOP = Path(__file__).parents[2]


def plan_seconds(source: Path) -> float:
    """Time a new process that plans the book, from its start to its end."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "flows.cli", "plan", str(source), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=_TOP)
    return time.perf_counter() - begun


def cutting(source: Path) -> tuple[float, float]:
    """Cut a book's paragraphs by Declaim and by nltk's Punkt alone, tables loaded; returns characters a second of each."""
    book = read_book(source)
    texts = [block.text for chapter in book.chapters for block in chapter.blocks]
    punkt = PunktSentenceTokenizer()
    punkt._params.abbrev_types = set(english.ABBREV_TYPES)
    punkt._params.collocations = set(english.COLLOCATIONS)
    punkt._params.sent_starters = set(english.SENT_STARTERS)
    punkt._params.ortho_context = defaultdict(int, english.ORTHO_CONTEXT)
    return _speed(lambda text: sentences(text, book.language), texts), _speed(punkt.tokenize, texts)


def _speed(way: Callable[[str], object], texts: list[str]) -> float:
    way("Tables are loaded here. And used.")
    begun = time.perf_counter()
    for text in texts:
        way(text)
    return sum(map(len, texts)) / (time.perf_counter() - begun)


def main() -> None:
    """Print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    source = options.source.absolute()
    rounds = [plan_seconds(source) for _ in range(options.rounds)]
    print(f"plan: median {statistics.median(rounds):.2f} s, slowest {max(rounds):.2f} s")
    ours, punkt = cutting(source)
    print(f"sentences: {ours / 1e6:.2f} million characters a second; Punkt alone {punkt / 1e6:.2f}")


if __name__ == "__main__":
    main()
