"""The Prefect server, before a run begins: the one that the environment names is there, or Prefect's own is started."""

import asyncio
import signal
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread

import httpx
from prefect.settings import get_current_settings

from tasks.errors import ProfileError

_PATIENCE_SECONDS = 10


def check_server() -> None:
    """Raise `ProfileError` where PREFECT_API_URL names a server that does not answer; without one there is nothing to ask."""
    url = get_current_settings().api.url
    if not url:
        return
    try:
        httpx.get(f"{url}/health", timeout=_PATIENCE_SECONDS).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProfileError(
            f"PREFECT_API_URL: no Prefect server answers at {url} ({error}); start one with `prefect server start`, "
            "or unset the variable to run without"
        ) from error


async def start_server() -> None:
    """Start Prefect's own server, which ends with this process, where no other is named; Ctrl-C does not reach it.

    A terminal sends Ctrl-C to all processes of a command, and the server is needed to the last: it keeps how a run ended.
    """
    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return
    started: Future[None] = Future()
    # Whoever interrupts the start does not wait for its end, as the threads of asyncio would.
    Thread(target=copy_context().run, args=(_start, started), daemon=True).start()
    await asyncio.wrap_future(started)


def _start(started: "Future[None]") -> None:
    started.set_running_or_notify_cancel()
    # A process inherits what the thread that starts it does not let through.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        from prefect.server.api.server import SubprocessASGIServer  # noqa: PLC0415  # only a run without a server needs it

        SubprocessASGIServer().start()
    except Exception as error:  # noqa: BLE001  # it is raised where it is waited for
        started.set_exception(error)
    else:
        started.set_result(None)
