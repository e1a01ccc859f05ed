"""A library's budget: what is set aside for a book, and what comes back."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tasks.errors import BudgetExceeded
from tasks.library.allotment import LibraryBudget

amounts = some.floats(0, 10)


def test_a_book_that_cannot_be_paid_for_is_not_begun_and_a_cheaper_one_is() -> None:
    budget = LibraryBudget(5)
    with pytest.raises(
        BudgetExceeded, match=r"it would cost \$5\.50, and of the library's \$5\.00 there is \$5\.00 left"
    ):
        budget.allotted(5.5).__enter__()
    with budget.allotted(5) as allotment:
        assert allotment.usd == 5


def test_what_was_not_spent_comes_back() -> None:
    budget = LibraryBudget(5)
    with budget.allotted(4) as allotment:
        allotment.spent = 1
    with budget.allotted(4):
        pass
    with pytest.raises(BudgetExceeded, match=r"\$0\.00 left"):
        budget.allotted(0.5).__enter__()


@given(some.floats(0.01, 20), some.lists(some.tuples(amounts, some.floats(0, 1)), max_size=8))
def test_books_side_by_side_never_get_more_than_there_is(usd: float, books: list[tuple[float, float]]) -> None:
    budget, allotted, spent = LibraryBudget(usd), 0.0, 0.0
    with ExitStack() as stack:
        for estimate, share in books:
            try:
                allotment = stack.enter_context(budget.allotted(estimate))
            except BudgetExceeded:
                continue
            allotted += allotment.usd
            allotment.spent = allotment.usd * share
            spent += allotment.spent
            assert allotted <= usd + 1e-9
    if (left := usd - spent) > 1e-6:
        with budget.allotted(left * 0.999):
            pass
