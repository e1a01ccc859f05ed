"""What `declaim narrate` does: it plans, and has a Prefect flow do the rest."""

import argparse
import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.imports import importing
from flows.prefect_server import begin_server, connect
from tasks.errors import Interrupted
from tasks.packagers.claim import claimed
from tasks.packagers.folder import output_folder

if TYPE_CHECKING:
    from flows.plan import Plan
    from flows.prefect_server import OwnServer
    from tasks.settings import Profile

# A first start of Prefect's own server may take longer than it is given; nobody asked for reports to its makers; and
# its log belongs in its own pages, not between the lines of this command.
_PREFECT_DEFAULTS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}


def narrate(options: argparse.Namespace) -> int:
    """Narrate a manuscript; returns the exit code 0."""
    quiet_prefect(options.verbose)
    server = begin_server()
    try:
        with importing():
            from flows.plan_command import planned  # noqa: PLC0415  # half a second, in which the server starts

        profile, plan, revised = planned(options)
    except BaseException:
        if server:
            server.stop()
        raise
    # Here already: the audition spends before the flow begins.
    with claimed(output_folder(options.out, plan.book.title)):
        result = asyncio.run(_narrated(options, profile, plan, server))
    # All is done: a signal that comes now is not to make it look undone.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if options.json:
        print(json.dumps(result | revised, ensure_ascii=False))
    else:
        print(result["folder"], flush=True)
    return 0


@asynccontextmanager
async def _prepared(plan: "Plan", profile: "Profile") -> AsyncIterator[None]:
    """Let voices of this machine load and begin to speak while Prefect starts, where there is something to speak here."""
    if profile.run.runner != "local":
        yield
        return
    from flows.interrupts import end_processes  # noqa: PLC0415  # numpy, for what is to be spoken alone
    from tasks.voices.lanes import open_client  # noqa: PLC0415  # likewise

    casting, missing = plan.castings[0], plan.missing
    parts = [part for part in casting.parts.values() if missing and not part.spec.refuses]
    async with open_client(1) as client:
        voices = [part.spec.build(part.settings, part.limits, client) for part in parts]
        try:
            for part, voice in zip(parts, voices, strict=True):
                voice.prepare(chunk.spoken for chunk in missing if casting.part(chunk) is part)
            yield
        except (asyncio.CancelledError, Interrupted):
            # What they do now, such as loading, is for no one.
            end_processes()
            raise
        finally:
            for voice in voices:
                await voice.close()


@asynccontextmanager
async def _keys(profile: "Profile", server: "OwnServer | None") -> AsyncIterator[None]:
    """Have the keys of a profile's Secret blocks at hand, for which Prefect must be there first."""
    if not any(voice.api_key_block for voice in profile.voices.values()):
        yield
        return
    await connect(server)
    from flows.keys import block_keys  # noqa: PLC0415  # seconds, for these profiles alone

    async with block_keys(profile.voices):
        yield


async def _narrated(
    options: argparse.Namespace, profile: "Profile", plan: "Plan", server: "OwnServer | None"
) -> dict[str, Any]:
    # asyncio takes Ctrl-C as a cancellation. SIGTERM is to be one too: whoever calls Python out of other languages takes an
    # exception that a signal raises for a failure of its own.
    cancel = signal.getsignal(signal.SIGINT)
    if callable(cancel):
        signal.signal(signal.SIGTERM, cancel)
    async with _keys(profile, server), _prepared(plan, profile):
        from flows.audition import audition  # noqa: PLC0415  # numpy, for what is to be spoken alone

        bought = await audition(plan, profile)
        with importing():
            from flows.cancellation import told_as_interrupt  # noqa: PLC0415  # seconds, in which the server starts
            from flows.narrate import narrate  # noqa: PLC0415
            from flows.progress import show_progress  # noqa: PLC0415  # for this command alone
            from tasks.ingest import READ  # noqa: PLC0415  # a stage: it imports Prefect
            from tasks.synthesize import BOUGHT  # noqa: PLC0415  # likewise

        await connect(server)
        # The flow fetches and reads a manuscript that is given by a URL itself.
        source = options.source.absolute() if isinstance(options.source, Path) else options.source
        READ.set({source: plan.book} if isinstance(source, Path) else {})
        BOUGHT.set(bought)
        with show_progress(plan), told_as_interrupt():
            result: dict[str, Any] = await narrate(
                source=str(source),
                profile=absolute(options.profile),
                out=options.out,
                chapters=options.chapters,
                overrides=tuple(options.set),
            )
        return result


def absolute(profile: str) -> str:
    """Name a profile so that it is found from anywhere."""
    return str(Path(profile).absolute()) if profile.endswith(".toml") else profile


def quiet_prefect(verbose: bool) -> None:  # noqa: FBT001  # the one thing it asks
    """Set what Prefect reads from the environment at its import, where nobody has set it."""
    if not os.environ.get("PREFECT_API_URL"):
        # An empty one names no server, and part of Prefect looks for it all the same.
        os.environ.pop("PREFECT_API_URL", None)
    for name, value in _PREFECT_DEFAULTS.items():
        if not (verbose and name.endswith("CONSOLE_LEVEL")):
            os.environ.setdefault(name, value)
