"""What Declaim's deployments need of a Prefect server: a pool, limits that accounts share, automations, a schedule."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import yaml
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from pydantic import ValidationError

from flows.quota import slots_for
from tasks.casting import castings_of
from tasks.errors import ProfileError
from tasks.settings import Profile, config_folder


def deployment_document(parameters: dict[str, Any], cron: str, timezone: str, pool: str) -> dict[str, Any]:
    """Read config/prefect.yaml and fill in the library's parameters, its schedule and the pool of all deployments.

    Raises `ProfileError` for a schedule that is none.
    """
    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        raise ProfileError(
            f"--cron {cron!r} in --timezone {timezone!r}: {error.errors()[0]['msg']}; give five fields, such as '0 1 * * *' for one "
            "o'clock at night, and a zone such as Europe/Berlin"
        ) from error
    document: dict[str, Any] = yaml.safe_load((config_folder() / "prefect.yaml").read_text("utf-8"))
    for deployment in document["deployments"]:
        deployment["work_pool"]["name"] = pool
        if deployment["name"] == "library":
            deployment["parameters"] |= parameters
            deployment["schedules"] = [
                schedule | {"cron": cron, "timezone": timezone} for schedule in deployment["schedules"]
            ]
    return document


async def prepare(pool: str, profiles: Mapping[str, Profile], notify: str) -> tuple[str, ...]:
    """Make what is not there yet, and bring the rest up to date; returns the names of the limits that were made.

    `profiles` are those whose shared limits are made, by their names; `notify` is a notification block, as `type/name`, or empty. Raises
    `ProfileError` for a profile that is none, a limit without a rate, and a block that there is not.
    """
    limits = shared_limits(profiles)
    async with get_client() as client:
        await _make_pool(client, pool)
        for name, requests_per_minute in limits.items():
            slots, decay = slots_for(requests_per_minute)
            await client.upsert_global_concurrency_limit_by_name(name, slots, decay)
        await _make_automations(client, notify)
    return tuple(limits)


def shared_limits(profiles: Mapping[str, Profile]) -> dict[str, float]:
    """Find the limits that profiles share, and how many requests a minute each allows.

    Raises `ProfileError` where one has no rate, or two profiles say different ones.
    """
    found: dict[str, float] = {}
    for profile, settings in profiles.items():
        parts = [part for casting in castings_of(settings) for part in casting.parts.values()]
        for limits in (part.limits for part in parts if part.limits.shared):
            rate = limits.requests_per_minute
            if not rate:
                raise ProfileError(
                    f"{profile}: [limits] shared = {limits.shared!r} needs requests_per_minute beside it"
                )
            if found.setdefault(limits.shared, rate) != rate:
                raise ProfileError(
                    f"{profile}: [limits] requests_per_minute of the shared limit {limits.shared} is {rate:g}, and "
                    f"{found[limits.shared]:g} in another profile; they are one account's"
                )
    return found


async def _make_pool(client: PrefectClient, name: str) -> None:
    try:
        await client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    except ObjectAlreadyExists:
        return


async def _make_automations(client: PrefectClient, notify: str) -> None:
    """Make the automations anew; those that notify only where there is a block to do it with."""
    document = yaml.safe_load((config_folder() / "automations.yaml").read_text("utf-8"))
    block = await _block(client, notify) if notify else None
    for wanted in document["automations"]:
        for old in await client.read_automations_by_name(wanted["name"]):
            await client.delete_automation(old.id)
        notifies = [action for action in wanted["actions"] if action["type"] == "send-notification"]
        for action in notifies:
            action["block_document_id"] = block
        if block or not notifies:
            await client.create_automation(AutomationCore.model_validate(wanted))


async def _block(client: PrefectClient, name: str) -> UUID:
    kind, _, block = name.partition("/")
    try:
        return (await client.read_block_document_by_name(block, kind)).id
    except ObjectNotFound as error:
        raise ProfileError(
            f"--notify {name}: the Prefect server has no such block; make it in its pages under Blocks, and name it as type/name, "
            "such as slack-webhook/house"
        ) from error
