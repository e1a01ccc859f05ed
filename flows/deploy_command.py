"""`declaim deploy`: make the deployments, their schedule and what they need on a Prefect server."""

import argparse
import asyncio
import json
import time
from pathlib import Path

from flows.narrate_command import absolute, quiet_prefect
from flows.prefect_server import connect
from tasks.errors import ProfileError
from tasks.library.inbox import Inbox, check_apart
from tasks.settings import absolute_override, load_profile

# The server looks for changed deployments every five seconds.
_SCHEDULED_WITHIN_SECONDS = 30


def deploy(options: argparse.Namespace) -> int:
    """Deploy to the server that Prefect's settings name; return the exit code 0.

    Raises `ProfileError` and `OutputError` for what is wrong with folders, profiles, schedule, pool or server.
    """
    quiet_prefect(options.verbose)
    from flows import deployment  # noqa: PLC0415  # Prefect, after its settings

    inbox, outbox = _checked_folders(options.inbox, options.out)
    profile, overrides = absolute(options.profile), [absolute_override(each) for each in options.set]
    if options.link_base:
        # The value of an override is TOML, of which a JSON string is one.
        overrides.append(f"output.link_base={json.dumps(options.link_base)}")
    profiles = {name: load_profile(name) for name in map(absolute, options.also)}
    profiles[profile] = load_profile(profile, tuple(overrides))
    book = {"profile": profile, "outbox": outbox, "overrides": overrides}
    library = book | {"inbox": inbox, "at_once": options.at_once, "budget_usd": options.budget}
    parameters = {"narrate": book, "retell": book, "library": library}
    document = deployment.deployment_document(parameters, options.cron, options.timezone, options.pool)
    _check_server()
    limits = asyncio.run(deployment.prepare_server(options.pool, profiles, options.notify))
    asyncio.run(deployment.make_deployments(document))
    asyncio.run(deployment.make_automations(options.notify))
    for name in limits:
        print(f"limit {name}: made, or brought up to date")
    _report_schedule()
    return 0


def _checked_folders(inbox: str, out: str) -> tuple[str, str]:
    """Return inbox and outbox as workers find them; raises `ProfileError` and `OutputError` where a library could not work."""
    from flows.doctor.machine import output  # noqa: PLC0415  # what only a deployment checks

    outbox = Path(out).expanduser().absolute()
    manuscripts = Inbox(inbox if "://" in inbox else str(Path(inbox).expanduser().absolute()))
    check_apart(manuscripts, outbox)
    output(str(outbox))
    return manuscripts.url, str(outbox)


def _report_schedule() -> None:
    """Wait until the server has scheduled the next run, and print what the library still needs; raises `ProfileError`."""
    from flows.doctor import deployed  # noqa: PLC0415  # Prefect's client

    end = time.monotonic() + _SCHEDULED_WITHIN_SECONDS
    while True:
        library = deployed.read_library()
        if library is None or library.next_run or library.is_paused or time.monotonic() > end:
            break
        time.sleep(1)
    if library:
        for finding in (deployed.schedule(library), deployed.workers(library)):
            if finding.state == "fail":
                raise ProfileError(finding.said)
            print(f"{finding.name}: {finding.said}")


def _check_server() -> None:
    from prefect.settings import get_current_settings  # noqa: PLC0415  # Prefect, after its settings

    if not get_current_settings().api.url:
        raise ProfileError(
            "PREFECT_API_URL is not set: start a server that stays, by `prefect server start`, and name it, as in "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    asyncio.run(connect(None))
