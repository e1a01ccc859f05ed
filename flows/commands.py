"""What `declaim narrate`, `plan` and `voices` do, once their arguments are read."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.plan import Plan, make_plan, plan_document, told_usd
from tasks.errors import Interrupted
from tasks.packagers.claim import claimed
from tasks.packagers.folder import output_folder
from tasks.settings import Profile, load_profile
from tasks.voices import provider

if TYPE_CHECKING:
    from flows.prefect_server import OwnServer

# Of what is left out, so many kinds are named.
_OMISSIONS = 5
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
    from flows.prefect_server import begin_server  # noqa: PLC0415  # httpx, which `plan` does not need

    _set_prefect_defaults(options.verbose)
    server = begin_server()
    try:
        profile, plan, revised = _planned(options)
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
        _print_json(result | revised)
    else:
        print(result["folder"], flush=True)
    return 0


def _planned(options: argparse.Namespace) -> tuple[Profile, Plan, dict[str, Any]]:
    """Plan a book, and tell a person what they should know of it; with `--revise` a document has its `revision` too."""
    profile = load_profile(options.profile, tuple(options.set))
    plan = make_plan(options.source, profile, options.chapters)
    _warn(plan)
    if not options.revise:
        return profile, plan, {}
    from flows.revision import make_revision, revision_document, revision_lines  # noqa: PLC0415  # for this alone

    revision = make_revision(plan, profile, options.source, output_folder(options.out, plan.book.title))
    print("\n".join(revision_lines(revision)), file=sys.stderr)
    return profile, plan, {"revision": revision_document(revision)}


@asynccontextmanager
async def _prepared(plan: Plan) -> AsyncIterator[None]:
    """Let voices of this machine load and begin to speak while Prefect starts, where there is something to speak."""
    from flows.interrupts import end_processes  # noqa: PLC0415  # httpx and numpy, which `plan` does not need
    from tasks.voices.lanes import open_client  # noqa: PLC0415  # httpx, which `plan` does not need

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


async def _narrated(
    options: argparse.Namespace, profile: Profile, plan: Plan, server: "OwnServer | None"
) -> dict[str, Any]:
    # asyncio takes Ctrl-C as a cancellation. SIGTERM is to be one too: whoever calls Python out of other languages takes an
    # exception that a signal raises for a failure of its own.
    cancel = signal.getsignal(signal.SIGINT)
    if callable(cancel):
        signal.signal(signal.SIGTERM, cancel)
    async with _prepared(plan):
        from flows.audition import audition  # noqa: PLC0415  # httpx and numpy, which `plan` does not need
        from flows.prefect_server import connect  # noqa: PLC0415

        bought = await audition(plan, profile)
        from prefect.exceptions import TerminationSignal  # noqa: PLC0415  # seconds, in which the server starts

        from flows.narrate import narrate  # noqa: PLC0415
        from flows.progress import shown  # noqa: PLC0415  # for this command alone
        from tasks.synthesize import BOUGHT, CHUNK_DONE  # noqa: PLC0415  # a stage: it imports Prefect

        await connect(server)
        BOUGHT.set(bought)
        with shown(plan) as told:
            CHUNK_DONE.set(told)
            try:
                result: dict[str, Any] = await narrate(
                    source=str(options.source.absolute()),
                    profile=_absolute(options.profile),
                    out=options.out,
                    chapters=options.chapters,
                    overrides=tuple(options.set),
                )
            except TerminationSignal as ended:
                # Prefect's own way with a SIGTERM that comes just before the flow's function takes signals, or just after.
                raise Interrupted from ended
        return result


def _absolute(profile: str) -> str:
    return str(Path(profile).absolute()) if profile.endswith(".toml") else profile


def plan(options: argparse.Namespace) -> int:
    """Print what would be said, and what it would cost; returns the exit code 0."""
    _, plan, revised = _planned(options)
    document = plan_document(plan) | revised
    if options.json:
        _print_json(document)
        return 0
    totals = document["totals"]
    print(f"{plan.book.title} · {', '.join(plan.book.authors) or 'author unknown'} · {plan.book.language}")
    for chapter in document["chapters"]:
        characters = sum(chunk["characters"] for chunk in chapter["chunks"])
        cached = sum(chunk["cached"] for chunk in chapter["chunks"])
        print(
            f"{chapter['number']:>4} · {chapter['title']}: {len(chapter['chunks'])} chunks ({cached} spoken already), "
            f"{characters:,} characters, {len(chapter['omitted'])} passages left out"
        )
    print(_told_coverage(document["coverage"]))
    print(
        f"{totals['chapters']} chapters, {totals['chunks']} chunks ({totals['cached_chunks']} spoken already), "
        f"{totals['characters']:,} characters, about {totals['seconds_estimate'] / 60:.0f} minutes; "
        f"cost: {told_usd(totals['usd_estimate'])}"
    )
    return 0


def _told_coverage(coverage: dict[str, Any]) -> str:
    """Word what is spoken of the source's characters, and the largest of what is not."""
    rows = [f"{row['kind']} {row['characters']:,}" for row in coverage["left_out"]]
    more = sum(row["characters"] for row in coverage["left_out"][_OMISSIONS:])
    left_out = ", ".join(rows[:_OMISSIONS] + [f"other {more:,}"] * bool(more))
    return f"{coverage['share']:.1%} of {coverage['characters']:,} characters are spoken; left out: {left_out or 'nothing'}"


def voices(options: argparse.Namespace) -> int:
    """Print the voices of a profile's provider; returns the exit code 0."""
    profile = load_profile(options.profile, tuple(options.set))
    rows = list(provider(profile.voice.provider).catalogue(profile.voice))
    if options.json:
        _print_json({"voices": [{name: getattr(row, name) for name in row.__slots__} for row in rows]})
        return 0
    for row in rows:
        limit = f"{row.limit:,} characters a request" if row.limit else "no limit"
        print(
            f"{row.provider} · {row.model} · {row.name or 'one voice'} · {row.language or 'language unknown'} · {limit}"
        )
    return 0


def _warn(plan: Plan) -> None:
    for warning in plan.warnings:
        print(f"declaim: warning: {warning}", file=sys.stderr)


def _set_prefect_defaults(verbose: bool) -> None:  # noqa: FBT001  # the one thing it asks
    if not os.environ.get("PREFECT_API_URL"):
        # An empty one names no server, and part of Prefect looks for it all the same.
        os.environ.pop("PREFECT_API_URL", None)
    for name, value in _PREFECT_DEFAULTS.items():
        if not (verbose and name.endswith("CONSOLE_LEVEL")):
            os.environ.setdefault(name, value)


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False))
