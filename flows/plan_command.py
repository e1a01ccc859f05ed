"""What `declaim plan` does; `declaim narrate` begins with the same."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.plan import Plan, make_plan, plan_document, told_usd
from tasks.settings import Profile, load_profile

# Of what is left out, so many kinds are named.
_OMISSIONS = 5


def plan(options: argparse.Namespace) -> int:
    """Print what would be said, and what it would cost; returns the exit code 0."""
    _, plan, revised = planned(options)
    document = plan_document(plan) | revised
    if options.json:
        print(json.dumps(document, ensure_ascii=False))
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


def planned(options: argparse.Namespace) -> tuple[Profile, Plan, dict[str, Any]]:
    """Plan a book, and tell a person what they should know of it; with `--revise` a document has its `revision` too."""
    with _local_source(options.source) as source:
        return _plan_file(source, options)


@contextmanager
def _local_source(source: Path | str) -> Iterator[Path]:
    """Yield the path of a manuscript; one that is given by a URL is fetched for the time of the block."""
    if isinstance(source, Path):
        yield source
        return
    from tasks.library.inbox import fetched  # noqa: PLC0415  # fsspec, for URLs alone

    with fetched(source) as path:
        yield path


def _plan_file(source: Path, options: argparse.Namespace) -> tuple[Profile, Plan, dict[str, Any]]:
    profile = load_profile(options.profile, tuple(options.set))
    plan = make_plan(source, profile, options.chapters)
    _warn(plan)
    if not options.revise:
        return profile, plan, {}
    from flows.revision import make_revision, revision_document, revision_lines  # noqa: PLC0415  # for this alone
    from tasks.packagers.folder import output_folder  # noqa: PLC0415  # likewise

    revision = make_revision(plan, profile, source, output_folder(options.out, plan.book.title))
    print("\n".join(revision_lines(revision)), file=sys.stderr)
    return profile, plan, {"revision": revision_document(revision)}


def _warn(plan: Plan) -> None:
    for warning in plan.warnings:
        print(f"declaim: warning: {warning}", file=sys.stderr)
