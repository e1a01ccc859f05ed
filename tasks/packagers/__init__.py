"""The formats on the way out: one file an edition."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

EditionKind = Literal["mp3", "m4b"]
# Which codec of a track an edition is made of.
CODEC_OF: dict[str, str] = {"mp3": "mp3", "m4b": "aac"}


class OutputSettings(BaseModel):
    """`[output]` of a profile: which editions are made. None at all speaks a book into the store, and masters nothing.

    `allow_partial` has the M4B made of a book with missing chapters too, under a name that says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    editions: tuple[EditionKind, ...] = ("mp3", "m4b")
    allow_partial: bool = False
