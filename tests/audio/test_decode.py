import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tasks.audio import decode as decoding
from tasks.audio import ffmpeg
from tasks.audio.decode import decode
from tasks.errors import AudioError, BadAudio
from tasks.model import Audio, Speech

Samples = np.ndarray[Any, np.dtype[np.int16]]
LOW, HIGH = 500, 1_100
LOW_SECONDS, SECONDS = 1.2, 2.0
# Two frames, and the delay of an encoder that a stream does not tell.
FRAMES = {"mp3": 2 * 1_152 + 1_105, "aac": 2 * 1_024 + 1_024, "opus": 2 * 960, "vorbis": 2 * 256}
# What is free of frames may lose or gain a sample where its rate is made.
EXACT = 2


def sound(rate: int, seconds: float = SECONDS) -> Samples:
    """Make a low tone, and a high one from `LOW_SECONDS` on."""
    time = np.arange(round(rate * seconds)) / rate
    return np.round(9_000 * np.sin(2 * np.pi * np.where(time < LOW_SECONDS, LOW, HIGH) * time)).astype("<i2")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body


def wav(
    samples: bytes, rate: int = 24_000, channels: int = 1, size: int | None = None, *, code: int = 1, extra: bytes = b""
) -> bytes:
    """Put samples of 16 bits into a WAV; `size` is what its header says of them."""
    form = struct.pack("<HHIIHH", code, channels, rate, rate * 2 * channels, 2 * channels, 16) + extra
    return chunk(b"RIFF", b"WAVE" + chunk(b"fmt ", form) + chunk(b"data", samples, size), size)


EXTENSION = struct.pack("<HHIH", 22, 16, 4, 1) + bytes.fromhex("000000001000800000aa00389b71")

ENCODINGS = {
    **{f"flac-{rate}": ("flac", rate, ("-f", "flac")) for rate in (8_000, 16_000, 22_050, 32_000, 48_000)},
    **{f"{law}-{rate}": (law, rate, ("-f", law)) for law in ("mulaw", "alaw") for rate in (8_000, 16_000)},
    **{
        f"{law}-wav-{rate}": (law, rate, ("-c:a", f"pcm_{law}", "-f", "wav"))
        for law in ("mulaw", "alaw")
        for rate in (8_000, 16_000)
    },
    **{f"mp3-{rate}": ("mp3", rate, ("-b:a", "48k", "-f", "mp3")) for rate in (8_000, 22_050, 24_000, 44_100)},
    "mp3-bare": ("mp3", 24_000, ("-b:a", "64k", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3")),
    **{f"aac-{rate}": ("aac", rate, ("-f", "adts")) for rate in (22_050, 24_000)},
    "opus": ("opus", 48_000, ("-c:a", "libopus", "-f", "ogg")),
    "vorbis": ("vorbis", 24_000, ("-c:a", "libvorbis", "-f", "ogg")),
    "m4a": ("aac", 24_000, ("-f", "ipod")),
    "wav-u8": ("wav", 24_000, ("-c:a", "pcm_u8", "-f", "wav")),
    "wav-s24": ("wav", 24_000, ("-c:a", "pcm_s24le", "-f", "wav")),
    "wav-float": ("wav", 24_000, ("-c:a", "pcm_f32le", "-f", "wav")),
    "rf64": ("wav", 24_000, ("-c:a", "pcm_s16le", "-rf64", "always", "-f", "wav")),
}
COMPRESSED = ("flac-22050", "mp3-24000", "mp3-bare", "aac-22050", "opus", "vorbis", "m4a")


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Make every encoding in one run of ffmpeg."""
    folder = tmp_path_factory.mktemp("bodies")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "-"]
    for name, (_, rate, arguments) in ENCODINGS.items():
        command += ["-ar", str(rate), *arguments, str(folder / name)]
    subprocess.run(command, input=sound(48_000).tobytes(), check=True)
    return {name: (folder / name).read_bytes() for name in ENCODINGS}


@pytest.fixture(scope="module")
def streamed(bodies: dict[str, bytes]) -> dict[str, bytes]:
    """Make them again as a program does that cannot go back to write their sizes."""
    made = {}
    for name in ("flac-22050", "rf64", "wav-s24", "mulaw-wav-8000"):
        _, rate, arguments = ENCODINGS[name]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "-", "-ar", str(rate), *arguments, "-"]
        made[name] = subprocess.run(command, input=bodies[name], capture_output=True, check=True).stdout
    return made


def tone_at(audio: Audio, start: float) -> float:
    """Tell the tone of 0.3 s from here on."""
    samples = np.frombuffer(audio.pcm, dtype="<i2")
    part = samples[round(start * audio.sample_rate) :][: round(0.3 * audio.sample_rate)]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    return float(np.fft.rfftfreq(len(part), 1 / audio.sample_rate)[spectrum.argmax()])


def assert_whole(audio: Audio, rate: int, tolerance: int, seconds: float = SECONDS) -> None:
    assert audio.sample_rate == rate
    assert len(audio.pcm) / 2 == pytest.approx(seconds * rate, abs=tolerance)
    assert tone_at(audio, 0.3) == pytest.approx(LOW, abs=5)
    assert tone_at(audio, seconds - 0.5) == pytest.approx(HIGH, abs=5)
    # Away from the beginning, where a decoder settles.
    loudest = np.abs(np.frombuffer(audio.pcm, dtype="<i2")[rate // 4 : rate]).max()
    assert loudest == pytest.approx(9_000, rel=0.1)


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_comes_back(name: str, bodies: dict[str, bytes]) -> None:
    encoding, rate, _ = ENCODINGS[name]
    audio = decode(Speech(bodies[name], encoding, rate))
    assert_whole(audio, rate, FRAMES.get(encoding, EXACT))


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 32_000, 48_000])
def test_linear16_comes_back_byte_for_byte(rate: int) -> None:
    pcm = sound(rate).tobytes()
    ends = (rate, 2 * rate)
    for speech in (Speech(pcm, "linear16", rate, ends), Speech(wav(pcm, rate), "linear16", 1, ends)):
        assert decode(speech) == Audio(pcm, rate, ends)


def test_samples_without_a_header_are_not_copied() -> None:
    pcm = sound(24_000).tobytes()
    assert decode(Speech(pcm, "linear16", 24_000)).pcm is pcm


@pytest.mark.parametrize("declared", ["", "linear16", "mulaw", "opus", "wav"])
@pytest.mark.parametrize("name", ["mp3-bare", "aac-24000", "flac-8000", "opus", "mulaw-wav-8000"])
def test_what_it_is_decides_not_what_it_was_to_be(name: str, declared: str, bodies: dict[str, bytes]) -> None:
    encoding, rate, _ = ENCODINGS[name]
    assert_whole(decode(Speech(bodies[name], declared, 11_025)), rate, FRAMES.get(encoding, EXACT))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x7FFFF000, 0x80000000])
def test_a_wav_of_a_stream_goes_to_its_end(size: int) -> None:
    pcm = sound(24_000).tobytes()
    assert decode(Speech(wav(pcm, size=size))) == Audio(pcm, 24_000)
    assert decode(Speech(wav(pcm + b"\x01", size=size))) == Audio(pcm, 24_000)


def test_encodings_of_a_stream_come_back(streamed: dict[str, bytes]) -> None:
    for name, body in streamed.items():
        assert_whole(decode(Speech(body)), ENCODINGS[name][1], EXACT)
    # A sample of 24 bits that is begun is let go, as an odd byte is.
    whole, cut = (decode(Speech(streamed["wav-s24"][:length])) for length in (None, -2))
    assert cut.pcm == whole.pcm[:-2]


def test_a_wav_may_have_other_chunks() -> None:
    pcm = sound(24_000).tobytes()
    plain = wav(pcm)
    notes = chunk(b"LIST", b"INFOISFT\x05\0\0\0abcd\0") + b"\0"
    before = plain[:12] + notes + plain[12:]
    behind = plain + notes
    assert decode(Speech(before)).pcm == decode(Speech(behind)).pcm == pcm


def test_channels_are_mixed_with_equal_weight() -> None:
    left, right = sound(24_000).astype(np.int32), np.full(48_000, 3_000)
    both = np.stack([left, right], axis=1).astype("<i2")
    mixed = decode(Speech(wav(both.tobytes(), channels=2), sentence_ends=(48_000,)))
    assert mixed.sentence_ends == (48_000,)
    assert np.abs(np.frombuffer(mixed.pcm, "<i2") - (left + 3_000) / 2).max() <= 0.5
    six = np.repeat(left[:, np.newaxis], 6, axis=1).astype("<i2").tobytes()
    assert decode(Speech(wav(six, channels=6))).pcm == sound(24_000).tobytes()
    loudest = np.full((1_000, 2), -32_768, dtype="<i2").tobytes()
    assert decode(Speech(wav(loudest, channels=2))).pcm == loudest[:2_000]


def test_an_extensible_wav_is_read() -> None:
    pcm = sound(24_000).tobytes()
    assert decode(Speech(wav(pcm, code=0xFFFE, extra=EXTENSION))) == Audio(pcm, 24_000)


def test_16_bits_need_no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise AudioError("there is no ffmpeg for this machine")

    monkeypatch.setattr(ffmpeg, "executable", missing)
    pcm = sound(24_000).tobytes()
    assert decode(Speech(wav(pcm, channels=2))).seconds == 1.0
    assert decode(Speech(pcm, "linear16", 24_000)).seconds == 2.0
    # No service is to blame for it, and no other request mends it.
    with pytest.raises(AudioError, match="no ffmpeg"):
        decode(Speech(pcm, "mulaw", 24_000))


@pytest.mark.parametrize("part", [0.004, 0.05, 0.31, 0.5, 0.77, 0.95])
@pytest.mark.parametrize("name", COMPRESSED)
def test_a_cut_body_is_found(name: str, part: float, bodies: dict[str, bytes]) -> None:
    body = bodies[name]
    with pytest.raises(BadAudio):
        # Not between two frames, which are 192 bytes long in one of them.
        decode(Speech(body[: int(len(body) * part) // 192 * 192 + 33], ENCODINGS[name][0]))


def test_a_body_that_ends_with_a_frame_is_whole(bodies: dict[str, bytes]) -> None:
    frames = len(bodies["mp3-bare"]) // 192
    audio = decode(Speech(bodies["mp3-bare"][: 192 * (frames // 2)]))
    assert audio.seconds == pytest.approx(frames // 2 * 576 / 24_000, abs=0.03)


@pytest.mark.parametrize("name", ["flac-22050", "mp3-24000", "aac-22050", "opus"])
def test_the_last_byte_is_missed(name: str, bodies: dict[str, bytes]) -> None:
    with pytest.raises(BadAudio, match=r"cut short|damaged"):
        decode(Speech(bodies[name][:-1]))


def test_a_wav_that_is_cut_is_found(bodies: dict[str, bytes]) -> None:
    body = wav(sound(24_000).tobytes())
    for length in (*range(12, 45), len(body) // 2, len(body) - 1):
        with pytest.raises(BadAudio):
            decode(Speech(body[:length]))
    for name in ("rf64", "wav-s24", "mulaw-wav-8000"):
        with pytest.raises(BadAudio, match="cut short"):
            decode(Speech(bodies[name][:-9]))


@pytest.mark.parametrize("name", ["flac-22050", "mp3-24000", "mp3-bare", "aac-22050", "opus", "vorbis"])
def test_two_sounds_one_behind_the_other_are_both_heard(name: str, bodies: dict[str, bytes]) -> None:
    encoding, rate, _ = ENCODINGS[name]
    audio = decode(Speech(bodies[name] * 2))
    assert_whole(audio, rate, 2 * FRAMES.get(encoding, EXACT), 2 * SECONDS)


@pytest.mark.parametrize("size", [None, 0xFFFFFFFF, 0x7FFFFFFF, 0])
@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_wavs_one_behind_the_other_are_all_heard(size: int | None, pad: bytes) -> None:
    parts = [sound(24_000, seconds).tobytes() for seconds in (0.5, 1.0, 0.25)]
    assert decode(Speech(b"".join(wav(part, size=size) + pad for part in parts))) == Audio(b"".join(parts), 24_000)


def test_wavs_of_several_encodings_are_all_heard(bodies: dict[str, bytes]) -> None:
    pcm = sound(24_000).tobytes()
    audio = decode(Speech(bodies["wav-s24"] + wav(pcm) + bodies["rf64"]))
    assert audio.seconds == pytest.approx(3 * SECONDS, abs=0.01)


def test_the_last_of_several_wavs_is_cut() -> None:
    pcm = sound(24_000).tobytes()
    with pytest.raises(BadAudio, match="WAV"):
        decode(Speech(wav(pcm) + wav(pcm)[:-2_000]))
    with pytest.raises(BadAudio, match="several sample rates"):
        decode(Speech(wav(pcm) + wav(pcm, 16_000)))
    with pytest.raises(BadAudio, match="one behind the other"):
        decode(Speech(wav(b"\0\0") * 1_000))


def test_tags_and_padding_are_no_damage(bodies: dict[str, bytes]) -> None:
    body = bodies["mp3-24000"]
    plain = decode(Speech(body))
    for behind in (b"TAG" + b" " * 125, b"APETAGEX" + bytes(24), b"\0" * 3_000, b"\r\n"):
        assert decode(Speech(body + behind)) == plain
    tag = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)
    assert_whole(decode(Speech(tag + tag + bodies["aac-22050"], "linear16", 8_000)), 22_050, FRAMES["aac"])


@pytest.mark.parametrize("name", ["mp3-bare", "aac-22050", "opus", "flac-22050"])
def test_an_error_at_the_end_of_a_stream_is_found(name: str, bodies: dict[str, bytes]) -> None:
    with pytest.raises(BadAudio) as caught:
        decode(Speech(bodies[name] + b'{"error": "429: slow down"}'))
    if name != "flac-22050":
        assert "slow down" in str(caught.value)


@pytest.mark.parametrize("name", ["flac-22050", "opus", "aac-22050"])
def test_damage_within_is_found(name: str, bodies: dict[str, bytes]) -> None:
    body = bytearray(bodies[name])
    body[len(body) // 2 : len(body) // 2 + 40] = bytes(40)
    with pytest.raises(BadAudio, match="damaged"):
        decode(Speech(bytes(body)))


HTML = b"<!DOCTYPE html>\n<html><head>\t<title>502 Bad   Gateway</title></head>" + b"<p>sorry</p>" * 100
PROBLEM = json.dumps({"statusCode": 429, "message": "Zu viele Anfragen, später wieder"}, ensure_ascii=False).encode()


@pytest.mark.parametrize("encoding", ["", "linear16", "mulaw", "alaw", "mp3", "wav"])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an empty answer"),
        (HTML, r"an HTML page .* <html><head> <title>502 Bad Gateway</title>"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Error/>", r"<\?xml"),
        (PROBLEM, r'JSON .*"Zu viele Anfragen, später wieder"'),
        (b"upstream connect error", "text came instead of sound: upstream connect error"),
        (b"  \r\n", "text"),
    ],
)
def test_text_is_told_from_sound(data: bytes, said: str, encoding: str) -> None:
    with pytest.raises(BadAudio, match=said) as caught:
        decode(Speech(data, encoding, 24_000))
    assert len(str(caught.value)) <= 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("encoding", ["", "mp3", "opus"])
@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(5_000), b"<html>\xff\x1b[31m", b"ID3", b"RIFF\0\0\0\0AVI "]
)
def test_what_is_neither_sound_nor_text_is_refused(data: bytes, encoding: str) -> None:
    with pytest.raises(BadAudio, match="came") as caught:
        decode(Speech(data, encoding, 24_000))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "begin", [b"<!", b"{ ", b"\xff\xfb\x90\x00", b"\xff\xf1\x50\x80\x02\x1f\xfc", b"RIFF", b"ID3\xff"]
)
def test_samples_may_begin_as_other_things_do(begin: bytes) -> None:
    pcm = begin + sound(24_000).tobytes()[len(begin) :]
    assert decode(Speech(pcm, "linear16", 24_000)).pcm == pcm
    assert decode(Speech(pcm, "mulaw", 24_000)).seconds == 4.0


@pytest.mark.parametrize("rate", [0, -1, 3_999, 192_001])
def test_rates_that_are_none_are_refused(rate: int) -> None:
    pcm = sound(24_000).tobytes()
    for encoding in ("linear16", "mulaw", "alaw"):
        with pytest.raises(BadAudio, match="Hz"):
            decode(Speech(pcm, encoding, rate))
    if rate >= 0:
        with pytest.raises(BadAudio, match="Hz"):
            decode(Speech(wav(pcm, rate)))


@pytest.mark.parametrize("channels", [0, 1, 2])
def test_a_wav_without_a_sample_is_refused(channels: int) -> None:
    with pytest.raises(BadAudio):
        decode(Speech(wav(b"", channels=channels)))
    with pytest.raises(BadAudio):
        decode(Speech(wav(b"\0", channels=channels, size=0)))


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadAudio, match="minutes"):
        decode(Speech(bytes(2 * 4_000 * (30 * 60 + 1)), "linear16", 4_000))
    monkeypatch.setattr(decoding, "_MOST_BYTES", 1_000)
    with pytest.raises(BadAudio, match="MiB"):
        decode(Speech(bytes(1_001), "linear16", 24_000))


def test_a_long_sound_in_few_bytes_is_bounded(monkeypatch: pytest.MonkeyPatch, bodies: dict[str, bytes]) -> None:
    monkeypatch.setattr(decoding, "_MOST_SECONDS", 1)
    with pytest.raises(BadAudio, match="minutes"):
        decode(Speech(bodies["flac-8000"]))


@pytest.mark.parametrize(
    ("ends", "kept"),
    [((1, 24_000), True), ((500, 500, 24_000), True), ((24_000, 1), False), ((9,), False), ((-1, 24_000), False)],
)
def test_sentence_ends_are_kept_where_they_fit(ends: tuple[int, ...], *, kept: bool) -> None:
    audio = decode(Speech(sound(24_000, 1.0).tobytes(), "linear16", 24_000, ends))
    assert audio.sentence_ends == (ends if kept else ())


DECLARED = st.sampled_from(["", "linear16", "mulaw", "alaw", "mp3", "opus", "flac", "aac", "wav", "other"])
FORM = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, 8_000, 32_000, 4, 16))
BEGINNINGS = st.sampled_from(
    [
        *(b"", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVE" + FORM + b"data", b"RF64\0\0\0\0WAVEds64\x1c\0\0\0"),
        *(
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0",
            b"fLaC\0\0\0\x22",
            b"OggS\0\x02",
            b"ID3\x04\0\0\0\0\0\x02",
            b"\0\0\0\x20ftypM4A ",
        ),
        *(b"\xff\xfb\x90\x00", b"\xff\xf1\x50\x80\x02\x1f\xfc", b"\xff", b"<", b"{"),
    ]
)


def is_sound_or_bad(speech: Speech) -> None:
    said = "sound"
    audio = Audio(bytes(2), 24_000)
    try:
        audio = decode(speech)
    except BadAudio as error:
        said = str(error)
    assert 0 < len(said) <= 200
    assert said.isprintable()
    assert audio.pcm
    assert len(audio.pcm) % 2 == 0
    assert 4_000 <= audio.sample_rate <= 192_000


@settings(deadline=None, max_examples=150)
@given(BEGINNINGS, st.binary(max_size=400), DECLARED, st.sampled_from([0, 8_000, 24_000]))
@example(b"", bytes(2), "linear16", 24_000)
def test_any_bytes_are_sound_or_bad_audio(begin: bytes, rest: bytes, encoding: str, rate: int) -> None:
    is_sound_or_bad(Speech(begin + rest, encoding, rate))


@pytest.mark.parametrize("name", ["flac-8000", "mp3-bare", "aac-22050", "opus", "m4a", "rf64", "mulaw-wav-8000"])
def test_any_damage_is_sound_or_bad_audio(name: str, bodies: dict[str, bytes]) -> None:
    body = bodies[name]

    @settings(deadline=None, max_examples=12)
    @given(st.integers(0, len(body) - 1), st.integers(0, 50), st.binary(max_size=20), DECLARED)
    def damaged(place: int, missing: int, put_in: bytes, encoding: str) -> None:
        is_sound_or_bad(Speech(body[:place] + put_in + body[place + missing :], encoding, 24_000))

    check: Callable[[], None] = damaged
    check()


@settings(deadline=None)
@given(
    st.sampled_from([b"", b"<a", b'{"', b"\xff\xfb\x90\x00", b"\xff\xf1", b"RIFF", b"ID3."]), st.binary(max_size=2_000)
)
def test_any_samples_without_a_header_are_left_alone(begin: bytes, rest: bytes) -> None:
    # One byte in it is no text.
    pcm = begin + rest + b"\0\x80" + b"\0" * (len(rest) % 2)
    # Hypothesis tries the words of the code itself: samples that begin with a mark are taken for what it marks.
    assume(pcm[:4] not in {b"OggS", b"fLaC"} and pcm[4:8] != b"ftyp" and pcm[8:12] != b"WAVE")
    assert decode(Speech(pcm, "linear16", 24_000)) == Audio(pcm, 24_000)


def test_nothing_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bodies: dict[str, bytes]) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("m4a", "mp3-bare"):
        decode(Speech(bodies[name]))
    assert not list(tmp_path.iterdir())
