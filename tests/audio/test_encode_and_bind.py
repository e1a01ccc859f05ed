import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from mutagen.flac import FLAC
from mutagen.mp3 import MP3, BitrateMode

from tasks.audio.bind import bind
from tasks.audio.encode import CODECS, encoding, whole_packets
from tasks.audio.presets import PRESETS
from tasks.errors import AudioError
from tasks.model import Levels, Track
from tasks.packagers.m4b import chapter_marks

RATE = 44_100
ACX = PRESETS["acx"]
PACKET = 1_024
Samples = np.ndarray[Any, np.dtype[np.int16]]


def chapter(packets: int, hertz: float = 800.0) -> Samples:
    """Make a chapter: noise so soft that only a meter hears it, and a loud tone of 0.3 s at its very head."""
    count = packets * PACKET
    sound = np.random.default_rng(packets).standard_normal(count) * 30
    sound[: RATE * 3 // 10] += 15_000 * np.sin(2 * np.pi * hertz * np.arange(RATE * 3 // 10) / RATE)
    return np.round(sound).astype(np.int16)


def encoded(samples: Samples, folder: Path, rate: int = RATE) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    files = {codec: folder / f"track.{CODECS[codec].suffix}" for codec in CODECS}
    length = whole_packets(len(samples) / rate, ACX)
    feed(files, (block.tobytes() for block in np.array_split(samples.astype("<i2"), 7)), rate, length)
    return files


def feed(files: dict[str, Path], blocks: Iterable[bytes], rate: int = RATE, length: int = 100 * RATE) -> None:
    with encoding(rate, length, ACX, files) as encoders:
        for block in blocks:
            encoders.take(block)


def decoded(path: Path, rate: int = RATE) -> Samples:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(path)]
    command += ["-map", "0:a", "-f", "s16le", "-ac", "1", "-ar", str(rate), "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, dtype="<i2")


def tones(samples: Samples) -> list[float]:
    """Find in seconds where it becomes loud after a second of quiet."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 4_000)
    starts = [loud[0], *loud[1:][np.diff(loud) > RATE]]
    return [float(start) / RATE for start in starts]


def marks_of(path: Path) -> list[tuple[float, float, str]]:
    """Read chapters as ffmpeg prints them."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-i", str(path)]
    said = subprocess.run(command, capture_output=True, check=False, text=True).stderr
    found = re.findall(r"Chapter #\d+:\d+: start ([\d.]+), end ([\d.]+)\s+Metadata:\s+title\s+: (.*)", said)
    return [(float(start), float(end), title) for start, end, title in found]


def track(number: int, samples: Samples, files: dict[str, Path]) -> Track:
    return Track(number, f"Chapter {number}", len(samples) / RATE, (), Levels(None, None, None, None), files)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_every_codec_has_the_preset_rate_and_keeps_the_length(tmp_path: Path, rate: int) -> None:
    samples = chapter(150)
    files = encoded(samples, tmp_path, rate)
    length = whole_packets(len(samples) / rate, ACX)
    assert length % PACKET == 0
    assert 0 <= length - len(samples) / rate * RATE < PACKET
    lengths = {codec: len(decoded(path)) for codec, path in files.items()}
    # One packet primes the decoder.
    assert lengths == {"mp3": length, "aac": length + PACKET, "flac": length}
    assert {MP3(files["mp3"]).info.sample_rate, FLAC(files["flac"]).info.sample_rate} == {44_100}


def test_an_mp3_has_a_constant_rate_of_bits(tmp_path: Path) -> None:
    told = MP3(encoded(chapter(150), tmp_path)["mp3"]).info
    assert (told.bitrate_mode, told.channels) == (BitrateMode.CBR, 1)
    assert told.bitrate == pytest.approx(192_000, abs=10)


def test_an_mp3_begins_where_its_samples_do(tmp_path: Path) -> None:
    files = encoded(chapter(150), tmp_path)
    assert tones(decoded(files["mp3"]))[0] == pytest.approx(0, abs=0.05)


def test_encoding_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (encoded(chapter(60), tmp_path / name) for name in ("one", "two"))
    assert {codec: path.read_bytes() for codec, path in one.items()} == {
        codec: path.read_bytes() for codec, path in two.items()
    }


def test_an_encoder_that_fails_says_why_and_ends_the_others(tmp_path: Path) -> None:
    files = {"aac": tmp_path / "track.aac", "mp3": tmp_path / "gone" / "track.mp3"}
    with pytest.raises(AudioError, match=r"MP3: .*No such file"):
        feed(files, (bytes(2 * RATE) for _ in range(100)))


def test_what_ends_the_samples_ends_the_encoders(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        feed({"mp3": tmp_path / "track.mp3"}, (bytes(RATE // divisor) for divisor in (2, 1, 0)))


def test_marks_and_tones_meet_at_the_end_as_at_the_start(tmp_path: Path) -> None:
    chapters = [chapter(packets) for packets in (151, 67, 333, 98, 220)]
    tracks = tuple(
        track(number, samples, encoded(samples, tmp_path / str(number)))
        for number, samples in enumerate(chapters, start=1)
    )
    marks = tmp_path / "marks.txt"
    marks.write_text(chapter_marks(tracks), "utf-8")
    book = tmp_path / "book.m4b"
    bind([it.encoded["aac"] for it in tracks], marks, book)

    begins = np.cumsum([0, *(len(samples) for samples in chapters)]) / RATE
    found = marks_of(book)
    assert [title for *_, title in found] == [f"Chapter {number}" for number in range(1, 6)]
    assert [start for start, *_ in found] == pytest.approx(begins[:-1], abs=0.002)
    assert [end for _, end, _ in found] == pytest.approx(begins[1:], abs=0.002)
    samples = decoded(book)
    heard = tones(samples)
    assert heard == pytest.approx(begins[:-1], abs=0.05)
    # No drift: the last chapter is as near to its mark as the first.
    misses = np.array(heard) - begins[:-1]
    assert np.ptp(misses) < 0.01
    assert len(samples) / RATE == pytest.approx(begins[-1], abs=2 * PACKET / RATE)


@pytest.mark.parametrize("damage", [b"", b"\xff", b"RIFF and more than seven bytes", b"\0" * 5_000])
def test_a_damaged_chapter_is_named(tmp_path: Path, damage: bytes) -> None:
    good = encoded(chapter(60), tmp_path / "good")["aac"]
    bad = tmp_path / "bad.aac"
    bad.write_bytes(damage)
    marks = tmp_path / "marks.txt"
    marks.write_text(";FFMETADATA1\n", "utf-8")
    with pytest.raises(AudioError, match=re.escape(str(bad))):
        bind([good, bad], marks, tmp_path / "book.m4b")


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    good = encoded(chapter(60), tmp_path / "good")["aac"]
    marks = tmp_path / "marks.txt"
    marks.write_text(";FFMETADATA1\n", "utf-8")
    with pytest.raises(AudioError, match="binding the chapters"):
        bind([good], marks, tmp_path / "missing" / "book.m4b")
