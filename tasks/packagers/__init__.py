"""The formats on the way out: one file an edition."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator

from tasks.urls import ShownUrl

EditionKind = Literal["mp3", "m4b", "captions", "readalong", "webpub", "audiobookshelf", "feed", "acx", "flac"]
# Which codec of a track an edition is made of. Captions have none, but the times in a track that is made.
CODEC_OF: dict[EditionKind, str] = {
    "mp3": "mp3",
    "m4b": "aac",
    "captions": "mp3",
    "readalong": "mp3",
    "webpub": "mp3",
    "audiobookshelf": "mp3",
    "feed": "mp3",
    "acx": "mp3",
    "flac": "flac",
}
# Those with spoken credits.
CREDITED: frozenset[EditionKind] = frozenset({"acx"})


class OutputSettings(BaseModel):
    """`[output]` of a profile: which editions are made. None at all speaks a book into the store, and masters nothing.

    `allow_partial` has editions of the whole book made of one with missing chapters too, under a name that says so.
    `disclosure` stands in the metadata of every edition, and `{voices}` in it for the names of the voices. `feed_url` is the
    address that the output directory will have, for the links of the feed. `link_base` is the http(s) URL under which the outbox
    is served, for links in Prefect's pages; it has no user, password, query or fragment. `opening_credits` and `closing_credits` are said
    before and behind the book in the editions that have credits, with `{title}`, `{authors}` and `{narrator}` in them for
    those of the book; empty leaves the words to Declaim.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    editions: tuple[EditionKind, ...] = ("mp3", "m4b")
    allow_partial: bool = False
    disclosure: str = "Narrated by a synthetic voice: {voices}."
    feed_url: ShownUrl = ""
    link_base: str = ""
    opening_credits: str = ""
    closing_credits: str = ""

    @field_validator("link_base")
    @classmethod
    def _check_link_base(cls, url: str) -> str:
        parts = urlsplit(url)
        is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
        if url and not (parts.scheme in {"http", "https"} and parts.hostname and is_plain and url.isprintable()):
            raise ValueError(
                "this is no http or https URL without user, password, query and fragment; give the one under which the outbox is "
                "served, such as https://audio.example/books"
            )
        return url
