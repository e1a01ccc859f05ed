"""What a person sees while a book is narrated: a bar on a terminal, a line a chapter elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from flows.artifacts.book import WORK_CHANGED
from flows.artifacts.texts import work_line
from flows.artifacts.work import BookWork
from flows.plan import Plan
from tasks.synthesize import CHUNK_DONE


@contextmanager
def show_progress(plan: Plan) -> Iterator[None]:
    """Show on standard error how far the flow of a plan is that is called within the block."""
    if sys.stderr.isatty():
        with _show_bar(plan) as update:
            WORK_CHANGED.set(update)
            yield
    else:
        CHUNK_DONE.set(_print_chapters(plan))
        yield


@contextmanager
def _show_bar(plan: Plan) -> Iterator[Callable[[BookWork], None]]:
    """Show a bar of all work, mastering and packaging among it: it is full only once the editions are made."""
    columns = (
        # A title may hold what rich would take for markup.
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("[dim]{task.fields[line]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(escape(plan.book.title), total=100, line="")

        def update(work: BookWork) -> None:
            now = monotonic()
            progress.update(bar, completed=work.percent(now), line=work_line(work, work.seconds_left(now)))

        yield update


def _print_chapters(plan: Plan) -> Callable[[int], None]:
    left = {script.number: len(script.chunks) for script in plan.all_scripts}
    titles = {script.number: script.title for script in plan.all_scripts}
    begun = monotonic()

    def count_chunk(number: int) -> None:
        left[number] -= 1
        if not left[number]:
            finished = sum(not count for count in left.values())
            seconds = monotonic() - begun
            print(
                f"{number} · {titles[number]}: spoken ({finished} of {len(left)} chapters, {seconds:.0f} s)",
                file=sys.stderr,
            )

    return count_chunk
