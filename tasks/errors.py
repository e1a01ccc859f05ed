"""What can go wrong, as a tree; each branch with the exit code of `declaim`.

    DeclaimError                    1   never raised itself
    ├── ProfileError                2   the command line or the profile asks for what cannot be
    ├── OutputError                 2   the store or the output directory cannot be written
    ├── SourceError                 3   the manuscript cannot be read
    ├── ProviderError               4   the speech service did not do as it was asked
    │   ├── Transient               4   the same request may succeed later; the only kind that is tried again
    │   │   ├── RateLimited         4   too many requests; carries the wait that the service asked for
    │   │   ├── Unavailable         4   no answer, or one that says that the service is down
    │   │   ├── BadAudio            4   an answer that is no speech
    │   │   └── BrokenOff           4   a stream that ended before all of it had come
    │   ├── Undelivered             4   the speech was made and billed, and could not be fetched; never asked for twice
    │   ├── Rejected                4   the request itself is at fault
    │   ├── Unauthorized            4   the key is wrong
    │   └── OutOfCredit             4   the account is empty
    ├── ChaptersMissing             5   the run has ended and some chapters could not be spoken
    ├── BooksMissing                5   a library run has ended and some books could not be finished
    ├── BudgetExceeded              6   the next request would pass the budget
    ├── Interrupted               130   Ctrl-C, SIGTERM or a cancellation in Prefect ended the run
    │   └── Suspended                   the run was suspended in Prefect
    ├── AudioError                  1   ffmpeg or a clip failed
    └── PackageError                1   an edition could not be written

A message is one line for the person who ran the command: what is wrong, where, and what to do. It may quote titles, names and
answers of services, so characters that a terminal could obey are escaped when the error is made.
"""

import re
from typing import ClassVar

# What a terminal or a log obeys: controls, ends of lines, what turns the direction of writing, and halves of characters. Joiners and
# spaces of all kinds belong to words.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def escape_unprintable(text: str) -> str:
    r"""Return the text on one line, with an escape such as `\x1b` for each character that a terminal could obey."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def drop_unprintable(text: str) -> str:
    """Return the text on one line, with a space for each run of characters that a terminal could obey."""
    return _UNPRINTABLE.sub(" ", text)


class DeclaimError(Exception):
    """The root: anything that Declaim itself raises on purpose. The message is one line of printable characters."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(escape_unprintable(message))


class ProfileError(DeclaimError):
    """The command line or the profile asks for what cannot be."""

    exit_code = 2


class OutputError(DeclaimError):
    """The store or the output directory cannot be written."""

    exit_code = 2


class FolderInUse(OutputError):
    """Another run writes to the output directory."""


class SourceError(DeclaimError):
    """The manuscript cannot be read."""

    exit_code = 3


class ProviderError(DeclaimError):
    """The speech service did not do as it was asked."""

    exit_code = 4


class Transient(ProviderError):
    """The same request may succeed later: the one kind of error that is tried again."""


class RateLimited(Transient):
    """Too many requests.

    `retry_after` is the wait in seconds that the service asked for, where it did; `alone_seconds` is what this request is to wait
    by itself, beside what all requests wait; `is_limit` says that the service told of a limit, and did not refuse by chance.
    """

    def __init__(
        self, message: str, retry_after: float | None = None, alone_seconds: float = 0.0, *, is_limit: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_limit = is_limit
        self.alone_seconds = alone_seconds


class Unavailable(Transient):
    """The service did not answer, or said that it is down."""


class BadAudio(Transient):
    """The service answered with something that is not the speech asked for."""


class BrokenOff(Transient):
    """The service began to tell and did not come to its end. What has come is billed, and no other telling goes on from it."""


class Undelivered(ProviderError):
    """The speech was made, and billed, and could not be fetched. Asking for it again in the same run would buy it twice."""


class Rejected(ProviderError):
    """The service will not take this request, now or later."""


class Unauthorized(ProviderError):
    """The service does not know the key."""


class OutOfCredit(ProviderError):
    """The account has nothing left to pay with."""


class ChaptersMissing(DeclaimError):
    """The run has ended, and some chapters could not be spoken."""

    exit_code = 5


class BooksMissing(DeclaimError):
    """A library run has ended, and some books could not be finished."""

    exit_code = 5


class BudgetExceeded(DeclaimError):
    """The next request would pass the budget of the profile."""

    exit_code = 6


class Interrupted(DeclaimError):
    """The run was ended by Ctrl-C, SIGTERM or a cancellation in Prefect."""

    exit_code = 130

    def __init__(self, line: str = "interrupted; what was spoken is kept, run the command again to go on") -> None:
        super().__init__(line)


class Suspended(Interrupted):
    """The run was suspended in Prefect, and goes on when it is resumed there."""

    def __init__(self, line: str = "suspended; finished clips are kept, resume the run to go on") -> None:
        super().__init__(line)


class AudioError(DeclaimError):
    """Sound could not be decoded, measured or encoded."""


class PackageError(DeclaimError):
    """An edition could not be written."""
