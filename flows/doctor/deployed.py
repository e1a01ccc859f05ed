"""What a deployed library needs to run by itself: a scheduler, a pool with a worker, an inbox and an outbox."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flows.doctor import machine
from flows.doctor.finding import Check, Finding
from flows.doctor.server import named_server, open_client
from flows.runtime.deployment_names import LIBRARY, POOL_TYPE
from tasks.errors import ProfileError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule, WorkPool

# A worker asks for work every ten seconds, and starts a process within some more.
_OVERDUE = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Library:
    """The library's deployment as the server has it.

    `next_run` is when the server will start its next scheduled run, `overdue` since when a run waits for a worker; both are
    None without such a run. `workers` are the names of the workers that poll the pool, and
    `server_date` the server's time as an HTTP header tells it.
    """

    parameters: dict[str, Any]
    is_paused: bool
    schedules: tuple["DeploymentSchedule", ...]
    next_run: datetime | None
    overdue: datetime | None
    pool_name: str
    pool: "WorkPool | None"
    workers: tuple[str, ...]
    server_date: str


def deployed_checks() -> Iterator[Check]:
    """Yield the checks of the library that is deployed on the named server; none if there is no server or no library."""
    try:
        library = read_library() if named_server() else None
    except ProfileError:
        # The check of the server itself says what is wrong.
        return
    if library:
        yield "clock", partial(clock, library)
        yield "schedule", partial(schedule, library)
        yield "workers", partial(workers, library)
        yield "inbox", partial(inbox, str(library.parameters.get("inbox", "")))
        yield "outbox", partial(outbox, str(library.parameters.get("outbox", "")))


def read_library() -> Library | None:
    """Return the library's deployment from the server; None if it is missing. Raises `ProfileError` if no server answers."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415  # two seconds, with the client

    with open_client(named_server()) as client:
        try:
            deployment = client.read_deployment_by_name(LIBRARY)
        except ObjectNotFound:
            return None
        pool_name = deployment.work_pool_name or ""
        pool = client.read_work_pool(pool_name) if pool_name else None
        workers = client.read_workers_for_work_pool(pool_name) if pool_name else []
        now = datetime.now(UTC)
        return Library(
            parameters=deployment.parameters,
            is_paused=deployment.paused,
            schedules=tuple(deployment.schedules),
            next_run=_earliest(client, deployment.id, after=now),
            overdue=_earliest(client, deployment.id, before=now - _OVERDUE),
            pool_name=pool_name,
            pool=pool,
            workers=tuple(worker.name for worker in workers if worker.status == "ONLINE"),
            server_date=client.request("GET", "/admin/version").headers.get("date", ""),
        )


def _earliest(client: "SyncPrefectClient", deployment: Any, **bounds: datetime) -> datetime | None:
    """Return when the earliest scheduled run within these bounds is expected to start."""
    from prefect.client.schemas import filters  # noqa: PLC0415  # the client is there by now
    from prefect.client.schemas.objects import StateType  # noqa: PLC0415
    from prefect.client.schemas.sorting import FlowRunSort  # noqa: PLC0415

    window = {f"{name}_": bound for name, bound in bounds.items()}
    runs = client.read_flow_runs(
        flow_run_filter=filters.FlowRunFilter(
            state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            expected_start_time=filters.FlowRunFilterExpectedStartTime.model_validate(window),
        ),
        deployment_filter=filters.DeploymentFilter(id=filters.DeploymentFilterId(any_=[deployment])),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        limit=1,
    )
    return runs[0].expected_start_time if runs else None


def clock(library: Library) -> Finding:
    """Check this machine's clock against the server's."""
    from flows.runtime.clock import describe_difference  # noqa: PLC0415  # the client is there by now

    message = describe_difference(library.server_date)
    return Finding("clock", "warn" if message else "ok", message or "it agrees with the Prefect server's")


def schedule(library: Library) -> Finding:
    """Check that the server has scheduled the library's next run, and that no run waits for a worker."""
    if not library.schedules:
        return Finding("schedule", "ok", f"{LIBRARY} has no schedule; start it by `prefect deployment run {LIBRARY}`")
    if library.is_paused:
        return Finding("schedule", "warn", f"{LIBRARY} is paused; switch it on in its page of the server")
    active = [each for each in library.schedules if each.active]
    if not active:
        command = f"prefect deployment schedule resume {LIBRARY} {library.schedules[0].id}"
        return Finding("schedule", "warn", f"the schedule of {LIBRARY} is paused; resume it: `{command}`")
    if library.next_run is None:
        return Finding(
            "schedule",
            "fail",
            f"the server has scheduled no run of {LIBRARY}, though its schedule is active: see the server's log. Its scheduler fails "
            "with SQLAlchemy 2.1 (in the server's environment: pip install 'sqlalchemy<2.1', and start it again), and makes nothing "
            "where PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED is false; a date that never comes is not scheduled either",
        )
    if library.overdue:
        return Finding(
            "schedule", "warn", f"a run of {LIBRARY} waits since {_local(library, library.overdue)}; see workers"
        )
    return Finding("schedule", "ok", f"the next run of {LIBRARY} starts {_local(library, library.next_run)}")


def _local(library: Library, moment: datetime) -> str:
    """Return a time of day in the schedule's own time zone."""
    zone = getattr(library.schedules[0].schedule, "timezone", None) or "UTC"
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"


def workers(library: Library) -> Finding:
    """Check that the pool is one of processes, is not paused, and that a worker polls it."""
    name = shlex.quote(library.pool_name)
    if library.pool is None:
        # A server that deletes a pool takes it from the deployments too.
        said = f"the work pool of {LIBRARY} was deleted; deploy again, as before: `declaim deploy INBOX --out OUTBOX`"
        return Finding("workers", "fail", said)
    if library.pool.type != POOL_TYPE:
        said = f"the pool {name} is of the type {library.pool.type}, and Declaim's runs are processes; deploy to another --pool"
        return Finding("workers", "fail", said)
    if library.pool.is_paused:
        return Finding("workers", "fail", f"the pool {name} is paused; resume it: `prefect work-pool resume {name}`")
    if not library.workers:
        command = f"prefect worker start --pool {name} --limit 3"
        return Finding(
            "workers", "warn", f"no worker polls the pool {name}; start one, and leave it running: `{command}`"
        )
    return Finding("workers", "ok", f"the pool {name} is polled by {', '.join(library.workers)}")


def inbox(url: str) -> Finding:
    """Check that the library's inbox can be listed."""
    from tasks.library.inbox import Inbox  # noqa: PLC0415  # fsspec, which only this check needs

    count = len(Inbox(url).listing().manuscripts)
    return Finding("inbox", "ok", f"{url} holds {count} manuscript{'' if count == 1 else 's'}")


def outbox(folder: str) -> Finding:
    """Check that the library's outbox can be written."""
    return replace(machine.output(folder), name="outbox")
