import errno
import multiprocessing
import os
import signal
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from platformdirs import user_cache_path
from pydub import AudioSegment

from tasks.errors import ProfileError
from tasks.model import Audio, Clip, Identity
from tasks.store import ClipStore, StoreSettings, atomic_file, clip_key, open_store
from tasks.store.clip_file import clip_bytes
from tests import skip_reasons

VOICE = Identity("piper", "joe:1234", "", (("length_scale", "1.2"),), 1, by_sentence=True)
SENTENCES = ("It rained — “hard”.", "We went home.")
SPEECH = Audio(bytes(range(256)) * 40, 22_050, (1_000, 5_120))
KEY = clip_key(VOICE, SENTENCES)


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


TEXTS = st.text(max_size=8)
IDENTITIES = st.builds(
    Identity,
    provider=st.sampled_from(["piper", "openai"]),
    model=TEXTS,
    voice=TEXTS,
    options=st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
    adapter_version=st.integers(0, 3),
    by_sentence=st.booleans(),
)
SPOKEN = st.lists(st.text(alphabet='ab ".\\é', max_size=6), max_size=3).map(tuple)
REQUESTS = st.tuples(IDENTITIES, SPOKEN)


def sound_of(request: tuple[Identity, tuple[str, ...]]) -> tuple[Identity, str | tuple[str, ...]]:
    """All that decides how a request sounds."""
    identity, spoken = request
    return identity, spoken if identity.by_sentence else " ".join(spoken)


@given(REQUESTS, REQUESTS)
def test_keys_are_equal_if_and_only_if_requests_are(
    one: tuple[Identity, tuple[str, ...]], other: tuple[Identity, tuple[str, ...]]
) -> None:
    assert (clip_key(*one) == clip_key(*other)) == (sound_of(one) == sound_of(other))


@given(IDENTITIES, SPOKEN, SPOKEN)
def test_keys_of_one_voice_are_equal_if_and_only_if_texts_are(
    voice: Identity, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert (clip_key(voice, one) == clip_key(voice, other)) == (sound_of((voice, one)) == sound_of((voice, other)))


def test_where_sentences_are_cut_counts_for_a_voice_that_hears_them_one_by_one() -> None:
    whole = replace(VOICE, by_sentence=False)
    assert clip_key(whole, ("A b.", "C.")) == clip_key(whole, ("A b. C.",))
    assert clip_key(VOICE, ("A b.", "C.")) != clip_key(VOICE, ("A b. C.",))


@pytest.mark.parametrize(
    "other",
    [
        replace(VOICE, provider="openai"),
        replace(VOICE, model="joe:1235"),
        replace(VOICE, voice="b"),
        replace(VOICE, options=()),
        replace(VOICE, adapter_version=2),
    ],
)
def test_everything_about_a_voice_counts(other: Identity) -> None:
    assert clip_key(other, SENTENCES) != KEY


def test_a_key_stays_what_it_was() -> None:
    # A key that changes is a clip that is bought twice: change this line only knowing that.
    assert KEY == "f3ad62ad3e9489c5d9de776a5133f70865eb578f4a7b6be18a1d713cc429f3e9"


def test_what_was_put_is_got(store: ClipStore) -> None:
    assert store.get(KEY) is None
    assert not store.holds(KEY)
    put = store.put(KEY, SPEECH, VOICE, SENTENCES)
    assert put == Clip(KEY, store.path(KEY), SPEECH.seconds, SPEECH.sample_rate)
    assert store.get(KEY) == put
    assert store.holds(KEY)
    assert store.audio(put) == SPEECH
    assert files(store.root) == [store.root / "clips" / KEY[:2] / f"{KEY}.wav"]


@pytest.mark.parametrize("audio", [Audio(b"", 8_000), Audio(b"\x01\x02", 48_000), replace(SPEECH, sentence_ends=())])
@pytest.mark.parametrize("text", ["", "a", "ab", '日本語 \N{GRINNING FACE} \\ " \n'])
def test_any_speech_and_text_come_back(store: ClipStore, audio: Audio, text: str) -> None:
    clip = store.put(KEY, audio, VOICE, (text,))
    assert store.get(KEY) == clip
    assert store.audio(clip) == audio


def test_a_clip_is_replaced_whole(store: ClipStore) -> None:
    store.put(KEY, SPEECH, VOICE, SENTENCES)
    shorter = Audio(b"\1\0" * 50, 16_000, (50,))
    clip = store.put(KEY, shorter, VOICE, SENTENCES)
    assert store.audio(clip) == shorter
    assert len(files(store.root)) == 1


@pytest.mark.skipif(os.name != "posix", reason=f"{skip_reasons.POSIX}: file modes")
def test_who_may_read_the_folder_may_read_a_clip(store: ClipStore) -> None:
    before = os.umask(0o027)
    try:
        clip = store.put(KEY, SPEECH, VOICE, SENTENCES)
    finally:
        os.umask(before)
    assert clip.path.stat().st_mode & 0o777 == 0o640


def test_any_player_plays_a_clip(store: ClipStore) -> None:
    clip = store.put(KEY, SPEECH, VOICE, SENTENCES)
    with wave.open(str(clip.path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22_050)
        assert file.readframes(file.getnframes()) == SPEECH.pcm
    with clip.path.open("rb") as opened:
        segment = AudioSegment.from_file(opened, format="wav")
    assert (segment.channels, segment.sample_width, segment.frame_rate) == (1, 2, 22_050)
    assert segment.raw_data == SPEECH.pcm
    content = clip.path.read_bytes()
    assert int.from_bytes(content[4:8], "little") == len(content) - 8


def test_a_clip_says_what_made_it(store: ClipStore) -> None:
    content = store.put(KEY, SPEECH, VOICE, SENTENCES).path.read_bytes()
    for fact in ("piper", "joe:1234", "length_scale", *SENTENCES[0].split(" “")[:1]):
        assert fact.encode() in content


def altered(place: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:3],
        lambda content: content[:40],
        lambda content: content[:-1],
        lambda content: content[:-2],
        lambda content: content[: len(content) // 2],
        lambda content: content + b"\0\0",
        lambda content: bytes(len(content)),
        altered(-1),
        altered(-2_000),
    ],
)
def test_a_torn_clip_is_none(store: ClipStore, damage: Callable[[bytes], bytes]) -> None:
    clip = store.put(KEY, SPEECH, VOICE, SENTENCES)
    clip.path.write_bytes(damage(clip.path.read_bytes()))
    assert store.get(KEY) is None
    with pytest.raises(ValueError, match="torn or altered"):
        store.audio(clip)
    store.put(KEY, SPEECH, VOICE, SENTENCES)
    assert store.audio(clip) == SPEECH


def test_no_byte_can_be_altered_unseen(store: ClipStore) -> None:
    clip = store.put(KEY, Audio(b"\1\0\2\0", 22_050, (1, 2)), VOICE, SENTENCES)
    content = clip.path.read_bytes()
    for place in range(len(content)):
        clip.path.write_bytes(altered(place)(content))
        assert store.get(KEY) is None, place
    clip.path.write_bytes(content)
    assert store.get(KEY) == clip


def test_a_clip_that_has_gone_is_an_error_to_read(store: ClipStore) -> None:
    clip = store.put(KEY, SPEECH, VOICE, SENTENCES)
    clip.path.unlink()
    assert store.get(KEY) is None
    with pytest.raises(OSError, match=KEY):
        store.audio(clip)


def test_a_folder_in_a_clips_place_is_none(store: ClipStore) -> None:
    store.path(KEY).mkdir(parents=True)
    assert store.get(KEY) is None
    assert not store.holds(KEY)


@pytest.mark.parametrize("before", [None, SPEECH])
def test_a_disk_that_fills_leaves_what_was_there(store: ClipStore, before: Audio | None) -> None:
    if before:
        store.put(KEY, before, VOICE, SENTENCES)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with patch("os.fsync", side_effect=full), pytest.raises(OSError, match="No space left"):
        store.put(KEY, replace(SPEECH, pcm=b"\1\0" * 9), VOICE, SENTENCES)
    assert files(store.root) == ([store.path(KEY)] if before else [])
    clip = store.get(KEY)
    assert (clip and store.audio(clip)) == before


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, ValueError])
def test_a_file_whose_writing_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "deep" / "report.txt"

    def write() -> None:
        with atomic_file(target) as file:
            file.write(b"half")
            assert files(tmp_path)
            assert not target.exists()
            raise error

    with pytest.raises(error):
        write()
    assert files(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason=f"{skip_reasons.POSIX}: limits of file sizes")
def test_a_limit_on_file_sizes_leaves_nothing(store: ClipStore) -> None:
    """The kernel itself refuses the bytes: no clip may be longer than 4 kB in that process."""
    process = multiprocessing.get_context("spawn").Process(target=_put_with_little_room, args=(store.root,))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert files(store.root) == []


def _put_with_little_room(root: Path) -> None:
    import resource  # noqa: PLC0415  # not on every system

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    with pytest.raises(OSError, match="File too large"):
        ClipStore(root).put(KEY, SPEECH, VOICE, SENTENCES)


ROUNDS = 60
WRITERS = 3


def _put_again_and_again(root: Path, number: int) -> None:
    store = ClipStore(root)
    mine = Audio(bytes([number, 0]) * 20_000, 22_050, (20_000,))
    for _ in range(ROUNDS):
        store.put(KEY, mine, VOICE, SENTENCES)
        clip = store.get(KEY)
        assert clip is not None
        # Another's may lie there by now, but never a mixture.
        assert len(set(store.audio(clip).pcm[::2])) == 1


def test_several_processes_write_one_clip(store: ClipStore) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_put_again_and_again, args=(store.root, number)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    assert files(store.root) == [store.path(KEY)]
    assert store.get(KEY) is not None


def test_where_the_store_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert open_store(StoreSettings()).root == user_cache_path("declaim")
    assert open_store(StoreSettings(url=str(tmp_path / "here"))).root == tmp_path / "here"
    assert open_store(StoreSettings(url="here")).root == tmp_path / "here"
    assert open_store(StoreSettings(url="~/here")).root == tmp_path / "here"
    assert open_store(StoreSettings(url=f"file://{tmp_path.as_posix()}/a b")).root == tmp_path / "a b"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing://bucket/clips", "Protocol not known"),
        ("smb://127.0.0.1/clips", "needs more than is installed"),
    ],
)
def test_a_store_that_cannot_be_opened_is_a_fault_of_the_profile(url: str, said: str) -> None:
    with pytest.raises(ProfileError, match=rf"^\[store\] url: .*{said}") as caught:
        open_store(StoreSettings(url=url))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def _cut_off(root: Path, place: str) -> None:
    """Put a clip, and be killed at a place on the way; the buffers of this process are lost, as with the power."""

    def cut(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def halved(*facts: Any) -> Iterator[bytes]:
        content = b"".join(clip_bytes(*facts))
        yield content[: len(content) // 2]
        cut()

    stops: dict[str, tuple[str, Callable[..., object]]] = {
        "before a byte": ("tasks.store.Path.open", cut),
        "half written": ("tasks.store.clip_bytes", halved),
        "before the flush": ("os.fsync", cut),
        "before the name": ("pathlib.Path.replace", cut),
        "before the folder is flushed": ("tasks.store._flush_folder", cut),
    }
    if place in stops:
        patch(stops[place][0], side_effect=stops[place][1]).start()
    ClipStore(root).put(KEY, SPEECH, VOICE, SENTENCES)
    cut()


@pytest.mark.skipif(os.name != "posix", reason=f"{skip_reasons.POSIX}: SIGKILL")
@pytest.mark.parametrize(
    "before", [None, replace(SPEECH, pcm=b"\1\0" * 9, sentence_ends=(4, 9))], ids=["new", "over another"]
)
@pytest.mark.parametrize(
    "place",
    [
        "before a byte",
        "half written",
        "before the flush",
        "before the name",
        "before the folder is flushed",
        "at the end",
    ],
)
def test_a_process_that_is_killed_leaves_no_torn_clip(store: ClipStore, place: str, before: Audio | None) -> None:
    if before:
        store.put(KEY, before, VOICE, SENTENCES)
    process = multiprocessing.get_context("spawn").Process(target=_cut_off, args=(store.root, place))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    clip = store.get(KEY)
    has_its_name = place in {"before the folder is flushed", "at the end"}
    assert (clip and store.audio(clip)) == (SPEECH if has_its_name else before)
    assert store.audio(store.put(KEY, SPEECH, VOICE, SENTENCES)) == SPEECH
