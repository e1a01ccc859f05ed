"""config/README.md: its commands and the units of config/systemd/ run, with their paths below a temporary folder.

On SQLite; on PostgreSQL with an empty server of it, whose superuser is `postgres` and whose address is a unix socket:

    initdb -D /tmp/postgres -U postgres && postgres -D /tmp/postgres -k /tmp -c listen_addresses= &
    DECLAIM_POSTGRES='postgresql+asyncpg://postgres@/postgres?host=/tmp' python -m pytest tests/flows/test_server_document.py
"""

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tasks.trust import trust

from .browser import open_browser
from .conftest import answers, free_port, wait_for
from .house import kill

TOP = Path(__file__).parents[2]
DOCUMENT = (TOP / "config" / "README.md").read_text("utf-8")
UNITS = sorted((TOP / "config" / "systemd").glob("*.service"))
POSTGRES = os.environ.get("DECLAIM_POSTGRES", "")
# The schedule's minute, and two for a machine that is busy.
PATIENCE_SECONDS = 180
# What a test cannot do to the machine it runs on: users, packages and services.
NOT_RUN = (
    "apt-get ",
    "useradd ",
    "python3 -m venv",
    "/opt/declaim/bin/pip",
    "systemctl ",
    "install --mode=0644 config/systemd",
)


def parse_blocks(heading: str, language: str) -> list[str]:
    """Return the blocks of a language below a heading of the document."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert section, f"config/README.md has no heading {heading!r}"
    return re.findall(rf"^```{language}\n(.*?)^```", section[1], re.DOTALL | re.MULTILINE)


def parse_unit(unit: Path) -> dict[str, list[str]]:
    """Return the values of a unit by their keys."""
    values: dict[str, list[str]] = {}
    for key, _, value in (line.partition("=") for line in unit.read_text("utf-8").splitlines() if "=" in line):
        values.setdefault(key, []).append(value)
    return values


def parse_variables(text: str) -> dict[str, str]:
    """Return the variables of an environment file, as systemd reads it."""
    lines = (line for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name: shlex.split(value)[0] for name, _, value in (line.partition("=") for line in lines)}


@dataclass
class Site:
    """A machine that is set up as the document says, below a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(repr=False)
    port: int = field(default_factory=free_port)
    outbox_port: int = field(default_factory=free_port)
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def outbox(self) -> Path:
        return self.folder / "srv" / "declaim" / "outbox"

    @property
    def database(self) -> Path:
        return self.folder / "var" / "lib" / "declaim" / "prefect" / "prefect.db"

    def translate(self, text: str) -> str:
        """Return text of the document or of a unit with this site's paths, address, programs and user."""
        text = text.replace("/opt/declaim/bin", str(Path(sys.executable).parent))
        text = re.sub(r"(?<![\w/.])/(srv/declaim|etc/declaim|var/)", rf"{self.folder}/\1", text)
        text = text.replace("http://declaim.example.org:4200", f"http://127.0.0.1:{self.port}")
        text = text.replace("--host 0.0.0.0 --port 4200", f"--host 127.0.0.1 --port {self.port}")
        text = text.replace("declaim:declaim", f"{os.getuid()}:{os.getgid()}")
        text = text.replace("--owner=declaim --group=declaim /", "/").replace("sudo -u postgres ", "")
        text = text.replace("--port 8080", f"--port {self.outbox_port}")
        return text.replace("@localhost/declaim", f"@/declaim?host={postgres_folder()}")

    def write(self, name: str, text: str) -> None:
        """Write a file of /etc/declaim."""
        path = self.folder / "etc" / "declaim" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.translate(text), "utf-8")

    def read_variables(self, name: str) -> dict[str, str]:
        return parse_variables((self.folder / "etc" / "declaim" / name).read_text("utf-8"))

    def run(self, block: str) -> str:
        """Run a block of the document, without what would change the machine; returns its output."""
        lines = [line for line in block.splitlines() if not line.startswith(NOT_RUN)]
        script = self.translate("\n".join(["set -eu", *lines]))
        done = subprocess.run(
            ["/bin/sh", "-c", script], cwd=TOP, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, unit: str, **changes: str) -> None:
        """Start the command of a unit with its environment, and with changes to it; ends with the site."""
        values = parse_unit(TOP / "config" / "systemd" / f"{unit}.service")
        variables = parse_variables(self.translate("\n".join(values.get("Environment", []))))
        for path in values.get("EnvironmentFile", []):
            variables |= self.read_variables(Path(path).name)
        # systemd makes these before it runs the command.
        for kind, top in (("StateDirectory", "lib"), ("CacheDirectory", "cache")):
            for name in values.get(kind, []):
                (self.folder / "var" / top / name).mkdir(parents=True, exist_ok=True)
        (command,) = values["ExecStart"]
        with (self.folder / f"{unit}.log").open("ab") as log:
            self._processes[unit] = subprocess.Popen(
                shlex.split(self.translate(command)),
                cwd=self.folder,
                env=self.environment | variables | changes,
                stdout=log,
                stderr=log,
            )

    def start_server(self, **changes: str) -> None:
        self.start("declaim-server", **changes)
        server = self._processes["declaim-server"]
        wait_for(lambda: answers(self.url) or server.poll() is not None, "the server of the unit")
        assert server.poll() is None, (self.folder / "declaim-server.log").read_text("utf-8")

    def stop(self, *units: str) -> None:
        for unit in units or [*self._processes]:
            kill(self._processes.pop(unit))

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Ask the server's API with the document's password."""
        user, _, password = self.read_variables("client.env")["PREFECT_API_AUTH_STRING"].partition(":")
        while True:
            answer = httpx.request(
                method, f"{self.url}/{path}", json=body or None, auth=(user, password), verify=trust(), timeout=60
            )
            # On SQLite the server is busy now and then, and has then done nothing.
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.1)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def run_names(self) -> list[str]:
        return sorted(run["name"] for run in self.ask("POST", "flow_runs/filter"))


def postgres_folder() -> str:
    """Return the folder of PostgreSQL's socket; empty if the tests run on SQLite."""
    return parse_qs(urlsplit(POSTGRES).query)["host"][0] if POSTGRES else ""


@contextmanager
def open_site(folder: Path, environment: dict[str, str]) -> Iterator[Site]:
    """Set a site up with the document's files; its processes end with the block."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    own = {"PATH": path, "PGHOST": postgres_folder(), "PGUSER": "postgres", "PREFECT_WORKER_QUERY_SECONDS": "2"}
    site = Site(folder, environment | own)
    with ExitStack() as stack:
        stack.callback(site.stop)
        install, permissions = parse_blocks("Install", "sh")
        site.run(install)
        server, client = parse_blocks("Install", "ini")
        site.write(
            "server.env", server.replace("# PREFECT_API_DATABASE", "PREFECT_API_DATABASE") if POSTGRES else server
        )
        site.write("client.env", client)
        (profile,) = parse_blocks("Install", "toml")
        site.write("profile.toml", profile)
        site.run(permissions)
        yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Site]:
    """A site whose server runs."""
    with open_site(tmp_path_factory.mktemp("site"), environment) as site:
        if POSTGRES:
            (make_database,) = parse_blocks("PostgreSQL", "sh")
            site.run(make_database)
        site.start_server()
        yield site


def test_every_block_is_run() -> None:
    run_here = ["Install", "Start", "PostgreSQL", "Backup", "Restore"]
    blocks = [block for heading in run_here for block in parse_blocks(heading, "sh")]
    rest = set(re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)) - set(blocks)
    # Nothing is left out but what would change the machine.
    assert [line for block in rest for line in block.splitlines() if not line.startswith(NOT_RUN)] == []


@pytest.mark.slow
def test_files_with_passwords_are_for_root_alone(site: Site) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (site.folder / "etc" / "declaim").glob("*.env")}
    assert modes == {"server.env": 0o600, "client.env": 0o600}


@pytest.mark.slow
def test_pages_ask_at_the_address_that_is_set(site: Site) -> None:
    pages = f"http://127.0.0.1:{site.port}"
    told = httpx.get(f"{pages}/ui-settings", verify=trust(), timeout=60).json()
    assert told["api_url"] == site.read_variables("server.env")["PREFECT_SERVER_UI_API_URL"] == f"{pages}/api"
    assert told["auth"] == "BASIC"
    assert httpx.get(f"{pages}/api/admin/version", verify=trust(), timeout=60).status_code == httpx.codes.UNAUTHORIZED


@pytest.mark.slow
def test_the_pages_open_with_the_password_of_the_document(site: Site, tmp_path: Path) -> None:
    name = site.ask("GET", f"flow_runs/{begin_ended_run(site)}")["name"]
    password = site.read_variables("server.env")["PREFECT_SERVER_API_AUTH_STRING"]
    field = "document.querySelector('input[type=password]')"
    with open_browser(tmp_path / "browser") as browser:
        browser.go(f"http://127.0.0.1:{site.port}/runs")
        wait_for(lambda: browser.evaluate(f"!!{field}"), "the question for a password")
        browser.write(field, password)
        browser.evaluate(f"{field}.form.requestSubmit()")
        wait_for(lambda: browser.shows(name), "the run's name")


@pytest.mark.slow
def test_the_units_and_the_commands_bring_an_edition_that_a_backup_keeps(site: Site) -> None:
    (site.folder / "srv" / "declaim" / "inbox" / "a-short-story.md").write_text("# One\n\nIt was late.\n", "utf-8")
    site.start("declaim-worker")
    _, start = parse_blocks("Start", "sh")
    site.run(start)
    manifest = site.outbox / "a-short-story" / "manifest.json"
    wait_for(manifest.exists, "an edition", PATIENCE_SECONDS)
    wait_for(
        lambda: {run["state_type"] for run in site.ask("POST", "flow_runs/filter")} <= {"COMPLETED", "SCHEDULED"},
        "the end of the runs",
    )
    assert list((site.folder / "srv" / "declaim" / "clips").glob("clips/*/*.wav"))
    before = site.run_names()
    if not (POSTGRES or shutil.which("sqlite3")):
        pytest.skip("sqlite3 is not here")
    with_sqlite, with_postgres, files = parse_blocks("Backup", "sh")
    site.run(with_postgres if POSTGRES else with_sqlite)
    site.run(files)
    site.stop()
    shutil.rmtree(site.folder / "srv")
    (site.folder / "etc" / "declaim" / "server.env").unlink()
    restore_files, with_sqlite, with_postgres = parse_blocks("Restore", "sh")
    site.run(restore_files)
    site.run(with_postgres if POSTGRES else with_sqlite)
    site.start_server()
    assert {*before} <= {*site.run_names()}
    assert json.loads((site.outbox / "ledger.json").read_text("utf-8"))["books"]
    assert manifest.exists()


@pytest.mark.slow
def test_the_outbox_is_served(site: Site) -> None:
    (site.outbox / "report.html").write_text("<p>A report</p>", "utf-8")
    site.start("declaim-outbox")

    def is_served() -> bool:
        try:
            address = f"http://127.0.0.1:{site.outbox_port}/report.html"
            return "A report" in httpx.get(address, verify=trust(), timeout=5).text
        except httpx.HTTPError:
            return False

    wait_for(is_served, "the report", 30)


def age_runs(site: Site, *runs: str) -> None:
    """Have runs ended two hours ago, in the database: the server keeps everything for an hour."""
    chosen = ", ".join(f"'{run}'" for run in runs)
    if POSTGRES:
        statement = f"UPDATE flow_run SET end_time = end_time - INTERVAL '2 hours' WHERE id IN ({chosen})"  # noqa: S608  # ids
        command = ["psql", "--dbname=declaim", "--command", statement]
        subprocess.run(command, env=site.environment, check=True, capture_output=True)
        return
    statement = f"UPDATE flow_run SET end_time = datetime(end_time, '-2 hours') WHERE id IN ({chosen})"  # noqa: S608  # ids
    with closing(sqlite3.connect(site.database, timeout=60)) as database, database:
        database.execute(statement)


def begin_ended_run(site: Site) -> str:
    """Record a run that has ended, with an artifact; returns its id."""
    flow = site.ask("POST", "flows/", name="old")["id"]
    run: str = site.ask("POST", "flow_runs/", flow_id=flow, state={"type": "COMPLETED"})["id"]
    site.ask("POST", "artifacts/", type="markdown", key=f"page-{run}", data="# A book", flow_run_id=run)
    return run


@pytest.mark.slow
def test_old_runs_and_events_are_deleted(site: Site) -> None:
    settings = site.read_variables("server.env")
    assert "flow_runs" in settings["PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"]
    old, young = begin_ended_run(site), begin_ended_run(site)

    def count_events() -> int:
        events = site.ask("POST", "events/filter", filter={"event": {"prefix": ["prefect.flow-run.Completed"]}})[
            "events"
        ]
        return sum(
            event["resource"]["prefect.resource.id"] in {f"prefect.flow-run.{run}" for run in (old, young)}
            for event in events
        )

    wait_for(lambda: count_events() == 2, "the events of both runs")
    site.stop("declaim-server")
    age_runs(site, old)
    shorter = {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "PT61M",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "PT1S",
    }
    assert shorter.keys() <= settings.keys()
    site.start_server(**shorter, PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS="1")

    def runs_left() -> set[str]:
        return {run["id"] for run in site.ask("POST", "flow_runs/filter", flow_runs={"id": {"any_": [old, young]}})}

    wait_for(lambda: runs_left() == {young}, "the deletion of the old run")
    wait_for(lambda: count_events() == 0, "the deletion of the events")
    pages = site.ask("POST", "artifacts/filter", artifacts={"flow_run_id": {"any_": [old, young]}})
    assert [page["flow_run_id"] for page in pages] == [young]


@pytest.mark.slow
def test_a_number_of_seconds_is_no_period_of_events(site: Site) -> None:
    command = [sys.executable, "-c", "from prefect.settings import Settings; Settings()"]
    for period, code in (("P7D", 0), ("604800", 1)):
        environment = site.environment | {"PREFECT_SERVER_EVENTS_RETENTION_PERIOD": period}
        assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == code


# Not a named reason: the gate installs systemd, and fails if it is missing.
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    # systemd looks whether the programs are there.
    programs = {"/opt/declaim/bin/prefect": "/bin/true", "/opt/declaim/bin/declaim": "/bin/true"}
    for unit in UNITS:
        text = unit.read_text("utf-8")
        for program, here in programs.items():
            text = text.replace(program, here)
        (tmp_path / unit.name).write_text(text, "utf-8")
    command = ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_again_as_a_user_without_rights(unit: Path) -> None:
    values = parse_unit(unit)
    assert values["Restart"] == ["always"]
    assert values["User"] == values["Group"] == ["declaim"]
    assert values["NoNewPrivileges"] == ["yes"]
    # A password belongs in a file that root alone reads, not in a unit.
    assert "change-me" not in unit.read_text("utf-8")
