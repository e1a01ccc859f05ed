"""The inbox: what is a manuscript there, what belongs to it, what waits, and what is refused."""

import os
import shutil
import socket
from pathlib import Path

import fsspec
import pytest

from tasks.errors import ProfileError, SourceError
from tasks.library.inbox import Inbox, Seen, fetched
from tasks.settings import LibrarySettings

SAMPLES = Path(__file__).parents[2] / "samples"
BOOK = "# One\n\nThere is a word here.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def the_only(inbox: Inbox) -> Seen:
    (seen,) = inbox.listing().manuscripts.values()
    return seen


def test_manuscripts_are_listed_by_their_names_and_the_rest_is_told(folder: Path) -> None:
    for name in (
        "B one.md",
        "a.epub",
        "c.PDF",
        "c.toml",
        "notes.txt",
        "lost.toml",
        ".hidden.md",
        "~lock.md",
        "a.epub.part",
    ):
        (folder / name).write_text(BOOK, "utf-8")
    (folder / "a folder.md").mkdir()
    listing = Inbox(str(folder)).listing()
    assert {name: Path(seen.path).name for name, seen in listing.manuscripts.items()} == {
        "a": "a.epub",
        "b-one": "B one.md",
        "c": "c.PDF",
    }
    assert [name for name, seen in listing.manuscripts.items() if seen.side] == ["c"]
    assert listing.others == ("a folder.md/", "a.epub.part", "lost.toml", "notes.txt")


@pytest.mark.parametrize("url", ["{folder}", "file://{folder}"])
def test_a_manuscript_of_this_machine_is_read_where_it_lies(url: str, folder: Path) -> None:
    shutil.copy(SAMPLES / "tuppence-a-window.epub", folder)
    inbox = Inbox(url.format(folder=folder))
    with fetched(inbox.source(the_only(inbox))) as path:
        assert path == folder / "tuppence-a-window.epub"


def test_an_inbox_elsewhere() -> None:
    system = fsspec.filesystem("memory")
    system.pipe("/house/inbox/one.md", BOOK.encode())
    system.pipe("/house/inbox/one.toml", b"[metadata]\ntitle = 'Another'\n")
    inbox = Inbox("memory://house/inbox")
    seen = the_only(inbox)
    with fetched(inbox.source(seen)) as path:
        assert (path.name, path.read_text("utf-8")) == ("one.md", BOOK)
    assert not path.exists()
    assert inbox.book_settings(seen, LibrarySettings()).overrides == ('metadata.title="Another"',)


@pytest.mark.parametrize("source", ["memory://house/nowhere.md", "nosuch://house/one.md"])
def test_a_manuscript_that_cannot_be_fetched(source: str) -> None:
    with pytest.raises((SourceError, ProfileError), match=source), fetched(source):
        pass


def test_what_changes_between_two_listings_waits(folder: Path) -> None:
    for name in ("still.md", "grows.md"):
        (folder / name).write_text(BOOK, "utf-8")
    inbox = Inbox(str(folder))
    before = inbox.listing()
    (folder / "grows.md").write_text(BOOK * 2, "utf-8")
    (folder / "comes.md").write_text(BOOK, "utf-8")
    after = inbox.listing()
    assert [seen.name for seen in after.settled(before)] == ["still"]
    assert sorted(after.unsettled(before)) == ["comes", "grows"]
    assert {seen.name for seen in inbox.listing().settled(after)} == {"still", "grows", "comes"}


def test_a_side_file_that_comes_later_makes_its_manuscript_wait(folder: Path) -> None:
    (folder / "one.md").write_text(BOOK, "utf-8")
    inbox = Inbox(str(folder))
    before = inbox.listing()
    (folder / "one.toml").write_text("priority = 1", "utf-8")
    assert list(inbox.listing().settled(before)) == []


def test_an_inbox_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="there is no such inbox"):
        Inbox(str(tmp_path / "nowhere"))
    with pytest.raises(ProfileError, match="nosuch"):
        Inbox("nosuch://bucket/inbox")


@pytest.mark.parametrize(
    "url",
    [
        "sftp://house:geheim@example.com/inbox",
        "simplecache::ftp://house:geheim@example.com/inbox",
        "zip://inbox::filecache::https://house:geheim@example.com/a.zip",
    ],
)
def test_a_password_is_not_shown(url: str) -> None:
    with pytest.raises(ProfileError, match=r"a password stands in the (sftp|ftp|https):// URL") as caught:
        Inbox(url)
    assert "geheim" not in str(caught.value)


def test_an_inbox_that_goes_away(folder: Path) -> None:
    inbox = Inbox(str(folder))
    folder.rmdir()
    with pytest.raises(ProfileError, match="cannot be listed"):
        inbox.listing()


@pytest.mark.parametrize("names", [("one.md", "one.epub"), ("One Day.md", "one-day.md")])
def test_two_manuscripts_of_one_name_are_two_books(names: tuple[str, str], folder: Path) -> None:
    inbox = Inbox(str(folder))
    (folder / max(names)).write_text(BOOK, "utf-8")
    ((name, only),) = inbox.listing().manuscripts.items()
    (folder / min(names)).write_text(BOOK, "utf-8")
    both = inbox.listing({name: only.marks[0]}).manuscripts
    assert both[name].file_name == max(names)
    (other,) = both.keys() - {name}
    assert other.startswith(f"{name}-")
    assert inbox.source(both[other]) == str(folder / min(names))
    # Without an owner the first in order has the name.
    assert inbox.listing().manuscripts[name].file_name == min(names)


def test_what_is_no_file_is_named_and_not_opened(folder: Path) -> None:
    secret = folder.parent / "secret.md"
    secret.write_text(BOOK, "utf-8")
    os.mkfifo(folder / "pipe.md")
    (folder / "link.md").symlink_to(secret)
    (folder / "folder.md").symlink_to(folder.parent)
    (folder / "dangling.md").symlink_to(folder / "nowhere.md")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.md"))
        inbox = Inbox(str(folder))
        manuscripts = inbox.listing().manuscripts
    assert sorted(manuscripts) == ["dangling", "folder", "link", "pipe", "socket"]
    for seen in manuscripts.values():
        with pytest.raises(SourceError, match=rf"{seen.file_name}: this is (a symbolic link|not a regular file)"):
            inbox.source(seen)


def test_a_name_that_is_not_utf_8(folder: Path) -> None:
    try:
        (folder / os.fsdecode(b"caf\xe9.md")).write_text(BOOK, "utf-8")
    except OSError:
        pytest.skip("this file system takes no such name")
    inbox = Inbox(str(folder))
    seen = the_only(inbox)
    assert seen.name == "caf"
    assert all(mark.encode() for mark in seen.marks)
    with pytest.raises(SourceError, match=r"caf.udce9\.md: the name is not UTF-8"):
        inbox.source(seen)


def test_a_name_that_leaves_no_room(folder: Path) -> None:
    for letter in "ab":
        (folder / f"{'x' * 250}{letter}.md").write_text(BOOK, "utf-8")
    names = list(Inbox(str(folder)).listing().manuscripts)
    assert len(names) == 2
    assert all(len(name) < 100 for name in names)


def test_a_manuscript_that_becomes_a_link_after_it_was_listed(folder: Path) -> None:
    secret = folder.parent / "secret.md"
    secret.write_text(BOOK, "utf-8")
    (folder / "one.md").write_text(BOOK, "utf-8")
    (folder / "one.toml").write_text("priority = 1", "utf-8")
    inbox = Inbox(str(folder))
    seen = the_only(inbox)
    for name in ("one.md", "one.toml"):
        (folder / name).unlink()
        (folder / name).symlink_to(secret)
    with pytest.raises(SourceError, match="not a file in the inbox"), fetched(inbox.source(seen), str(folder)):
        pass
    with pytest.raises(ProfileError, match="not a file in the inbox"):
        inbox.book_settings(seen, LibrarySettings())


def test_a_side_file_that_is_too_large(folder: Path) -> None:
    (folder / "one.md").write_text(BOOK, "utf-8")
    (folder / "one.toml").write_text("#" * (1 << 20) + "\npriority = 1", "utf-8")
    inbox = Inbox(str(folder))
    with pytest.raises(ProfileError, match="larger than 1 MiB"):
        inbox.book_settings(the_only(inbox), LibrarySettings())
