"""A flow within which others begin, and who takes its signals meanwhile: told by the exit code, for test_cancellation.py.

In a process of its own, for what Prefect leaves open at its end.
"""

import asyncio
import signal
import sys
from typing import Any

import prefect
from prefect import Flow
from prefect.client.schemas import FlowRun, State

from flows.cancellation import cancellable, leaving_signals_to_us
from tasks.errors import Interrupted

_taken: list[Any] = []


def _look(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  # Prefect's names
    """Look who takes signals just before the flow's function is called."""
    _taken.append(signal.getsignal(signal.SIGTERM))


def _signal(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  # likewise
    signal.raise_signal(signal.SIGTERM)


@prefect.flow
@cancellable
async def _inner(seconds: float) -> None:
    _taken.append(signal.getsignal(signal.SIGTERM))
    await asyncio.sleep(seconds)


@prefect.flow
@cancellable
async def _looked_at() -> None:
    ours = signal.getsignal(signal.SIGTERM)
    inner = _inner.with_options(on_running=[_look])
    with leaving_signals_to_us():
        await asyncio.gather(inner(0.5), inner(1))
    assert _taken == [ours] * 4
    assert signal.getsignal(signal.SIGTERM) is ours


@prefect.flow
@cancellable
async def _signalled() -> None:
    with leaving_signals_to_us():
        await _inner.with_options(on_running=[_signal])(60)


if __name__ == "__main__":
    before = signal.getsignal(signal.SIGTERM)
    code = 0
    try:
        asyncio.run({"looked at": _looked_at, "signalled": _signalled}[sys.argv[1]]())
    except Interrupted as error:
        code = error.exit_code
    assert signal.getsignal(signal.SIGTERM) is before
    sys.exit(code)
