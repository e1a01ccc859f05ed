"""How values pass through Prefect: untouched.

Prefect looks for futures in everything that a task is given, into the last field of the last value. A book's account took it
two seconds for 4,000 clips, and every chapter a while in which no request went out. Nothing here holds a future.
"""

from typing import Any, Generic, TypeVar, cast

from prefect.tasks import TaskRunNameCallbackWithParameters
from prefect.utilities.annotations import quote

Value = TypeVar("Value")


def untouched(value: Value) -> Value:
    """Wrap what is given to a task, which gets the value itself."""
    return cast(Value, quote(value))


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
