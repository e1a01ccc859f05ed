"""`declaim store`: what is in the clip store, whether it is whole, what may go, and moving a book's clips."""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.errors import OutputError, ProfileError
from tasks.settings import load_profile
from tasks.store import ClipStore, open_store

# As for a run that has ended and found something missing.
_DAMAGED = 5


Run = Callable[[argparse.Namespace, ClipStore], tuple[int, dict[str, Any], list[str]]]


def _on_store(run: Run) -> Callable[[argparse.Namespace], int]:
    """Run an action on the profile's store, and print what it returns: its exit code, a document, lines."""

    def command(options: argparse.Namespace) -> int:
        store = open_store(load_profile(options.profile, tuple(options.set)).store)
        try:
            code, document, lines = run(options, store)
        except OSError as error:
            raise OutputError(
                f"{error.filename or store}: {error.strerror or error}; see that it can be used"
            ) from error
        print("\n".join([json.dumps(document)] if options.json else lines))
        return code

    return command


@_on_store
def stats(_: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
    """Count the clips by voice."""
    from tasks.store.keeping import stock  # noqa: PLC0415  # file locks and tar files, which other commands do not need

    rows = stock(store)
    clips, size, usd = (sum(getattr(row, name) for row in rows) for name in ("clips", "bytes", "usd"))
    lines = [
        f"{row.provider} · {row.model} · {row.voice or 'one voice'}: {row.clips:,} clips, {_megabytes(row.bytes)}, "
        f"{_worth(row.usd, row.unpriced)}"
        for row in rows
    ]
    lines.append(f"{store}: {clips:,} clips, {_megabytes(size)}, {_worth(usd, sum(it.unpriced for it in rows))}")
    document = {"store": str(store), "clips": clips, "bytes": size, "usd": usd, "voices": [*map(asdict, rows)]}
    return 0, document, lines


@_on_store
def verify(_: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
    """Read every clip and name the damaged."""
    from tasks.store.keeping import damaged  # noqa: PLC0415  # as above

    found = list(damaged(store))
    lines = [f"{store}: clip {key} is damaged; the next run that needs it speaks it again" for key in found]
    count = sum(1 for _ in store.shelved())
    lines.append(f"{store}: {count:,} clips, {len(found):,} damaged")
    document = {"store": str(store), "clips": count, "damaged": found}
    return _DAMAGED if found else 0, document, lines


@_on_store
def prune(options: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
    """Remove what is not used, but for what a running job holds."""
    from tasks.store.keeping import prunable, remove  # noqa: PLC0415  # as above

    job = store.job()
    try:
        pruned = prunable(store, job.held(), options.unused_for, options.keep_under)
        if not options.dry_run:
            remove(store, pruned)
            if options.unused_for:
                store.forget_uses(time.time() - options.unused_for)
    finally:
        job.close()
    done = "would be removed" if options.dry_run else "removed"
    document = {"clips": len(pruned.clips), "tracks": len(pruned.tracks), "bytes": pruned.bytes}
    line = f"{store}: {len(pruned.clips):,} clips and {len(pruned.tracks):,} tracks {done}, {_megabytes(pruned.bytes)}"
    return 0, {"store": str(store), "dry_run": options.dry_run, **document}, [line]


@_on_store
def export(options: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
    """Pack a book's clips into a file."""
    from tasks.store.keeping import export_clips  # noqa: PLC0415  # as above

    count = export_clips(store, _clips_of(options.book), options.file)
    return 0, {"file": str(options.file), "clips": count}, [f"{options.file}: {count:,} clips"]


@_on_store
def take_in(options: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
    """Take in the clips of a file."""
    from tasks.store.keeping import import_clips  # noqa: PLC0415  # as above

    done = import_clips(store, options.file)
    lines = [f"{store}: {done.new:,} clips are new, {done.known:,} were there"]
    if done.unchecked:
        lines.append(f"{store}: {done.unchecked:,} clips of an earlier version cannot be checked and were left out")
    return 0, {"store": str(store), **asdict(done)}, lines


def _clips_of(book: Path) -> list[str]:
    """Name the clips of a narrated book, each once, in its order."""
    path = book / "coverage.json"
    try:
        rows = json.loads(path.read_text("utf-8"))["sentences"]
        return list(dict.fromkeys(str(row["clip"]) for row in rows))
    except OSError as error:
        raise ProfileError(
            f"{book}: this is no output directory of a book ({error.strerror}: coverage.json)"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProfileError(f"{path}: it cannot be read; narrate the book again") from error


def _megabytes(size: int) -> str:
    return f"{size / 10**6:,.1f} MB"


def _worth(usd: float, unpriced: int) -> str:
    return f"${usd:,.2f}" + (f" and {unpriced:,} clips whose price is not known" if unpriced else "")
