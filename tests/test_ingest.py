"""Stage one: what was read to plan a book is narrated, as long as its file is there."""

from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from tasks.errors import SourceError
from tasks.ingest import READ, ingest
from tasks.readers import read_book


def test_what_was_planned_is_what_is_narrated(tmp_path: Path) -> None:
    path = tmp_path / "book.md"
    path.write_text("# One\n\nAs it was planned.", "utf-8")
    planned = read_book(path)
    path.write_text("# One\n\nAs it was saved since.", "utf-8")
    with disable_run_logger():
        assert ingest.fn(path) == read_book(path) != planned
        token = READ.set({path: planned})
        try:
            assert ingest.fn(path) is planned
            path.unlink()
            with pytest.raises(SourceError, match="no such file"):
                ingest.fn(path)
        finally:
            READ.reset(token)
