"""A server that has what `declaim deploy` of 6b05e54 made: deploying again brings all of it up to date, and old runs still run."""

import json
from pathlib import Path

import pytest
import yaml

from tasks.settings import config_folder
from tests.services.service import Service

from .conftest import BRISK, KEY, Prepared, profile_at, wait_for
from .house import House, open_house

pytestmark = pytest.mark.slow

# As that version's server told it, without ids and times.
EARLIER = json.loads(Path(__file__).with_name("deployed_by_6b05e54.json").read_text("utf-8"))


def deploy_earlier(house: House) -> None:
    """Make what the earlier version made."""
    for pool in EARLIER["pool"]:
        house.ask("POST", "work_pools/", **pool)
    for each in EARLIER["deployments"]:
        flow = house.ask("POST", "flows/", name=each["flow"])["id"]
        body = {key: value for key, value in each.items() if key != "flow"}
        house.ask("POST", "deployments/", flow_id=flow, **body)
    for automation in EARLIER["automations"]:
        house.ask("POST", "automations/", **automation)


def test_deploying_again_replaces_what_was_there(
    tmp_path: Path, environment: dict[str, str], prepared: Prepared
) -> None:
    with (
        Service(seconds_per_character=BRISK) as service,
        open_house(tmp_path / "house", environment | {KEY: service.key}, prepared) as house,
    ):
        deploy_earlier(house)
        profile = profile_at(service.url, house.folder, concurrency=2)
        source = house.folder / "old.md"
        source.write_text("# Old\n\nIt was ordered before.\n", "utf-8")
        own = {"profile": str(profile), "overrides": [f"store.url={house.store}"], "chapters": ""}
        ordered = house.begin("narrate/narrate", source=str(source), out=str(house.outbox / "old"), **own)
        house.deploy("--profile", profile)

        document = yaml.safe_load((config_folder() / "automations.yaml").read_text("utf-8"))
        wanted = {each["name"] for each in document["automations"] if "notify" not in each["name"]}
        assert {each["name"] for each in house.ask("POST", "automations/filter")} == wanted
        deployments = {each["name"]: each for each in house.ask("POST", "deployments/filter")}
        assert deployments.keys() == {"narrate", "retell", "library", "restart"}
        assert [each["slug"] for each in deployments["library"]["schedules"]] == ["nightly"]
        assert deployments["library"]["parameters"]["inbox"] == str(house.inbox)
        assert deployments["narrate"]["parameters"]["outbox"] == str(house.outbox)

        house.worker("editor")
        wait_for(lambda: house.state(ordered) in {"COMPLETED", "FAILED", "CRASHED"}, "the run of the earlier version")
        assert house.state(ordered) == "COMPLETED"
        assert list((house.outbox / "old" / "mp3").glob("*.mp3"))
