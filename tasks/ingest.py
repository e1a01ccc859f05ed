"""Stage one, read: a file becomes a Book."""

from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.model import Book
from tasks.readers import read_book


@task(name="read", task_run_name="read {source.name}", cache_policy=NO_CACHE, persist_result=False)
def ingest(source: Path) -> Book:
    """Read a manuscript; raises `SourceError`."""
    book = read_book(source)
    logger = get_run_logger()
    logger.info("%s: %d chapters, language %s", book.title, len(book.chapters), book.language)
    for warning in book.warnings:
        logger.warning(warning)
    return book
