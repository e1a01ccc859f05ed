"""`declaim serve`: books with byte ranges, and nothing that is hidden or lies elsewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tasks.trust import trust

from .conftest import TOP
from .served import serve_outbox

HIDDEN = "not to be served"


@pytest.fixture(scope="module")
def outbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outbox with a book, its locks and drafts, and links to a folder elsewhere."""
    folder = tmp_path_factory.mktemp("served")
    outbox, elsewhere = folder / "out box", folder / "elsewhere"
    book = outbox / "it's #1 & <b>"
    for place in (book / "mp3", outbox / ".it.draft-abcdefgh", outbox / "empty", elsewhere):
        place.mkdir(parents=True)
    for path in (book / "manifest.json", book / "report.html", elsewhere / "manifest.json"):
        path.write_text(f"{path.name} of {path.parent.name}", "utf-8")
    (book / "mp3" / "01 - One.mp3").write_bytes(bytes(range(200)))
    for path in (outbox / ".it.lock", outbox / ".it.draft-abcdefgh" / "a.mp3", outbox / "ledger.json", elsewhere / "x"):
        path.write_text(HIDDEN, "utf-8")
    (outbox / "away").symlink_to(elsewhere)
    (book / "away.mp3").symlink_to(elsewhere / "x")
    (book / "lock.mp3").symlink_to(outbox / ".it.lock")
    return outbox


@pytest.fixture(scope="module")
def served(outbox: Path, environment: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of `declaim serve`."""
    with serve_outbox(outbox, environment) as url, httpx.Client(base_url=url, verify=trust()) as client:
        yield client


BOOK = "/it%27s%20%231%20%26%20%3Cb%3E"


def test_the_first_page_lists_books_with_links_to_their_reports(served: httpx.Client) -> None:
    page = served.get("/").text
    assert page.count("<li>") == 1
    (link,) = re.findall(r'href="([^"]+)"', page)
    assert "it&#x27;s #1 &amp; &lt;b&gt;" in page
    assert served.get(f"/{link}").text.startswith("report.html of")


def test_a_folder_is_listed_without_what_cannot_be_opened(served: httpx.Client) -> None:
    assert served.get(BOOK).headers["location"] == f".{BOOK}/"
    page = served.get(BOOK, follow_redirects=True).text
    assert re.findall(r'href="\./([^"]+)"', page) == ["manifest.json", "mp3/", "report.html"]


def test_a_player_can_seek(served: httpx.Client) -> None:
    url = f"{BOOK}/mp3/01%20-%20One.mp3"
    whole = served.get(url)
    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    assert whole.headers["content-type"] == "audio/mpeg"
    part = served.get(url, headers={"Range": "bytes=100-149"})
    assert (part.status_code, part.content) == (206, bytes(range(100, 150)))
    assert served.get(url, headers={"Range": "bytes=500-"}).status_code == 416


@pytest.mark.parametrize(
    "path",
    [
        "/.it.lock",
        "/.it.draft-abcdefgh/a.mp3",
        "/.it.draft-abcdefgh/",
        "/ledger.json",
        "/away/x",
        "/away/",
        f"{BOOK}/away.mp3",
        f"{BOOK}/lock.mp3",
        "/..%2Felsewhere%2Fx",
        "/%2e%2e/elsewhere/x",
        "//etc/passwd",
        "/nothing",
        "/a%00b",
        f"/{'a' * 300}",
    ],
)
def test_what_is_hidden_or_elsewhere_is_not_found(served: httpx.Client, path: str) -> None:
    answer = served.get(path)
    assert answer.status_code == 404
    assert HIDDEN not in answer.text


def test_nothing_can_be_written(served: httpx.Client) -> None:
    assert served.put(f"{BOOK}/report.html", content=b"x").status_code == 405
    assert served.delete(f"{BOOK}/report.html").status_code == 405


@pytest.mark.parametrize(
    ("folder", "options", "said"),
    [
        ("nowhere", (), "there is no such folder"),
        ("", ("--host", "192.0.2.1"), "this address cannot be used"),
        ("", ("--port", "99999"), "this address cannot be used"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    tmp_path: Path, environment: dict[str, str], folder: str, options: tuple[str, ...], said: str
) -> None:
    command = [sys.executable, "-m", "flows.cli", "serve", str(tmp_path / folder), *options]
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line(tmp_path: Path, environment: dict[str, str], served: httpx.Client) -> None:
    port = str(served.base_url.port)
    command = [sys.executable, "-m", "flows.cli", "serve", str(tmp_path), "--port", port]
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
