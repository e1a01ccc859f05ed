"""A chapter's samples become files: MP3 for its own edition, AAC packets to be bound in an M4B."""

import io
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from tasks.audio import ffmpeg

# Mono speech: up to this rate (Hz) 64 kbit/s are transparent for it, above it the band is wider.
_NARROW_BAND_HZ = 24_000


@dataclass(frozen=True, slots=True)
class Codec:
    """How a codec is asked for. `version` stands in the name of what was made with it."""

    suffix: str
    arguments: tuple[str, ...]
    narrow_kbps: int
    wide_kbps: int
    version: int = 1


CODECS = {
    # LAME's level 7 takes 0.45 of the default's time, and as it shapes no noise stays nearer to the speech: 25, 22 and
    # 20 dB of signal to noise at 1, 2 and 4 kHz where the default has 17, 13 and 11 (64 kbit/s, 22,050 Hz).
    "mp3": Codec("mp3", ("-c:a", "libmp3lame", "-compression_level", "7", "-id3v2_version", "0", "-f", "mp3"), 64, 96),
    # The fast coder is four times as quick as the default one at the same rate of bits.
    "aac": Codec("aac", ("-c:a", "aac", "-aac_coder", "fast", "-f", "adts"), 64, 96),
}


@contextmanager
def encoding(sample_rate: int, samples: int, files: dict[str, Path]) -> Iterator[Callable[[bytes], None]]:
    """Encode a chapter of so many samples to a file for each codec, side by side, from one stream.

    Yields what takes the samples: mono, signed 16-bit, little-endian. The files are whole when the block has ended. Raises
    `AudioError` and `OutputError`.
    """
    with ExitStack() as stack:
        encoders = [
            stack.enter_context(
                ffmpeg.running(
                    [
                        *ffmpeg.wav_input("pipe:0"),
                        *("-map_metadata", "-1", "-bitexact"),
                        *_arguments(CODECS[codec], sample_rate),
                        str(file),
                    ],
                    f"encoding a chapter to {codec.upper()}",
                    stdin=PIPE,
                )
            )
            for codec, file in files.items()
        ]

        def take(block: bytes) -> None:
            for encoder in encoders:
                encoder.write(block)

        take(_wav_header(sample_rate, samples))
        yield take


def _wav_header(sample_rate: int, samples: int) -> bytes:
    header = io.BytesIO()
    with wave.open(header, "wb") as file:
        file.setparams((1, 2, sample_rate, samples, "NONE", ""))
        file.writeframesraw(b"")
        return header.getvalue()


def _arguments(codec: Codec, sample_rate: int) -> list[str]:
    kbps = codec.narrow_kbps if sample_rate <= _NARROW_BAND_HZ else codec.wide_kbps
    return ["-b:a", f"{kbps}k", *codec.arguments]
