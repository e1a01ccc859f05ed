"""Whether the Prefect server that the environment names is there, asked before a run begins."""

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
