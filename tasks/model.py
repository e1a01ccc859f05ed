"""The frozen values that pass from stage to stage: Source -> Book -> Chunk -> Clip -> Track -> Edition.

Times are in seconds from the start of the track, counts of samples are per channel, text is Unicode with its white
space folded. Nothing here points back to the stage that made it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tasks.errors import DeclaimError


class BlockKind(StrEnum):
    """What a block is on the page."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    QUOTE = "quote"
    VERSE = "verse"
    ITEM = "item"
    BREAK = "break"


class Role(StrEnum):
    """Who speaks a chunk; a profile may cast another voice for each but the narration."""

    NARRATION = "narration"
    QUOTE = "quote"
    HEADING = "heading"
    NOTE = "note"


class Pause(StrEnum):
    """The silence that follows a chunk; its length is the profile's to say."""

    TURN = "turn"
    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"
    SCENE = "scene"
    HEADING = "heading"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Call:
    """Where a text calls a note: the place of its mark in the block's text, in characters, and the note's name."""

    place: int
    note: str


@dataclass(frozen=True, slots=True)
class PhoneticSpan:
    """Characters `start` to `end` of a block's text, with how the source says that they sound, in IPA."""

    start: int
    end: int
    phonemes: str


@dataclass(frozen=True, slots=True)
class LanguageSpan:
    """Characters `start` to `end` of a block's text that are in another language than the block; empty: in the book's."""

    start: int
    end: int
    language: str


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """How a word is said: by other letters (`alias`) or in IPA (`phonemes`), for voices that take those.

    `language` is a BCP 47 tag, empty for any. Without `whole_word` the letters are met inside of words too.
    """

    grapheme: str
    alias: str = ""
    phonemes: str = ""
    language: str = ""
    matches_case: bool = True
    whole_word: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph-like piece of the source, spoken or left out, in the order of reading.

    `text` is the source's own words with white space folded; a `BREAK` has none. `anchor` says where it stands in the
    source (`text/chapter-1.xhtml#12`, the twelfth of its blocks; `page=12#3`; `line=40`) and is unique in the book.

    `left_out` is empty for what is spoken, else the reason as a kind: `footnotes`, `tables`, `code` and `captions` can be
    asked for in the profile's `[text] read`; all others (`noteref`, `titlepage`, `copyright-page`, `toc`, `index`,
    `running-head`…) are never spoken.

    `language` is a BCP 47 tag where it is not the book's. `note` names the note that the block belongs to, and `calls` say
    where the block's text calls notes, so that one that is read comes after the sentence that calls it. `phonetic` are the
    words whose sound the source itself gives, `languages` those in another language than the rest.
    """

    kind: BlockKind
    text: str
    anchor: str
    level: int = 0
    left_out: str = ""
    language: str = ""
    note: str = ""
    calls: tuple[Call, ...] = ()
    phonetic: tuple[PhoneticSpan, ...] = ()
    languages: tuple[LanguageSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter: number (from 1, in order of reading), title as the table of contents words it, blocks in order."""

    number: int
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """The cover picture, as it lies in the source."""

    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Book:
    """A manuscript as read.

    `language` is a BCP 47 tag. `left_out` holds the blocks that stand before, between and after the chapters and belong
    to none. `warnings` are lines for the person who ran the command: what was read with doubt, and where. `lexicon` is what
    the manuscript itself says of how its words sound. `description` is plain text; `series` is the name of the series that
    the book belongs to, and `series_position` its place there as written (`2`, `1.5`). All three are empty where not known.
    """

    title: str
    authors: tuple[str, ...]
    language: str
    chapters: tuple[Chapter, ...]
    left_out: tuple[Block, ...] = ()
    cover: Cover | None = None
    warnings: tuple[str, ...] = ()
    lexicon: tuple[Pronunciation, ...] = ()
    description: str = ""
    series: str = ""
    series_position: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence in the source's own words, and as it is spoken."""

    text: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole sentences of one block that are spoken in one request.

    `id` is `<chapter>.<place in the chapter>`; `pause` is the silence after it.
    """

    id: str
    kind: BlockKind
    anchor: str
    sentences: tuple[Sentence, ...]
    pause: Pause
    role: Role = Role.NARRATION

    @property
    def spoken(self) -> tuple[str, ...]:
        """What the voice says, sentence by sentence."""
        return tuple(sentence.spoken for sentence in self.sentences)

    @property
    def text(self) -> str:
        """Exactly what is sent to the voice."""
        return " ".join(self.spoken)


@dataclass(frozen=True, slots=True)
class Script:
    """A chapter cut into chunks, with the blocks of it that are not spoken."""

    number: int
    title: str
    chunks: tuple[Chunk, ...]
    left_out: tuple[Block, ...]

    @property
    def characters(self) -> int:
        """How many characters are sent for the whole chapter."""
        return sum(len(chunk.text) for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class Identity:
    """All that decides how a voice sounds, beside the text. Two voices of equal identity make the same clips.

    `options` are sorted pairs of name and JSON text. `by_sentence` is true for a voice that is given a chunk's sentences
    one by one, so that where they are cut decides the sound too.
    """

    provider: str
    model: str
    voice: str
    options: tuple[tuple[str, str], ...]
    adapter_version: int
    by_sentence: bool = False


@dataclass(frozen=True, slots=True)
class Speech:
    """A voice's answer as it came, not yet trusted: `data` in an `encoding` and at a `sample_rate` (Hz).

    `encoding` is one of `linear16` (signed, little-endian), `mulaw`, `alaw`, `mp3`, `opus`, `flac`, `aac`, `wav`, or empty
    where the voice does not say; both it and the rate matter only for samples that come without a header.
    `sentence_ends` are as in `Audio`. `speed` is how fast the voice was asked to speak, 1 its own. `usd` is what the service
    says that it cost, `request_id` how it calls the request.
    """

    data: bytes = field(repr=False)
    encoding: str = ""
    sample_rate: int = 0
    sentence_ends: tuple[int, ...] = ()
    speed: float = 1.0
    usd: float | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Audio:
    """Speech as a voice gives it: mono signed 16-bit little-endian samples.

    `sentence_ends` are the counts of samples at which the sentences end, the last of them the length of the whole; empty
    where the voice cannot tell.
    """

    pcm: bytes = field(repr=False)
    sample_rate: int
    sentence_ends: tuple[int, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.pcm) / 2 / self.sample_rate


@dataclass(frozen=True, slots=True)
class Clip:
    """A chunk's speech in the store, without its samples: `path` holds them."""

    key: str
    path: Path
    seconds: float
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is kept of a purchase beside its clip: how the service calls the request, and US dollars (None: not known)."""

    request_id: str = ""
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What was asked and paid for a chunk: the requests, and US dollars by the profile's price and as the service says.

    A figure that is not known is None. Answers that were no speech are counted: services bill them.
    """

    requests: int = 0
    usd: float | None = 0.0
    usd_charged: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Voiced:
    """A chunk, the clip that speaks it, and whose voice it is. A cached clip took no request."""

    chunk: Chunk
    clip: Clip
    voice: Identity
    cost: Cost = Cost()

    @property
    def cached(self) -> bool:
        """Tell whether the clip was in the store before."""
        return not self.cost.requests


@dataclass(frozen=True, slots=True)
class Failure:
    """A chunk that could not be spoken, and why."""

    chapter: int
    chunk: str
    error: str
    cost: Cost = Cost()


@dataclass(frozen=True, slots=True)
class Recital:
    """A chapter as far as it could be spoken: every chunk is in `voiced` or in `failures`.

    `stopped_by` is what ended it before all was tried: a service that refused, a budget that is spent, a full disk.
    `damaged` names the chunks whose clips were in the store, torn or altered, and were spoken again.
    """

    script: Script
    voiced: tuple[Voiced, ...]
    failures: tuple[Failure, ...] = ()
    stopped_by: DeclaimError | None = None
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """When a sentence is heard in its track. `exact` is false where the time is estimated from the length of the text."""

    chunk: str
    sentence: int
    start: float
    end: float
    exact: bool


@dataclass(frozen=True, slots=True)
class Levels:
    """What was measured of finished audio: integrated loudness in LUFS; RMS, sample peak and noise floor in dBFS.

    A figure that is not known is None.
    """

    lufs: float | None
    rms_db: float | None
    peak_db: float | None
    noise_floor_db: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """Finished audio at a glance, in parts of `seconds` each, of which the last may be shorter.

    For each part: the highest sample peak (full scale is 1), and the short-term loudness in LUFS (ITU-R BS.1770, the 3 s
    around its middle); None where there is silence.
    """

    seconds: float
    peaks: tuple[float, ...] = field(repr=False)
    loudness: tuple[float | None, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Track:
    """A chapter as finished audio, not yet packaged: `encoded` names the file of each codec.

    What was measured is that of the first of the files: `head` and `tail` are the room tone before and behind the speech in
    seconds. A figure that is not known is None.
    """

    number: int
    title: str
    seconds: float
    timings: tuple[Timing, ...]
    levels: Levels
    encoded: dict[str, Path]
    head: float | None = None
    tail: float | None = None
    curve: Curve | None = None


@dataclass(frozen=True, slots=True)
class Edition:
    """A finished file (or folder of files) of a kind that the profile names, relative to the output directory."""

    kind: str
    path: str
