"""The files of the ACX edition: what ACX measures, which is all of a chapter's figures but its loudness."""

from collections.abc import Iterator
from pathlib import Path

from tasks.audio import AudioSettings
from tasks.audio.meter import measured
from tasks.checks import Finding, between, told
from tasks.checks.mp3 import mp3_findings
from tasks.errors import AudioError
from tasks.packagers.acx import SAMPLE, SAMPLE_SECONDS

# A sample is not listened to from end to end of its silence.
_NOT_OF_A_SAMPLE = {"head", "tail", "length"}


def acx_findings(folder: Path, file: str, settings: AudioSettings) -> Iterator[Finding]:
    """Measure an MP3 of the edition; of the retail sample, its length too."""
    if not file.endswith(".mp3"):
        return
    is_sample = Path(file).stem == SAMPLE
    for finding in mp3_findings(folder, file, None, settings):
        if finding.figure != "loudness" and not (is_sample and finding.figure in _NOT_OF_A_SAMPLE):
            yield finding
    if is_sample:
        yield _length(folder, file)


def _length(folder: Path, file: str) -> Finding:
    least, most = SAMPLE_SECONDS
    wanted = f"{least / 60:g} to {most / 60:g} min"
    try:
        # What a file says of its length may be more than it has.
        seconds = measured(folder / file).seconds
    except AudioError as error:
        return Finding(file, None, "sample", str(error), wanted, passes=False)
    return Finding(file, None, "sample", told(seconds / 60, "min"), wanted, between(seconds, least, most))
