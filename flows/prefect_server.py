"""The Prefect server, before a run begins: the one that the environment names is there, or Prefect's own is started."""

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread

import httpx
from prefect.settings import get_current_settings

from tasks.errors import ProfileError

_PATIENCE_SECONDS = 10
# As Prefect starts it: without its UI, and without what a server does that stays.
_SERVED_BY_A_COMMAND = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


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
    """Start Prefect's own server, which ends with this process, where no other is named; no signal to a group reaches it.

    A terminal sends Ctrl-C to all processes of a command, and a supervisor SIGTERM; the server is needed to the last, for it
    keeps how a run ended.
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
    try:
        from prefect.server.api.server import SubprocessASGIServer  # noqa: PLC0415  # only a run without a server needs it

        class Apart(SubprocessASGIServer):
            """Prefect's own server, in a session of its own."""

            def _run_uvicorn_command(self) -> subprocess.Popen[bytes]:
                return _served(self.port or 0)

        # It is the only one of its process: whatever of Prefect's asks for a server from now on is given this one.
        Apart().start()
    except Exception as error:  # noqa: BLE001  # it is raised where it is waited for
        started.set_exception(error)
    else:
        started.set_result(None)


def _served(port: int) -> subprocess.Popen[bytes]:
    environment = get_current_settings().to_environment_variables(exclude_unset=True)
    return subprocess.Popen(
        [sys.executable, "-m", "flows.prefect_server", str(port)],
        # Never written to: it ends with this process, however that ends, and the server with it.
        stdin=subprocess.PIPE,
        env={**os.environ, **environment, **_SERVED_BY_A_COMMAND},
        start_new_session=True,
    )


def _serve(port: int) -> None:
    """Be Prefect's server until standard input ends."""
    import uvicorn  # noqa: PLC0415  # in the server's process alone

    Thread(target=_end_with_input, daemon=True).start()
    uvicorn.run("prefect.server.api.server:create_app", factory=True, port=port, log_level="error", lifespan="on")


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
