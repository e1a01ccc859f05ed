"""Artifacts of a run: each is created when there is first something to show, and updated in place from then on."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import Flow, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import FlowRun, State
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterType
from prefect.exceptions import Pause, PrefectException
from prefect.runtime import deployment
from prefect.runtime import flow_run as current_run

from flows.artifacts.commands import rerun_command
from flows.artifacts.texts import mark_unfinished, resume_section
from tasks.errors import DeclaimError, Suspended

# An update costs the server 15 ms; a person looks every few seconds.
_UPDATE_SECONDS = 5
_GRACE_SECONDS = 2
# What can end a run before its book is done. Prefect raises `Pause` between the tasks of a run that is suspended.
RUN_ENDINGS = (Exception, asyncio.CancelledError, Pause)
_logger = logging.getLogger("declaim")


class Artifact:
    """One artifact of the current run: `kind` is progress (data: per cent), table (rows) or markdown (text).

    A server that cannot be reached only delays it: no error of the server ends a run.
    """

    def __init__(self, client: PrefectClient, kind: str, key: str) -> None:
        self._client = client
        self._kind = kind
        self._key = key
        self._lock = asyncio.Lock()
        self._identifier: UUID | None = None
        self._shown: tuple[Any, str, Mapping[str, str]] | None = None

    async def show(self, data: Any, description: str = "", facts: Mapping[str, str] | None = None) -> None:
        """Create the artifact, or replace what it shows; does nothing if that has not changed.

        `facts` is its metadata, for other runs to read; no page shows it.
        """
        # Two callers at once would create it twice.
        async with self._lock:
            await self._show(data, description, dict(facts or {}))

    async def _show(self, data: Any, description: str, facts: dict[str, str]) -> None:
        if self._shown == (data, description, facts):
            return
        content = json.dumps(data, ensure_ascii=False) if self._kind == "table" else data
        try:
            if self._identifier:
                update = ArtifactUpdate(data=content, description=description, metadata_=facts)
                await self._client.update_artifact(self._identifier, update)
            else:
                self._identifier = (await self._client.create_artifact(self._build(content, description, facts))).id
        except (httpx.HTTPError, PrefectException) as error:
            _logger.info("Prefect's pages are late: %s", error)
        else:
            self._shown = data, description, facts

    def _build(self, data: Any, description: str, facts: dict[str, str]) -> ArtifactCreate:
        run = UUID(str(current_run.get_id()))
        return ArtifactCreate(
            type=self._kind, key=self._key, data=data, description=description, metadata_=facts, flow_run_id=run
        )


@asynccontextmanager
async def refresh_periodically(show: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Call `show` every few seconds and at the end of the block: once for a book of a page."""
    ended = asyncio.Event()

    async def refresh() -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _UPDATE_SECONDS)
            if ended.is_set():
                return
            await show()

    refresher = asyncio.create_task(refresh())
    try:
        yield
    finally:
        ended.set()
        # A request that is cancelled may have created an artifact whose id nobody knows.
        await asyncio.wait({refresher}, timeout=_GRACE_SECONDS)
        refresher.cancel()
        await show()


async def name_run(name: str, tags: Iterable[str]) -> None:
    """Name the current run, and add tags to those that it has."""
    async with get_client() as client:
        identifier = UUID(str(current_run.get_id()))
        await client.update_flow_run(identifier, name=name, tags=sorted({*current_run.get_tags(), *tags}))


def current_resume_section(folder: Path) -> str:
    """Return how to run the current run again; `folder` is its resolved output folder."""
    command = rerun_command(str(current_run.get_flow_name()), current_run.get_parameters(), folder)
    return resume_section(command, has_deployment=bool(deployment.get_id()))


def describe_error(error: BaseException) -> str:
    """Return one line on why a run ended."""
    if isinstance(error, Pause):
        return str(Suspended())
    return str(error) if isinstance(error, DeclaimError) else f"{type(error).__name__}: {error}".rstrip(": ")


async def show_how_to_resume(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  # Prefect's names
    """Show on the summaries of a run why it ended; a hook for final states that the run's own process may not have survived.

    The command stays that of the run itself: the hook may run in another directory.
    """
    summaries = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run.id]), type=ArtifactFilterType(any_=["markdown"])
    )
    reason = f"{state.name}. {state.message or ''}".strip()
    async with get_client() as client:
        for artifact in await client.read_artifacts(artifact_filter=summaries):
            shown = str(artifact.data)
            if (ended := mark_unfinished(shown, reason)) != shown:
                await client.update_artifact(artifact.id, ArtifactUpdate(data=ended))
