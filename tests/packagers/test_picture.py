"""Covers of every kind, whole, broken and monstrous, looked at by Pillow as a second reader."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.model import Book, Cover
from tasks.packagers.picture import LONGEST_SIDE, MOST_BYTES, Picture, UnfitError, fitted
from tasks.packagers.publication import picture_of
from tests.packagers.publications import DISCLOSURE


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height))  # noqa: S311  # no secret


def seen(picture: Picture) -> Image.Image:
    """Open a picture as whoever plays the book does, and see that it keeps all that is promised."""
    assert len(picture.data) <= MOST_BYTES
    with Image.open(io.BytesIO(picture.data)) as image:
        image.verify()
    with Image.open(io.BytesIO(picture.data)) as image:
        image.load()
        assert (picture.media_type, picture.name) in {("image/jpeg", "cover.jpg"), ("image/png", "cover.png")}
        assert picture.media_type == image.get_format_mimetype()
        assert max(image.size) <= LONGEST_SIDE
        return image.copy()


SMALL = Image.new("RGB", (40, 60), "teal")


@pytest.mark.parametrize(
    "data",
    [
        encoded(SMALL, "JPEG"),
        encoded(SMALL, "JPEG", progressive=True),
        encoded(SMALL.convert("L"), "JPEG"),
        encoded(SMALL, "PNG"),
        encoded(SMALL.convert("RGBA"), "PNG"),
        encoded(SMALL.convert("P"), "PNG"),
        encoded(Image.new("RGB", (LONGEST_SIDE, 1)), "PNG"),
        encoded(Image.new("RGB", (1, 1)), "JPEG"),
    ],
)
def test_a_jpeg_or_png_within_bounds_stays_as_it_is(data: bytes) -> None:
    picture = fitted(data)
    assert picture.data == data
    seen(picture)


@pytest.mark.parametrize(
    "data",
    [
        encoded(SMALL, "WEBP", lossless=True),
        encoded(SMALL, "GIF"),
        encoded(SMALL.convert("CMYK"), "JPEG", quality=95),
    ],
)
def test_what_not_every_edition_takes_becomes_a_jpeg(data: bytes) -> None:
    picture = fitted(data)
    image = seen(picture)
    assert (picture.media_type, image.mode, image.size) == ("image/jpeg", "RGB", (40, 60))
    assert image.getpixel((20, 30)) == pytest.approx((0, 128, 128), abs=6)


def test_what_can_be_seen_through_stands_on_paper() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert seen(fitted(encoded(clear, "WEBP"))).getpixel((4, 4)) == (255, 255, 255)
    assert seen(fitted(encoded(clear.convert("P"), "GIF", transparency=0))).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("image", "grey"),
    [
        (Image.new("I;16", (4_000, 40), 40_000), 156),
        (Image.new("1", (4_000, 40), 1), 255),
        (Image.new("L", (4_000, 40), 156), 156),
        (Image.new("LA", (4_000, 40), (0, 128)), 127),
        (Image.new("P", (4_000, 40)), 0),
    ],
)
def test_greys_and_palettes_keep_their_light_when_they_are_scaled(image: Image.Image, grey: int) -> None:
    scaled = seen(fitted(encoded(image, "PNG")))
    assert scaled.size == (3_000, 30)
    assert scaled.convert("L").getpixel((1_500, 15)) == pytest.approx(grey, abs=2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_a_cover_of_20000_pixels_is_scaled(kind: str) -> None:
    picture = Image.new("RGB", (20_000, 300), "navy")
    picture.paste("white", (0, 0, 10_000, 300))
    scaled = seen(fitted(encoded(picture, kind)))
    assert scaled.size == (3_000, 45)
    assert scaled.convert("L").getpixel((700, 20)) == pytest.approx(255, abs=3)
    assert scaled.convert("RGB").getpixel((2_200, 20)) == pytest.approx((0, 0, 128), abs=6)


def test_a_jpeg_of_any_size_is_decoded_small() -> None:
    assert seen(fitted(encoded(Image.new("L", (20_000, 6_000), 77), "JPEG"))).size == (3_000, 900)


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    photograph = Image.new("RGB", (4_000, 2_000), "teal")
    orientation = Image.Exif()
    orientation[0x0112] = 6
    assert seen(fitted(encoded(photograph, "JPEG", exif=orientation))).size == (1_500, 3_000)
    # It is no reason to lose a cover that what a camera says is broken.
    broken = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03"
    assert seen(fitted(encoded(photograph, "JPEG", exif=broken))).size == (3_000, 1_500)


def test_a_file_of_many_bytes_is_encoded_anew() -> None:
    heavy = encoded(noise(1_000, 1_200), "PNG")
    assert len(heavy) > MOST_BYTES
    assert seen(fitted(heavy)).size == (1_000, 1_200)
    heaviest = encoded(noise(1_800, 1_800), "JPEG", quality=95)
    assert max(seen(fitted(heaviest)).size) <= 1_800


def png_of(width: int, height: int) -> bytes:
    """Write a PNG that says how large it is, and breaks off after its first million bytes of black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows_data = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows_data) + chunk(b"IEND", b"")


def patched(data: bytes, mark: bytes, place: int, value: bytes) -> bytes:
    start = data.index(mark) + place
    return data[:start] + value + data[start + len(value) :]


LARGE = struct.pack(">HH", 60_000, 60_000)
JPEG_OF_MANY_SCANS = encoded(SMALL, "JPEG", progressive=True)


@pytest.mark.parametrize(
    "data",
    [
        png_of(20_000, 20_000),
        png_of(0x7FFFFFFF, 0x7FFFFFFF),
        patched(JPEG_OF_MANY_SCANS, b"\xff\xc2", 5, LARGE),
        # The decoder would hold all of it at once, where a header of one component opens the first of several scans.
        patched(encoded(SMALL, "JPEG"), b"\xff\xc0", 5, LARGE).replace(b"\xff\xda\0\x0c\x03", b"\xff\xda\0\x08\x01"),
        patched(encoded(SMALL, "GIF"), b"GIF8", 6, b"\xff\xff\xff\xff"),
        patched(encoded(SMALL, "WEBP", lossless=True), b"VP8L", 9, b"\xff\xff\xff\x0f"),
    ],
)
def test_few_bytes_of_enormous_dimensions_are_not_decoded(data: bytes, memory: Callable[[], int]) -> None:
    before = memory()
    with pytest.raises(UnfitError, match=r"too many to be decoded|cannot be decoded"):
        fitted(data)
    assert memory() - before < 50_000_000


@pytest.fixture
def memory() -> Callable[[], int]:
    """Give what tells how much of the system's memory this process has, in bytes."""

    def resident() -> int:
        with open("/proc/self/statm") as file:  # noqa: PTH123  # a file of the kernel's
            return int(file.read().split()[1]) * 4_096

    return resident


WHOLE = [
    encoded(noise(64, 64), "JPEG"),
    encoded(noise(64, 64), "PNG"),
    encoded(noise(64, 64), "GIF"),
    encoded(noise(64, 64), "WEBP"),
]


@pytest.mark.parametrize("whole", WHOLE)
def test_a_cover_that_is_cut_short_is_none(whole: bytes) -> None:
    for end in (12, len(whole) // 2, len(whole) - 10):
        if not whole.startswith(b"GIF8") or end < len(whole) - 10:
            with pytest.raises(UnfitError):
                fitted(whole[:end])


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFF1234WAVE", b"no picture"])
def test_what_is_no_picture_is_unfit(data: bytes) -> None:
    with pytest.raises(UnfitError, match="it is no JPEG, PNG, GIF or WebP"):
        fitted(data)


@given(
    st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 4_000), st.binary(min_size=1, max_size=4)), max_size=6)
)
def test_bytes_of_any_kind_are_a_sound_picture_or_unfit(whole: bytes, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(whole)
    for place, value in changes:
        data[place % len(data) : place % len(data) + len(value)] = value
    with suppress(UnfitError):
        picture = fitted(bytes(data))
        assert picture.data == data or picture.media_type == "image/jpeg"


def test_a_cover_that_cannot_be_used_is_told_and_one_is_drawn() -> None:
    def used(cover: Cover | None) -> tuple[Picture, tuple[str, ...]]:
        return picture_of(Book("Emma", ("Jane Austen",), "en", (), cover=cover), DISCLOSURE)

    own = encoded(SMALL, "JPEG")
    assert used(Cover("image/jpeg", own)) == (Picture("image/jpeg", "cover.jpg", own), ())
    drawn, silence = used(None)
    assert silence == ()
    assert used(Cover("image/png", b"no picture")) == (
        drawn,
        ("the cover of the source is not used: it is no JPEG, PNG, GIF or WebP; one with the title is drawn instead",),
    )
    assert seen(drawn).size == (1_600, 1_600)
