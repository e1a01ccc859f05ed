"""Prefect's start: what is taken off a run's time before it is set beside a yardstick that has no Prefect."""

import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).parents[2]
# Each run has a store and Prefect's server of its own; neither this person's server nor its makers hear of it.
ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
# With the server that a run of Declaim begins for itself, which answers seconds before the one that Prefect would begin:
# no more is taken off a run than it pays.
_EMPTY_FLOW = """
import asyncio
from flows.prefect_server import begin_server, connect
server = begin_server()
from prefect import flow, task

@task
async def empty_task(): pass

@flow
async def empty_flow(): await empty_task()

async def started():
    await connect(server)
    await empty_flow()

asyncio.run(started())
"""


def prefect_start(environment: dict[str, str]) -> float:
    """Time a new process that runs an empty flow with an empty task (seconds)."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", _EMPTY_FLOW], check=True, capture_output=True, env=environment, cwd=TOP)
    return time.perf_counter() - begun
