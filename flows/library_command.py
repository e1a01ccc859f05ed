"""What `declaim library` does: an inbox of manuscripts is narrated by one Prefect flow."""

import argparse
import asyncio
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from flows.imports import importing
from flows.narrate_command import absolute, quiet_prefect
from flows.prefect_server import begin_server, connect

if TYPE_CHECKING:
    from flows.prefect_server import OwnServer


def library(options: argparse.Namespace) -> int:
    """Narrate an inbox; returns the exit code 0."""
    quiet_prefect(options.verbose)
    server = begin_server()

    result = asyncio.run(_narrated(options, server))
    if options.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        count = len(result["books"])
        print(f"{result['outbox']}: {f'{count} books done' if count else 'nothing in the inbox is new'}")
    return 0


async def _narrated(options: argparse.Namespace, server: "OwnServer | None") -> dict[str, Any]:
    with importing():
        from flows.cancellation import told_as_interrupt  # noqa: PLC0415  # seconds, in which the server starts
        from flows.library import BOOK_TOLD  # noqa: PLC0415
        from flows.library import library as flow  # noqa: PLC0415

    await connect(server)
    BOOK_TOLD.set(partial(print, file=sys.stderr))
    with told_as_interrupt():
        result: dict[str, Any] = await flow(
            inbox=options.inbox,
            outbox=options.out,
            profile=absolute(options.profile),
            at_once=options.at_once,
            deployment=options.deployment,
            budget_usd=options.budget,
            settle_seconds=options.settle,
            overrides=tuple(options.set),
        )
    return result
