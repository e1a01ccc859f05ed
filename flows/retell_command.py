"""What `declaim retell` does: a Prefect flow has a language model retell a manuscript, and narrates what it tells."""

import argparse
import asyncio
import json
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.imports import importing
from flows.narrate_command import absolute, quiet_prefect
from flows.prefect_server import begin_server, connect

if TYPE_CHECKING:
    from flows.prefect_server import OwnServer


def retell(options: argparse.Namespace) -> int:
    """Retell a manuscript; returns the exit code 0."""
    quiet_prefect(options.verbose)
    server = begin_server()
    try:
        _check(options)
    except BaseException:
        if server:
            server.stop()
        raise
    result = asyncio.run(_retold(options, server))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print(json.dumps(result, ensure_ascii=False) if options.json else result["folder"], flush=True)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Find before Prefect starts what cannot be; raises `DeclaimError`."""
    with importing():
        from flows.retell_settings import check_retelling, retelling_settings  # noqa: PLC0415  # in which the server starts
        from tasks.settings import check_ready, load_profile  # noqa: PLC0415  # likewise

    settings = retelling_settings(load_profile(options.profile, tuple(options.set)))
    check_ready(settings)
    check_retelling(settings, options.instruction)


async def _retold(options: argparse.Namespace, server: "OwnServer | None") -> dict[str, Any]:
    with importing():
        from flows.cancellation import told_as_interrupt  # noqa: PLC0415  # seconds, in which the server starts
        from flows.retell import CHAPTER_TOLD  # noqa: PLC0415
        from flows.retell import retell as flow  # noqa: PLC0415

    await connect(server)
    CHAPTER_TOLD.set(partial(print, file=sys.stderr))
    with told_as_interrupt():
        result: dict[str, Any] = await flow(
            source=str(options.source.absolute() if isinstance(options.source, Path) else options.source),
            instruction=options.instruction,
            profile=absolute(options.profile),
            out=options.out,
            chapters=options.chapters,
            overrides=tuple(options.set),
        )
    return result
