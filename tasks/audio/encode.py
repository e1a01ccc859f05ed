"""A chapter's samples become files: MP3 or FLAC for an edition of its own, AAC packets to be bound in an M4B."""

import io
import math
import wave
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue
from subprocess import PIPE

import numpy as np

from tasks.audio import ffmpeg
from tasks.audio.conversion import Converter
from tasks.audio.presets import Preset


@dataclass(frozen=True, slots=True)
class Codec:
    """How a codec is asked for. `version` stands in the name of what was made with it."""

    suffix: str
    arguments: tuple[str, ...]
    version: int = 1

    @property
    def encoder(self) -> str:
        """By what name ffmpeg knows it."""
        return self.arguments[self.arguments.index("-c:a") + 1]


CODECS = {
    # LAME's level 7 takes half of the default's time, and as it shapes no noise stays nearer to the speech: at 192 kbit/s
    # the same signal to noise up to 3 kHz, 30 where the default has 26 dB from 6 to 10 kHz.
    "mp3": Codec("mp3", ("-c:a", "libmp3lame", "-compression_level", "7", "-id3v2_version", "0", "-f", "mp3"), 4),
    # At 144 kbit/s of the embedded voice the fast coder has 52, 49, 39, 37 and 31 dB of signal to noise in bands up to 0.5, 1.5,
    # 3, 6 and 10 kHz, for 1.3 s of a processor; the default one 37, 35, 28, 29 and 26, for 5.6 s. Shaping noise in time costs the
    # fast one 6 dB from 3 to 6 kHz.
    "aac": Codec("aac", ("-c:a", "aac", "-aac_coder", "fast", "-aac_tns", "0", "-aac_pns", "0", "-f", "adts"), 5),
    "flac": Codec("flac", ("-c:a", "flac", "-f", "flac"), 2),
}
# LAME makes all softer by a factor that goes with its rate; measured: -0.26 and -0.45 dB.
_LAME_SCALES = {192: 0.97, 128: 0.95}
# The longest block that every FLAC decoder takes at this rate.
_FLAC_BLOCK = 4_608
# How many blocks, of four seconds each, wait for the slower encoder while the file of the quicker one is measured: 23 MB.
_BLOCKS_AHEAD = 64
_LOOK_SECONDS = 1.0


def kbps(codec: str, preset: Preset) -> int:
    """Tell the rate in kbit/s that a preset asks of a codec; 0 where the codec loses nothing."""
    return {"mp3": preset.mp3_kbps, "aac": preset.aac_kbps}.get(codec, 0)


# AAC packs this many samples; whole packets let chapters be bound without drift.
_PACKET_SAMPLES = 1024
_BYTES_A_SAMPLE = 2


def whole_packets(seconds: float, preset: Preset) -> int:
    """Tell how many samples a chapter has at the preset's rate, filled up to a whole number of AAC packets."""
    return math.ceil(seconds * preset.sample_rate / _PACKET_SAMPLES) * _PACKET_SAMPLES


class Encoders:
    """Those that encode a chapter, side by side, from one stream: a slow one may lag behind the others."""

    def __init__(self, converted: "_Converted", encoders: "list[_Encoder]") -> None:
        self._converted = converted
        self._encoders = encoders
        self._is_ended = False

    def take(self, block: bytes) -> None:
        """Hand samples to all: mono, signed 16-bit, little-endian. Raises `AudioError` and `OutputError`."""
        self._put(self._converted.take(block))

    def end(self) -> Path:
        """Hand on what still waits, and give the first file once it is whole; the others may be at work still.

        Raises `AudioError` and `OutputError`.
        """
        if not self._is_ended:
            self._put(self._converted.rest())
            self._put(b"")
            self._is_ended = True
        self._encoders[0].work.result()
        return self._encoders[0].file

    def _put(self, samples: bytes) -> None:
        for encoder in self._encoders:
            encoder.put(samples)


@contextmanager
def encoding(sample_rate: int, length: int, preset: Preset, files: dict[str, Path]) -> Iterator[Encoders]:
    """Encode a chapter to a file for each codec; the files have the preset's rate.

    Yields what takes the samples, which are at `sample_rate` (Hz). The files are whole when the block has ended, and `length`
    samples long: silence fills them up. Raises `AudioError` and `OutputError`.
    """
    with ThreadPoolExecutor(len(files)) as threads:
        encoders = [
            _Encoder(threads, file, _command(codec, preset, sample_rate), f"encoding a chapter to {codec.upper()}")
            for codec, file in files.items()
        ]
        try:
            for encoder in encoders:
                encoder.put(_wav_header(preset.sample_rate, length))
            together = Encoders(_Converted(sample_rate, length, preset.sample_rate), encoders)
            yield together
            together.end()
        except BaseException:
            for encoder in encoders:
                encoder.abandon()
            raise
        for encoder in encoders:
            encoder.work.result()


class _Encoder:
    """One codec's ffmpeg, as within one, encoders wait for each other, and the thread that hands it what waits for it."""

    def __init__(self, threads: ThreadPoolExecutor, file: Path, arguments: list[str], purpose: str) -> None:
        self.file = file
        self._waiting: Queue[bytes] = Queue(_BLOCKS_AHEAD)
        self._is_abandoned = False
        self.work: Future[None] = threads.submit(self._encode, [*arguments, str(file)], purpose)

    def put(self, samples: bytes) -> None:
        """Have samples encoded; none end the file. Raises what the encoder failed with."""
        while True:
            if self.work.done():
                self.work.result()
            try:
                self._waiting.put(samples, timeout=_LOOK_SECONDS)
            except Full:
                continue
            return

    def abandon(self) -> None:
        """End with what it has: nobody wants the file."""
        self._is_abandoned = True
        with suppress(Full):
            self._waiting.put_nowait(b"")

    def _encode(self, arguments: list[str], purpose: str) -> None:
        with ffmpeg.running(arguments, purpose, stdin=PIPE) as encoder:
            while (samples := self._waiting.get()) and not self._is_abandoned:
                encoder.write(samples)


class _Converted:
    """Converts a stream of samples to another rate, and to an exact length.

    Not by ffmpeg: what its own conversion of 16-bit samples leaves above the band costs the encoders a fourth more.
    """

    def __init__(self, sample_rate: int, length: int, target_rate: int) -> None:
        self._converter = Converter(sample_rate, target_rate)
        self._is_needed = sample_rate != target_rate
        self._missing = length

    def take(self, block: bytes, *, is_last: bool = False) -> bytes:
        """Convert what comes next; some of it waits for what comes behind."""
        samples = np.frombuffer(block, "<i2")
        if self._is_needed:
            samples = self._converter.take(samples, is_last=is_last)
        samples = samples[: self._missing]
        self._missing -= len(samples)
        return bytes(samples.tobytes())

    def rest(self) -> bytes:
        """Give what still waits, and silence up to the length."""
        waiting = self.take(b"", is_last=True)
        return waiting + bytes(self._missing * _BYTES_A_SAMPLE)


def _filter(codec: str, preset: Preset) -> list[str]:
    """Tell ffmpeg what is done to the samples of a codec."""
    filters = {"mp3": f"volume={1 / _LAME_SCALES[preset.mp3_kbps]:.6f}", "flac": f"asetnsamples=n={_FLAC_BLOCK}:p=0"}
    return ["-af", filters[codec]] if codec in filters else []


def _wav_header(sample_rate: int, samples: int) -> bytes:
    header = io.BytesIO()
    with wave.open(header, "wb") as file:
        file.setparams((1, 2, sample_rate, samples, "NONE", ""))
        file.writeframesraw(b"")
        return header.getvalue()


def _command(codec: str, preset: Preset, sample_rate: int) -> list[str]:
    """Word what ffmpeg is asked to do with samples that had a rate; the file's name comes behind it."""
    return [*ffmpeg.wav_input("pipe:0"), *_filter(codec, preset), "-bitexact", *arguments(codec, preset, sample_rate)]


def arguments(codec: str, preset: Preset, sample_rate: int) -> list[str]:
    """Give ffmpeg's options for a codec, for samples that had a rate (Hz) before they were converted to the preset's."""
    rate = kbps(codec, preset)
    # Above half of the samples' own rate there is nothing. Told so, the coder has 2 dB more of signal to noise below, for four
    # fifths of its time; LAME finds out by itself.
    is_narrow = codec == "aac" and sample_rate < preset.sample_rate
    band = ["-cutoff", str(sample_rate // 2)] if is_narrow else []
    return [*(("-b:a", f"{rate}k") if rate else ()), *band, *CODECS[codec].arguments]
