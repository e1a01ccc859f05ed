"""A store that lies elsewhere: S3 over HTTP, and a plain filesystem of fsspec's."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.errors import OutputError, ProfileError
from tasks.model import Audio, Identity, Receipt
from tasks.store import ClipStore, StoreSettings, clip_key, open_store, remote_files, remote_leases
from tasks.store.keeping import Imported, damaged, export_clips, import_clips, prunable, remove, stock
from tasks.store.remote import RemoteStore
from tasks.store.remote_files import RemoteFiles
from tests.conftest import Line

VOICE = Identity("openai", "tts-1", "coral", (), 1)
SPEECH = Audio(b"\1\0\2\0" * 5_000, 24_000)
TEXTS = [f"Sentence {number}." for number in range(12)]
KEYS = [clip_key(VOICE, (text,)) for text in TEXTS]
CONTEXT = multiprocessing.get_context("spawn")
DAY = 86_400
ROUNDS = 5


@pytest.fixture(params=["s3", "local"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "local":
        return f"local://{tmp_path.as_posix()}/elsewhere"
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return "s3://books/declaim"


def machine(url: str, folder: Path) -> RemoteStore:
    """Open a store as another machine does: with a mirror of its own."""
    return RemoteStore(RemoteFiles(url), folder)


def put(store: ClipStore, number: int, usd: float | None = 0.25) -> None:
    store.put(KEYS[number], SPEECH, VOICE, (TEXTS[number],), Receipt("request-1", usd))


def test_what_one_machine_has_bought_another_has(url: str, tmp_path: Path) -> None:
    anna, bela = machine(url, tmp_path / "anna"), machine(url, tmp_path / "bela")
    assert anna.get(KEYS[0]) is None
    assert not anna.holds(KEYS[0])
    for number in range(3):
        put(anna, number)
    assert bela.holds(KEYS[0])
    assert bela.held(KEYS) == set(KEYS[:3])
    clip = bela.get(KEYS[0])
    assert clip
    assert bela.audio(clip) == SPEECH
    assert clip.path.is_relative_to(tmp_path / "bela")
    bela.bring(KEYS)
    assert sorted(path.stem for path in (tmp_path / "bela").rglob("*.wav")) == sorted(KEYS[:3])
    assert bela.content(KEYS[1]) == anna.path(KEYS[1]).read_bytes()
    assert not list((tmp_path / "anna" / "unsent").iterdir())


def test_a_damaged_clip_is_there_and_is_none(url: str, tmp_path: Path) -> None:
    anna, bela = machine(url, tmp_path / "anna"), machine(url, tmp_path / "bela")
    put(anna, 0)
    put(anna, 1)
    RemoteFiles(url).write(f"clips/{KEYS[0][:2]}/{KEYS[0]}.wav", anna.content(KEYS[0])[:-9])
    bela.bring(KEYS)
    assert bela.get(KEYS[0]) is None
    assert bela.held(KEYS) == {KEYS[0], KEYS[1]}
    assert list(damaged(bela)) == [KEYS[0]]
    put(bela, 0)
    assert list(damaged(anna)) == []
    # A damaged mirror is no loss.
    bela.path(KEYS[1]).write_bytes(b"torn")
    assert bela.get(KEYS[1])


def test_one_job_has_a_lease_and_the_next_when_it_is_left(url: str, tmp_path: Path) -> None:
    anna, bela = machine(url, tmp_path / "anna").job(), machine(url, tmp_path / "bela").job()
    assert anna.take(KEYS[0])
    assert not bela.take(KEYS[0])
    assert bela.take(KEYS[1])
    anna.leave(KEYS[0])
    while not bela.take(KEYS[0]):
        time.sleep(0.01)
    anna.close()
    bela.leave(KEYS[0])
    bela.close()
    # What it had not given back may be taken over.
    cleo = machine(url, tmp_path / "cleo").job()
    assert cleo.take(KEYS[1])
    assert cleo.take(KEYS[0])
    cleo.close()


def _take_and_wait(url: str, folder: Path) -> None:
    job = machine(url, folder).job()
    assert job.take(KEYS[0])
    (folder / "taken").touch()
    time.sleep(600)


def test_the_lease_of_a_process_that_was_killed_here_is_taken_over_at_once(url: str, tmp_path: Path) -> None:
    store = machine(url, tmp_path)
    process = CONTEXT.Process(target=_take_and_wait, args=(url, tmp_path))
    process.start()
    while not (tmp_path / "taken").exists():
        time.sleep(0.01)
    job = store.job()
    assert not job.take(KEYS[0])
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert job.take(KEYS[0])
    job.close()


def test_the_lease_of_a_machine_that_has_gone_is_taken_over_when_it_was_silent_for_long(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, bela = machine(url, tmp_path / "anna").job(), machine(url, tmp_path / "bela").job()
    assert anna.take(KEYS[0])
    assert not bela.take(KEYS[0])
    monkeypatch.setattr(remote_leases, "_DEAD_AFTER_SECONDS", -60)
    assert bela.take(KEYS[0])
    monkeypatch.setattr(remote_leases, "_DEAD_AFTER_SECONDS", 90)
    # Of three who look now, the new holder alone has it.
    cleo = machine(url, tmp_path / "cleo").job()
    assert not cleo.take(KEYS[0])
    for job in (anna, bela, cleo):
        job.close()


def _count(url: str, folder: Path, counter: Path) -> None:
    """Add to a counter in two steps that no other may come between."""
    job = machine(url, folder).job()
    for _ in range(ROUNDS):
        while not job.take(KEYS[0]):
            time.sleep(0.01)
        number = int(counter.read_text())
        time.sleep(0.01)
        counter.write_text(str(number + 1))
        job.leave(KEYS[0])
    job.close()


def test_machines_that_want_one_clip_take_turns(url: str, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    buyers = [CONTEXT.Process(target=_count, args=(url, tmp_path / name, counter)) for name in ("anna", "bela")]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join(120)
        assert buyer.exitcode == 0
    assert int(counter.read_text()) == ROUNDS * len(buyers)


def test_of_all_who_create_a_file_at_once_one_has(tmp_path: Path) -> None:
    files = [RemoteFiles(f"local://{tmp_path}") for _ in range(4)]
    start = threading.Barrier(len(files))

    def created(own: RemoteFiles, name: str) -> bool:
        start.wait()
        return own.create(name, str(id(own)).encode())

    with ThreadPoolExecutor(len(files)) as pool:
        for number in range(200):
            names = [f"leases/{number}"] * len(files)
            assert sum(pool.map(created, files, names)) == 1


def test_it_is_looked_after_as_a_folder_is(url: str, tmp_path: Path) -> None:
    anna, bela = machine(url, tmp_path / "anna"), machine(url, tmp_path / "bela")
    for number in range(4):
        put(anna, number)
    (row,) = stock(bela)
    assert (row.provider, row.clips, row.usd, row.unpriced) == ("openai", 4, 1.0, 0)
    assert row.bytes == 4 * len(anna.content(KEYS[0]))
    job = anna.job()
    job.hold(KEYS[:2])
    assert job.take(KEYS[2])
    tidying = bela.job()
    assert tidying.held() == set(KEYS[:3])
    nothing_else = prunable(bela, tidying.held(), -DAY, None)
    assert nothing_else.clips == (KEYS[3],)
    remove(bela, nothing_else)
    assert anna.held(KEYS) == set(KEYS[:4])  # its mirror has it
    assert bela.held(KEYS) == set(KEYS[:3])
    job.close()
    assert tidying.held() == set()
    # What a job has used it has used then, though it was written long before.
    assert {it.key: it.used for it in bela.shelved()}[KEYS[0]] > 0
    bela.forget_uses(time.time() + DAY)
    assert RemoteFiles(url).names("uses") == []
    tidying.close()


def test_clips_move_from_a_folder_to_elsewhere(url: str, tmp_path: Path) -> None:
    folder, there = ClipStore(tmp_path / "folder"), machine(url, tmp_path / "anna")
    put(folder, 0)
    assert export_clips(folder, [KEYS[0]], tmp_path / "book.tar") == 1
    assert import_clips(there, tmp_path / "book.tar") == Imported(1, 0, 0)
    assert export_clips(machine(url, tmp_path / "bela"), [KEYS[0]], tmp_path / "again.tar") == 1
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "book.tar").read_bytes()


@pytest.fixture
def bucket(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return "s3://books/declaim"


def test_a_store_that_is_away_is_waited_for(bucket: str, line: Line, tmp_path: Path) -> None:
    store = machine(bucket, tmp_path / "anna")
    line.cut()
    back = threading.Timer(2, line.mend)
    back.start()
    put(store, 0)
    back.join()
    assert machine(bucket, tmp_path / "bela").get(KEYS[0])


def test_a_lease_whose_answer_was_lost_is_held(bucket: str, line: Line, tmp_path: Path) -> None:
    anna, bela = (machine(bucket, tmp_path / name).job() for name in ("anna", "bela"))
    try:
        line.lose_an_answer()
        assert anna.take(KEYS[0])
        assert not bela.take(KEYS[0])
        # What is given back is nobody's, until it has gone.
        line.cut()
        anna.leave(KEYS[0])
        line.mend()
        while not bela.take(KEYS[0]):
            time.sleep(0.01)
        assert not anna.take(KEYS[0])
    finally:
        anna.close()
        bela.close()


def test_what_could_not_be_sent_is_kept_and_sent_by_the_next_job(
    bucket: str, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = machine(bucket, tmp_path / "anna")
    monkeypatch.setattr(remote_files, "_PATIENCE_SECONDS", 0)
    line.cut()
    with pytest.raises(OutputError, match=f"^{bucket}: the store does not answer .* is kept on this machine") as caught:
        put(store, 0)
    assert "\n" not in str(caught.value)
    with pytest.raises(ProfileError, match=r"\[store\] url: s3://books/declaim cannot be reached"):
        open_store(StoreSettings(url=bucket))
    line.mend()
    assert ClipStore(tmp_path / "anna").get(KEYS[0])
    bela = machine(bucket, tmp_path / "bela")
    assert not bela.holds(KEYS[0])
    machine(bucket, tmp_path / "anna").job().close()
    assert bela.holds(KEYS[0])


def test_whoever_ends_waits_no_longer(bucket: str, line: Line, tmp_path: Path) -> None:
    store = machine(bucket, tmp_path / "anna")
    job = store.job()
    line.cut()
    ended: list[BaseException] = []

    def buy() -> None:
        try:
            put(store, 0)
        except OutputError as error:
            ended.append(error)

    buying = threading.Thread(target=buy)
    buying.start()
    job.close()
    buying.join(60)
    assert len(ended) == 1


def test_a_bucket_that_is_not_there_is_told(bucket: str, tmp_path: Path) -> None:
    store = machine(bucket.replace("books", "elsewhere"), tmp_path)
    with pytest.raises(FileNotFoundError, match="bucket does not exist"):
        store.job()
