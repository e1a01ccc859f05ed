"""The Prefect server of a run: the one that its settings name, or else one of its own that ends with the process."""

import asyncio
import atexit
import base64
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from http import HTTPStatus
from importlib import metadata
from threading import Thread
from typing import TYPE_CHECKING

import httpx

from flows.imports import importing
from tasks.errors import ProfileError
from tasks.trust import trust

if TYPE_CHECKING:
    from prefect.settings import Settings
    from prefect.settings.models.api import APISettings

_PATIENCE_SECONDS = 10
_POLL_SECONDS = 0.1
_LAST_SECONDS = 5
# The port of `prefect server start` without options.
_USUAL_PORT = 4200
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
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
            # A password set for a server that stays would otherwise hold for this one too, and this run's client may not know it.
            self.auth_string = f"declaim:{secrets.token_hex()}"
            self.url = f"http://127.0.0.1:{bound.getsockname()[1]}/api"
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flows.prefect_server", str(bound.fileno())],
                # Never written to: it ends with this process, however that ends, and the server with it.
                stdin=subprocess.PIPE,
                pass_fds=[bound.fileno()],
                env={**os.environ, **_SERVED_BY_A_COMMAND, "PREFECT_SERVER_API_AUTH_STRING": self.auth_string},
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
    """Connect Prefect to the server that its settings name, or else to our own. Imports Prefect.

    Raises `ProfileError` if the named server cannot be used (`check_server`) or our own does not start.
    """
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415  # seconds, in which our own server starts
    from prefect.settings import get_current_settings  # noqa: PLC0415

    settings = get_current_settings()
    if settings.api.url:
        check_server(settings.api.url)
    elif own and settings.server.ephemeral.enabled:
        url = await own.ready(settings.server.ephemeral.startup_timeout_seconds)
        os.environ |= {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": own.auth_string}
        refresh_global_settings_context()


def check_server(url: str) -> str:
    """Return the version of the Prefect server at an API address; empty for Prefect Cloud, which has none. Sends one request.

    Credentials and certificates are those of Prefect's settings. Raises `ProfileError` if nothing answers within ten seconds, if
    the server refuses the credentials, if it is not Prefect's, or if its major version differs from the installed one's.
    """
    from prefect.settings import get_current_settings  # noqa: PLC0415  # two seconds

    settings = get_current_settings()
    is_cloud = url.startswith(str(settings.cloud.api_url))
    # The health of a server is public, so it says nothing about credentials. Its version is not.
    answer = _get(f"{url.rstrip('/')}/{'health' if is_cloud else 'admin/version'}", url, settings)
    if answer.status_code in _REFUSALS:
        raise ProfileError(_describe_refusal(url, answer.status_code, settings.api))
    if not (answer.is_success or answer.status_code == HTTPStatus.NOT_FOUND):
        raise ProfileError(_describe_absence(url, f"{answer.status_code} {answer.reason_phrase}"))
    return "" if is_cloud else _parse_version(url, answer)


def _get(address: str, url: str, settings: "Settings") -> httpx.Response:
    """Return the answer to a request as Prefect's client would send it; raises `ProfileError` if there is none."""
    try:
        return httpx.get(
            address,
            headers=_headers(settings),
            verify=_tls(settings.api),
            timeout=_PATIENCE_SECONDS,
            follow_redirects=True,
        )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ProfileError(_describe_absence(url, str(error))) from error


def _headers(settings: "Settings") -> dict[str, str]:
    """Return the headers that Prefect's client sends: the user's own, and the credentials."""
    headers: dict[str, str] = dict(settings.client.custom_headers)
    if settings.api.auth_string:
        encoded = base64.b64encode(settings.api.auth_string.get_secret_value().encode()).decode()
        headers["Authorization"] = f"Basic {encoded}"
    elif settings.api.key:
        headers.setdefault("Authorization", f"Bearer {settings.api.key.get_secret_value()}")
    return headers


def _tls(api: "APISettings") -> ssl.SSLContext | bool:
    """Return what to verify a server's certificate by; raises `OSError` if the settings name a file that cannot be read."""
    if api.tls_insecure_skip_verify:
        return False
    return ssl.create_default_context(cafile=api.ssl_cert_file) if api.ssl_cert_file else trust()


def _parse_version(url: str, answer: httpx.Response) -> str:
    """Return the server's version; raises `ProfileError` if the answer holds none, or one that this client cannot work with."""
    try:
        serving = answer.json() if answer.is_success else None
    except ValueError:
        serving = None
    if not isinstance(serving, str):
        raise ProfileError(
            f"PREFECT_API_URL: {without_password(url)} is not the API of a Prefect server; the address ends in /api, such as "
            "http://127.0.0.1:4200/api"
        )
    installed = metadata.version("prefect")
    if serving.partition(".")[0] != installed.partition(".")[0]:
        raise ProfileError(
            f"the Prefect server at {without_password(url)} is version {serving}, which does not work with the installed "
            f"{installed}; start a server of {installed}"
        )
    return serving


def _describe_absence(url: str, reason: str) -> str:
    return (
        f"PREFECT_API_URL: no Prefect server answers at {without_password(url)} ({reason}); start one with "
        f"`{_start_command(url)}`, or unset the variable to run without"
    )


def _start_command(url: str) -> str:
    """Return the shell command that starts a server at an address; the port is left out if it is the usual one or not known."""
    try:
        port = httpx.URL(url).port
    except httpx.InvalidURL:
        port = None
    return "prefect server start" if port in {None, _USUAL_PORT} else f"prefect server start --port {port}"


def _describe_refusal(url: str, status: int, api: "APISettings") -> str:
    said = f"the Prefect server at {without_password(url)}"
    if api.auth_string:
        return (
            f"{said} does not accept PREFECT_API_AUTH_STRING ({status}); set it to the value of the server's "
            "PREFECT_SERVER_API_AUTH_STRING"
        )
    if api.key:
        return f"{said} does not accept PREFECT_API_KEY ({status}); set it to a valid key"
    return (
        f"{said} asks for a password ({status}); set PREFECT_API_AUTH_STRING to the value of the server's "
        "PREFECT_SERVER_API_AUTH_STRING, such as user:password (or for Prefect Cloud, set PREFECT_API_KEY)"
    )


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
