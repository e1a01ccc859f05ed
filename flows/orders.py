"""What crosses between a run and the workers of a cluster: values and paths, and nothing that is alive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tasks.errors import DeclaimError
from tasks.model import Cost, Identity, Script
from tasks.packagers.accounts import Performance


@dataclass(frozen=True, slots=True)
class Commission:
    """What all chapters of a run have in common.

    `run` names it to the cluster, `profile` is as JSON has it, `job` the run's own in the store at the URL `store`. `lanes` is
    how many chapters may be spoken at once, each by an equal part of the profile's limits. `voices` are those of all castings
    in their order. `codecs` are those of the tracks that workers master; none where the run masters them itself.
    """

    run: str
    profile: dict[str, Any]
    language: str
    store: str
    job: str
    lanes: int
    voices: tuple[Identity, ...]
    codecs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closing:
    """A gate that is closed for good: that of an account, in the studio of a casting (by its place), and by what."""

    place: int
    account: tuple[str, ...]
    error: DeclaimError


@dataclass(frozen=True, slots=True)
class Order:
    """A chapter to perform, cut for each casting. It may spend `usd`, 0 is no limit.

    `bought` is what was paid for its chunks before; `closed` are the gates that are closed from the beginning.
    """

    run: str
    scripts: tuple[Script, ...]
    usd: float = 0.0
    bought: Mapping[str, Cost] | None = None
    closed: tuple[Closing, ...] = ()

    @property
    def script(self) -> Script:
        """The chapter, as it is cut for the first casting."""
        return self.scripts[0]


@dataclass(frozen=True, slots=True)
class Performed:
    """A chapter that was performed: what it cost in US dollars, and the gates that are closed since."""

    performance: Performance
    spent: float
    closed: tuple[Closing, ...]


# Under which topic of Dask's the workers tell how far the chapters of a run are: `{"run": name, "news": [News, …]}`.
TOPIC = "declaim"
# A chapter's number, how many of its chunks are spoken, whether it is being mastered, and what it has cost so far in US dollars.
News: TypeAlias = tuple[int, int, bool, float]
