"""Stage one, read: a file becomes a Book."""

from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.model import Book
from tasks.readers import read_book

# Manuscripts that were read before the run began, by their absolute paths: what was planned is what is narrated.
READ: ContextVar[Mapping[Path, Book]] = ContextVar("READ", default={})  # noqa: B039  # no one can change a Mapping


@task(name="read", task_run_name="read {source.name}", cache_policy=NO_CACHE, persist_result=False)
def ingest(source: Path) -> Book:
    """Read a manuscript, unless it has been; raises `SourceError`, also where it has gone since."""
    read = READ.get().get(source.absolute()) if source.exists() else None
    book = read or read_book(source)
    logger = get_run_logger()
    logger.info("%s: %d chapters, language %s", book.title, len(book.chapters), book.language)
    for warning in book.warnings:
        logger.warning(warning)
    return book
