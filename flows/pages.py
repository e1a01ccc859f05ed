"""Artifacts of a run in Prefect's pages, made when there is first something to show and changed in place from then on."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
from prefect import Flow, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import FlowRun, State
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterType
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run as current_run

from flows.dashboard_texts import ended_summary

# An update costs the server 15 ms; a person looks every few seconds.
_UPDATE_SECONDS = 5
_logger = logging.getLogger("declaim")


class Page:
    """One artifact: `kind` is progress (data: per cent), table (rows) or markdown (text).

    It decides nothing: a server that is away only makes it late.
    """

    def __init__(self, client: PrefectClient, kind: str, key: str) -> None:
        self._client = client
        self._kind = kind
        self._key = key
        self._identifier: UUID | None = None
        self._shown: tuple[Any, str] | None = None

    async def show(self, data: Any, description: str = "") -> None:
        """Show this from now on."""
        if self._shown == (data, description):
            return
        told = json.dumps(data, ensure_ascii=False) if self._kind == "table" else data
        try:
            if self._identifier:
                await self._client.update_artifact(self._identifier, ArtifactUpdate(data=told, description=description))
            else:
                self._identifier = (await self._client.create_artifact(self._new(told, description))).id
        except (httpx.HTTPError, PrefectException) as error:
            _logger.info("Prefect's pages are late: %s", error)
        else:
            self._shown = data, description

    def _new(self, data: Any, description: str) -> ArtifactCreate:
        run = UUID(str(current_run.get_id()))
        return ArtifactCreate(type=self._kind, key=self._key, data=data, description=description, flow_run_id=run)


@asynccontextmanager
async def kept_fresh(show: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Show every few seconds and at the end of the block: for a book of a page, once."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(_UPDATE_SECONDS)
            await show()

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await show()


async def name_run(name: str, tags: Iterable[str]) -> None:
    """Name the run that this is called in, and put tags to those that it has."""
    async with get_client() as client:
        identifier = UUID(str(current_run.get_id()))
        await client.update_flow_run(identifier, name=name, tags=sorted({*current_run.get_tags(), *tags}))


async def say_how_to_go_on(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  # Prefect's names
    """Put on the summary of a run how to go on; a hook for states that its own process may not have lived to see."""
    asked = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run.id]), type=ArtifactFilterType(any_=["markdown"])
    )
    text = ended_summary(flow_run.name, f"{state.name}. {state.message or ''}".strip(), flow_run.parameters)
    async with get_client() as client:
        for artifact in await client.read_artifacts(artifact_filter=asked):
            await client.update_artifact(artifact.id, ArtifactUpdate(data=text))
