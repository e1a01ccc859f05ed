"""Before stage two, retell: a chapter becomes what a language model makes of it, spoken into the store as it comes."""

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from tasks.errors import DeclaimError, Transient, Undelivered
from tasks.model import Chapter
from tasks.prefect_values import named
from tasks.retelling import Narrative, ToldChapter, retold


@task(
    name="retell",
    task_run_name=named("{chapter.number} · {chapter.title}, retold"),
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def retell(chapter: Chapter, narrative: Narrative) -> ToldChapter | DeclaimError:
    """Have a chapter retold; returns why not where it could not be, as a chapter's failure is not the book's.

    An error that no later attempt would mend closes the gates, and so ends the others too.
    """
    logger = get_run_logger()
    try:
        told = await retold(chapter, narrative)
    except DeclaimError as error:
        if not isinstance(error, Transient | Undelivered):
            for gate in {narrative.gate, *narrative.studio.gates}:
                gate.close(error)
        logger.warning("chapter %d (%s) could not be retold: %s", chapter.number, chapter.title, error)
        return error
    logger.info("chapter %d (%s): %d words, %d requests", chapter.number, chapter.title, told.words, len(told.requests))
    return told
