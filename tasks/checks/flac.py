"""A FLAC of a chapter: its stream, its comments, its levels."""

from collections.abc import Iterator
from pathlib import Path

from mutagen import MutagenError
from mutagen.flac import FLAC

from tasks.audio import AudioSettings
from tasks.audio.meter import measured
from tasks.audio.presets import PRESETS
from tasks.checks import Finding
from tasks.checks.levels import level_findings
from tasks.errors import AudioError

_COMMENTS = {"TITLE": "title", "ALBUM": "book", "TRACKNUMBER": "number", "COMMENT": "disclosure"}


def flac_findings(folder: Path, file: str, chapter: int | None, settings: AudioSettings) -> Iterator[Finding]:
    """Measure a FLAC below a folder."""
    try:
        flac = FLAC(folder / file)
        rate, channels = flac.info.sample_rate, flac.info.channels
        wanted = (PRESETS[settings.preset].sample_rate, 1)
        yield Finding(
            file,
            chapter,
            "stream",
            f"{rate} Hz, {channels} channel",
            f"{wanted[0]} Hz, 1 channel",
            (rate, channels) == wanted,
        )
        missing = [meaning for name, meaning in _COMMENTS.items() if not flac.get(name)]
        found = f"without {', '.join(missing)}" if missing else "all tags"
        yield Finding(file, chapter, "tags", found, ", ".join(_COMMENTS.values()), not missing)
        yield from level_findings(file, chapter, measured(folder / file), settings)
    except (AudioError, MutagenError, OSError) as error:
        yield Finding(file, chapter, "file", str(error), "a FLAC that can be read", passes=False)
