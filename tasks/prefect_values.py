"""How stages are run by Prefect, and how values pass through it: untouched.

Prefect looks for futures in everything that a task is given, into the last field of the last value. A book's account took it
two seconds for 4,000 clips, and every chapter a while in which no request went out. Nothing here holds a future.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, ParamSpec, TypeVar, cast

from prefect import Task
from prefect.tasks import TaskRunNameCallbackWithParameters
from prefect.utilities.annotations import quote

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")
_HAS_TASK_RUNS: ContextVar[bool] = ContextVar("_HAS_TASK_RUNS", default=True)


@contextmanager
def without_task_runs() -> Iterator[None]:
    """Run the stages that `stage` returns within the block as plain functions of their flow.

    A task run costs the server 34 ms of CPU time and 20 kB, most of it for its three events: for a book of a page, most of what
    the book costs it.
    """
    token = _HAS_TASK_RUNS.set(False)
    try:
        yield
    finally:
        _HAS_TASK_RUNS.reset(token)


def stage(task: Task[Arguments, Value]) -> Callable[Arguments, Value]:
    """Return what runs a stage: its task, or the task's function within a block `without_task_runs`."""
    return cast(Callable[Arguments, Value], task) if _HAS_TASK_RUNS.get() else task.fn


def untouched(value: Value) -> Value:
    """Wrap what is given to a task, which gets the value itself."""
    return cast(Value, quote(value)) if _HAS_TASK_RUNS.get() else value


class Sealed(Generic[Value]):
    """A value on its way to another process, where Dask would unwrap what is `untouched`: none of the two looks into it."""

    def __init__(self, value: Value) -> None:
        self.value = value


def named(template: str) -> TaskRunNameCallbackWithParameters:
    """Name a task's runs by its parameters, as in `{script.number} · {script.title}`."""

    def name(parameters: dict[str, Any]) -> str:
        values = {key: value.unquote() if isinstance(value, quote) else value for key, value in parameters.items()}
        return template.format(**values)

    # Prefect tells such a function by its parameter's name; the type also wants a method that it never calls.
    return cast(TaskRunNameCallbackWithParameters, name)
