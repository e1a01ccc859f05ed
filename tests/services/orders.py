"""What a protocol makes of a request: an order to speak, or a refusal."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.services.sounds import Encoding


@dataclass(frozen=True)
class Behaviour:
    """How the service behaves; `Service.behave` changes it while it runs. Sets and tuples may be given as lists."""

    latency_seconds: float = 0.0
    # Counted are the requests that were let in: a refused one does not put off the next.
    allowed_per_second: int = 0
    allowed_in_flight: int = 0
    retry_after: str = ""  # or "seconds" or "date"; with every 429 and 503
    retry_after_seconds: float = 1.0
    faults: dict[str, float] = field(default_factory=dict)  # kind of fault -> share of the requests
    seed: int = 0
    script: tuple[str, ...] = ()  # kinds used up first, one a POST that was let in; "" is a good answer
    free_script: tuple[str, ...] = ()  # of those that answer in place of a sound, one a request that is never billed
    chat_script: tuple[str, ...] = ()  # the same as `script`, one a request to a language model
    fails_on: str = ""  # each request whose text holds it is answered 500
    cdn_script: tuple[str, ...] = ()  # the same as `script`, one a fetch of a result
    out_of_credit: bool = False
    low_on_credit: bool = False
    lists: bool = True  # its models, or its balance; a server that copies another may not
    withdrawn: frozenset[str] = frozenset()
    limit_characters: int = 0
    usd_per_character: float | None = None
    audio_as: str = "object"  # or "string"
    answer: str = ""  # or "bytes" or "json"; of AI/ML API alone
    status: int = 200  # of good answers: any 2xx counts
    unknown_size: int = 0xFFFFFFFF  # what a streamed WAV says of its length
    speech: str = ""  # whose is /v1/audio/speech: "openai", "auralis", or by the shape of `voice`
    voice: str = "tones"  # or "speech"
    seconds_per_character: float = 1 / 15
    fixed_seconds: float = 0.0
    told_words: int = 0  # of a language model: so many, or else a sentence for each paragraph
    told_per_second: float = 0.0  # words; 0 is as fast as they can be sent


@dataclass(frozen=True)
class Order:
    """A valid request: what to say, and how to send it."""

    text: str
    encoding: Encoding
    answer: str = "bytes"  # or "json": a link to the second origin
    streamed: bool = False
    speed: float = 1.0
    keeps_length: bool = False  # the speed changes the sound within its old length


class Refused(Exception):  # noqa: N818  # it is an answer
    """The request is refused, in the words of its protocol."""

    def __init__(self, status: int, message: str, code: str = "", detail: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.detail = status, message, code, detail


class Speaks(Protocol):
    """A module that speaks one protocol."""

    async def order(self, body: dict[str, Any], bearer: str, key: str, behaviour: Behaviour) -> Order:
        """Read a request; raises `Refused`."""

    def refusal(self, refused: Refused, path: str, request_id: str) -> dict[str, Any]:
        """Say a refusal as JSON."""


def names(listed: str, between: str | None = None) -> list[str]:
    """Take a list of names as a page writes it."""
    return listed.split(between)
