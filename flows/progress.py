"""What a person sees while a book is narrated: a bar on a terminal, a line a chapter elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flows.plan import Plan


@contextmanager
def shown(plan: Plan) -> Iterator[Callable[[int], None]]:
    """Show the progress of a plan on standard error; gives what is to be told each chunk's chapter when it is done."""
    if sys.stderr.isatty():
        with _bar(plan) as told:
            yield told
    else:
        yield _lines(plan)


@contextmanager
def _bar(plan: Plan) -> Iterator[Callable[[int], None]]:
    # A title may hold what rich would take for markup.
    titles = {script.number: escape(script.title) for script in plan.all_scripts}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("chunks,"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[chapter]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        job = progress.add_task(escape(plan.book.title), total=sum(len(row) for row in plan.all_chunks), chapter="")
        yield lambda number: progress.update(job, advance=1, chapter=f"{number} · {titles[number]}")


def _lines(plan: Plan) -> Callable[[int], None]:
    left = {script.number: len(script.chunks) for script in plan.all_scripts}
    titles = {script.number: script.title for script in plan.all_scripts}
    begun = monotonic()

    def told(number: int) -> None:
        left[number] -= 1
        if not left[number]:
            finished = sum(not count for count in left.values())
            seconds = monotonic() - begun
            print(
                f"{number} · {titles[number]}: spoken ({finished} of {len(left)} chapters, {seconds:.0f} s)",
                file=sys.stderr,
            )

    return told
