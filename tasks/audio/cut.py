"""A stretch of an MP3, cut out between its frames without encoding again."""

from pathlib import Path

from tasks.audio import ffmpeg


def cut_mp3(source: Path, start: float, end: float, target: Path) -> None:
    """Write what an MP3 has from `start` to `end` (seconds), to the nearest frames of 26 ms.

    A frame may need bits of the one before it, which the first of a cut has lost: what lies there should be a pause. Raises
    `AudioError` where ffmpeg fails, `OutputError` where there is no room.
    """
    times = ["-ss", f"{start:.3f}", "-t", f"{end - start:.3f}"]
    options = ["-map", "0:a", "-c", "copy", "-map_metadata", "-1", "-bitexact", "-id3v2_version", "0", "-f", "mp3"]
    ffmpeg.run([*times, "-i", str(source), *options, str(target)], "cutting a chapter")
