"""A book's cover as every edition can take it: a JPEG or a PNG of a bounded size, whatever the source has.

The bytes are a stranger's: what a picture takes in memory is known before it is decoded, and bounded.
"""

import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

# Apple asks for 1,400 to 3,000 pixels; a file of every chapter carries the cover.
LONGEST_SIDE = 3_000
MOST_BYTES = 2_000_000
_SMALLER_SIDES = (LONGEST_SIDE, 2_000, 1_400)
_QUALITIES = (90, 80, 65)
_LARGEST_PROFILE = 64_000
_PAPER = "white"
# What each kind is by its first bytes, and how many pixels of it are decoded at most: about half a gigabyte, by what
# Pillow needs for a pixel of that kind, up to 12 bytes, and 20 of a WebP. All are below the figure from which Pillow itself warns.
_KINDS: tuple[tuple[re.Pattern[bytes], type[ImageFile], int], ...] = (
    (re.compile(rb"\xff\xd8\xff"), JpegImageFile, 48_000_000),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PngImageFile, 48_000_000),
    (re.compile(rb"GIF8[79]a"), GifImageFile, 48_000_000),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), WebPImageFile, 24_000_000),
)
# What Pillow's parsers and decoders raise at bytes that are no picture. Its SyntaxError says so of a header, and what they
# meet on their way is a number, a name or a table that is not what it should be, or, as NotImplementedError, a form of a known
# kind that Pillow does not decode.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG or PNG, its media type, and the name that its file has: `cover.jpg`."""

    media_type: str
    name: str
    data: bytes = field(repr=False)


class UnfitError(Exception):
    """A cover that cannot be used, and why."""


def fitted(data: bytes) -> Picture:
    """Fit a picture into an edition: a JPEG or PNG, at most `LONGEST_SIDE` pixels wide and high, and `MOST_BYTES` large.

    A JPEG or PNG that is so already stays as it is, byte for byte; all else becomes a JPEG. Raises `UnfitError` for what is
    no JPEG, PNG, GIF or WebP, cannot be decoded, or is too large to be.
    """
    kind = next((kind for kind in _KINDS if kind[0].match(data)), None)
    if kind is None:
        raise UnfitError("it is no JPEG, PNG, GIF or WebP")
    _, reader, most_pixels = kind
    with _damage(), reader(BytesIO(data)) as image:
        size, is_kept = image.size, _is_fit(image, data)
        # A scaled JPEG is decoded for its size, and a fit one only to see that it is whole.
        side = max(size) // 8 if is_kept else LONGEST_SIDE
        if isinstance(image, JpegImageFile) and (is_kept or _has_one_scan(image, data)):
            image.draft(None, _within(size, side))
        if image.width * image.height > most_pixels:
            raise UnfitError(f"its {size[0]:,} × {size[1]:,} pixels are too many to be decoded")
        image.load()
        if is_kept:
            _check_chunks(image, data)
            suffix = "jpg" if isinstance(image, JpegImageFile) else "png"
            return Picture(f"image/{'jpeg' if suffix == 'jpg' else suffix}", f"cover.{suffix}", data)
        profile = image.info.get("icc_profile") if image.mode in {"RGB", "RGBA", "P"} else None
        return Picture("image/jpeg", "cover.jpg", _encoded(_upright(_opaque(image)), profile))


@contextmanager
def _damage() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # Pillow remarks on broken EXIF and the like; what follows from it is told in our own words.
            warnings.filterwarnings("ignore", module="PIL")
            yield
    except _DAMAGE as error:
        # Some of these errors quote the bytes that they could not read.
        reason = "".join(filter(str.isprintable, str(error)))[:100] or type(error).__name__
        raise UnfitError(f"it cannot be decoded: {reason}") from error


def _is_fit(image: ImageFile, data: bytes) -> bool:
    is_known = isinstance(image, PngImageFile) or (isinstance(image, JpegImageFile) and image.mode in {"RGB", "L"})
    return is_known and max(image.size) <= LONGEST_SIDE and len(data) <= MOST_BYTES


def _check_chunks(image: ImageFile, data: bytes) -> None:
    """Read a PNG to its end, of which its pixels need not be the last; raises what Pillow does."""
    if isinstance(image, PngImageFile):
        PngImageFile(BytesIO(data)).verify()


def _has_one_scan(image: JpegImageFile, data: bytes) -> bool:
    """Tell whether libjpeg decodes a JPEG row by row; of any other it holds all coefficients, however small the result."""
    components = len(image.layer)
    # The header of the first scan, which Pillow has just read, is as long as its components make it.
    header = struct.pack(">HHB", 0xFFDA, 6 + 2 * components, components)
    place = image.fp.tell() - 8 - 2 * components if image.fp else 0
    return "progressive" not in image.info and data.startswith(header, max(place, 0))


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Scale a size down until its longer side is `side` at most; none of the two becomes nothing."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _opaque(image: Image.Image) -> Image.Image:
    """Give a picture in RGB or grey, scaled down, on paper where one can see through it; copied whole once at most."""
    if image.has_transparency_data:
        picture = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", picture.size, _PAPER)
        image.paste(picture, mask=picture)
    elif image.mode == "I;16":
        image = image.point(lambda grey: grey / 256).convert("L")
    elif image.mode in {"1", "P"}:
        image = image.convert("RGB")
    image = image.resize(_within(image.size, LONGEST_SIDE), reducing_gap=2.0)
    return image if image.mode in {"RGB", "L"} else image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Turn a photograph as its camera says; the new file does not say it."""
    with suppress(*_DAMAGE):
        return ImageOps.exif_transpose(image)
    return image


def _encoded(image: Image.Image, profile: bytes | None) -> bytes:
    """Encode a JPEG, as well as its bound of bytes allows."""
    kept_profile = profile if profile and len(profile) <= _LARGEST_PROFILE else None
    data = b""
    for side in _SMALLER_SIDES:
        smaller = image.resize(_within(image.size, side), reducing_gap=2.0)
        for quality in _QUALITIES:
            stream = BytesIO()
            smaller.save(stream, "JPEG", quality=quality, icc_profile=kept_profile)
            data = stream.getvalue()
            if len(data) <= MOST_BYTES:
                return data
    return data
