"""The Prefect server of a run: the one that the environment names, or else one of its own that ends with the process."""

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
from prefect.context import refresh_global_settings_context
from prefect.settings import get_current_settings

from tasks.errors import ProfileError

_PATIENCE_SECONDS = 10
_POLL_SECONDS = 0.1
_LAST_SECONDS = 5
# As Prefect starts a server for the time of a flow: without its UI, and without what a server does that stays.
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


def begin_server() -> "OwnServer | None":
    """Begin to start a server for this process, where no other is named."""
    settings = get_current_settings()
    return None if settings.api.url or not settings.server.ephemeral.enabled else OwnServer()


class OwnServer:
    """A Prefect server that ends with this process; no signal to a group reaches it.

    Prefect would start one itself, in its own good time: it imports the whole server first, four seconds, only to start a
    process that does the same. Here that process begins at once. A terminal sends Ctrl-C to all processes of a command,
    and a supervisor SIGTERM; the server is needed to the last, for it keeps how a run ended.
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}/api"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flows.prefect_server", str(port)],
            # Never written to: it ends with this process, however that ends, and the server with it.
            stdin=subprocess.PIPE,
            env={**os.environ, **_SERVED_BY_A_COMMAND},
            start_new_session=True,
        )
        # Prefect's last words go out at the end of the process, before this.
        atexit.register(self._stop)

    async def ready(self) -> None:
        """Wait until it answers, and have Prefect use it; raises `ProfileError` where it does not start."""
        patience = get_current_settings().server.ephemeral.startup_timeout_seconds
        end = time.monotonic() + patience
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await self._answers(client):
                if self._process.poll() is not None or time.monotonic() > end:
                    raise ProfileError(
                        f"Prefect's own server did not start within {patience} s; start one with `prefect server start` and "
                        "name it in PREFECT_API_URL"
                    )
                await asyncio.sleep(_POLL_SECONDS)
        os.environ["PREFECT_API_URL"] = self._url
        refresh_global_settings_context()

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self._url}/health")).is_success
        except httpx.TransportError:
            return False

    def _stop(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


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
