"""Levels of a chapter against a preset: loudness or RMS, peak, noise floor, room tone at its ends, length."""

from collections.abc import Iterator

from tasks.audio import AudioSettings
from tasks.audio.meter import Measured
from tasks.audio.presets import PRESETS
from tasks.checks import Finding, between, told
from tasks.model import Track

# How far the loudness of a file may be from the profile's.
LOUDNESS_LU = 0.3
# Where RMS stands at its bound, it has been given the right of way over loudness.
_AT_BOUND_DB = 0.6


def track_findings(track: Track, settings: AudioSettings) -> Iterator[Finding]:
    """Compare what was measured of a track when it was made, which is not measured again; nothing where it was not."""
    if track.head is not None and track.tail is not None and track.curve is not None:
        heard = Measured(track.levels, track.seconds, track.head, track.tail, track.curve)
        file = next((path.name for path in track.encoded.values()), "")
        yield from level_findings(file, track.number, heard, settings)


def level_findings(file: str, chapter: int | None, heard: Measured, settings: AudioSettings) -> Iterator[Finding]:
    """Compare what was heard of a chapter with what the profile and its preset ask for."""
    preset, levels = PRESETS[settings.preset], heard.levels

    def finding(figure: str, found: str, wanted: str, *, passes: bool) -> Finding:
        return Finding(file, chapter, figure, found, wanted, passes)

    lufs, bounds = settings.loudness_lufs, preset.rms_db
    yields = (
        bounds is not None
        and levels.rms_db is not None
        and not between(levels.rms_db, bounds[0] + _AT_BOUND_DB, bounds[1] - _AT_BOUND_DB)
    )
    yield finding(
        "loudness",
        told(levels.lufs, "LUFS"),
        f"{lufs:g} ± {LOUDNESS_LU} LUFS" + (" unless RMS is at its bound" if yields else ""),
        passes=yields or between(levels.lufs, lufs - LOUDNESS_LU, lufs + LOUDNESS_LU),
    )
    if bounds:
        yield finding(
            "RMS",
            told(levels.rms_db, "dB"),
            f"{bounds[0]:g} to {bounds[1]:g} dB",
            passes=between(levels.rms_db, *bounds),
        )
    peak = settings.peak_dbfs
    yield finding(
        "peak", told(levels.peak_db, "dB"), f"at most {peak:g} dB", passes=between(levels.peak_db, -100, peak)
    )
    if preset.floor_db is not None:
        floor = levels.noise_floor_db
        # Where even the quietest half second is digital silence, there is no noise.
        yield finding(
            "noise floor",
            told(floor, "dB"),
            f"at most {preset.floor_db:g} dB",
            passes=floor is None or floor <= preset.floor_db,
        )
    for figure, seconds, range_ in (("head", heard.head, preset.head), ("tail", heard.tail, preset.tail)):
        if range_:
            yield finding(
                figure, told(seconds, "s"), f"{range_[0]:g} to {range_[1]:g} s", passes=between(seconds, *range_)
            )
    if preset.longest_seconds:
        minutes, most = heard.seconds / 60, preset.longest_seconds / 60
        yield finding("length", told(minutes, "min", 1), f"at most {most:g} min", passes=minutes <= most)
