"""The output folder is replaced whole, whatever is in it and whenever a run is killed."""

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tasks.packagers import folder as under_test
from tasks.packagers.folder import replaced

EDITION = {"mp3/01 - I.mp3": "one", "mp3/02 - II.mp3": "two", "Book.m4b": "both"}


def cannot(*_: object) -> None:
    raise OSError(errno.EINVAL, "not on this file system")


@pytest.fixture(params=["one step", "two steps", "file by file"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The three ways in which an edition comes into place."""
    name: str = request.param
    if name == "two steps":
        monkeypatch.setattr(under_test, "_swap_names", cannot)
    if name == "file by file":
        monkeypatch.setattr(under_test, "_exchange", cannot)
    return name


def fill(draft: Path, edition: dict[str, str], number: int = 0) -> None:
    for name, text in edition.items():
        (draft / name).parent.mkdir(exist_ok=True)
        (draft / name).write_text(text)
    (draft / "coverage.json").write_text(f"{number}")
    manifest = {"number": number, "editions": [{"kind": "any", "path": name} for name in edition]}
    (draft / "manifest.json").write_text(json.dumps(manifest))


def put(out: Path, edition: dict[str, str], number: int = 0) -> None:
    with replaced(out) as draft:
        fill(draft, edition, number)


def held(out: Path) -> dict[str, str]:
    """All files in the folder but the accounts."""
    files = [path for path in out.rglob("*") if not path.is_dir() and path.suffix != ".json"]
    return {str(path.relative_to(out)): path.read_text() for path in files}


def assert_nothing_is_left_beside(out: Path) -> None:
    assert [path.name for path in (*out.parent.iterdir(), *out.iterdir()) if path.name.startswith(".")] == []


def test_a_new_edition_replaces_the_old_one(tmp_path: Path, way: str) -> None:
    out = tmp_path / "narrated" / "book"
    put(out, EDITION)
    assert held(out) == EDITION, way
    changed = {"mp3/01 - I.mp3": "one", "mp3/02 - Two.mp3": "two"}
    put(out, changed)
    assert held(out) == changed
    assert_nothing_is_left_beside(out)


@pytest.mark.parametrize("link", [os.link, cannot])
def test_what_has_not_changed_keeps_its_bytes_and_its_time(
    tmp_path: Path, way: str, link: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", link)
    out = tmp_path / "book"
    put(out, EDITION)
    for path in out.rglob("*.mp3"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (out / "Book.m4b").chmod(0o640)
    before = (out / "Book.m4b").stat()
    put(out, EDITION | {"mp3/02 - II.mp3": "changed"})
    times = {path.name: path.stat().st_mtime for path in out.rglob("*.mp3")}
    assert times["01 - I.mp3"] == 1_000_000_000, way
    assert times["02 - II.mp3"] > 1_000_000_000
    after = (out / "Book.m4b").stat()
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    assert held(out) == EDITION | {"mp3/02 - II.mp3": "changed"}


def test_what_a_person_has_put_there_stays(tmp_path: Path, way: str) -> None:
    out = tmp_path / "book"
    put(out, EDITION)
    (out / "notes.txt").write_text("mine")
    (out / "mp3" / "99 - Applause.mp3").write_text("mine too")
    (out / "gone").symlink_to("nowhere")
    inode = (out / "notes.txt").stat().st_ino
    put(out, {"Other.m4b": "x"})
    (out / "gone").unlink()
    assert held(out) == {"Other.m4b": "x", "notes.txt": "mine", "mp3/99 - Applause.mp3": "mine too"}, way
    assert (out / "notes.txt").stat().st_ino == inode
    assert_nothing_is_left_beside(out)


def test_what_a_person_writes_while_an_edition_is_put_in_place_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "book"
    put(out, EDITION)
    (out / "notes.txt").write_text("mine")
    exchange = under_test._exchange

    def late(draft: Path, place: Path, old: Path) -> Path:
        (place / "new.txt").write_text("new")
        (place / "notes.txt").unlink()
        (place / "notes.txt").write_text("mine, as an editor saves it")
        (place / "extras").mkdir()
        (place / "extras" / "scan.txt").write_text("scan")
        return exchange(draft, place, old)

    monkeypatch.setattr(under_test, "_exchange", late)
    put(out, {"Other.m4b": "x"})
    assert held(out) == {
        "Other.m4b": "x",
        "new.txt": "new",
        "notes.txt": "mine, as an editor saves it",
        "extras/scan.txt": "scan",
    }
    assert_nothing_is_left_beside(out)


def with_folder(out: Path, _: pytest.MonkeyPatch) -> None:
    (out / "extras").mkdir()


def with_linked_folder(out: Path, _: pytest.MonkeyPatch) -> None:
    (out / "mp3").rename(out.parent / "elsewhere")
    (out / "mp3").symlink_to(out.parent / "elsewhere")


def stood_in(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out)


def mounted(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def crossing(path: Path, target: Path) -> Path:
        if path.parent == out and target.parent == out.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", crossing)


def in_a_folder_of_a_long_name(out: Path, _: pytest.MonkeyPatch) -> None:
    out.rename(out.with_name("b" * 250))


@pytest.mark.parametrize("case", [with_folder, with_linked_folder, stood_in, mounted, in_a_folder_of_a_long_name])
def test_where_the_folder_cannot_be_swapped_it_stays_and_its_files_are_replaced(
    tmp_path: Path, case: Callable[[Path, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "book"
    put(out, EDITION)
    case(out, monkeypatch)
    (out,) = [path for path in tmp_path.iterdir() if path.name[0] == "b"]
    inode = out.stat().st_ino
    put(out, {"mp3/01 - I.mp3": "changed"})
    assert (out / "mp3" / "01 - I.mp3").read_text() == "changed"
    assert not (out / "Book.m4b").exists()
    assert out.stat().st_ino == inode
    assert_nothing_is_left_beside(out)


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path, way: str) -> None:
    (tmp_path / "disk" / "book").mkdir(parents=True)
    out = tmp_path / "book"
    out.symlink_to("disk/book")
    put(out, EDITION)
    put(out, EDITION | {"Book.m4b": "changed"})
    assert out.readlink() == Path("disk/book"), way
    assert held(tmp_path / "disk" / "book") == EDITION | {"Book.m4b": "changed"}
    assert_nothing_is_left_beside(tmp_path / "disk" / "book")
    assert_nothing_is_left_beside(out)


def test_the_new_folder_has_the_rights_of_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "book"
    out.mkdir()
    out.chmod(0o2775)
    put(out, EDITION)
    assert out.stat().st_mode & 0o7777 == 0o2775


def test_an_edition_that_fails_leaves_the_old_one(tmp_path: Path, way: str) -> None:
    out = tmp_path / "book"
    put(out, EDITION)
    with pytest.raises(FileNotFoundError), replaced(out) as draft:
        fill(draft, {"Book.m4b": "new", "no/such/folder": "x"})
    assert held(out) == EDITION, way
    assert_nothing_is_left_beside(out)


def test_a_manifest_that_leads_out_of_the_folder_deletes_nothing_there(tmp_path: Path, way: str) -> None:
    out = tmp_path / "book"
    (tmp_path / "letters.txt").write_text("mine")
    put(out, EDITION)
    (out / "manifest.json").write_text(json.dumps({"editions": [{"path": "../letters.txt"}, {"path": "/etc/hosts"}]}))
    put(out, {"Other.m4b": "x"})
    assert (tmp_path / "letters.txt").exists(), way
    assert Path("/etc/hosts").exists()


def test_the_drafts_of_another_folder_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / ".book.draft-two.draft-abcdefgh"
    other.mkdir()
    put(tmp_path / "book", EDITION)
    assert other.exists()


class Killed(BaseException):
    """What no one catches."""


@dataclass
class Life:
    """Ends at the given call that changes the disk; after it no other call changes anything, as after a kill."""

    left: int

    def bind(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def bound(*arguments: Any, **options: Any) -> Any:
            if self.left <= 0:
                raise Killed
            self.left -= 1
            return call(*arguments, **options)

        return bound


CHANGES = ("mkdir", "rename", "replace", "link", "unlink", "rmdir", "fsync")


def killed_at(step: int, out: Path, edition: dict[str, str]) -> bool:
    """Put an edition into the folder, and be killed before the given step; tells whether that came."""
    life = Life(step)
    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, life.bind(getattr(os, name)))
        patch.setattr(under_test, "_swap_names", life.bind(under_test._swap_names))
        try:
            put(out, edition, number=2)
        except Killed:
            return True
    return False


def test_after_a_kill_at_any_step_the_next_run_heals(tmp_path: Path, way: str) -> None:
    old, new = EDITION, {"mp3/01 - I.mp3": "one", "mp3/02 - II.mp3": "changed", "Other.m4b": "x"}
    last = {"mp3/01 - I.mp3": "last"}
    steps, was_killed, seen = 0, True, set()
    while was_killed:
        out = tmp_path / f"{steps}" / "book"
        put(out, old, number=1)
        (out / "notes.txt").write_text("mine")
        was_killed = killed_at(steps, out, new)
        if way == "one step" or (out.exists() and way == "two steps"):
            found = held(out)
            assert found in (old | {"notes.txt": "mine"}, new | {"notes.txt": "mine"}), steps
            assert json.loads((out / "manifest.json").read_text())["number"] == (1 if "Book.m4b" in found else 2)
        seen.add(out.exists())
        put(out, last, number=3)
        assert held(out).items() >= (last | {"notes.txt": "mine"}).items(), steps
        if way != "file by file":
            assert held(out) == last | {"notes.txt": "mine"}, steps
        assert_nothing_is_left_beside(out)
        steps += 1
    assert steps > 10
    # Only between two steps is there no folder.
    assert seen == ({True, False} if way == "two steps" else {True})


@pytest.fixture
def descriptors() -> Iterator[list[int]]:
    opened: list[int] = []
    yield opened
    for descriptor in opened:
        os.close(descriptor)


def names_in(top: int) -> list[str]:
    with os.scandir(top) as entries:
        return [entry.name for entry in entries]


def read_once(out: Path, descriptors: list[int]) -> tuple[set[str], bool]:
    """Read the folder as a careful reader does: open it once. Gives the texts, and whether the manifest was there last."""
    top = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    descriptors.append(top)
    texts = set()
    for name in [name for name in names_in(top) if name.startswith("text")]:
        try:
            file = os.open(name, os.O_RDONLY, dir_fd=top)
        except FileNotFoundError:
            continue
        texts.add(os.read(file, 100).decode())
        os.close(file)
    is_there = "manifest.json" in names_in(top)
    os.close(descriptors.pop())
    return texts, is_there


def test_a_reader_sees_one_edition_or_the_other(tmp_path: Path, descriptors: list[int]) -> None:
    out = tmp_path / "book"
    names = [f"text {place}" for place in range(8)]

    def edition(number: int) -> dict[str, str]:
        return {f"{name} of {number}": f"{number} {name}" for name in names}

    put(out, edition(0))
    ended = threading.Event()

    def write() -> None:
        for number in range(1, 80):
            put(out, edition(number), number)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    looks = []
    while not ended.is_set():
        looks.append(read_once(out, descriptors))
    writer.join()
    assert all(len({text.split()[0] for text in texts}) <= 1 for texts, _ in looks)
    assert {len(texts) for texts, is_there in looks if is_there} == {len(names)}
    assert len({text for texts, _ in looks for text in texts}) > len(names)
