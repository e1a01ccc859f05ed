"""The cover as a file: what it is by its first bytes, whatever the source calls it."""

import re
from dataclasses import dataclass

from tasks.model import Cover

_SIGNS = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", "jpg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", "png"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp", "webp"),
    (re.compile(rb"GIF8[79]a"), "image/gif", "gif"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A raster image, its media type, and the name that its file has: `cover.jpg`."""

    media_type: str
    name: str
    data: bytes


def picture_of(cover: Cover | None) -> Picture | None:
    """Give the cover as a JPEG, PNG, WebP or GIF; None where there is none, or it is something else."""
    if cover is None:
        return None
    found = ((media_type, ending) for sign, media_type, ending in _SIGNS if sign.match(cover.data))
    return next((Picture(media_type, f"cover.{ending}", cover.data) for media_type, ending in found), None)
