"""The Prefect server of a run: the one that its settings name, or else one of its own that ends with the process."""

import asyncio
import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from threading import Thread

import httpx

from flows.imports import importing
from tasks.errors import ProfileError
from tasks.trust import trust

_PATIENCE_SECONDS = 10
_POLL_SECONDS = 0.1
_LAST_SECONDS = 5
_SERVED_BY_A_COMMAND = {
    # As Prefect starts a server for the time of a flow: without its UI, and without what a server does that stays.
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    # Task runs are recorded a few together: to record each of their states alone is most of what a server does meanwhile.
    # (The interval is cut to whole seconds, and with none it never rests.)
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}


class OwnServer:
    """A Prefect server that ends with this process; no signal to a group reaches it.

    Prefect would start one itself, in its own good time: it imports the whole server first, four seconds, only to start a
    process that does the same. Here that process begins before Prefect's first import, which takes two. A terminal sends
    Ctrl-C to all processes of a command, and a supervisor SIGTERM; the server is needed to the last, for it keeps how a run
    ended.
    """

    def __init__(self) -> None:
        # The server takes over the bound socket: in the seconds until it listens, any other process might take a free port.
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{bound.getsockname()[1]}/api"
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flows.prefect_server", str(bound.fileno())],
                # Never written to: it ends with this process, however that ends, and the server with it.
                stdin=subprocess.PIPE,
                pass_fds=[bound.fileno()],
                env={**os.environ, **_SERVED_BY_A_COMMAND},
                start_new_session=True,
            )
        # Prefect's last words go out at the end of the process, before this.
        atexit.register(self.stop)

    async def ready(self, patience_seconds: float) -> str:
        """Wait until it answers; returns its address. Raises `ProfileError` where it does not start."""
        end = time.monotonic() + patience_seconds
        async with httpx.AsyncClient(verify=trust(), trust_env=False) as client:
            while not await self._answers(client):
                if self._process.poll() is not None or time.monotonic() > end:
                    raise ProfileError(
                        f"Prefect's own server did not start within {patience_seconds:g} s; start one with `prefect server "
                        "start` and name it in PREFECT_API_URL"
                    )
                await asyncio.sleep(_POLL_SECONDS)
        return self.url

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/health")).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """End it; one that has ended stays so."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


async def connect(own: OwnServer | None) -> None:
    """See to it that Prefect has a server: the one that its settings name, or our own. Imports Prefect.

    Raises `ProfileError` where it does not answer.
    """
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415  # seconds, in which our own server starts
    from prefect.settings import get_current_settings  # noqa: PLC0415

    settings = get_current_settings()
    if settings.api.url:
        check_server(settings.api.url)
    elif own and settings.server.ephemeral.enabled:
        os.environ["PREFECT_API_URL"] = await own.ready(settings.server.ephemeral.startup_timeout_seconds)
        refresh_global_settings_context()


def check_server(url: str) -> None:
    """Raise `ProfileError` where no Prefect server answers at an address within ten seconds."""
    try:
        httpx.get(f"{url}/health", verify=trust(), timeout=_PATIENCE_SECONDS).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProfileError(
            f"PREFECT_API_URL: no Prefect server answers at {without_password(url)} ({error}); start one with `prefect "
            "server start`, or unset the variable to run without"
        ) from error


def without_password(url: str) -> str:
    """Take a user's name and password out of an address."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def begin_server() -> OwnServer | None:
    """Begin to start a server of our own, unless the environment names one.

    Where Prefect's own files name one, or forbid this one, the process that was begun ends by itself.
    """
    return None if os.environ.get("PREFECT_API_URL") else OwnServer()


def _serve(bound: socket.socket) -> None:
    """Be Prefect's server at a bound socket until standard input ends."""
    Thread(target=_end_with_input, daemon=True).start()
    with importing():
        from prefect.settings import get_current_settings  # noqa: PLC0415  # seconds, in which the input may end

    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return
    with importing():
        import uvicorn  # noqa: PLC0415  # where it serves alone
        from prefect.server.api.server import create_app  # noqa: PLC0415  # likewise

    application = uvicorn.Config(create_app, factory=True, log_level="error", lifespan="on")
    uvicorn.Server(application).run(sockets=[bound])


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
