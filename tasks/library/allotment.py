"""A budget that is allotted, a library's to its books or a book's to its chapters: what one may spend is set aside before it begins."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from typing_extensions import override

from tasks.errors import BudgetExceeded
from tasks.money import format_usd

# Some requests are made again, and what a service charges is not always what its price list says.
_SPARE = 1.1


class Allotment:
    """What a part may spend, and what it has spent, in US dollars; all that it was given until something else is known."""

    def __init__(self, usd: float) -> None:
        self.usd = usd
        self.spent = usd


class SharedBudget(ABC):
    """What the parts of a whole may spend together, in US dollars; 0 is no limit."""

    def __init__(self, usd: float, spent: float = 0.0) -> None:
        self._usd = usd
        self._set_aside = 0.0
        self.spent = spent

    @property
    def is_set(self) -> bool:
        """Tell whether there is a limit."""
        return bool(self._usd)

    @property
    def left(self) -> float:
        """What is neither spent nor set aside."""
        return self._usd - self.spent - self._set_aside

    @contextmanager
    def allotted(self, estimate: float) -> Iterator[Allotment]:
        """Set aside what a part should cost, and a tenth; raises `BudgetExceeded` where less than its cost is left.

        A part that cannot be finished is not begun. When the block ends, what was not spent is there for others.
        """
        if estimate > self.left:
            raise self._refusal(estimate, self.left)
        allotment = Allotment(min(estimate * _SPARE, self.left))
        self._set_aside += allotment.usd
        try:
            yield allotment
        finally:
            self._set_aside -= allotment.usd
            self.spent += allotment.spent

    @abstractmethod
    def _refusal(self, estimate: float, left: float) -> BudgetExceeded:
        """Word that a part would cost more than is left."""


class LibraryBudget(SharedBudget):
    """What the books of a library's run may spend together."""

    @override
    def _refusal(self, estimate: float, left: float) -> BudgetExceeded:
        return BudgetExceeded(
            f"it would cost {format_usd(estimate)}, and of the library's {format_usd(self._usd)} there is {format_usd(max(left, 0.0))} left: "
            "raise the "
            "budget of the library run to narrate it"
        )


class BookBudget(SharedBudget):
    """What the chapters of a book may spend together, where each is paid for before it begins."""

    @override
    def _refusal(self, estimate: float, left: float) -> BudgetExceeded:
        return BudgetExceeded(
            f"of the budget of {format_usd(self._usd)} there is {format_usd(max(left, 0.0), 4)} left, and the next chapter would "
            f"cost {format_usd(estimate, 4)}; what was bought is in the store: raise [limits] budget_usd and run the command again to go on"
        )
