"""Every command on a Prefect server with a password, with the right credentials, with wrong ones and with none."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.services.service import Service

from .conftest import BRISK, KEY, Prepared, free_port, profile_at, wait_for
from .house import House, open_house

pytestmark = pytest.mark.slow

CREDENTIALS = "editor:open sesame"
WRONG = "editor:open barley"
SETTING = "PREFECT_API_AUTH_STRING"
BOOK = "# One\n\nIt was late.\n"
# The commands that speak to the server.
SERVED = ["deploy", "doctor", "narrate", "library", "retell"]
ALONE = ["plan", "lexicon"]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], prepared: Prepared, service: Service
) -> Iterator[House]:
    """A house whose server asks for a password, which its environment has."""
    own = {"PREFECT_SERVER_API_AUTH_STRING": CREDENTIALS, SETTING: CREDENTIALS, KEY: service.key}
    with open_house(tmp_path_factory.mktemp("house") / "house", environment | own, prepared) as house:
        profile_at(service.url, house.folder)
        yield house


def run_command(house: House, command: str, folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Declaim in a fresh folder, with changes to the environment; an empty value unsets a variable."""
    (folder / "inbox").mkdir()
    book = folder / "inbox" / "book.md"
    book.write_text(BOOK, "utf-8")
    out = ("--out", str(folder / "out"))
    arguments = {
        "narrate": (str(book), *out),
        "library": (str(book.parent), *out, "--settle", "0"),
        "retell": (str(book), "--instruction", "Tell it to a child.", *out),
        "deploy": (str(book.parent), *out),
        "doctor": out,
        "plan": (str(book),),
        "lexicon": (str(book),),
    }[command]
    model = ("text='openai'", "model='a-model'", f"api_key_env='{KEY}'", f"base_url='{_service_url(house)}'")
    overrides = [f"store.url={folder / 'store'}", *(f"retell.{each}" for each in model)]
    environment = {name: value for name, value in (house.environment | changes).items() if value}
    sets = (part for each in overrides for part in ("--set", each))
    return replace(house, environment=environment).run(
        command, *arguments, "--profile", house.folder / "profile.toml", *sets
    )


def _service_url(house: House) -> str:
    text = (house.folder / "profile.toml").read_text("utf-8")
    return text.partition('base_url = "')[2].partition('"')[0]


@pytest.mark.parametrize("command", [*SERVED, *ALONE])
def test_with_credentials_a_command_works(command: str, house: House, tmp_path: Path) -> None:
    done = run_command(house, command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", ALONE)
def test_a_command_that_needs_no_server_needs_no_credentials(command: str, house: House, tmp_path: Path) -> None:
    assert run_command(house, command, tmp_path, **{SETTING: ""}).returncode == 0


@pytest.mark.parametrize(
    ("given", "said"), [("", "asks for a password (401)"), (WRONG, f"does not accept {SETTING} (401)")]
)
@pytest.mark.parametrize("command", SERVED)
def test_without_credentials_a_command_says_what_to_set(
    command: str, given: str, said: str, house: House, tmp_path: Path
) -> None:
    done = run_command(house, command, tmp_path, **{SETTING: given})
    assert_refused(done, command, said, f"set {SETTING} to" if not given else "set it to the value of")
    assert WRONG not in done.stdout + done.stderr


def assert_refused(done: subprocess.CompletedProcess[str], command: str, *words: str) -> None:
    """Check that a command has ended with exit code 2 and one line with these words; that of `doctor` is a check's."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stdout.splitlines() if command == "doctor" else done.stderr.splitlines()
    (line,) = [line for line in lines if command != "doctor" or line.startswith("FAIL")]
    assert all(each in line for each in words), line
    assert "fault" not in line


def test_a_worker_with_credentials_narrates(house: House, tmp_path: Path) -> None:
    deployed = run_command(house, "deploy", tmp_path)
    assert deployed.returncode == 0, deployed.stderr
    house.worker("editor")
    command = [sys.executable, "-m", "prefect", "deployment", "run", "library/library", "--param", "settle_seconds=0"]
    subprocess.run(command, env=house.environment, check=True, capture_output=True)
    wait_for((tmp_path / "out" / "book" / "manifest.json").exists, "an edition")


def test_a_password_for_servers_does_not_lock_a_run_out_of_its_own(house: House, tmp_path: Path) -> None:
    home = {"PREFECT_HOME": str(tmp_path / "prefect")}
    done = run_command(house, "narrate", tmp_path, PREFECT_API_URL="", **{SETTING: ""}, **home)
    assert done.returncode == 0, done.stderr


@contextmanager
def serving(status: int, body: str) -> Iterator[tuple[str, list[str]]]:
    """Serve the same answer to every request; yields the address, and the paths that are asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", paths
        http.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, '"2.20.9"', "is version 2.20.9, which does not work with the installed 3."),
        (200, "<h1>Welcome</h1>", "is not the API of a Prefect server"),
        (200, '{"detail": "ready"}', "is not the API of a Prefect server"),
        (404, "Not Found", "is not the API of a Prefect server"),
        (500, "Sorry", "no Prefect server answers at"),
        (403, "Forbidden", "asks for a password (403)"),
    ],
)
def test_another_server_is_found_by_one_request(
    status: int, body: str, said: str, house: House, tmp_path: Path
) -> None:
    with serving(status, body) as (url, paths):
        done = run_command(house, "deploy", tmp_path, PREFECT_API_URL=f"{url}/api", **{SETTING: ""})
    assert_refused(done, "deploy", said)
    assert paths == ["/api/admin/version"]


def test_the_address_of_the_pages_is_not_that_of_the_api(house: House, tmp_path: Path) -> None:
    pages = house.url.removesuffix("/api")
    assert_refused(run_command(house, "deploy", tmp_path, PREFECT_API_URL=pages), "deploy", "the address ends in /api")


def test_nobody_answers(house: House, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/api"
    done = run_command(house, "deploy", tmp_path, PREFECT_API_URL=nowhere)
    assert_refused(done, "deploy", f"no Prefect server answers at {nowhere}")
