"""What a server does by itself when runs crash, and what `declaim deploy` and `declaim doctor` say of a library that cannot run.

The runs' processes are really killed, the worker's command really fails, and a notification arrives by HTTP.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.restart import find_reached_limit
from tasks.library.inbox import Inbox
from tasks.library.ledger import Entry, Ledger, State
from tests import skip_reasons
from tests.services.service import Service

from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, kill, open_house

PARAGRAPHS = 16
# Slow enough for a run to be still at work when another one has started.
LATENCY_SECONDS, SLOW_SECONDS = 0.2, 6.0
# So many that a slow book is still being spoken after minutes.
LONG_PARAGRAPHS = 80
# A library does not read a manuscript of this size to find out whether its book is short.
LARGE_BYTES = 300_000
# What `prefect deploy` would replace by a value of the environment.
TEMPLATE = "{{ $PATH }}"
# A block of Prefect's for a webhook, as its pages make it.
MAKE_BLOCK = """
import sys
from prefect.blocks.notifications import CustomWebhookNotificationBlock
block = CustomWebhookNotificationBlock(name="editors", url=sys.argv[1], json_data={"subject": "{{subject}}", "body": "{{body}}"})
block.save("editors", overwrite=True)
"""


@contextmanager
def open_webhook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the address of a webhook, and the notifications that have come to it."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/notify", received
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(latency_seconds=LATENCY_SECONDS, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def hook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    with open_webhook() as opened:
        yield opened


@pytest.fixture(scope="module")
def founded(
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
    prepared: Prepared,
    service: Service,
    hook: tuple[str, list[dict[str, str]]],
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house") / "house"
    with open_house(folder, environment | {KEY: service.key}, prepared) as house:
        subprocess.run([sys.executable, "-c", MAKE_BLOCK, hook[0]], env=house.environment, check=True)
        own = ("--set", f"metadata.description='{TEMPLATE}'", "--notify", "custom-webhook/editors")
        house.deploy("--profile", profile_at(service.url, folder, concurrency=2), *own)
        house.ask("POST", "work_pools/", name="other", type="kubernetes")
        yield house


@pytest.fixture
def house(founded: House, service: Service, webhook: list[dict[str, str]]) -> House:
    founded.clear()
    service.forget()
    webhook.clear()
    return founded


@pytest.fixture
def webhook(hook: tuple[str, list[dict[str, str]]]) -> list[dict[str, str]]:
    """The notifications that have come during a test."""
    return hook[1]


def kill_run(worker: "subprocess.Popen[bytes]", run: str) -> None:
    """Kill the process of a run, and nothing else."""
    for child in psutil.Process(worker.pid).children(recursive=True):
        if child.environ().get("PREFECT__FLOW_RUN_ID") == run:
            child.kill()


def write_long_book(path: Path) -> None:
    """Write a book that a library leaves to a worker, by the size of its manuscript."""
    days = [f"There was a day {day}." for day in range(LONG_PARAGRAPHS)]
    path.write_text("\n\n".join(["# Book", *days, f"<!-- {'x' * LARGE_BYTES} -->"]), "utf-8")


def begin_slow_library(house: House, service: Service) -> str:
    """Begin the library with a book that a worker narrates slowly, and return the run's id once speech is being bought."""
    write_long_book(house.inbox / "book.md")
    service.behave(latency_seconds=SLOW_SECONDS)
    house.worker("editor", limit=4)
    run = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: service.billed.total() > 2, "some requests")
    return run


def states(house: House, flow: str) -> list[str]:
    """Return the states of a flow's runs, those aside that wait for a night to come."""
    return [run["state_type"] for run in house.runs(flow) if "auto-scheduled" not in run["tags"]]


def is_failed(house: House, run: str) -> bool:
    return house.state(run) == "FAILED"


def template_of_pool(house: House) -> dict[str, Any]:
    template: dict[str, Any] = house.ask("GET", "work_pools/declaim")["base_job_template"]
    return template


@pytest.mark.slow
def test_a_killed_library_run_is_begun_again_with_its_own_parameters(
    house: House, service: Service, webhook: list[dict[str, str]]
) -> None:
    other_inbox, other_outbox = house.folder / "other inbox", house.folder / "other outbox"
    other_inbox.mkdir()
    lines = ["# Other", *(f"In the other book there is day {day}." for day in range(PARAGRAPHS))]
    (other_inbox / "other.md").write_text("\n\n".join(lines), "utf-8")
    worker = house.worker("editor", limit=3)
    own: dict[str, object] = {
        "inbox": str(other_inbox),
        "outbox": str(other_outbox),
        "settle_seconds": 0.5,
        "deployment": "",
    }
    run = house.begin("library/library", **own)
    wait_for(lambda: service.billed.total() > 3, "some requests")
    kill_run(worker, run)
    wait_for(lambda: house.state(run) == "CRASHED", "the state Crashed")
    wait_for(lambda: len(states(house, "library")) == 2, "the restart")
    (again,) = [each for each in house.runs("library") if each["tags"] == ["restart"]]
    wait_for(lambda: house.state(again["id"]) == "COMPLETED", "the end of the restarted run")
    crashed = house.ask("GET", f"flow_runs/{run}")
    assert again["parameters"] == crashed["parameters"]
    assert json.loads((other_outbox / "ledger.json").read_text("utf-8"))["books"]["other"]["state"] == "done"
    twice = service.billed.total() - len(service.billed)
    assert twice <= 2
    wait_for(lambda: webhook, "the notification of the finished book")
    assert [each["subject"] for each in webhook] == ["other: declaim.book.finished"]


@pytest.mark.slow
def test_a_library_that_was_taken_for_killed_leaves_its_books_to_the_next_run(house: House, service: Service) -> None:
    run = begin_slow_library(house, service)
    # What the server's automation does when a heartbeat is late; test_faults.py has it do so by itself.
    house.ask("POST", f"flow_runs/{run}/set_state", state={"type": "CRASHED"}, force=True)
    wait_for(lambda: len(states(house, "library")) == 2, "the restart")
    (again,) = [each["id"] for each in house.runs("library") if each["tags"] == ["restart"]]
    wait_for(lambda: house.artifacts(again, "table"), "the restarted run")
    service.behave(latency_seconds=LATENCY_SECONDS)
    wait_for(lambda: house.state(again) == "COMPLETED", "the end of the restarted run")
    assert house.state(run) == "CRASHED"
    assert {name: entry["state"] for name, entry in house.ledger().items()} == {"book": "done"}
    assert states(house, "narrate") == ["COMPLETED"]
    assert set(service.billed.values()) == {1}


@pytest.mark.slow
def test_a_book_whose_run_was_taken_for_killed_is_narrated_again(house: House, service: Service) -> None:
    library = begin_slow_library(house, service)
    (run,) = house.runs("narrate")
    house.ask("POST", f"flow_runs/{run['id']}/set_state", state={"type": "CRASHED"}, force=True)
    wait_for(lambda: len(house.runs("narrate")) == 2, "another run")
    service.behave(latency_seconds=LATENCY_SECONDS)
    wait_for(lambda: house.state(library) == "COMPLETED", "the end of the library")
    assert sorted(states(house, "narrate")) == ["COMPLETED", "CRASHED"]
    assert set(service.billed.values()) == {1}


@pytest.mark.slow
def test_a_book_whose_run_is_still_being_cancelled_is_narrated_again(house: House, service: Service) -> None:
    write_long_book(house.inbox / "book.md")
    before = house.begin("narrate/narrate", source=str(house.inbox / "book.md"), out=str(house.outbox / "book"))
    house.ask("POST", f"flow_runs/{before}/set_state", state={"type": "CANCELLING"}, force=True)
    marks = Inbox(str(house.inbox)).listing().manuscripts["book"].marks
    Ledger(house.outbox).write("book", Entry(State.RUNNING, marks, "2026-01-01T00:00:00+00:00", run=before))
    house.worker("editor", limit=4)
    library = house.begin("library/library", settle_seconds=0.5)
    wait_for(lambda: house.state(library) == "COMPLETED", "the end of the library")
    assert house.state(before) == "CANCELLED"
    assert sorted(states(house, "narrate")) == ["CANCELLED", "COMPLETED"]
    assert set(service.billed.values()) == {1}


@pytest.mark.slow
def test_a_worker_whose_command_fails_ends_in_one_notification(house: House, webhook: list[dict[str, str]]) -> None:
    house.worker("broken", limit=3)
    # The first worker of a pool brings what can be set for its runs.
    wait_for(lambda: template_of_pool(house), "the worker")
    template, broken = (template_of_pool(house) for _ in range(2))
    broken["variables"]["properties"]["command"]["default"] = "false"
    house.ask("PATCH", "work_pools/declaim", base_job_template=broken)
    try:
        house.begin("library/library")
        wait_for(lambda: webhook, "the notification")
    finally:
        house.ask("PATCH", "work_pools/declaim", base_job_template=template)
    assert [each["subject"] for each in webhook] == ["Declaim: a crashed run could not be begun again"]
    assert states(house, "library") == ["CRASHED"]
    assert states(house, "restart") == ["CRASHED"]


@pytest.mark.slow
def test_a_run_that_crashes_again_and_again_is_abandoned(house: House, webhook: list[dict[str, str]]) -> None:
    (house.inbox / "book.md").write_text("# Book\n\nIt kills whoever reads it.\n", "utf-8")
    worker = house.worker("editor", limit=3)
    house.begin("library/library", deployment="", settle_seconds=30)

    def kill_next() -> bool:
        runs = [run["id"] for run in house.runs("library") if run["state_type"] == "RUNNING"]
        for run in runs:
            kill_run(worker, run)
        return bool(webhook)

    wait_for(kill_next, "the notification")
    assert [each["subject"].partition(": ")[2] for each in webhook] == ["declaim.run.abandoned"]
    assert "2 restarts in 1 h" in webhook[0]["body"]
    assert states(house, "library") == ["CRASHED"] * 3


@pytest.mark.slow
def test_a_suspended_run_that_is_taken_for_killed_is_suspended_again(house: House) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    run = house.begin("library/library", later)
    details = {"pause_reschedule": True, "pause_timeout": later}
    paused = {"type": "PAUSED", "name": "Suspended", "state_details": details}
    house.ask("POST", f"flow_runs/{run}/set_state", state=paused, force=True)
    house.ask("POST", f"flow_runs/{run}/set_state", state={"type": "CRASHED"}, force=True)
    house.worker("editor", limit=3)
    wait_for(lambda: house.state(run) == "PAUSED", "the suspension")
    state = house.ask("GET", f"flow_runs/{run}")["state"]
    assert state["name"] == "Suspended"
    assert state["state_details"]["pause_reschedule"]
    assert states(house, "library") == ["PAUSED"]


@pytest.mark.parametrize(
    ("minutes_ago", "reached"),
    [
        ([], ""),
        ([50], ""),
        ([10, 50], "2 restarts in 1 h"),
        ([50, 61], ""),
        ([90, 180, 270, 360], ""),
        ([90, 180, 270, 360, 700], "5 restarts in 12 h"),
        ([90, 180, 270, 360, 721], ""),
    ],
)
def test_restarts_are_bounded_by_hour_and_night(minutes_ago: list[int], reached: str) -> None:
    now = datetime.now(UTC)
    assert find_reached_limit([now - timedelta(minutes=minutes) for minutes in minutes_ago], now) == reached


@pytest.mark.slow
def test_failures_are_notified_once(house: House, webhook: list[dict[str, str]]) -> None:
    (house.inbox / "broken.epub").write_bytes(b"no EPUB at all")
    (house.inbox / "key.md").write_text("# Key\n\nA word.\n", "utf-8")
    (house.inbox / "key.toml").write_text("prioriti = 1", "utf-8")
    house.worker("editor", limit=3)
    alone = house.begin("narrate/narrate", source=str(house.folder / "nowhere.md"))
    for inbox in (house.inbox, house.folder / "away"):
        # One at a time: the deployment cancels a second one.
        library = house.begin("library/library", inbox=str(inbox), settle_seconds=0.5)
        wait_for(partial(is_failed, house, library), "the end of a library")
    wait_for(partial(is_failed, house, alone), "the end of the book")
    wait_for(lambda: len(webhook) > 3, "the notifications")
    subjects = sorted(each["subject"].rpartition(": ")[2] for each in webhook)
    assert subjects == ["declaim.book.failed"] * 3 + ["declaim.library.failed"]
    bodies = " ".join(each["body"] for each in webhook)
    assert all(said in bodies for said in ("this is no whole EPUB", "prioriti: there is no such key", "nowhere.md"))


@pytest.mark.slow
def test_a_suspended_schedule_a_missing_worker_and_lost_folders_are_named(house: House) -> None:
    def findings() -> dict[str, tuple[str, str]]:
        done = house.run("doctor", "--json", "--set", f"store.url={house.store}")
        return {each["name"]: (each["state"], each["said"]) for each in json.loads(done.stdout)["checks"]}

    found = findings()
    assert found["schedule"][0] == "ok"
    assert "the next run of library/library starts" in found["schedule"][1]
    assert found["workers"][0] == "warn"
    assert "`prefect worker start --pool declaim --limit 3`" in found["workers"][1]
    assert found["inbox"][1].endswith("holds 0 manuscripts")
    deployment = house.ask("GET", "deployments/name/library/library")
    schedule = deployment["schedules"][0]["id"]
    house.ask("PATCH", f"deployments/{deployment['id']}/schedules/{schedule}", active=False)
    house.inbox.rmdir()
    worker = house.worker("editor")
    wait_for(lambda: findings()["workers"] == ("ok", "the pool declaim is polled by editor"), "the worker")
    found = findings()
    assert found["schedule"][0] == "warn"
    assert found["inbox"][0] == "fail"
    command = found["schedule"][1].partition("`")[2].partition("`")[0].split()
    subprocess.run([sys.executable, "-m", *command], env=house.environment, check=True, capture_output=True)
    assert house.ask("GET", "deployments/name/library/library")["schedules"][0]["active"]
    kill(worker)


@pytest.mark.skipif(sys.platform != "linux", reason=f"{skip_reasons.LINUX}: LD_PRELOAD")
@pytest.mark.slow
def test_a_machine_whose_clock_is_five_minutes_behind(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house.inbox / "book.md").write_text("# Book\n\nIt was early.\n", "utf-8")
    clock = tmp_path / "clock.so"
    source = Path(__file__).with_name("clock.c")
    command = ["cc", "-shared", "-fPIC", "-DSECONDS_AHEAD=-300", "-o", str(clock), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.setitem(house.environment, "LD_PRELOAD", str(clock))
    house.worker("late")
    # By the worker's clock, a run of now is one of the future.
    run = house.begin("library/library", (datetime.now(UTC) - timedelta(minutes=10)).isoformat())
    wait_for(lambda: house.state(run) == "FAILED", "the refusal")
    message = house.ask("GET", f"flow_runs/{run}")["state"]["message"]
    assert "s behind the Prefect server's" in message
    assert "synchronize the clocks" in message
    done = house.run_afresh("doctor", "--json")
    (finding,) = [each for each in json.loads(done.stdout)["checks"] if each["name"] == "clock"]
    assert finding["state"] == "warn"


@pytest.mark.slow
@pytest.mark.parametrize("flow", ["narrate", "retell", "library"])
def test_what_is_given_is_no_template(house: House, flow: str) -> None:
    deployment = house.ask("GET", f"deployments/name/{flow}/{flow}")
    assert any(TEMPLATE in override for override in deployment["parameters"]["overrides"])


@pytest.mark.slow
def test_a_server_whose_scheduler_is_off(tmp_path: Path, environment: dict[str, str], prepared: Prepared) -> None:
    off = {"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"}
    with open_house(tmp_path / "house", environment | off, prepared) as house:
        done = house.run("deploy", house.inbox, "--out", house.outbox)
        assert done.returncode == 2
        assert "has scheduled no run of library/library" in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--timezone", "Mars/Olympus"], "--timezone 'Mars/Olympus'"),
        (["--cron", "every night"], "--cron 'every night'"),
        (["--out", "{inbox}/done"], "the outbox lies in the inbox"),
        (["--out", "/proc/outbox"], "cannot be written"),
        (["--pool", "night #1"], "--pool 'night #1': Prefect's server allows no"),
        (["--pool", "other"], "the pool is of the type kubernetes"),
        (["--notify", "slack-webhook/nobody"], "has no such block"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_deployed(house: House, options: list[str], said: str) -> None:
    given = [option.format(inbox=house.inbox) for option in options]
    done = house.run("deploy", house.inbox, "--out", house.outbox, *given)
    assert done.returncode == 2, done.stderr
    assert said.replace("the pool is", "this pool is") in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_an_inbox_that_is_missing_cannot_be_deployed(house: House) -> None:
    missing = house.run("deploy", house.folder / "nowhere", "--out", house.outbox)
    assert (missing.returncode, "no such inbox" in missing.stderr) == (2, True)
