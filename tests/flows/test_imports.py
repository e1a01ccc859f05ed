"""Imports that the garbage collector does not look at: it is at work again whatever comes of them."""

import gc
from collections.abc import Iterator

import pytest

from flows.imports import importing


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_made_meanwhile_is_not_looked_at_again() -> None:
    with importing():
        assert not gc.isenabled()
        made: list[list[int]] = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)


def test_where_an_import_fails() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
