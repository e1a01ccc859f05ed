"""Language models that retell a book: what a profile says of them, and what comes of asking one.

Auralis speaks what its model writes while it is written: text and sound arrive in one stream. Any other model that answers
as OpenAI's do writes alone, and the profile's voice speaks.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from tasks.readers.metadata import Language
from tasks.voices import ServedSettings


class RetellSettings(ServedSettings):
    """`[retell]` of a profile: which language model retells a book, and how it is asked.

    `text` says who passes the model's words on: an Auralis server, which speaks them too and is the profile's voice, or the
    model itself. `base_url` is the model's own, as the one who asks it finds it. `language` is the BCP 47 tag of what is told;
    empty: the source's. So many chapters are told at once (Auralis's are counted by `[limits]`). A part of a chapter has at most
    `part_characters`; an event of the stream may take `event_timeout_seconds`. The price is that of what the model reads and
    writes; `options` go to it under the names of its own page.
    """

    text: Literal["auralis", "openai"] = "auralis"
    model: str = ""
    language: Language = ""
    concurrency: int = Field(4, gt=0, le=1024)
    part_characters: int = Field(12_000, ge=500)
    event_timeout_seconds: float = Field(120, gt=0)
    price_per_1000_characters: float | None = Field(None, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)

    def usd(self, characters: int) -> float | None:
        """Reckon what so many characters cost that the model reads or writes; None where the price is not known."""
        price = self.price_per_1000_characters
        return None if price is None else characters / 1000 * price


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of what a model writes, as it comes: it may begin and end anywhere, in the middle of a word too."""

    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """The speech of all words since the last one: a whole WAV, not yet trusted."""

    data: bytes = field(repr=False)
