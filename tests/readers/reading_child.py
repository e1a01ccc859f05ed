"""Reads one manuscript after the other, each in a process of its own with bounds, and tells what came of it.

`python reading_child.py` takes paths, one a line, and answers each with a line of JSON: the outcome's name, and more of it. With
`--plan` the book is cut for the embedded voice too, as `declaim plan` does.
"""

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from flows.plan import make_plan
from tasks.errors import DeclaimError, SourceError
from tasks.model import Block, Book
from tasks.readers import epub, markdown, pdf, read_book
from tasks.settings import load_profile

CPU_SECONDS = 10
MEMORY_BYTES = 1 << 30
READERS = (epub, markdown, pdf)


def broken_laws(book: Book) -> Iterator[str]:
    """Name what of the model's promises a book breaks."""
    blocks = [*book.left_out, *(block for chapter in book.chapters for block in chapter.blocks)]
    if len({block.anchor for block in blocks}) != len(blocks):
        yield "anchors are not unique"
    if [chapter.number for chapter in book.chapters] != list(range(1, len(book.chapters) + 1)):
        yield "chapters are not numbered in order"
    if not book.title or not book.language:
        yield "the book has no title or no language"
    for block in blocks:
        yield from (f"{block.anchor}: {law}" for law in _broken_by(block))
    try:
        repr(book).encode()
    except UnicodeEncodeError:
        yield "there are characters that are none"


def _broken_by(block: Block) -> Iterator[str]:
    if block.text != block.text.strip():
        yield "white space at an end"
    places = [call.place for call in block.calls]
    if places != sorted(places) or any(not 0 <= place <= len(block.text) for place in places):
        yield "calls lie outside of the text or in no order"
    if any(not 0 <= span.start < span.end <= len(block.text) for span in block.phonetic):
        yield "phonetic spans lie outside of the text"
    if any(left.end > right.start for left, right in pairwise(block.phonetic)):
        yield "phonetic spans lie in no order"


def _read(path: Path) -> dict[str, str]:
    try:
        book = read_book(path)
    except SourceError as error:
        return {"outcome": "refused", "detail": str(error)}
    except BaseException:  # noqa: BLE001  # whatever it is, it is to be told
        return {"outcome": "broke", "detail": traceback.format_exc()[-4_000:]}
    if "--plan" in sys.argv:
        try:
            plan = make_plan(path, load_profile("piper"), book=book)
        except DeclaimError as error:
            return {"outcome": "refused", "detail": str(error)}
        return {"outcome": "read", "detail": " ".join(plan.warnings)}
    laws = list(broken_laws(book))[:5]
    return {"outcome": "unlawful", "detail": "; ".join(laws)} if laws else {"outcome": "read", "detail": book.title}


def _bounded(path: Path) -> dict[str, str]:
    """Read in a fork with bounds on time and memory, which ends by a signal where it would pass them."""
    answers, told = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        # For what waits and takes no time.
        signal.alarm(6 * CPU_SECONDS)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.write(told, json.dumps(_read(path)).encode())
        os._exit(0)
    os.close(told)
    with open(answers, "rb") as stream:  # noqa: PTH123  # a descriptor has no path
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    if not answer:
        return {"outcome": "killed", "detail": f"status {os.waitstatus_to_exitcode(status)}"}
    document: dict[str, str] = json.loads(answer)
    return document


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_bounded(Path(line.rstrip("\n")))), flush=True)  # noqa: T201  # its answer
