"""Events about books and libraries, which automations of the Prefect server turn into notifications.

A run that belongs to a library reports no failure: the library reports its books, once their failure is final.
"""

from collections.abc import Mapping
from typing import Any

from prefect.events import emit_event
from prefect.runtime import flow_run
from slugify import slugify

from tasks.errors import BooksMissing, BudgetExceeded, ChaptersMissing, DeclaimError, Interrupted

BOOK_FINISHED, BOOK_INCOMPLETE, BOOK_FAILED = "declaim.book.finished", "declaim.book.incomplete", "declaim.book.failed"
BUDGET_REACHED, LIBRARY_FAILED, RUN_ABANDONED, RUN_SUSPENDED = (
    "declaim.budget.reached",
    "declaim.library.failed",
    "declaim.run.abandoned",
    "declaim.run.suspended",
)


def emit_about_book(event: str, name: str, payload: Mapping[str, Any]) -> None:
    """Emit an event about a book; `name` is its title, or its manuscript's name if it could not be read."""
    emit(event, f"declaim.book.{slugify(name) or 'untitled'}", name, payload)


def emit(event: str, resource: str, name: str, payload: Mapping[str, Any]) -> None:
    """Emit an event about a resource, by its id and its name for people."""
    # By the last label, an automation tells a redelivered event from another one about the same resource.
    labels = {"prefect.resource.id": resource, "prefect.resource.name": name, "declaim.event": event}
    emit_event(event, labels, payload=dict(payload))


def emit_suspended() -> None:
    """Emit that the current run's process ends because the run was suspended: no heartbeat is missed from here on."""
    emit(RUN_SUSPENDED, f"prefect.flow-run.{flow_run.get_id()}", str(flow_run.get_name()), {})


def emit_failure(error: DeclaimError) -> None:
    """Emit the event of an error that ends the current run, unless a person stopped it or another event says so."""
    if isinstance(error, Interrupted | BooksMissing | BudgetExceeded) or flow_run.get_parent_flow_run_id():
        return
    name, payload = str(flow_run.get_name()), {"error": str(error)}
    if flow_run.get_flow_name() == "library":
        emit(LIBRARY_FAILED, "declaim.library", name, payload)
    else:
        emit_about_book(BOOK_INCOMPLETE if isinstance(error, ChaptersMissing) else BOOK_FAILED, name, payload)
