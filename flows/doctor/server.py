"""What a run needs of Prefect: a server that answers, or leave to start one of its own, and limits that are there."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING

from flows.doctor.finding import Finding
from flows.prefect_server import check_server, without_password
from tasks.errors import ProfileError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# The rate of a limit is kept as whole slots.
_RATE_TOLERANCE = 0.02


def prefect() -> Finding:
    """Return Prefect's version and the server that a run would use; none is started for it. Raises `ProfileError`."""
    version = metadata.version("prefect")
    url = named_server()
    if not url:
        return Finding("prefect", "ok", f"{version}; no server is named: each run starts one of its own, for its time")
    serving = check_server(url)
    said = f"{version}; the server at {without_password(url)}"
    return Finding(
        "prefect", "ok", f"{said} has {serving}" if serving else f"{said} answers, and does not tell its version"
    )


def shared_limit(name: str, requests_per_minute: float) -> Finding:
    """Check that there is a global concurrency limit of this name, and that its rate is the profile's.

    `requests_per_minute` is the profile's rate; 0 if it has none.
    """
    url = named_server()
    if not url:
        said = f"the limit {name!r} cannot be looked for without a server; start one and name it in PREFECT_API_URL"
        return Finding("limits", "fail", said)
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415  # two seconds, with the client

    from flows.quota import checked_rate, missing, requests_per_minute_of, update_command  # noqa: PLC0415  # likewise

    try:
        with open_client(url) as client:
            _, decay = checked_rate(name, client.read_global_concurrency_limit_by_name(name))
    except ObjectNotFound as error:
        raise missing(name, requests_per_minute) from error
    granted = requests_per_minute_of(decay)
    if requests_per_minute and abs(granted - requests_per_minute) > _RATE_TOLERANCE * requests_per_minute:
        return Finding(
            "limits",
            "warn",
            f"the limit {name} lets all runs together send {granted:g} requests a minute, and the profile says "
            f"{requests_per_minute:g}; set it: {update_command(name, requests_per_minute)}",
        )
    return Finding("limits", "ok", f"the limit {name} lets all runs together send {granted:g} requests a minute")


def named_server() -> str:
    """Find the server that Prefect's settings name, empty where they name none; the rules are those of `connect`."""
    from prefect.settings import get_current_settings  # noqa: PLC0415  # two seconds

    settings = get_current_settings()
    if not settings.api.url and not settings.server.ephemeral.enabled:
        raise ProfileError(
            "no server is named, and Prefect's settings forbid a run to start one of its own; name one in PREFECT_API_URL, or "
            "set PREFECT_SERVER_EPHEMERAL_ENABLED=true"
        )
    return settings.api.url or ""


@contextmanager
def open_client(url: str) -> Iterator["SyncPrefectClient"]:
    """Yield a client of the server that Prefect's settings name; raises `ProfileError` if the server cannot be used."""
    check_server(url)
    from prefect.client.orchestration import get_client  # noqa: PLC0415  # two seconds, where a server answers alone

    with get_client(sync_client=True) as client:
        yield client
