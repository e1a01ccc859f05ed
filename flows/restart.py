"""The flow that begins a crashed run again, with that run's own parameters and within limits.

An automation of the Prefect server starts it for every run of `narrate`, `retell` and `library` that crashes
(config/automations.yaml). The limits hold for each deployment: a worker that is broken, or a book that no machine can bear,
ends in a notification and not in a loop.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import flow, get_client, get_run_logger
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import FlowRun, State
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterTags,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from flows.runtime.events import RUN_ABANDONED, emit

# The run of a book that a library watches: the library itself has it narrated again.
BOOK_OF_LIBRARY_TAG = "book-of-library"
RESTART_TAG = "restart"
# How many restarts a deployment may have within how long: a night is twelve hours.
LIMITS = ((2, timedelta(hours=1)), (5, timedelta(hours=12)))


@flow(name="restart", flow_run_name="Restart of {crashed_run}", persist_result=False)
async def restart(crashed_run: str) -> str:
    """Begin a crashed run again unless its deployment was restarted too often; return what was decided.

    Args:
        crashed_run: The id of the run.
    """
    async with get_client() as client:
        crashed = await _read_crashed(client, UUID(crashed_run))
        if crashed is None or crashed.deployment_id is None:
            return "there is no crashed run of a deployment with this id"
        if suspension := await _find_suspension(client, crashed):
            await client.set_flow_run_state(crashed.id, suspension, force=True)
            return "the run is suspended, and shown as such again"
        if BOOK_OF_LIBRARY_TAG in crashed.tags:
            return "its library has the book narrated again"
        key = f"restart-{crashed_run}"
        restarts = await _read_restarts(client, crashed)
        if any(run.idempotency_key == key for run in restarts):
            return "another run has begun it again"
        times = [run.created for run in restarts if run.created]
        if reached := find_reached_limit(times, await _read_server_time(client)):
            return _abandon(crashed, reached)
        begun = await client.create_flow_run_from_deployment(
            crashed.deployment_id,
            parameters=crashed.parameters,
            name=crashed.name,
            tags=sorted({*crashed.tags, RESTART_TAG}),
            idempotency_key=key,
        )
    return f"begun again as {begun.id}"


def find_reached_limit(restarts: Sequence[datetime], now: datetime) -> str:
    """Return in words which limit these times of restarts have reached, or "" if there may be another."""
    for count, period in LIMITS:
        if sum(now - time < period for time in restarts) >= count:
            return f"{count} restarts in {period.total_seconds() / 3600:g} h"
    return ""


async def _read_crashed(client: PrefectClient, identifier: UUID) -> FlowRun | None:
    """Return a run of a deployment; None if it was deleted, or is not shown as crashed any more."""
    try:
        run = await client.read_flow_run(identifier)
    except ObjectNotFound:
        return None
    return run if run.deployment_id and run.state and run.state.is_crashed() else None


async def _find_suspension(client: PrefectClient, crashed: FlowRun) -> State[Any] | None:
    """Return the suspension that a run was in before it was taken for killed: it has no process that could be killed."""
    states = sorted(await client.read_flow_run_states(crashed.id), key=lambda state: state.timestamp)
    before = next((state for state in reversed(states) if not state.is_crashed()), None)
    if before is None or not before.is_paused():
        return None
    return State(type=before.type, name=before.name, message=before.message, state_details=before.state_details)


async def _read_restarts(client: PrefectClient, crashed: FlowRun) -> list[FlowRun]:
    """Return the latest restarts of the run's deployment, as many as the limits count."""
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[RESTART_TAG])),
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[crashed.deployment_id])),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=max(count for count, _ in LIMITS),
    )


async def _read_server_time(client: PrefectClient) -> datetime:
    """Return when the server created this run: its clock is the one that the times of restarts are from."""
    created = (await client.read_flow_run(UUID(str(flow_run.get_id())))).created
    if created is None:
        raise RuntimeError("the Prefect server tells no time of creation for this run")
    return created


def _abandon(crashed: FlowRun, reached: str) -> str:
    message = crashed.state.message if crashed.state else ""
    reason = f"it crashed again after {reached} and is not begun again: {message}"
    emit(RUN_ABANDONED, f"declaim.run.{crashed.id}", crashed.name, {"message": reason})
    get_run_logger().error(
        "%s crashed again after %s and is not begun again; mend the cause and run it again", crashed.name, reached
    )
    return f"abandoned after {reached}"
