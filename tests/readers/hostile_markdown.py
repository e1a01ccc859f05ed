"""Markdown that is made to take a reader's time, memory or files."""

from collections.abc import Callable, Mapping

from tests.readers.hostile_epubs import MANY, SENTENCE

_MEGABYTE = 1 << 20


def _aliases() -> str:
    levels = "\n".join(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, 12))
    return f"---\nl0: &l0 lol\n{levels}\ntitle: *l11\n---\n\n# One\n\nIt was late.\n"


HOSTILE_MARKDOWN: Mapping[str, Callable[[], bytes | str]] = {
    "ten megabytes without a full stop": lambda: f"# One\n\n{SENTENCE.replace('.', '') * 230_000}",
    "ten megabytes of one word": lambda: "# One\n\n" + "\n\n".join("wo" * 50_000 for _ in range(100)),
    "a hundred thousand headings": lambda: "\n\n".join(
        f"# Chapter {number}\n\nIt was late." for number in range(20_000)
    ),
    "a hundred thousand paragraphs": lambda: "# One\n\n" + f"{SENTENCE}\n\n" * MANY,
    "stars": lambda: "# One\n\n" + "*" * _MEGABYTE,
    "stars and words": lambda: "# One\n\n" + "*a **b " * 50_000,
    "brackets": lambda: "# One\n\n" + "[" * 50_000,
    "brackets that close": lambda: "# One\n\n" + "[" * 20_000 + "]" * 20_000,
    "pictures in pictures": lambda: "# One\n\n" + "![" * 20_000 + "](x)" * 20_000,
    "back quotes": lambda: "# One\n\n" + " ".join("`" * (number % 300) for number in range(20_000)),
    "quotes in quotes": lambda: "# One\n\n" + ">" * 20_000 + " deep",
    "lists in lists": lambda: "# One\n\n" + "\n".join(f"{'  ' * level}- item" for level in range(2_000)),
    "definitions": lambda: "# One\n\n[word0] here.\n\n" + "\n".join(f"[word{number}]: x" for number in range(MANY)),
    "notes": lambda: (
        "# One\n\n"
        + " ".join(f"Word.[^{number}]" for number in range(10_000))
        + "\n\n"
        + "\n\n".join(f"[^{number}]: Note." for number in range(10_000))
    ),
    "notes in themselves": lambda: "# One\n\nWord.[^a]\n\n[^a]: See.[^b]\n\n[^b]: See.[^a]\n",
    "a table": lambda: "# One\n\n" + "|a" * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + ("|x" * 2_000 + "|\n") * 200,
    "tags": lambda: "# One\n\n" + "<b>" * 50_000 + " words.",
    "comments that do not end": lambda: "# One\n\n" + "<!-- a " * 50_000,
    "less than": lambda: "# One\n\n" + "<a " * 100_000,
    "entities": lambda: "# One\n\n" + "&amp;&#x41;&nosuch;" * 100_000,
    "zeros": lambda: b"# One\n\n" + bytes(5 * _MEGABYTE),
    "bytes that are no text": lambda: b"# One\n\n" + bytes(range(128, 256)) * 20_000,
    "aliases of aliases": _aliases,
    "front matter of five megabytes": lambda: (
        f"---\ntitle: Long\nnote: {'a b ' * 1_250_000}\n---\n\n# One\n\nIt was late.\n"
    ),
    "front matter in brackets": lambda: f"---\ntitle: {'[' * 100_000}\n---\n\n# One\n\nIt was late.\n",
    "line breaks": lambda: "# One\n" + "\n" * (5 * _MEGABYTE) + "Last.",
}
