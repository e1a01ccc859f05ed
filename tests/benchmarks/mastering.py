"""What mastering and encoding cost beside a bare ffmpeg that encodes the same samples to the same two files.

    python -m tests.benchmarks.mastering --hours 1
    python -m tests.benchmarks.mastering --hours 10 --chapter-minutes 600

The clips are the embedded voice's, some minutes of them said again and again. Prints processor seconds, those of all processes
together, their ratio, and the peak memory of this process in MB.
"""

import argparse
import resource
import subprocess
import tempfile
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

from tasks.assemble import _made
from tasks.audio import AudioSettings, ffmpeg
from tasks.audio.bind import bind
from tasks.audio.encode import arguments
from tasks.audio.join import join
from tasks.audio.mastering import _aim, _mastered
from tasks.audio.presets import PRESETS
from tasks.model import Audio, BlockKind, Chunk, Identity, Pause, Receipt, Recital, Script, Sentence, Track, Voiced
from tasks.packagers.m4b import chapter_marks
from tasks.store import ClipStore, clip_key
from tests.services.sounds import speech

_STORY = Path(__file__).parents[2] / "samples" / "tuppence-a-window.md"
_RATE = 22_050
_SPOKEN_CHUNKS = 30
_CODECS = ("mp3", "aac")
_IDENTITY = Identity("piper", "benchmark", "", (), 1)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--chapter-minutes", type=float, default=20.0)
    parser.add_argument("--no-yardstick", action="store_true", help="measure memory alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = ClipStore(Path(folder) / "store")
        with ProcessPoolExecutor(1, get_context("spawn")) as voice:
            spoken = voice.submit(_spoken, store).result()
        chapters = list(_chapters(spoken, options.hours * 3600, options.chapter_minutes * 60))
        with _timed("declaim") as mastering:
            tracks = [
                _made(Path(folder) / "tracks" / str(it.script.number), it, AudioSettings(), _CODECS, store)
                for it in chapters
            ]
            _bind(tracks, Path(folder))
        print(f"audio: {sum(track.seconds for track in tracks):.0f} s in {len(tracks)} chapters; {tracks[0].levels}")
        _tell_memory()
        if not options.no_yardstick:
            waves = [_wave(recital, store, Path(folder)) for recital in chapters]
            with _timed("bare ffmpeg") as bare:
                for samples in waves:
                    _bare(samples)
            print(f"ratio: {mastering[0] / bare[0]:.2f}")


def _spoken(store: ClipStore) -> list[Voiced]:
    lines = [line for line in _STORY.read_text("utf-8").splitlines() if len(line) > 80 and line[0].isalpha()]
    parts = []
    for place, line in enumerate(lines[:_SPOKEN_CHUNKS]):
        audio = Audio(speech(line, _RATE).tobytes(), _RATE)
        clip = store.put(clip_key(_IDENTITY, (line,)), audio, _IDENTITY, (line,), Receipt())
        chunk = Chunk(f"1.{place}", BlockKind.PARAGRAPH, "", (Sentence(line, line),), Pause.PARAGRAPH)
        parts.append(Voiced(chunk, clip, _IDENTITY))
    return parts


def _chapters(spoken: list[Voiced], seconds: float, longest: float) -> Iterator[Recital]:
    each = sum(part.clip.seconds for part in spoken) / len(spoken)
    parts, many, number = cycle(spoken), round(seconds / each), 0
    while many > 0:
        number += 1
        count = min(many, round(longest / each))
        script = Script(number, f"Chapter {number}", (), ())
        yield Recital(script, tuple(islice(parts, count)))
        many -= count


def _bind(tracks: list[Track], folder: Path) -> None:
    marks = folder / "chapters.txt"
    marks.write_text(chapter_marks(tuple(tracks)), "utf-8")
    bind([track.encoded["aac"] for track in tracks], marks, folder / "book.m4b")


def _wave(recital: Recital, store: ClipStore, folder: Path) -> Path:
    """Write a mastered chapter as a WAV."""
    settings, samples = AudioSettings(), folder / "samples"
    with samples.open("wb") as sink:
        joined = join(recital.voiced, store.audio, settings.pauses, sink.write)
    target = folder / f"{recital.script.number}.wav"
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, joined.envelope.sample_rate, 0, "NONE", ""))
        for block in _mastered(samples, joined.envelope, _aim(joined.envelope, settings)):
            file.writeframesraw(block)
    rate = str(PRESETS[settings.preset].sample_rate)
    ffmpeg.run(["-i", str(target), "-ar", rate, str(target.with_suffix(".whole.wav"))], "making a WAV")
    return target.with_suffix(".whole.wav")


def _bare(samples: Path) -> None:
    preset = PRESETS["acx"]
    targets = ((*arguments(codec, preset, _RATE), str(samples.with_suffix(f".{codec}"))) for codec in _CODECS)
    command = [
        ffmpeg.executable(),
        "-v",
        "error",
        "-y",
        "-i",
        str(samples),
        *(word for target in targets for word in target),
    ]
    subprocess.run(command, check=True)


@contextmanager
def _timed(name: str) -> Iterator[list[float]]:
    begun, clock, took = _processor_seconds(), time.monotonic(), list[float]()
    yield took
    took.append(_processor_seconds() - begun)
    print(f"{name}: {took[0]:.2f} s of processors, {time.monotonic() - clock:.2f} s of the clock", flush=True)


def _processor_seconds() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _tell_memory() -> None:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    print(f"peak memory: {peak / 1024:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
