"""The clock of a machine, held against that of the Prefect server.

The server takes a run for killed when its heartbeats stop (config/automations.yaml), and a heartbeat carries the time of the
machine that sent it. On a machine whose clock is minutes behind, every heartbeat looks old.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from prefect import get_client
from prefect.context import FlowRunContext

from tasks.errors import ProfileError

# A header tells whole seconds, and an answer may take some; the automation waits 150 s for a heartbeat.
TOLERANCE_SECONDS = 45


async def check_clock() -> None:
    """Raise `ProfileError` if the run belongs to a deployment and this machine's clock differs from the server's by 45 s."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or not context.flow_run.deployment_id:
        return
    async with get_client() as client:
        answer = await client.request("GET", "/admin/version")
    if message := describe_difference(answer.headers.get("date", "")):
        raise ProfileError(message)


def describe_difference(server_date: str) -> str:
    """Return what to do about the difference to the date of an answer's header; "" if it is too small to matter."""
    if not server_date:
        return ""
    behind = (parsedate_to_datetime(server_date) - datetime.now(UTC)).total_seconds()
    if abs(behind) < TOLERANCE_SECONDS:
        return ""
    side = "behind" if behind > 0 else "ahead of"
    return (
        f"the clock of this machine is {abs(behind):.0f} s {side} the Prefect server's, and its runs would be shown as crashed; "
        "synchronize the clocks of both machines (NTP), and run it again"
    )
