"""What a check finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Name = Literal[
    "python",
    "profile",
    "ffmpeg",
    "voice",
    "key",
    "service",
    "model",
    "prefect",
    "limits",
    "clock",
    "schedule",
    "workers",
    "inbox",
    "outbox",
    "store",
    "output",
]
State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the doctor's. One that warns or fails says how to mend it; only what fails stops a run.

    `is_refusal` is true where a service refused the key, the model or the account, and this machine is not at fault.
    """

    name: Name
    state: State
    said: str
    is_refusal: bool = False


# A check's name, and the function that makes it.
Check: TypeAlias = tuple[Name, Callable[[], Finding]]
