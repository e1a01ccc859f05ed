"""One run at a time into one folder."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tasks.errors import OutputError
from tasks.packagers.claim import claimed
from tests import skip_reasons

TOP = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from tasks.packagers.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(out: Path) -> subprocess.Popen[str]:
    """Begin a process that holds a folder, and wait until it does."""
    command = [sys.executable, "-c", HOLD, str(out)]
    process = subprocess.Popen(command, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_told_who_writes(tmp_path: Path) -> None:
    out = tmp_path / "book"
    with holder(out) as process:
        with pytest.raises(OutputError) as told, claimed(out):
            pass
        assert str(out) in str(told.value)
        assert f"process {process.pid} on " in str(told.value)
        assert told.value.exit_code == 2
        process.communicate()
    with claimed(out):
        pass


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    out = tmp_path / "book"
    with holder(out) as process:
        process.kill()
    with claimed(out):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_and_its_folder_are_one(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "link").symlink_to("book")
    with holder(tmp_path / "link") as process:
        with pytest.raises(OutputError), claimed(tmp_path / "book"):
            pass
        process.communicate()


def test_a_claim_within_a_claim_is_free(tmp_path: Path) -> None:
    with claimed(tmp_path / "book"):
        with claimed(tmp_path / "book"):
            pass
        with pytest.raises(OutputError):
            asyncio.run(asyncio.wait_for(_in_no_context(tmp_path / "book"), None))
        with claimed(tmp_path / "other"):
            pass


async def _in_no_context(out: Path) -> None:
    await asyncio.get_running_loop().run_in_executor(None, _claim, out)


def _claim(out: Path) -> None:
    with claimed(out):
        pass


def test_two_flows_in_one_process_do_not_share_a_claim(tmp_path: Path) -> None:
    async def run(ready: asyncio.Event, end: asyncio.Event) -> None:
        with claimed(tmp_path / "book"):
            ready.set()
            await end.wait()

    async def both() -> None:
        ready, end = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(run(ready, end))
        await ready.wait()
        with pytest.raises(OutputError, match=f"process {os.getpid()} on "):
            await asyncio.create_task(run(ready, end))
        end.set()
        await first

    asyncio.run(both())


def test_a_folder_that_is_a_mount_point_is_locked_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "book").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    with claimed(tmp_path / "book"):
        assert [path.name for path in (tmp_path / "book").iterdir()] == [".declaim.lock"]
        assert [path.name for path in tmp_path.iterdir()] == ["book"]
    assert list((tmp_path / "book").iterdir()) == []


# Below a folder with a file in it; none of them depends on rights, which do not bind root.
UNWRITABLE = ("file", "file/book", "file/a/book", "/proc/book", "/dev/null", "/dev/null/book")


@pytest.mark.parametrize("out", UNWRITABLE)
def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="the output directory cannot be written") as told, claimed(tmp_path / out):
        pass
    assert str(tmp_path / out) in str(told.value)
    assert "give another --out" in str(told.value)
    assert ("is no directory" in str(told.value)) != out.startswith("/proc")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() != 0, reason=f"{skip_reasons.ROOT} to act as another user")
@pytest.mark.parametrize("out", ["closed", "closed/book", "hidden/book", "read-only"])
def test_a_place_without_rights_is_said_at_once(out: str) -> None:
    # Not in pytest's own folder, which is closed to all others as a whole.
    with TemporaryDirectory() as folder:
        top = Path(folder)
        top.chmod(0o777)
        for name, mode in (("closed", 0o755), ("hidden", 0o700), ("read-only", 0o555)):
            (top / name).mkdir()
            (top / name).chmod(mode)
        os.seteuid(65_534)
        try:
            with pytest.raises(OutputError, match="Permission denied"), claimed(top / out):
                pass
        finally:
            os.seteuid(0)
        assert sorted(path.name for path in top.rglob("*")) == ["closed", "hidden", "read-only"]


def test_a_place_that_was_tried_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    for name in ("book", "new"):
        with claimed(tmp_path / name):
            assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["book"]
