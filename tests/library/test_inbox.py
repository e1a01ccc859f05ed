"""The inbox: what is a manuscript there, what belongs to it, what waits, and what is refused."""

import shutil
from pathlib import Path

import fsspec
import pytest

from tasks.errors import ProfileError, SourceError
from tasks.library.inbox import Inbox, Seen, fetched

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
    assert {name: [Path(path).name for path in seen.paths] for name, seen in listing.manuscripts.items()} == {
        "a": ["a.epub"],
        "b-one": ["B one.md"],
        "c": ["c.PDF"],
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
    assert inbox.side_file(seen).overrides == ('metadata.title="Another"',)


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


def test_a_password_is_not_shown() -> None:
    with pytest.raises(ProfileError, match="a password stands in the sftp:// URL") as caught:
        Inbox("sftp://house:geheim@example.com/inbox")
    assert "geheim" not in str(caught.value)


def test_an_inbox_that_goes_away(folder: Path) -> None:
    inbox = Inbox(str(folder))
    folder.rmdir()
    with pytest.raises(ProfileError, match="cannot be listed"):
        inbox.listing()


@pytest.mark.parametrize("names", [("one.md", "one.epub"), ("One Day.md", "one-day.md")])
def test_two_manuscripts_of_one_name(names: tuple[str, str], folder: Path) -> None:
    for name in names:
        (folder / name).write_text(BOOK, "utf-8")
    inbox = Inbox(str(folder))
    with pytest.raises(SourceError, match=f"{min(names)} and {max(names)} would be one book.*rename"):
        inbox.source(the_only(inbox))
