"""Manuscripts that are made to take a machine's time, memory or files: each is planned or refused, within bounds.

`declaim plan` reads a manuscript whole, cuts it and looks its chunks up. Each one has 10 s of a processor and 1 GB.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.readers.hostile_epubs import HOSTILE_EPUBS
from tests.readers.hostile_markdown import HOSTILE_MARKDOWN
from tests.readers.hostile_pdfs import HOSTILE_PDFS
from tests.readers.test_fuzz import Reading

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    reading = Reading(tmp_path_factory.mktemp("hostile"), "--plan")
    yield reading
    reading.end()


def as_file(make: Callable[[], bytes | str]) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        made = make()
        path.write_bytes(made if isinstance(made, bytes) else made.encode())
        return path

    return write


MANUSCRIPTS: Mapping[str, Callable[[Path], Path]] = {
    **{f"{name}.epub": write for name, write in HOSTILE_EPUBS.items()},
    **{f"{name}.md": as_file(make) for name, make in HOSTILE_MARKDOWN.items()},
    **{f"{name}.pdf": as_file(make) for name, make in HOSTILE_PDFS.items()},
}
# They take longer than 10 s, as yet.
NOT_YET_BOUNDED = {
    "a hundred thousand headings.md",
    "a lexicon of a hundred thousand.epub",
    "a hundred thousand paragraphs.md",
    "a hundred thousand paragraphs.epub",
    "a hundred thousand headings.epub",
    "a table.md",
    "contents of ten thousand levels.epub",
    "line breaks.md",
    "ten megabytes without a full stop.md",
    "three thousand pages of one long content.pdf",
    "a content of a million operators.pdf",
    "an outline of a hundred thousand.pdf",
    "a million words on a page.pdf",
}


@pytest.mark.parametrize("name", sorted(MANUSCRIPTS.keys() - NOT_YET_BOUNDED))
def test_a_hostile_manuscript_is_planned_or_refused(name: str, reading: Reading, tmp_path: Path) -> None:
    path = MANUSCRIPTS[name](tmp_path / name)
    answer = reading.of(str(path))
    path.unlink()
    assert answer["outcome"] in {"read", "refused"}, json.dumps(answer)[:2_000]
    assert answer["detail"].isprintable()
    assert "root:" not in answer["detail"]
