"""Publications of made-up words and times, their sound real: half a second of MP3, the same for each chapter."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from PIL import Image

from tasks.audio.encode import encoding
from tasks.audio.presets import PRESETS
from tasks.model import BlockKind, Book, Chapter, Chunk, Cover, Levels, Pause, Script, Sentence, Timing, Track
from tasks.packagers.picture import fitted
from tasks.packagers.publication import Part, Publication, picture_of

RATE = 44_100
SAMPLES = 1_024 * 22
SECONDS = SAMPLES / RATE
NARRATOR = "Joe"
DISCLOSURE = "Not a person, but Joe."
IDENTIFIER = "urn:uuid:6ba7b812-9dad-51d1-80b4-00c04fd430c8"
MODIFIED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOSTILE = (
    "Either/Or",
    "..",
    "../../etc/passwd",
    "",
    " \n ",
    "\N{FIRE} & <b>\"quoted\" 'twice'</b> ]]> -->",
    "ספר הזמן \u202eevil",
    "a" * 300,
    "One\nTwo\r\n\r\nThree\tFour",
    "Null\0 bell\x07 next\x85 line\u2028 half \ud800 none \uffff",
    "CON",
    "00:00:01,000 --> 00:00:02,000",
    "{\\an8}<i>%20?#;=\\",
)


def mp3_of(folder: Path) -> dict[str, Path]:
    """Encode a short track."""
    files = {"mp3": folder / "track.mp3"}
    with encoding(RATE, SAMPLES, PRESETS["acx"], files) as encoders:
        encoders.take(b"\x10\x10\xf0\xef" * (SAMPLES // 2))
    return files


def cover(kind: str) -> Cover:
    """Draw a cover as Pillow calls its kind: `jpeg`, `png`, `webp`, `gif`."""
    data = BytesIO()
    Image.new("RGB", (40, 40), "teal").save(data, format=kind)
    return Cover(f"image/{kind}", data.getvalue())


# Where a test is not about covers, none is drawn.
PICTURE = fitted(cover("png").data)


def evenly(count: int, seconds: float = SECONDS) -> list[tuple[float, float]]:
    """Part a track's time between its sentences."""
    return [(seconds * place / count, seconds * (place + 1) / count) for place in range(count)]


def part(
    number: int,
    title: str,
    sentences: Sequence[str] = ("It was late.",),
    *,
    encoded: dict[str, Path] | None = None,
    times: Sequence[tuple[float, float]] | None = None,
    scenes: Collection[int] = (),
    seconds: float = SECONDS,
) -> Part:
    """Make a chapter of one-sentence chunks; those whose places are in `scenes` begin a scene."""
    chunks = tuple(
        Chunk(
            f"{number}.{place}",
            BlockKind.PARAGRAPH,
            f"line={place}",
            (Sentence(text, text),),
            Pause.SCENE if place + 1 in scenes else Pause.PARAGRAPH,
        )
        for place, text in enumerate(sentences)
    )
    spans = evenly(len(sentences), seconds) if times is None else times
    timings = tuple(Timing(f"{number}.{place}", 0, *span, exact=True) for place, span in enumerate(spans))
    levels = Levels(None, None, None, None)
    return Part(Script(number, title, chunks, ()), Track(number, title, seconds, timings, levels, encoded or {}))


def publication(
    *parts: Part,
    title: str = "Ūber / Time",
    authors: tuple[str, ...] = ("Ann One", "Bo Tŵo"),
    language: str = "de-AT",
    picture: Cover | None = None,
    chapters: int = 0,
    description: str = "",
    series: tuple[str, str] = ("", ""),
) -> Publication:
    """Bind chapters to a book that has `chapters` of them, or no others."""
    total = chapters or len(parts)
    names = tuple(Chapter(number, f"{number}", ()) for number in range(1, total + 1))
    book = Book(title, authors, language, names, (), picture, (), (), description, *series)
    used = picture_of(book, DISCLOSURE)[0] if picture else PICTURE
    return Publication(book, parts, total, Path("book.md"), NARRATOR, DISCLOSURE, IDENTIFIER, MODIFIED, used)
