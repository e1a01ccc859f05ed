"""The ledger: what became of every manuscript of an inbox, in one file of the outbox that survives whatever ends a run."""

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tasks.errors import OutputError
from tasks.library.inbox import Seen

LEDGER = "ledger.json"


class State(StrEnum):
    """What became of a manuscript; after each, whether a later run takes it again though it has not changed."""

    RUNNING = "running"  # yes: whoever narrated it was killed
    DONE = "done"  # no
    FAILED = "failed"  # no: the manuscript or its side file is at fault
    INCOMPLETE = "incomplete"  # yes: chapters are missing
    STOPPED = "stopped"  # yes: the service or a setting is at fault, the budget is spent, the run was interrupted


_TAKEN_AGAIN = frozenset({State.RUNNING, State.INCOMPLETE, State.STOPPED})


@dataclass(frozen=True, slots=True)
class Entry:
    """One manuscript: its state, the marks by which a listing knew it, and what there is to tell.

    `run` is the id of its last flow run, `at` when the state was written, in ISO 8601, `folder` where its editions are, and
    `error` the line that says why there is none, or not all. `seconds` are those of its audio, `characters` those that were
    spoken, `usd` what its clips cost in the last run; None where a price is not known. `chunks_spoken` are the chunks whose
    clips were made in that run, and `wall_seconds` the seconds that it took. `manuscript_sha256` and `side_file_sha256` are the hashes
    of the two files that the run read, `side_file_keys` the keys that the side file set, and `note` what was left undone on purpose.
    Older ledgers have none of these.
    """

    state: State
    marks: tuple[str, ...]
    at: str
    title: str = ""
    run: str = ""
    folder: str = ""
    error: str = ""
    seconds: float | None = None
    characters: int | None = None
    usd: float | None = None
    chunks_spoken: int | None = None
    wall_seconds: float | None = None
    manuscript_sha256: str = ""
    side_file_sha256: str = ""
    side_file_keys: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    books: dict[str, Entry]


_READ = TypeAdapter(_Document)
_SCHEMA = 1


class Ledger:
    """The entries of an outbox, by the names of the manuscripts. One run at a time keeps it: who opens it has claimed the outbox."""

    def __init__(self, outbox: Path) -> None:
        """Read what is there; raises `OutputError` where it is no ledger."""
        self._path = outbox / LEDGER
        self._books: dict[str, Entry] = {}
        try:
            self._books = dict(_READ.validate_json(self._path.read_bytes()).books)
        except FileNotFoundError:
            pass
        except (OSError, ValidationError) as error:
            raise OutputError(
                f"{self._path}: the ledger cannot be read ({type(error).__name__}); mend it, or put it away and all is looked at anew: "
                "what was spoken is in the store"
            ) from error

    @property
    def books(self) -> dict[str, Entry]:
        """All entries, by the names of their manuscripts."""
        return dict(self._books)

    @property
    def owners(self) -> dict[str, str]:
        """The first mark of each entry, by the names of the books: whose file has the name."""
        return {name: entry.marks[0] for name, entry in self._books.items() if entry.marks}

    def is_due(self, seen: Seen) -> bool:
        """Return whether a manuscript is new, has changed, or did not come to its end."""
        entry = self._books.get(seen.name)
        return entry is None or entry.state in _TAKEN_AGAIN or entry.marks != seen.marks

    def differs_in_side_file_alone(self, seen: Seen) -> bool:
        """Return whether a book is finished and only its side file has come, changed or gone since."""
        entry = self._books.get(seen.name)
        is_finished = entry is not None and entry.state is State.DONE and entry.marks[:1] == seen.marks[:1]
        return is_finished and entry is not None and entry.marks != seen.marks

    def write(self, name: str, entry: Entry) -> None:
        """Write an entry, whole or not at all; raises `OutputError` where the outbox cannot be written."""
        self._books[name] = entry
        document = {"schema": _SCHEMA, "books": {key: asdict(self._books[key]) for key in sorted(self._books)}}
        draft = self._path.with_name(f".{LEDGER}.part")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump(document, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise OutputError(
                f"{self._path}: the ledger cannot be written ({error.strerror}); free space or give another outbox"
            ) from error
