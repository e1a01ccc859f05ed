"""Real manuscripts, damaged: a reader gives a book that keeps the model's promises, or a `SourceError`, soon.

`DECLAIM_FUZZ=20` tries twenty times as many as the suite does.
"""

import base64
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests import skip_reasons
from tests.readers.mutations import Mutation, mutated, mutations, with_mutated_entry, with_mutated_stream

TOP = Path(__file__).resolve().parents[2]
SAMPLES = TOP / "samples"
BOOKS = TOP.parent / "shared" / "books"
TIMES = float(os.environ.get("DECLAIM_FUZZ", "1"))
LONGEST_TOLD = 6_000


class Reading:
    """A process that reads manuscripts, each within bounds."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("reading_child.py")), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(TOP)},
            text=True,
        )

    def put(self, name: str, data: bytes) -> None:
        (self._folder / name).parent.mkdir(exist_ok=True)
        (self._folder / name).write_bytes(data)

    def of(self, name: str) -> dict[str, str]:
        path = self._folder / name
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        answer: dict[str, str] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        self._process.communicate()


class Seeds(NamedTuple):
    """The samples, as they are before they are damaged."""

    markdown: bytes
    epub: bytes
    pdf: bytes


# All that Markdown has.
RICH = b"""\
---
title: The Lamp
authors: [Ann One, {name: Bo Two}]
lang: en-GB
---

# One

It was late.[^a] The *lamp*, the [door](http://x.example "title") and ![a ship](ship.png) were gone.^[All of *them*.]

> Said he, "Go.<br>Now."
>
> 1. First[^b]
>    - Second

<div lang="fr">

Il pleut.

</div>

| a | b[^a] |
|---|---|
| c | d | e |

<center>* * *</center>

```python
print(1)
```

Title
-----

Roses are red,\\
violets blue

[^a]: Of the lamp[^b].

    More of it.

[^b]: <p>In <b>HTML</b></p>
[unused]: http://y.example
"""


@cache
def seeds() -> Seeds:
    sample = SAMPLES / "tuppence-a-window.md"
    files = (sample.with_suffix(ending).read_bytes() for ending in (".epub", ".pdf"))
    return Seeds(sample.read_bytes(), *files)


@cache
def book(name: str) -> bytes:
    return (BOOKS / name).read_bytes()


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    reading = Reading(tmp_path_factory.mktemp("fuzz"))
    yield reading
    reading.end()


def tries(count: int) -> settings:
    # To make a fault smaller would take many times as long; the recipe is told as it is.
    return settings(
        max_examples=max(1, int(count * TIMES)),
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def check(reading: Reading, name: str, data: bytes) -> None:
    reading.put(name, data)
    judge(reading.of(name), data)


def judge(answer: dict[str, str], data: bytes) -> None:
    if answer["outcome"] in {"read", "refused"}:
        return
    packed = base64.b85encode(zlib.compress(data, 9)).decode()
    whole = f"\nzlib.decompress(base64.b85decode({packed!r}))" if len(packed) < LONGEST_TOLD else ""
    pytest.fail(f"{answer['outcome']}: {answer['detail']}{whole}")


def test_the_files_themselves_are_read(reading: Reading) -> None:
    for name, data in zip(("a.md", "a.epub", "a.pdf", "rich.md"), (*seeds(), RICH), strict=True):
        reading.put(name, data)
        assert reading.of(name)["outcome"] == "read"


@pytest.mark.slow
@tries(300)
@given(st.booleans(), mutations("md"))
def test_damaged_markdown(reading: Reading, is_rich: bool, recipe: list[Mutation]) -> None:  # noqa: FBT001
    data, other = (RICH, seeds().markdown) if is_rich else (seeds().markdown, RICH)
    check(reading, "a.md", mutated(data, other, recipe))


@tries(40)
@given(mutations("md"), mutations("md"))
def test_a_folder_of_damaged_markdown(reading: Reading, facts: list[Mutation], text: list[Mutation]) -> None:
    reading.put("book/1.md", RICH)
    reading.put("book/2.md", mutated(RICH, seeds().markdown, text))
    head = mutated(b"title: The Lamp\nauthors: [Ann One, {name: Bo Two}]\nlang: en-GB\ncover: a.png\n", RICH, facts)
    reading.put("book/metadata.yaml", head)
    judge(reading.of("book"), head)


@pytest.mark.slow
@tries(250)
@given(st.integers(0, 40), mutations("epub"))
def test_damaged_documents_of_an_epub(reading: Reading, choice: int, recipe: list[Mutation]) -> None:
    check(reading, "a.epub", with_mutated_entry(seeds().epub, choice, recipe))


@tries(40)
@given(mutations("epub"))
def test_a_damaged_container_of_an_epub(reading: Reading, recipe: list[Mutation]) -> None:
    check(reading, "a.epub", mutated(seeds().epub, seeds().epub[::-1], recipe))


@tries(40)
@given(mutations("pdf"))
def test_a_damaged_pdf(reading: Reading, recipe: list[Mutation]) -> None:
    check(reading, "a.pdf", mutated(seeds().pdf, RICH, recipe))


@pytest.mark.slow
@tries(60)
@given(st.integers(0, 100), mutations("pdf"))
# Found once: an object's end in the midst of a page, where pypdf met what is no number.
@example(0, [Mutation("insert", 2137, 234, 2137, b"endobj", 3000)])
def test_damaged_streams_of_a_pdf(reading: Reading, choice: int, recipe: list[Mutation]) -> None:
    check(reading, "a.pdf", with_mutated_stream(seeds().pdf, choice, recipe))


@pytest.mark.parametrize(
    ("fault", "outcome", "detail"),
    [
        ("while True: pass", "killed", "status -24"),
        ("bytearray(2_000_000_000)", "broke", "MemoryError"),
        ("raise KeyError('x')", "broke", "KeyError: 'x'"),
        ("raise SystemExit", "broke", "SystemExit"),
        ("raise SourceError('no')", "refused", "no"),
        (
            "return Book('T', (), 'en', (Chapter(1, 'T', (Block('heading', ' x', 'a'),)),))",
            "unlawful",
            "a: white space",
        ),
    ],
)
def test_the_bounds_hold(fault: str, outcome: str, detail: str) -> None:
    program = f"""
import tests.readers.reading_child as child
from tasks.errors import SourceError
from tasks.model import Block, Book, Chapter
def read_book(path):
    {fault}
child.read_book, child.CPU_SECONDS = read_book, 1
print(child.json.dumps(child._bounded(child.Path("x"))))
"""
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    answer = json.loads(run.stdout)
    assert (answer["outcome"], detail in answer["detail"]) == (outcome, True), answer


@pytest.mark.books
@pytest.mark.skipif(not BOOKS.is_dir(), reason=skip_reasons.BOOKS)
@pytest.mark.parametrize("name", ["moby-dick.epub", "time-machine.epub"])
@tries(8)
@given(choice=st.integers(0, 200), recipe=mutations("epub"))
def test_a_damaged_real_epub(reading: Reading, name: str, choice: int, recipe: list[Mutation]) -> None:
    check(reading, "a.epub", with_mutated_entry(book(name), choice, recipe))


@pytest.mark.books
@pytest.mark.skipif(not BOOKS.is_dir(), reason=skip_reasons.BOOKS)
@tries(20)
@given(recipe=mutations("pdf"))
def test_a_damaged_real_pdf(reading: Reading, recipe: list[Mutation]) -> None:
    check(reading, "a.pdf", mutated(book("pdflatex-outline.pdf"), seeds().pdf, recipe))
