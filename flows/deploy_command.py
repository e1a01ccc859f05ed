"""What `declaim deploy` does: a Prefect server gets the deployments, their schedule, and what they need."""

import argparse
import asyncio
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from flows.narrate_command import absolute, quiet_prefect
from flows.prefect_server import connect
from tasks.errors import ProfileError
from tasks.settings import load_profile


def deploy(options: argparse.Namespace) -> int:
    """Deploy to the server that Prefect's settings name; returns the exit code 0."""
    quiet_prefect(options.verbose)
    from flows.deployment import deployment_document, prepare  # noqa: PLC0415  # Prefect, after its settings

    profile = absolute(options.profile)
    if options.link_base:
        # The value of an override is TOML, of which a JSON string is one.
        options.set.append(f"output.link_base={json.dumps(options.link_base)}")
    parameters = {
        "inbox": options.inbox if "://" in options.inbox else str(Path(options.inbox).expanduser().absolute()),
        "outbox": str(Path(options.out).expanduser().absolute()),
        "profile": profile,
        "at_once": options.at_once,
        "budget_usd": options.budget,
        "overrides": options.set,
    }
    document = deployment_document(parameters, options.cron, options.timezone, options.pool)
    _check_server()
    profiles = {name: load_profile(name) for name in map(absolute, options.also)}
    profiles[profile] = load_profile(profile, tuple(options.set))
    limits = asyncio.run(prepare(options.pool, profiles, options.notify))
    _deploy(document)
    for name in limits:
        print(f"limit {name}: made, or brought up to date")
    print(f"deployed; now start a worker: prefect worker start --pool {shlex.quote(options.pool)}")
    return 0


def _check_server() -> None:
    from prefect.settings import get_current_settings  # noqa: PLC0415  # Prefect, after its settings

    if not get_current_settings().api.url:
        raise ProfileError(
            "PREFECT_API_URL is not set: start a server that stays, by `prefect server start`, and name it, as in "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    asyncio.run(connect(None))


def _deploy(document: dict[str, object]) -> None:
    """Let Prefect do it; raises `ProfileError` with its last lines where it does not."""
    with TemporaryDirectory(prefix="declaim-") as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        done = subprocess.run(command, cwd=folder, env={**os.environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split()[-40:])
        raise ProfileError(f"prefect deploy has failed: {said}")
