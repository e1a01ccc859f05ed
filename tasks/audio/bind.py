"""Chapters' AAC packets become one MP4 with chapter marks, bound as they are, without encoding again.

An encoder's first packet only primes the decoder; it is left out, and as each track is a whole number of packets long,
chapter marks are exact to the sample.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

from tasks.audio import ffmpeg
from tasks.errors import AudioError

_BLOCK_BYTES = 1 << 20
_MOST_MARKS_BYTES = 1 << 26
_ADTS_HEADER_BYTES = 7
_SYNC = 0xFFF


def bind(tracks: list[Path], marks: Path, target: Path) -> None:
    """Bind ADTS files, in order, to an MP4 at `target`; `marks` is a file of ffmpeg's metadata with the chapters.

    Raises `AudioError` where a track is damaged or ffmpeg fails, `OutputError` where there is no room.
    """
    arguments = [
        *("-f", "aac", "-i", "pipe:0", "-f", "ffmetadata", "-i", str(marks)),
        *("-map", "0:a", "-map_metadata", "1", "-map_chapters", "1", "-c", "copy"),
        *("-bitexact", "-movflags", "+faststart", "-f", "ipod", str(target)),
    ]
    with ffmpeg.running(arguments, "binding the chapters", stdin=PIPE) as binder:
        for block in _packets(tracks):
            binder.write(block)


def chapter_starts(file: Path) -> list[float]:
    """List where the chapters of a bound file begin, in seconds. Raises `AudioError` where it cannot be read."""
    with ffmpeg.running(
        ["-i", str(file), "-f", "ffmetadata", "pipe:1"], "reading chapter marks", stdout=PIPE
    ) as reader:
        told = reader.read(_MOST_MARKS_BYTES).decode(errors="replace")
    found = re.findall(r"^TIMEBASE=1/(\d+)\nSTART=(\d+)$", told, re.MULTILINE)
    return [int(start) / int(base) for base, start in found]


def _packets(tracks: list[Path]) -> Iterator[bytes]:
    for track in tracks:
        with track.open("rb") as file:
            header = file.read(_ADTS_HEADER_BYTES)
            if len(header) < _ADTS_HEADER_BYTES or int.from_bytes(header[:2], "big") >> 4 != _SYNC:
                raise AudioError(
                    f"{track}: the AAC of a chapter is damaged; remove its folder and run the command again"
                )
            # ISO 14496-3: 13 bits from bit 30 on give the length of a frame in bytes, its header counted.
            file.seek((header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5)
            while block := file.read(_BLOCK_BYTES):
                yield block
