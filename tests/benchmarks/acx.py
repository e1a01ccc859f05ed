"""A finished book against ACX's figures, measured with ffmpeg and mutagen and nothing of Declaim.

    declaim narrate ../shared/books/time-machine.epub --out /tmp/time-machine
    python -m tests.benchmarks.acx /tmp/time-machine/mp3

Prints a row for each MP3 and exits with 1 where a figure is out of its bounds. The figures are those of ACX's audio
submission requirements: RMS of -23 to -18 dB, peak of at most -3 dB, noise floor of at most -60 dB (the quietest half second),
0.5 to 1 s of room tone at the head, 1 to 5 s at the tail, 44.1 kHz mono, a constant rate of 192 kbit/s or more, 120 minutes.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
from mutagen.mp3 import MP3, BitrateMode

_WINDOW = 22_050
_SPEECH_DB = -50
_BOUNDS = {
    "RMS": (-23.0, -18.0),
    "peak": (-200.0, -3.0),
    "floor": (-200.0, -60.0),
    "head": (0.5, 1.0),
    "tail": (1.0, 5.0),
    "rate": (44_100, 44_100),
    "channels": (1, 1),
    "kbit/s": (192, 320),
    "constant": (1, 1),
    "minutes": (0, 120),
}


def figures(file: Path) -> dict[str, float]:
    """Measure an MP3: levels in dBFS, head and tail in seconds."""
    stream = MP3(file).info
    said = _heard(file, f"astats=metadata=0,silencedetect=noise={_SPEECH_DB}dB:duration=0.1")
    windows = _heard(
        file,
        f"asetnsamples=n={_WINDOW}:p=0,astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.Overall.RMS_level",
    )
    overall = said.rpartition("Overall")[2]
    floors = [float(level) for level in re.findall(r"RMS_level=(-?[\d.]+)", windows)]
    starts = [float(time) for time in re.findall(r"silence_start: (-?[\d.]+)", said)]
    ends = [float(time) for time in re.findall(r"silence_end: (-?[\d.]+)", said)]
    return {
        "RMS": _after("RMS level dB", overall),
        "peak": _after("Peak level dB", overall),
        "floor": min(floors),
        "head": ends[0] if starts and starts[0] <= 0 else 0.0,
        "tail": stream.length - starts[-1],
        "rate": stream.sample_rate,
        "channels": stream.channels,
        "kbit/s": round(stream.bitrate / 1000),
        "constant": int(stream.bitrate_mode == BitrateMode.CBR),
        "minutes": stream.length / 60,
    }


def _heard(file: Path, filters: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-nostdin", "-i", str(file), "-map", "0:a"]
    done = subprocess.run([*command, "-af", filters, "-f", "null", "-"], capture_output=True, check=True, text=True)
    return done.stderr


def _after(name: str, text: str) -> float:
    found = re.search(rf"{name}: (-?[\d.]+|-inf)", text)
    if not found:
        raise SystemExit(f"ffmpeg told no {name}")
    return float(found[1])


def main() -> None:
    """Measure a folder of MP3s."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    missed = 0
    for file in sorted(parser.parse_args().folder.glob("*.mp3")):
        row = figures(file)
        bad = [name for name, (least, most) in _BOUNDS.items() if not least <= row[name] <= most]
        missed += len(bad)
        told = "  ".join(f"{name} {figure:.2f}".rstrip("0").rstrip(".") for name, figure in row.items())
        print(f"{file.name}: {told}  {'FAILS: ' + ', '.join(bad) if bad else 'passes'}", flush=True)
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
