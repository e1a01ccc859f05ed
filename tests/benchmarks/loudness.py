"""The loudness of finished chapters, as ffmpeg's ebur128 hears it: of the embedded voice, and of a softer and a louder one.

    python -m tests.benchmarks.loudness

Speaks the paragraphs of the sample story once, parts them into chapters of different lengths, and masters each chapter as the voice
gave it, 15 dB softer and 10 dB louder, to MP3, AAC and FLAC. Prints the least and the most loudness, and exits with 1 where one
is more than 0.3 LU off, or two chapters lie further apart than that.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from tasks.assemble import _made
from tasks.audio import AudioSettings
from tasks.model import Audio, BlockKind, Chunk, Identity, Pause, Receipt, Recital, Script, Sentence, Voiced
from tasks.store import ClipStore, clip_key
from tests.services.sounds import speech

_STORY = Path(__file__).parents[2] / "samples" / "tuppence-a-window.md"
_RATE = 22_050
_GAINS_DB = (0.0, -15.0, 10.0)
_CHAPTERS = ((0, 3), (3, 8), (8, 15), (15, 30))
_CODECS = ("mp3", "aac", "flac")
_MOST_LU = 0.3


def _voiced(store: ClipStore, gain_db: float) -> list[Voiced]:
    lines = [line for line in _STORY.read_text("utf-8").splitlines() if len(line) > 80 and line[0].isalpha()]
    identity = Identity("benchmark", f"{gain_db:+g} dB", "", (), 1)
    parts = []
    for place, line in enumerate(lines[: _CHAPTERS[-1][1]]):
        louder = speech(line, _RATE).astype(np.float64) * 10 ** (gain_db / 20)
        samples = np.round(np.clip(louder, -32_768, 32_767)).astype("<i2")
        clip = store.put(clip_key(identity, (line,)), Audio(samples.tobytes(), _RATE), identity, (line,), Receipt())
        chunk = Chunk(f"1.{place}", BlockKind.PARAGRAPH, "", (Sentence(line, line),), Pause.PARAGRAPH)
        parts.append(Voiced(chunk, clip, identity))
    return parts


def _files(parts: Sequence[Voiced], store: ClipStore, folder: Path) -> Iterator[Path]:
    for number, (first, last) in enumerate(_CHAPTERS, start=1):
        recital = Recital(Script(number, f"Chapter {number}", (), ()), tuple(parts[first:last]))
        yield from _made(folder / str(number), recital, AudioSettings(), _CODECS, store).encoded.values()


def _lufs(file: Path) -> float:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(file), "-af", "ebur128"]
    said = subprocess.run([*command, "-f", "null", "-"], capture_output=True, check=True, text=True).stderr
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", said)[-1])


def main() -> None:
    """Run the benchmark."""
    target, heard = AudioSettings().loudness_lufs, list[float]()
    with tempfile.TemporaryDirectory() as folder:
        store = ClipStore(Path(folder) / "store")
        for gain in _GAINS_DB:
            own = [_lufs(file) for file in _files(_voiced(store, gain), store, Path(folder) / f"{gain:g}")]
            print(f"voice {gain:+g} dB: {min(own)} to {max(own)} LUFS in {len(own)} files", flush=True)
            heard += own
    is_met = max(abs(lufs - target) for lufs in heard) <= _MOST_LU and max(heard) - min(heard) <= _MOST_LU
    print(f"wanted {target:g} LUFS; spread {max(heard) - min(heard):.1f} LU: {'met' if is_met else 'MISSED'}")
    sys.exit(not is_met)


if __name__ == "__main__":
    main()
