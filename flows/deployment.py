"""What Declaim's deployments need of a Prefect server: a work pool, shared rate limits, automations, a schedule."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import yaml
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import DeploymentApplyError
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.flows import load_flow_from_entrypoint
from prefect.types.entrypoint import EntrypointType
from pydantic import ValidationError

from flows.quota import slots_for
from flows.runtime.deployment_names import POOL_TYPE, RESTART
from tasks.casting import castings_of
from tasks.errors import ProfileError
from tasks.settings import Profile, config_folder
from tasks.voices import check_server_name

_AUTOMATION_PREFIX = "Declaim: "


def deployment_document(
    parameters: Mapping[str, Mapping[str, Any]], cron: str, timezone: str, pool: str
) -> dict[str, Any]:
    """Return config/prefect.yaml with the parameters of each deployment, the pool, and the library's schedule.

    Raises `ProfileError` if the cron expression or the time zone is invalid.
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
        deployment["parameters"] = deployment.get("parameters", {}) | parameters.get(deployment["name"], {})
        deployment["schedules"] = [
            schedule | {"cron": cron, "timezone": timezone} for schedule in deployment.get("schedules", ())
        ]
    return document


async def prepare_server(pool: str, profiles: Mapping[str, Profile], notify: str) -> tuple[str, ...]:
    """Make the pool and the limits that profiles share, or bring them up to date; return the names of the limits.

    `profiles` are those whose shared limits are made, by their names; `notify` is a notification block as `type/name`, or empty.
    Raises `ProfileError` for a pool whose workers start no processes, a shared limit without a rate, and a missing block.
    """
    limits = shared_limits(profiles)
    async with get_client() as client:
        if notify:
            await _find_block(client, notify)
        await _make_pool(client, pool)
        for name, requests_per_minute in limits.items():
            slots, decay = slots_for(requests_per_minute)
            await client.upsert_global_concurrency_limit_by_name(name, slots, decay)
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
        check_server_name(name)
    except ValueError as error:
        raise ProfileError(f"--pool {error}") from error
    with suppress(ObjectAlreadyExists):
        await client.create_work_pool(WorkPoolCreate(name=name, type=POOL_TYPE))
        return
    found = await client.read_work_pool(name)
    if found.type != POOL_TYPE:
        raise ProfileError(
            f"--pool {name}: this pool is of the type {found.type}, and Declaim's runs are processes; give another name, and "
            "the pool is made"
        )


async def make_deployments(document: Mapping[str, Any]) -> None:
    """Make the deployments of a document, or bring them up to date; the pool must be there.

    Raises `ProfileError` where the server refuses one. Not by `prefect deploy`: that replaces `{{ }}` in what it is given, also
    by values of the environment, and the names of folders are nobody's templates.
    """
    for each in document["deployments"]:
        limit = ConcurrencyLimitConfig(**each["concurrency_limit"]) if "concurrency_limit" in each else None
        # A worker imports the flow by its module: it has Declaim installed, and fetches nothing.
        deployment = await load_flow_from_entrypoint(each["entrypoint"]).ato_deployment(
            each["name"],
            entrypoint_type=EntrypointType.MODULE_PATH,
            parameters=each["parameters"],
            description=each["description"],
            concurrency_limit=limit,
            work_pool_name=each["work_pool"]["name"],
            job_variables=each["work_pool"]["job_variables"],
        )
        try:
            await deployment.aapply(schedules=[_as_schedule(schedule) for schedule in each["schedules"]])
        except DeploymentApplyError as error:
            raise ProfileError(f"the Prefect server refuses the deployment {deployment.full_name}: {error}") from error


def _as_schedule(written: Mapping[str, str]) -> dict[str, Any]:
    return {
        "schedule": CronSchedule(cron=written["cron"], timezone=written["timezone"]),
        # By which the server knows it again, and leaves it paused where it is.
        "slug": written["slug"],
    }


async def make_automations(notify: str) -> None:
    """Make the automations of config/automations.yaml, and remove those that Declaim made before.

    The deployments must be there. `notify` is a notification block as `type/name`; without one, nothing notifies. Raises
    `ProfileError` if the server has no such block.
    """
    async with get_client() as client:
        block = await _find_block(client, notify) if notify else None
        restart = await client.read_deployment_by_name(RESTART)
        document = yaml.safe_load((config_folder() / "automations.yaml").read_text("utf-8"))
        for automation in await client.read_automations():
            if automation.name.startswith(_AUTOMATION_PREFIX):
                await client.delete_automation(automation.id)
        for automation in document["automations"]:
            if complete := _complete(automation, block, restart.id):
                await client.create_automation(AutomationCore.model_validate(complete))


def _complete(automation: dict[str, Any], block: UUID | None, restart: UUID) -> dict[str, Any] | None:
    """Return an automation with the ids that its actions need; None if it notifies and there is no block to notify."""
    filled = {"send-notification": {"block_document_id": block}, "run-deployment": {"deployment_id": restart}}
    actions = [action | filled.get(action["type"], {}) for action in automation["actions"]]
    if not block and any(action["type"] == "send-notification" for action in actions):
        return None
    return automation | {"actions": actions}


async def _find_block(client: PrefectClient, name: str) -> UUID:
    kind, _, block = name.partition("/")
    try:
        return (await client.read_block_document_by_name(block, kind)).id
    except ObjectNotFound as error:
        raise ProfileError(
            f"--notify {name}: the Prefect server has no such block; make it in its pages under Blocks, and name it as type/name, "
            "such as slack-webhook/editors"
        ) from error
