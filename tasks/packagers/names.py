"""File names that every system takes, whatever the title."""

import re
import unicodedata

# Forbidden on one of the systems that books are carried to, or without a shape of its own.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]')
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", re.IGNORECASE)
# File systems allow 255 bytes; a number, an ending and a temporary prefix want some of them.
_LONGEST_BYTES = 180


def file_name(title: str, otherwise: str = "Untitled") -> str:
    """Make a file name (without ending) of a title: one that stays inside its folder, at most 180 bytes of UTF-8."""
    name = _FORBIDDEN.sub(" ", unicodedata.normalize("NFC", title))
    name = re.sub(r"\s+", " ", name).strip(" .")
    if _RESERVED.match(name):
        name = f"_{name}"
    name = name.encode()[:_LONGEST_BYTES].decode(errors="ignore").strip(" .")
    return name or otherwise


def padded(number: int, total: int) -> str:
    """Write a chapter's number as wide as the last one's, with two digits at least, so that names sort as chapters do."""
    return f"{number:0{max(2, len(str(total)))}}"


def track_name(number: int, total: int, title: str) -> str:
    """Name a chapter's file so that names sort as the chapters do: `01 - I`."""
    return f"{padded(number, total)} - {file_name(title, 'Chapter')}"
