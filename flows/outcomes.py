"""How a book's run can end other than well: what Prefect shows, and what the ledger keeps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.client.schemas import State as PrefectState
from prefect.states import Cancelled, Failed, Suspended

from tasks.errors import (
    BooksMissing,
    BudgetExceeded,
    ChaptersMissing,
    DeclaimError,
    Interrupted,
    OutputError,
    ProfileError,
    ProviderError,
    SourceError,
)
from tasks.library.ledger import State


@dataclass(frozen=True, slots=True)
class Outcome:
    """An end: `name` is the state's in Prefect's pages, `state` that of the ledger."""

    error: type[DeclaimError]
    name: str
    state: State


# Of the manuscript's faults alone it is known that another try ends the same. An error is of the first kind that it is one of.
OUTCOMES = (
    Outcome(Interrupted, "Cancelled", State.STOPPED),
    Outcome(SourceError, "Manuscript refused", State.FAILED),
    Outcome(ChaptersMissing, "Chapters missing", State.INCOMPLETE),
    Outcome(BooksMissing, "Books missing", State.INCOMPLETE),
    Outcome(BudgetExceeded, "Budget reached", State.STOPPED),
    Outcome(ProviderError, "Service refused", State.STOPPED),
    Outcome(ProfileError, "Settings refused", State.STOPPED),
    Outcome(OutputError, "Output refused", State.STOPPED),
    Outcome(DeclaimError, "Failed", State.STOPPED),
)


def outcome_of(error: DeclaimError) -> Outcome:
    """Tell what an error means for the run that it ends."""
    return next(outcome for outcome in OUTCOMES if isinstance(error, outcome.error))


def shown(error: DeclaimError) -> PrefectState[DeclaimError]:
    """Build the state that Prefect's pages show for an error: its line without a traceback; who awaits the run gets the error."""
    outcome = outcome_of(error)
    if outcome.error is Interrupted:
        return Cancelled(message=str(error), data=error)
    return Failed(name=outcome.name, message=str(error), data=error)


def kept(name: str) -> State:
    """Tell the ledger's state for a run that did not end well, by the name of its state in Prefect."""
    return next((outcome.state for outcome in OUTCOMES if outcome.name == name), State.STOPPED)


def suspended_until(expiry: datetime | None) -> PrefectState[Any]:
    """Return a state from which a run starts again when it is resumed; it fails if it is not resumed until `expiry`."""
    return Suspended(pause_expiration_time=expiry) if expiry else Suspended()
