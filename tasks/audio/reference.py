"""A recording to clone a voice from, checked before it is sent."""

from pathlib import Path

from tasks.audio.decode import decode
from tasks.audio.heard import is_silent
from tasks.errors import BadAudio
from tasks.model import Speech

# What Auralis's page asks for: high-quality recordings of speech of this many seconds.
_SHORTEST_SECONDS = 6
_LONGEST_SECONDS = 60
# A minute of 96 kHz stereo in 24 bits is 35 MB.
_LARGEST_BYTES = 48_000_000


def check_reference(path: Path) -> None:
    """Check that a file is a sound of 6 to 60 s that is not silent.

    Raises `BadAudio` that says what is wrong, `OSError` where the file cannot be read.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        raise BadAudio(f"the recording is larger than {_LARGEST_BYTES // 1_000_000} MB; give 6 to 60 s of speech")
    audio = decode(Speech(path.read_bytes()))
    if not _SHORTEST_SECONDS <= audio.seconds <= _LONGEST_SECONDS:
        raise BadAudio(f"the recording lasts {audio.seconds:.1f} s; give 6 to 60 s of speech")
    if is_silent(audio):
        raise BadAudio("the recording is silent; give 6 to 60 s of speech")
