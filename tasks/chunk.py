"""Stage two, chunk: a Book becomes Scripts, a chapter each."""

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.model import Book, Role, Script
from tasks.text.chunking import TextSettings, scripts_of
from tasks.text.diction import Diction


@task(name="chunk", task_run_name="cut into chunks", cache_policy=NO_CACHE, persist_result=False)
def chunk(
    book: Book, settings: TextSettings, limit: int, cast: frozenset[Role], diction: Diction
) -> tuple[Script, ...]:
    """Cut a book into chunks of at most `limit` characters (0: none), and between the roles that are cast."""
    scripts = scripts_of(book, settings, limit, cast, diction)
    chunks = sum(len(script.chunks) for script in scripts)
    get_run_logger().info("%d chunks, %d characters", chunks, sum(script.characters for script in scripts))
    return scripts
