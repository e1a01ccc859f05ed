"""The deployments of config/prefect.yaml, with a real server and a real worker: cancelled, and with the server away for a while.

On SQLite; on PostgreSQL with a server of it that is empty and may be used:

    initdb -D /tmp/postgres && postgres -D /tmp/postgres -k /tmp -p 5499 &
    DECLAIM_POSTGRES=postgresql+asyncpg://$USER@localhost:5499/postgres python -m pytest tests/flows/test_deployment.py
"""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.services.service import Service

from .browser import open_browser
from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, open_house

pytestmark = pytest.mark.slow

# The server is away for so long; the 30 s by DECLAIM_AWAY=30.
AWAY_SECONDS = float(os.environ.get("DECLAIM_AWAY", "5"))
PARAGRAPHS = 60
LATENCY_SECONDS = 0.5


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(latency_seconds=LATENCY_SECONDS, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], prepared: Prepared, service: Service
) -> Iterator[House]:
    postgres = {"PREFECT_API_DATABASE_CONNECTION_URL": url} if (url := os.environ.get("DECLAIM_POSTGRES")) else {}
    folder = tmp_path_factory.mktemp("house") / "house"
    with open_house(folder, environment | postgres | {KEY: service.key}, prepared) as house:
        house.deploy("--profile", profile_at(service.url, house.folder, concurrency=4))
        house.worker("editor")
        yield house


def begun(house: House, name: str) -> str:
    """Begin the narration of a manuscript of its own by the deployment; returns the run's id."""
    source = house.folder / f"{name}.md"
    paragraphs = [f"In {name} there is day {day}." for day in range(PARAGRAPHS)]
    source.write_text("\n\n".join([f"# {name}", *paragraphs]), "utf-8")
    return again(house, name)


def again(house: House, name: str) -> str:
    return house.begin(
        "narrate/narrate",
        source=str(house.folder / f"{name}.md"),
        out=str(house.outbox / name),
        profile=str(house.folder / "profile.toml"),
        overrides=[f"store.url={house.store}", "output.editions=['mp3']"],
    )


def spoken(service: Service, name: str) -> int:
    return sum(name in text for text in service.spoken)


def table(house: House, run: str) -> str:
    """The rows of a book's chapters as JSON, empty where there are none yet."""
    return "".join(artifact["data"] for artifact in house.artifacts(run, "table"))


def test_cancelled_it_stops_and_the_next_run_goes_on(house: House, service: Service) -> None:
    run = begun(house, "Anna")
    wait_for(lambda: spoken(service, "Anna") > 8, "some chunks")
    house.ask("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    asked = time.monotonic()
    wait_for(lambda: house.state(run) == "CANCELLED", "the state Cancelled")
    last = max(seen.at for seen in service.asked)
    print(f"the last request came {last - asked:.1f} s after the cancellation")  # noqa: T201  # a figure, for -s
    assert spoken(service, "Anna") < PARAGRAPHS
    (summary,) = house.artifacts(run, "markdown")
    assert "Not finished" in summary["data"]
    assert "Run it again" in summary["data"]
    second = again(house, "Anna")
    wait_for(lambda: house.state(second) == "COMPLETED", "the end of the next run")
    assert (house.outbox / "Anna" / "mp3").is_dir()
    billed = {text: times for text, times in service.billed.items() if "Anna" in text}
    assert len(billed) == PARAGRAPHS + 1
    assert set(billed.values()) == {1}


def test_a_server_that_goes_away_for_a_while_ends_no_run(house: House, service: Service) -> None:
    run = begun(house, "Bela")
    wait_for(lambda: spoken(service, "Bela") > 8, "some chunks")
    house.server_away(AWAY_SECONDS)
    wait_for(lambda: house.state(run) == "COMPLETED", "the end of the run", 240)
    billed = {text: times for text, times in service.billed.items() if "Bela" in text}
    assert len(billed) == PARAGRAPHS + 1
    assert set(billed.values()) == {1}
    told = {artifact["type"]: artifact for artifact in house.artifacts(run)}
    assert told["progress"]["data"] == 100
    assert "61 of 61 chunks spoken" in told["progress"]["description"]
    assert '"state": "finished"' in told["table"]["data"]
    assert "report.html" in told["markdown"]["data"]
    # A key is in no page, no parameter, and no line of a log.
    everything = str([told, house.ask("GET", f"flow_runs/{run}"), house.ask("POST", "logs/filter")])
    assert service.key not in everything


def test_the_pages_show_a_book_while_it_is_narrated_and_after(house: House, service: Service, tmp_path: Path) -> None:
    run = begun(house, "Dora")
    # Nothing is spoken yet: a chapter waits until its first chunk is.
    service.behave(latency_seconds=20)
    wait_for(lambda: '"waiting"' in table(house, run), "the book's pages")
    assert '"speaking"' not in table(house, run)
    service.behave(latency_seconds=LATENCY_SECONDS)
    wait_for(lambda: '"speaking"' in table(house, run), "the first chunk in the table")
    # There is time to look.
    service.behave(latency_seconds=20)
    pictures = Path(os.environ.get("DECLAIM_PICTURES", tmp_path))
    with open_browser(tmp_path / "browser") as browser:
        for moment, percent, state in (("running", "", "speaking"), ("done", "100%", "finished")):
            read = ""
            for kind, words in (("progress", f"Progress: {percent}"), ("table", state), ("markdown", "Dora")):
                (page,) = house.artifacts(run, kind)
                browser.go(f"{house.url.removesuffix('/api')}/artifacts/artifact/{page['id']}")
                wait_for(partial(browser.shows, words), f"{words!r} on the page of {kind}, {moment}")
                browser.shot(pictures / f"{moment}-{kind}.png")
                read += browser.text
            browser.go(f"{house.url.removesuffix('/api')}/runs/flow-run/{run}")
            wait_for(lambda: browser.click("Artifacts"), "the run's page")
            wait_for(lambda: "dora-progress" in browser.text, "the run's artifacts")
            browser.shot(pictures / f"{moment}.png")
            assert "of 61 chunks spoken" in browser.text
            assert service.key not in read + browser.text
            if moment == "running":
                assert "Run it again" in read
                service.behave(latency_seconds=LATENCY_SECONDS)
                wait_for(lambda: house.state(run) == "COMPLETED", "the end of the run")
        assert "report.html" in read


def test_events_have_the_book_as_their_resource(house: House) -> None:
    run = begun(house, "Cleo")

    def told() -> set[tuple[str, str]]:
        events = house.ask("POST", "events/filter", filter={"event": {"prefix": ["declaim."]}})["events"]
        return {(event["event"], event["resource"]["prefect.resource.id"]) for event in events}

    wait_for(lambda: house.state(run) == "COMPLETED", "the end of the run")
    # They go their own way, and a little later.
    wanted = {(f"declaim.{what}.finished", "declaim.book.cleo") for what in ("chapter", "book")}
    wait_for(lambda: wanted <= told(), "the events")


def test_a_book_is_retold(house: House, service: Service) -> None:
    source = house.folder / "Ella.md"
    source.write_text("# Ella\n\nElla kept the ledger of the mill.\n\n# Later\n\nNobody read it.\n", "utf-8")
    model = (f"base_url='{service.url}/v1'", "text='openai'", "model='a-model'", f"api_key_env='{KEY}'")
    run = house.begin(
        "retell/retell",
        source=str(source),
        instruction="Tell it to a child.",
        out=str(house.outbox / "Ella"),
        profile=str(house.folder / "profile.toml"),
        overrides=[f"store.url={house.store}", "output.editions=['mp3']", *(f"retell.{it}" for it in model)],
    )
    wait_for(lambda: house.state(run) == "COMPLETED", "the end of the run")
    told = (house.outbox / "Ella" / "Ella.md").read_text("utf-8")
    assert told.count("Thus it is told.") == 2
    assert all(f"# {title}" in told for title in ("Ella", "Later"))
    assert len(list((house.outbox / "Ella" / "mp3").iterdir())) == 2
    tables = {table["key"]: table["data"] for table in house.artifacts(run, "table")}
    assert tables["ella-retold"].count('"retold"') == 2
    assert tables["ella-chapters"].count('"finished"') == 2


def test_a_run_whose_worker_was_killed_before_it_began_is_shown_as_crashed(house: House) -> None:
    (automation,) = [it for it in house.ask("POST", "automations/filter") if "never began" in it["name"]]
    assert automation["trigger"]["within"] == 300
    # The least that the server takes.
    automation["trigger"]["within"] = 10
    house.ask("DELETE", f"automations/{automation['id']}")
    house.ask("POST", "automations/", **{field: automation[field] for field in ("name", "trigger", "actions")})
    run = house.begin("narrate/narrate", "2100-01-01T00:00:00+00:00", source="book.md")
    house.ask("POST", f"flow_runs/{run}/set_state", state={"type": "PENDING"})
    wait_for(lambda: house.state(run) == "CRASHED", "the state Crashed")
    assert "its worker ended before the run began" in house.ask("GET", f"flow_runs/{run}")["state"]["message"]


def test_a_schedule_that_is_none(house: House) -> None:
    done = house.run("deploy", house.inbox, "--cron", "every night")
    assert done.returncode == 2
    assert "--cron 'every night'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_link_base_that_is_none(house: House) -> None:
    done = house.run("deploy", house.inbox, "--link-base", "file:///srv/outbox")
    assert done.returncode == 2
    assert "[output] link_base" in done.stderr
    assert len(done.stderr.splitlines()) == 1
