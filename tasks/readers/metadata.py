"""`[metadata]`: what a house says of a book, in place of what its manuscript says."""

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.model import Book

_Line = Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$")]
Language = Annotated[str, Field(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*)?$")]
"""A BCP 47 tag, or nothing."""


class MetadataSettings(BaseModel):
    """`[metadata]` of a profile or of a manuscript's side file; what is left empty is as the manuscript says.

    `language` is a BCP 47 tag; it decides how the text is cut and which numbers are said how.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    title: _Line = ""
    authors: tuple[_Line, ...] = ()
    language: Language = ""
    description: str = Field("", max_length=10_000)
    series: _Line = ""
    series_position: _Line = ""

    def told(self, book: Book) -> Book:
        """Give a book these facts; it keeps the others."""
        return replace(book, **{name: value for name, value in self if value})
