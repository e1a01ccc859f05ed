"""The forms of Prefect's pages, filled in and sent in a browser, with every optional field emptied.

The editions lie where the deployment says, and are still there when the worker and its temporary folders have gone.
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.services.service import Service

from .browser import Browser, open_browser
from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, kill, open_house

pytestmark = pytest.mark.slow

# The form's own words for what it sends.
REFUSED = "Something went wrong"
TEXT_FIELDS = ("out", "outbox", "chapters", "profile", "deployment")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], prepared: Prepared, service: Service
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house") / "house"
    with open_house(folder, environment | {KEY: service.key}, prepared) as house:
        profile = profile_at(service.url, house.folder, concurrency=4)
        with profile.open("a", encoding="utf-8") as file:
            file.write(
                f"[retell]\ntext = 'openai'\nmodel = 'a-model'\nbase_url = '{service.url}/v1'\napi_key_env = '{KEY}'\n"
            )
        house.deploy("--profile", profile, "--at-once", "2")
        yield house


def send_form(browser: Browser, house: House, flow: str, required: dict[str, str]) -> str:
    """Fill in the form of a flow's deployment, empty all else, send it, and return the id of the run."""
    deployment = house.ask("GET", f"deployments/name/{flow}/{flow}")["id"]
    browser.go(f"{house.url.removesuffix('/api')}/deployments/deployment/{deployment}/run")
    wait_for(lambda: browser.shows("Validate parameters"), f"the form of {flow}")
    for label in TEXT_FIELDS:
        browser.fill(label, "")
    for label, text in required.items():
        assert browser.fill(label, text), label
    before = {run["id"] for run in house.runs(flow)}
    # The page takes a moment to validate what was typed.
    time.sleep(1)
    assert browser.click("Submit")

    def new_runs() -> set[str]:
        # A server on SQLite that is busy refuses now and then; a person submits again.
        if browser.dismiss(REFUSED):
            browser.click("Submit")
        return {run["id"] for run in house.runs(flow)} - before

    wait_for(new_runs, f"the run of {flow}")
    (run,) = new_runs()
    return run


def has_ended(house: House, run: str) -> bool:
    return house.state(run) in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def test_emptied_forms_bring_editions_to_the_outbox(house: House, tmp_path: Path) -> None:
    for name in ("By Form", "By Library"):
        lines = f"# {name}\n\nSomebody has come {name.lower()}.\n"
        folder = house.inbox if name == "By Library" else house.folder
        (folder / f"{name}.md").write_text(lines, "utf-8")
    source = str(house.folder / "By Form.md")
    forms = {
        "narrate": {"source": source},
        "retell": {"source": source, "instruction": "Tell it to a child."},
        "library": {"inbox": str(house.inbox), "outbox": str(house.outbox)},
    }
    worker = house.worker("editor")
    with open_browser(tmp_path / "browser") as browser:
        runs = {flow: send_form(browser, house, flow, required) for flow, required in forms.items()}
    for flow, run in runs.items():
        wait_for(partial(has_ended, house, run), f"the end of {flow}")
        assert house.state(run) == "COMPLETED", house.ask("GET", f"flow_runs/{run}")["state"]
    kill(worker)
    for book in ("by-form", "by-form-retold", "by-library"):
        assert list((house.outbox / book / "mp3").glob("*.mp3")), book


def test_a_relative_path_without_an_outbox_is_refused(house: House) -> None:
    source = house.folder / "Lost.md"
    source.write_text("# Lost\n\nNobody would find it.\n", "utf-8")
    found = house.ask("GET", "deployments/name/narrate/narrate")
    bare = {name: value for name, value in found["parameters"].items() if name != "outbox"}
    house.ask("PATCH", f"deployments/{found['id']}", parameters=bare)
    house.worker("second")
    run = house.begin("narrate/narrate", source=str(source), out="lost")
    wait_for(lambda: house.state(run) == "FAILED", "the refusal")
    message = house.ask("GET", f"flow_runs/{run}")["state"]["message"]
    assert "out: lost, and a worker removes the folder it runs in" in message
    house.ask("PATCH", f"deployments/{found['id']}", parameters=found["parameters"])
