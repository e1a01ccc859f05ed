"""The silence before and behind speech."""

import warnings

with warnings.catch_warnings():
    # pydub looks for an ffmpeg on the path and misses it; Declaim has its own, and asks pydub for none.
    warnings.simplefilter("ignore", RuntimeWarning)
    from pydub import AudioSegment
    from pydub.silence import detect_leading_silence

_BYTES_A_SAMPLE = 2
# What is this far below a sentence's own RMS, at its begin or its end, is no part of it: soft consonants are at -20 to -35 dB.
_SILENT_DB = 40.0


def segment_of(pcm: bytes, sample_rate: int) -> AudioSegment:
    """Take mono samples, signed 16-bit little-endian, as a segment of pydub's."""
    return AudioSegment(pcm, sample_width=_BYTES_A_SAMPLE, frame_rate=sample_rate, channels=1)


def silent_ends(segment: AudioSegment) -> tuple[int, int]:
    """Tell how long it is silent before the speech in a segment, and behind it (milliseconds); (0, 0) where nothing is heard."""
    threshold = segment.dBFS - _SILENT_DB
    before = detect_leading_silence(segment, threshold)
    behind = detect_leading_silence(segment.reverse(), threshold)
    return (0, 0) if before + behind == 2 * len(segment) else (before, behind)
