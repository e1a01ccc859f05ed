"""A library run's budget, allotted to its books: what one may spend is set aside before it begins."""

from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import BudgetExceeded

# Some requests are made again, and what a service charges is not always what its price list says.
_SPARE = 1.1


class Allotment:
    """What a book may spend, and what it has spent, in US dollars; all that it was given until something else is known."""

    def __init__(self, usd: float) -> None:
        self.usd = usd
        self.spent = usd


class LibraryBudget:
    """What the books of a run may spend together, in US dollars; 0 is no limit."""

    def __init__(self, usd: float) -> None:
        self._usd = usd
        self._set_aside = 0.0
        self._spent = 0.0

    @property
    def is_set(self) -> bool:
        """Tell whether there is a limit."""
        return bool(self._usd)

    @contextmanager
    def allotted(self, estimate: float) -> Iterator[Allotment]:
        """Set aside what a book should cost, and a tenth; raises `BudgetExceeded` where less than its cost is left.

        A book that cannot be finished is not begun. When the block ends, what was not spent is there for others.
        """
        left = self._usd - self._spent - self._set_aside
        if estimate > left:
            raise BudgetExceeded(
                f"it would cost ${estimate:.2f}, and of the library's ${self._usd:.2f} there is ${left:.2f} left: raise the "
                "budget of the library run to narrate it"
            )
        allotment = Allotment(min(estimate * _SPARE, left))
        self._set_aside += allotment.usd
        try:
            yield allotment
        finally:
            self._set_aside -= allotment.usd
            self._spent += allotment.spent
