"""A book as it is bound: what every edition is made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from tasks.model import Book, Pause, Script, Timing, Track
from tasks.packagers.accounts import Account, Performance
from tasks.packagers.drawn_cover import Words, drawn
from tasks.packagers.picture import Picture, UnfitError, fitted
from tasks.packagers.plain import plain


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A sentence in the source's own words, the anchor of its block, and when its track says it, in seconds.

    `begins_paragraph` is true for the first sentence of its block, `begins_scene` for the first behind a scene break.
    """

    text: str
    anchor: str
    timing: Timing
    begins_paragraph: bool
    begins_scene: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A finished chapter: its words and its sound."""

    script: Script
    track: Track

    @property
    def sentences(self) -> Iterator[SpokenSentence]:
        """Its sentences in the order in which they are heard."""
        timings = iter(self.track.timings)
        anchor, pause = "", Pause.NONE
        for chunk in self.script.chunks:
            for place, sentence in enumerate(chunk.sentences):
                is_first = not place and chunk.anchor != anchor
                yield SpokenSentence(
                    sentence.text, chunk.anchor, next(timings), is_first, not place and pause == Pause.SCENE
                )
            anchor, pause = chunk.anchor, chunk.pause


@dataclass(frozen=True, slots=True)
class Publication:
    """What of a book is bound, and all that its editions say of it.

    `parts` are the finished chapters in order, `chapters` how many of the book's have words: more than `parts` where some
    are missing. `source` is the manuscript's path. `narrator` names the voices, with commas between them, `disclosure` says
    that they are synthetic. `identifier` is a URN that is the same for every edition of the same source, `modified` when the
    source was changed last (UTC): an edition of the same source by the same profile is the same, byte for byte.

    `picture` is the cover of every edition, and `warnings` are lines for the person who ran the command: what of the book
    could not be used. `opening` and `closing` are the credits, for the editions that have them; they count as no chapters.
    """

    book: Book
    parts: tuple[Part, ...]
    chapters: int
    source: Path
    narrator: str
    disclosure: str
    identifier: str
    modified: datetime
    picture: Picture
    warnings: tuple[str, ...] = ()
    opening: Part | None = None
    closing: Part | None = None

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The finished chapters' sound, in order."""
        return tuple(part.track for part in self.parts)

    @property
    def seconds(self) -> float:
        """How long all of it sounds."""
        return sum(track.seconds for track in self.tracks)

    @property
    def narrators(self) -> tuple[str, ...]:
        """The names of the voices, one by one."""
        return tuple(filter(None, map(plain, self.narrator.split(","))))

    @property
    def authors(self) -> tuple[str, ...]:
        """The names of the authors, each on one line; empty where they are not known."""
        return tuple(filter(None, map(plain, self.book.authors)))

    @property
    def credit(self) -> str:
        """What every edition says of how it was made, on one line."""
        return f"{plain(self.disclosure)} Made with Declaim.".strip()

    @property
    def description(self) -> str:
        """What the book says of itself and, behind it, the credit, on one line."""
        return f"{plain(self.book.description)} {self.credit}".strip()

    @property
    def series(self) -> str:
        """The name of the series that the book belongs to, on one line; empty where it belongs to none."""
        return plain(self.book.series)

    @property
    def series_position(self) -> str:
        """The book's place in its series, without white space; empty where it is not known."""
        return plain(self.book.series_position).replace(" ", "") if self.series else ""

    @property
    def is_whole(self) -> bool:
        """Tell whether no chapter is missing."""
        return len(self.parts) == self.chapters

    @property
    def partial_note(self) -> str:
        """What stands behind the title of a book that has only some of its chapters; empty for a whole one."""
        return "" if self.is_whole else f" (partial, {len(self.parts)} of {self.chapters} chapters)"

    @property
    def full_title(self) -> str:
        """The book's title on one line, and that it lacks chapters where it does."""
        return f"{plain(self.book.title) or 'Untitled'}{self.partial_note}"


def publication_of(account: Account, narrator: str, disclosure: str) -> Publication:
    """Gather what the editions of a run are made of; `{voices}` in the disclosure stands for the narrator.

    A book that a language model has retold says so too.

    The cover is decoded, or drawn, here and once. Raises `OSError` where the manuscript has gone.
    """
    disclosure = disclosure.replace("{voices}", narrator)
    if account.retelling:
        disclosure = f"Retold by a language model ({account.retelling.told['model']}). {disclosure}".strip()
    picture, warnings = picture_of(account.book, disclosure)
    performances = account.performances
    parts = _parts(performances)
    spoken = {part.track.number: part for part in _parts(account.credits)}
    return Publication(
        book=account.book,
        parts=parts,
        chapters=len(parts) + sum(performance.is_missing for performance in performances),
        source=account.source,
        narrator=narrator,
        disclosure=disclosure,
        identifier=uuid5(NAMESPACE_OID, account.source_sha256).urn,
        modified=_modified(account.source),
        picture=picture,
        warnings=warnings,
        opening=spoken.get(0),
        closing=spoken.get(len(account.book.chapters) + 1),
    )


def _parts(performances: Iterable[Performance]) -> tuple[Part, ...]:
    tracks = [(performance.recital.script, performance.track) for performance in performances]
    return tuple(Part(script, track) for script, track in tracks if track)


def picture_of(book: Book, disclosure: str) -> tuple[Picture, tuple[str, ...]]:
    """Give the book's own cover as editions take it, or a drawn one, and say why where the book has one."""
    words = Words(plain(book.title), tuple(filter(None, map(plain, book.authors))), plain(disclosure))
    if book.cover is None:
        return drawn(words), ()
    try:
        return fitted(book.cover.data), ()
    except UnfitError as error:
        return drawn(words), (f"the cover of the source is not used: {error}; one with the title is drawn instead",)


def _modified(source: Path) -> datetime:
    files = (path for path in source.rglob("*") if path.is_file()) if source.is_dir() else (source,)
    return datetime.fromtimestamp(int(max(path.stat().st_mtime for path in files)), UTC)
