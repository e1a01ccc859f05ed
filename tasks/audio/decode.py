"""A voice's answer becomes samples, or is told apart from sound.

What an answer is, its first bytes decide; what a service says of it is only believed for samples that come without a
header. A WAV of 16-bit samples is read here, in well under a millisecond; all else goes through one ffmpeg, by pipes,
which costs 25 ms of a core for a clip of 2 s (17 of them to start the process).
"""

import re
import struct
from collections.abc import Callable
from itertools import islice, pairwise

import numpy as np

from tasks.audio import ffmpeg
from tasks.errors import AudioError, BadAudio
from tasks.model import Audio, Speech

_MOST_BYTES = 64 << 20
_MOST_SECONDS = 30 * 60
_SLOWEST_HZ, _FASTEST_HZ = 4_000, 192_000
_LONGEST_MESSAGE = 200

_BYTES_A_SAMPLE = 2
_RIFF_HEAD_BYTES = 12
_CHUNK_HEAD = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")
_PCM, _EXTENSIBLE = 0x0001, 0xFFFE
# In an extensible format this many bytes stand before the number that it extends.
_EXTENSIBLE_AT = 24
_UNKNOWN_SIZE = 0xFFFFFFFF
# Who writes a header before the samples writes 0, 0xFFFFFFFF, or 0x7FFFFFFF less a header or a block: all of them far over
# `_MOST_BYTES`, so that no body could be a part of what they promise.
_SIZE_OF_A_STREAM = 0x7F000000

# Twelve bytes that samples are by no chance.
_NEXT_WAV = re.compile(rb"(?:RIFF|RF64).{4}WAVE(?:fmt |ds64|JUNK|bext|LIST)", re.DOTALL)
_MOST_WAVS = 100

_HEADERLESS = ("linear16", "mulaw", "alaw")
# A frame of MP3 or AAC begins with 11 or 12 set bits, which samples do by chance; as many frames, one where the other
# ends, none do.
_FRAMES_NOT_BY_CHANCE = 8

# What ffmpeg finds of bodies that are cut, measured with ffmpeg 9.0.2 on 3 s of sound, 40 cuts each at random places:
#   FLAC          40 with these options; without `crccheck` 39, without `-xerror` 7 (it says the rest, and exits with 0)
#   AAC           40; without `explode` 39 (one was cut inside a header), without `-xerror` none
#   M4A           39; one that lacked no more than some of the 60 bytes of tags at its end sounds whole, and passes
#   MP3, Ogg      none: the last frame or the last page, a second of sound, is dropped without a word
# So frames and pages are counted here, and what is not a frame is kept from ffmpeg: with `-xerror` it refuses two MP3 files
# one behind the other, which stitching services send. A body that ends between two frames or pages is whole, for all
# that can be known of it: `heard.check` finds it where much is missing.
_STRICT = ["-xerror", "-err_detect", "crccheck+explode"]
# A page that is damaged within is left out by ffmpeg with no more than this.
_DAMAGED_PAGE = "CRC mismatch"

_Reader = Callable[[bytes], tuple[bytes, int]]

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ZEROS = re.compile(rb"\0+")


def decode(speech: Speech) -> Audio:
    """Turn an answer into mono samples at the sound's own rate; several channels are mixed with equal weight.

    Headerless `linear16` comes back byte for byte, less an odd last byte. `sentence_ends` are kept where they fit the
    samples. Raises `BadAudio` for an answer that is no sound, one of more than 64 MiB or 30 minutes or a rate outside of
    4,000 to 192,000 Hz, and one that is seen to be cut or damaged: its message is one line of at most 200 characters.
    """
    if not speech.data:
        raise _bad("an empty answer came instead of sound")
    if len(speech.data) > _MOST_BYTES:
        raise _bad(f"an answer of {len(speech.data) >> 20} MiB came; {_MOST_BYTES >> 20} MiB are the most for a clip")
    pcm, sample_rate = _samples(speech)
    if not _SLOWEST_HZ <= sample_rate <= _FASTEST_HZ:
        raise _bad(f"sound of {sample_rate:,} Hz came; from {_SLOWEST_HZ:,} to {_FASTEST_HZ:,} Hz can be used")
    count = len(pcm) // _BYTES_A_SAMPLE
    if not count:
        raise _bad("sound without a single sample came")
    if count > _MOST_SECONDS * sample_rate:
        raise _bad(f"more than {_MOST_SECONDS // 60} minutes of sound came; they are the most for a clip")
    # Whole as it came, a `bytes` is not copied.
    return Audio(pcm[: count * _BYTES_A_SAMPLE], sample_rate, _fitting(speech.sentence_ends, count))


def _fitting(ends: tuple[int, ...], count: int) -> tuple[int, ...]:
    fit = ends and ends[0] >= 0 and ends[-1] == count and list(ends) == sorted(ends)
    return ends if fit else ()


def _samples(speech: Speech) -> tuple[bytes, int]:
    """Find out what the answer is, and read it: its samples, mixed to one channel, and their rate in Hz."""
    data, encoding, sample_rate = speech.data, speech.encoding, speech.sample_rate
    headerless = encoding in _HEADERLESS and not _id3_bytes(data, 0)
    read = _reader_by_mark(data) or _reader_by_frames(data, _FRAMES_NOT_BY_CHANCE if headerless else 1)
    if read:
        return read(data)
    if _is_text(data) or (not headerless and data.lstrip()[:1] in {b"<", b"{"}):
        raise _bad(f"{_kind_of_text(data)} came instead of sound: {_first_words(data)}")
    if not headerless:
        what = f"it was to be {encoding}, and " if encoding else ""
        raise _bad(f"what came is no sound of a known kind: {what}it begins with the bytes {data[:8].hex(' ')}")
    # A rate that is none is for the caller to refuse.
    if encoding == "linear16" or not _SLOWEST_HZ <= sample_rate <= _FASTEST_HZ:
        return data, sample_rate
    return _converted(["-f", encoding, "-ar", str(sample_rate), "-ac", "1", "-i", "pipe:0"], data)


def _reader_by_mark(data: bytes) -> _Reader | None:
    """Choose by marks that samples do not begin with: four bytes and more."""
    if data[:4] in {b"RIFF", b"RF64"} and data[8:12] == b"WAVE":
        return _wav
    if data[4:8] == b"ftyp":
        return _m4a
    return {b"fLaC": _flac, b"OggS": _ogg}.get(data[:4])


def _reader_by_frames(data: bytes, least: int) -> _Reader | None:
    """Choose by the frames that an answer begins with, of which there must be so many in a row."""
    if _begins_with_frames(data, _mp3_frame_bytes, least):
        return _mp3
    return _aac if _begins_with_frames(data, _adts_frame_bytes, least) else None


def _converted(source: list[str], data: bytes) -> tuple[bytes, int]:
    """Have ffmpeg read what only it can: mono samples and their rate."""
    # Where there is no ffmpeg, the answer is not to blame.
    ffmpeg.executable()
    # Its input is made to be of the named kind: an answer that is a playlist shall not have it open addresses.
    before = ["-v", "error", *_STRICT, "-threads", "1", "-protocol_whitelist", "pipe,cache"]
    # Where one FLAC or Ogg follows another, the time begins anew, which `-xerror` does not allow. One second too much
    # tells a clip that is too long.
    mono = ["-map", "0:a:0", "-af", "asetpts=N/SR/TB", "-t", str(_MOST_SECONDS + 1), "-ac", "1"]
    after = [*mono, "-c:a", "pcm_s16le", "-bitexact", "-f", "wav", "-"]
    try:
        wav, said = ffmpeg.pipe([*before, *source, *after], data, "reading an answer")
    except AudioError as error:
        raise _bad(f"what came is damaged, or no sound: {error}") from error
    if _DAMAGED_PAGE in said:
        raise _bad("what came is damaged: a page of the Ogg is not as it was sent")
    return _wav(wav)


def _wav(data: bytes) -> tuple[bytes, int]:
    """Read a WAV, or several one behind the other, as services send them that stitch; all of them are heard."""
    starts = [0, *(found.start() for found in islice(_NEXT_WAV.finditer(data, 1), _MOST_WAVS))]
    if len(starts) > _MOST_WAVS:
        raise _bad(f"more than {_MOST_WAVS} WAVs came one behind the other")
    read = [_one_wav(data[start:end]) for start, end in pairwise([*starts, len(data)])]
    if len({sample_rate for _, sample_rate in read}) > 1:
        raise _bad("WAVs of several sample rates came one behind the other")
    if len(read) == 1:
        return read[0]
    return b"".join(pcm[: len(pcm) // _BYTES_A_SAMPLE * _BYTES_A_SAMPLE] for pcm, _ in read), read[0][1]


def _one_wav(data: bytes) -> tuple[bytes, int]:
    form, place, size = _wav_form_and_data(data)
    rest = len(data) - place
    streamed = not size or size >= _SIZE_OF_A_STREAM
    if size > rest and not streamed:
        raise _cut("WAV", f"{rest:,} of {size:,} bytes of samples")
    code, channels, sample_rate, _, block, bits = _FORMAT.unpack_from(form)
    if code == _EXTENSIBLE and len(form) >= _EXTENSIBLE_AT + 2:
        (code,) = struct.unpack_from("<H", form, _EXTENSIBLE_AT)
    samples = data[place : place + (rest if streamed else size)]
    if code == _PCM and bits == 8 * _BYTES_A_SAMPLE and channels:
        return _mixed(samples, channels), sample_rate
    # Where the size is not known, or a block is begun, `_STRICT` takes the end for damage.
    samples = samples[: len(samples) // (block or 1) * (block or 1)]
    return _converted(["-f", "wav", "-i", "pipe:0"], _wav_of(form, samples))


def _wav_form_and_data(data: bytes) -> tuple[bytes, int, int]:
    """Find the format of a WAV, and where its samples begin and how many bytes of them its header promises."""
    form, long_size = b"", 0
    place = _RIFF_HEAD_BYTES
    while place + _CHUNK_HEAD.size <= len(data):
        name, size = _CHUNK_HEAD.unpack_from(data, place)
        place += _CHUNK_HEAD.size
        if name == b"data":
            if len(form) < _FORMAT.size:
                raise _bad("a WAV that does not say its format came")
            # RF64 keeps the size elsewhere.
            return form, place, long_size if long_size and size == _UNKNOWN_SIZE else size
        if name == b"fmt ":
            form = data[place : place + size]
        elif name == b"ds64":
            long_size = int.from_bytes(data[place + 8 : place + 16], "little")
        place += size + size % 2
    raise _cut("WAV", "there are no samples in it")


def _wav_of(form: bytes, samples: bytes) -> bytes:
    chunks = _CHUNK_HEAD.pack(b"fmt ", len(form)) + form + b"\0" * (len(form) % 2)
    chunks += _CHUNK_HEAD.pack(b"data", len(samples)) + samples
    return _CHUNK_HEAD.pack(b"RIFF", len(b"WAVE") + len(chunks)) + b"WAVE" + chunks


def _mixed(data: bytes, channels: int) -> bytes:
    if channels == 1:
        return data
    frames = len(data) // (_BYTES_A_SAMPLE * channels)
    samples = np.frombuffer(data, dtype="<i2", count=frames * channels).reshape(-1, channels)
    # A product is twenty times as quick as numpy's mean over so short an axis.
    mean = samples.astype(np.float32) @ np.full(channels, 1 / channels, dtype=np.float32)
    return bytes(np.rint(mean).astype("<i2").tobytes())


def _flac(data: bytes) -> tuple[bytes, int]:
    pcm, sample_rate = _converted(["-f", "flac", "-i", "pipe:0"], data)
    # STREAMINFO comes first and has the count of samples in 36 bits; a stream leaves it at 0.
    promised = int.from_bytes(data[18:26], "big") & 0xFFFFFFFFF
    if len(pcm) // _BYTES_A_SAMPLE < min(promised, _MOST_SECONDS * sample_rate):
        raise _cut("FLAC", f"{len(pcm) // _BYTES_A_SAMPLE:,} of {promised:,} samples")
    return pcm, sample_rate


def _m4a(data: bytes) -> tuple[bytes, int]:
    # Its index may stand at its end, and ffmpeg must then be able to go back.
    return _converted(["-f", "mov", "-i", "cache:pipe:0"], data)


def _ogg(data: bytes) -> tuple[bytes, int]:
    """Read Ogg: Opus, as a rule, whose own rate is 48,000 Hz.

    Many streams do not mark their last page as such, so one that is not marked is let pass.
    """
    place = 0
    while place < len(data):
        # A page: 26 bytes of head, the count of its segments, their lengths, the segments.
        if not b"OggS".startswith(data[place : place + 4]):
            raise _foreign("Ogg", data, place)
        begin = place + 27
        segments = data[begin - 1] if begin <= len(data) else 0
        lengths = data[begin : begin + segments]
        place = begin + segments + sum(lengths)
        if place > len(data):
            raise _cut("Ogg", "its last page is not whole")
    return _converted(["-f", "ogg", "-i", "pipe:0"], data)


_FrameBytes = Callable[[bytes, int], int]

# kbit/s by their number in a frame's header, of Layer III (ISO 11172-3, 13818-3); 0 and 15 are not for use here.
_KBPS_OF_MPEG_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_KBPS_OF_MPEG_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
# Hz by version (2.5, none, 2, 1) and by their number.
_MP3_HZ = ((11_025, 12_000, 8_000, 0), (0, 0, 0, 0), (22_050, 24_000, 16_000, 0), (44_100, 48_000, 32_000, 0))
_MPEG_1 = 3
_MP3_HEAD_BYTES, _ADTS_HEAD_BYTES = 4, 7
# The numbers from 13 on are of no rate.
_ADTS_RATES = 13


def _mp3_frame_bytes(data: bytes, place: int) -> int:
    """Tell how long the frame of Layer III is that begins here; 0 where none does."""
    if place + _MP3_HEAD_BYTES > len(data) or data[place] != 0xFF or data[place + 1] & 0xE6 != 0xE2:  # noqa: PLR2004
        return 0
    version, choice = data[place + 1] >> 3 & 3, data[place + 2]
    kbps = (_KBPS_OF_MPEG_1 if version == _MPEG_1 else _KBPS_OF_MPEG_2)[choice >> 4]
    hertz = _MP3_HZ[version][choice >> 2 & 3]
    if not kbps or not hertz:
        return 0
    # 1,152 or 576 samples, in bytes.
    return (144_000 if version == _MPEG_1 else 72_000) * kbps // hertz + (choice >> 1 & 1)


def _adts_frame_bytes(data: bytes, place: int) -> int:
    """Tell how long the frame of AAC is that begins here; 0 where none does."""
    if place + _ADTS_HEAD_BYTES > len(data) or data[place] != 0xFF or data[place + 1] & 0xF6 != 0xF0:  # noqa: PLR2004
        return 0
    length = int.from_bytes(data[place + 3 : place + 6], "big") >> 5 & 0x1FFF
    return length if length > _ADTS_HEAD_BYTES and data[place + 2] >> 2 & 15 < _ADTS_RATES else 0


def _mp3(data: bytes) -> tuple[bytes, int]:
    return _converted(["-f", "mp3", "-i", "pipe:0"], _frames(data, _mp3_frame_bytes))


def _aac(data: bytes) -> tuple[bytes, int]:
    return _converted(["-f", "aac", "-i", "pipe:0"], _frames(data, _adts_frame_bytes))


def _begins_with_frames(data: bytes, frame_bytes: _FrameBytes, least: int) -> bool:
    place = 0
    while tag := _id3_bytes(data, place):
        place += tag
    for _ in range(least):
        length = frame_bytes(data, place)
        if not length:
            return False
        place += length
    return True


def _frames(data: bytes, frame_bytes: _FrameBytes) -> bytes:
    """Take the frames of MP3 or AAC out of an answer, without the tags before, between and behind them."""
    parts = []
    place = begin = 0
    while place < len(data):
        length = frame_bytes(data, place)
        if not length:
            parts.append(data[begin:place])
            length = _tag_bytes(data, place)
            begin = place + length
        place += length
    if place > len(data):
        raise _cut("MP3 or AAC", "its last frame is not whole")
    return b"".join([*parts, data[begin:]])


def _tag_bytes(data: bytes, place: int) -> int:
    """Tell how long the tag or the padding is that begins here; raises `BadAudio` where it is neither."""
    zeros = _ZEROS.match(data, place)
    length = zeros.end() - place if zeros else _id3_bytes(data, place)
    if length:
        return length
    if data.startswith((b"TAG", b"APETAGEX", b"LYRICSBEGIN"), place) or not data[place:].strip():
        return len(data) - place
    raise _foreign("MP3 or AAC", data, place)


def _id3_bytes(data: bytes, place: int) -> int:
    """Tell how long the ID3 tag is that begins here; 0 where none does."""
    head = data[place : place + 10]
    if not re.fullmatch(rb"ID3[\x02-\x04][^\xff].[\0-\x7f]{4}", head, re.DOTALL):
        return 0
    length = 0
    for seven_bits in head[6:]:
        length = length << 7 | seven_bits
    return len(head) + length


def _is_text(data: bytes) -> bool:
    try:
        return not _CONTROL.search(data.decode())
    except UnicodeDecodeError:
        return False


def _kind_of_text(data: bytes) -> str:
    begin = data.lstrip()[:100].lower()
    if begin.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return {b"<": "a page of XML or HTML", b"{": "JSON", b"[": "JSON"}.get(begin[:1], "text")


def _first_words(data: bytes) -> str:
    return _folded(data[: 4 * _LONGEST_MESSAGE].decode("utf-8-sig", errors="replace"))


def _folded(words: str) -> str:
    """Fold white space and take out what does not print."""
    return "".join(char for char in " ".join(words.split()) if char.isprintable())


def _foreign(form: str, data: bytes, place: int) -> BadAudio:
    """Say that a sound goes on with something else; a service that fails on the way may put its reason there."""
    rest = data[place:]
    if rest[0] == 0xFF and len(rest) < _ADTS_HEAD_BYTES:  # noqa: PLR2004  # a sync word begins with it
        return _cut(form, "its last frame is not whole")
    what = _first_words(rest) if _is_text(rest) else f"the bytes {rest[:8].hex(' ')}"
    return _bad(f"the {form} that came is damaged: at byte {place:,} it goes on with {what}")


def _cut(form: str, how: str) -> BadAudio:
    return _bad(f"the {form} that came was cut short: {how}")


def _bad(message: str) -> BadAudio:
    return BadAudio(_folded(message)[:_LONGEST_MESSAGE])
