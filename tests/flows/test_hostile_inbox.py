"""What somebody gets who may put files into an inbox and nothing else: no file, variable, key, request, code, money or run of others.

One library narrates an inbox that belongs to another user and holds every attempt at once, next to books that are what they seem.
"""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import skip_reasons
from tests.services.service import Service

from .conftest import BRISK, KEY, Home, profile_at
from .test_library import ledger, ordered

SECRET = "the-gardener-did-it"  # noqa: S105  # no secret of anybody's
VARIABLE = "DECLAIM_TEST_OTHER_SECRET"
ANOTHER_USER = 65_534
BOOK = "# One\n\nIt rained all day.\n"
# A publisher who trusts the authors with much.
ALLOWED = ("text", "voice.name", "voice.options", "voice.reference_audio", "voice.model", "audio", "output", "cast")

# Side files, by what they try; {evil} is the address of a server, {secret} the path of a file, {outside} one to be written.
SIDES = {
    "requests elsewhere": "[voice]\nbase_url = '{evil}/v1'",
    "a variable sent elsewhere": "[voice]\nbase_url = '{evil}/v1'\napi_key_env = '{variable}'",
    "a variable": "[voice]\napi_key_env = '{variable}'",
    "a block": "[voice]\napi_key_block = 'payroll'",
    "requests of the quotes elsewhere": "[cast.quote]\nprovider = 'openai'\nbase_url = '{evil}/v1'",
    "a variable for the headings": "[cast.heading]\napi_key_env = '{variable}'",
    "a price of notes": "[cast.note]\nprice_per_1000_characters = 0",
    "limits of quotes": "[cast.quote.limits]\nbudget_usd = 1e6",
    "a price": "[voice]\nprice_per_1000_characters = 0",
    "a budget": "[limits]\nbudget_usd = 1e6",
    "attempts": "[limits]\nattempts = 100",
    "a shared limit": "[limits]\nshared = 'x'",
    "a store": "[store]\nurl = '{outside}'",
    "a store elsewhere": "[store]\nurl = 's3://evil/clips'",
    "code by a cluster": "[run]\nrunner = 'dask'\naddress = 'tcp://127.0.0.1:9'",
    "a language model": "[retell]\nbase_url = '{evil}/v1'",
    "no disclosure": "[output]\ndisclosure = ''",
    "links elsewhere": "[output]\nlink_base = '{evil}'",
    "a feed elsewhere": "[output]\nfeed_url = '{evil}'",
    "its own rules": "[library]\nside_files = ['limits']",
    "a profile in the inbox": "profile = 'evil.toml'",
    "a profile in the inbox by its name": "profile = 'evil'",
    "a profile above": "profile = '../evil'",
    "a profile by its path": "profile = '{secret}'",
    "a profile that is not listed": "profile = 'piper'",
    "a file above": "[text]\nlexicon = '../secret.md'",
    "a file by its path": "[text]\nlexicon = '{secret}'",
    "a file behind a link": "[text]\nlexicon = 'link.pls'",
    "the environment": "[text]\nlexicon = '/proc/self/environ'",
    "a model by its path": "[voice]\nmodel = '{outside}.onnx'",
    "a recording by its path": "[voice]\nreference_audio = ['{secret}']",
    "another service": "[voice]\nprovider = 'openai'",
    "a row of its own": "[voice.row]\nlimit = 1",
    "results from within": "[voice]\nresult_hosts = ['localhost']",
    "a fallback": "[[fallback]]\nprovider = 'openai'\nbase_url = '{evil}/v1'",
    "overrides": "overrides = ['voice.base_url={evil}']",
    "a key with a dot": "[text]\n'lexicon.x' = 1",
    "chapters without end": "chapters = '1-{digits}'",
    "chapters of a million": "chapters = '{commas}'",
    "a priority without end": "priority = {digits}",
    "brackets without end": "a = {brackets}",
    "no text": "\udcff",
    "a megabyte": "# {megabyte}",
    "escapes in a key": "'\\u001b]0;owned\\u0007' = 1",
}


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def evil() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home, service: Service) -> Home:
    (home.folder / "inbox").mkdir()
    (home.folder / "secret.md").write_text(f"# One\n\nIt was {SECRET}.\n", "utf-8")
    return replace(home, environment=home.environment | {KEY: service.key, VARIABLE: SECRET})


def slug(words: str) -> str:
    return words.replace(" ", "-")


def put_sides(place: Home, evil: Service) -> set[str]:
    """Put a book for each attempt by a side file into the inbox; return the books' names."""
    inbox = place.folder / "inbox"
    for words, side in SIDES.items():
        (inbox / f"{words}.md").write_text(BOOK, "utf-8")
        filled = (
            side.replace("{evil}", evil.url)
            .replace("{variable}", VARIABLE)
            .replace("{secret}", str(place.folder / "secret.md"))
            .replace("{outside}", str(place.folder / "outside"))
            .replace("{digits}", "9" * 5_000)
            .replace("{commas}", "1," * 1_000_000)
            .replace("{brackets}", "[" * 100_000)
            .replace("{megabyte}", "x" * (1 << 20))
        )
        (inbox / f"{words}.toml").write_text(filled, "utf-8", errors="surrogateescape")
    (inbox / "evil.toml").write_text(f"[voice]\nprovider = 'openai'\nbase_url = '{evil.url}/v1'", "utf-8")
    (inbox / "link.pls").symlink_to(place.folder / "secret.md")
    return set(map(slug, SIDES))


def put_files(place: Home) -> set[str]:
    """Put what is not what it seems into the inbox; return the names of the books."""
    inbox, secret = place.folder / "inbox", place.folder / "secret.md"
    (inbox / "link.md").symlink_to(secret)
    (inbox / "dangling.md").symlink_to(place.folder / "nowhere.md")
    (inbox / "folder.md").symlink_to(place.folder)
    (inbox / "circle.md").symlink_to(inbox / "circle.md")
    os.mkfifo(inbox / "pipe.md")
    for name in ("side-link", "side-pipe"):
        (inbox / f"{name}.md").write_text(BOOK, "utf-8")
    (inbox / "side-link.toml").symlink_to(secret)
    os.mkfifo(inbox / "side-pipe.toml")
    with socket.socket(socket.AF_UNIX) as listener:
        # The path of a socket has at most 107 bytes.
        before = Path.cwd()
        os.chdir(inbox)
        listener.bind("socket.md")
        os.chdir(before)
    (inbox / os.fsdecode(b"caf\xe9.md")).write_text(BOOK, "utf-8")
    return {"link", "dangling", "folder", "circle", "pipe", "side-link", "side-pipe", "socket", "caf"}


def put_books(place: Home) -> set[str]:
    """Put books into the inbox that are narrated, though some try more; return their names without what tells two of one apart."""
    inbox = place.folder / "inbox"
    (inbox / "\x1b]0;owned\x07 \x1b[2J.md").write_text(f'---\ntitle: "\\e[2Jowned"\n---\n\n{BOOK}', "utf-8")
    (inbox / "cover.md").write_text(f"---\ncover: ../secret.md\n---\n\n{BOOK}", "utf-8")
    (inbox / "image.md").write_text(f"{BOOK}\n![A picture]({place.folder}/secret.md)\n", "utf-8")
    (inbox / f"{'x' * 250}.md").write_text(BOOK, "utf-8")
    for name in ("Twin.md", "twin.md", "Twin.markdown", "a good book.md"):
        (inbox / name).write_text(BOOK, "utf-8")
    (inbox / "a good book.toml").write_text(
        "priority = -5\n[metadata]\ntitle = 'A Good Book'\n[text]\nunit = 'sentence'", "utf-8"
    )
    return {"0-owned-2j", "cover", "image", "x" * 45, "twin", "a-good-book"}


@pytest.mark.skipif(os.name != "posix", reason=f"{skip_reasons.POSIX}: pipes and links")
def test_no_attempt_succeeds_and_each_has_a_line(place: Home, service: Service, evil: Service) -> None:
    refused = put_sides(place, evil) | put_files(place)
    books = put_books(place)
    inbox = place.folder / "inbox"
    if os.geteuid() == 0:
        for path in (inbox, *inbox.iterdir()):
            os.chown(path, ANOTHER_USER, ANOTHER_USER, follow_symlinks=False)
    command = ordered(place, service)
    profile = profile_at(service.url, place.folder, concurrency=4, attempts=1)
    with profile.open("a", encoding="utf-8") as file:
        file.write(f"[library]\nside_files = {list(ALLOWED)}\nside_file_profiles = ['prose']\n")
    done = place.run(*command)
    assert done.returncode == 5, done.stderr
    entries = ledger(place)
    states = {name: entry["state"] for name, entry in entries.items()}
    assert {name for name, state in states.items() if state == "failed"} == refused
    assert all("\n" not in entries[name]["error"] and entries[name]["error"] for name in refused)
    finished = [name for name, state in states.items() if state == "done"]
    assert len(finished) == len(states) - len(refused) == len(books) + 2
    assert all(any(name.startswith(book) for book in books) for name in finished)
    assert len(refused) + len(finished) > 40
    # Nobody else was asked, and nothing but the books was spoken.
    assert evil.asked == []
    assert all(SECRET not in text for text in service.spoken)
    files = [path for path in place.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    written = [path for path in files if path != place.folder / "secret.md"]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
    assert not (place.folder / "outside").exists()
    said = done.stdout + done.stderr
    assert SECRET not in said
    assert "\x1b]" not in said
    assert "\x1b[2J" not in said
    # The next night goes on: nothing is tried again, and what comes is narrated.
    (inbox / "tomorrow.md").write_text(BOOK.replace("day", "night"), "utf-8")
    again = place.run(*command)
    assert again.returncode == 0, again.stderr
    assert ledger(place)["tomorrow"]["state"] == "done"


def test_a_finished_book_stays_when_only_a_side_file_comes(place: Home, service: Service) -> None:
    inbox = place.folder / "inbox"
    (inbox / "one.md").write_text(BOOK, "utf-8")
    assert place.run(*ordered(place, service)).returncode == 0
    before = ledger(place)["one"]
    edition = (place.out / "one" / "manifest.json").read_bytes()
    (inbox / "one.toml").write_text("[metadata]\ntitle = 'Owned'", "utf-8")
    for _ in range(2):
        done = place.run(*ordered(place, service))
        assert done.returncode == 0, done.stderr
    after = ledger(place)["one"]
    assert "its side file has come, changed or gone" in after.pop("note")
    assert after == {name: value for name, value in before.items() if name != "note"}
    assert (place.out / "one" / "manifest.json").read_bytes() == edition
    done = place.run(*ordered(place, service, "--set", "library.remake_for_side_files=true"))
    assert done.returncode == 0, done.stderr
    entry = ledger(place)["one"]
    assert (entry["title"], entry["side_file_keys"]) == ("Owned", ["metadata.title"])
    assert len(entry["side_file_sha256"]) == len(entry["manuscript_sha256"]) == 64


def test_the_publishers_settings_win_over_a_side_file(place: Home, service: Service) -> None:
    (place.folder / "inbox" / "one.md").write_text(BOOK, "utf-8")
    (place.folder / "inbox" / "one.toml").write_text("[metadata]\ntitle = 'Theirs'\nseries = 'Theirs'", "utf-8")
    done = place.run(*ordered(place, service, "--set", "metadata.title=Ours"))
    assert done.returncode == 0, done.stderr
    told = place.document("one/manifest.json")["book"]
    assert (told["title"], told["series"]) == ("Ours", "Theirs")
