"""`declaim store`: what is in the clip store, whether it is whole, what may go, and moving a book's clips."""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.errors import OutputError, ProfileError
from tasks.settings import DEFAULT_PROFILE, load_profile
from tasks.store import ClipStore, open_store

_SECONDS = {"h": 3_600, "d": 86_400, "w": 7 * 86_400}
_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
# As for a run that has ended and found something missing.
_DAMAGED = 5


def add_store_parser(commands: Any) -> None:
    """Add `store` and its actions to the command line."""
    store = commands.add_parser("store", help="look after the clip store")
    actions = store.add_subparsers(required=True, metavar="ACTION")
    stats = actions.add_parser("stats", help="count the clips, their bytes and what was paid for them, by voice")
    verify = actions.add_parser("verify", help="read every clip and name those that are damaged; exit code 5 if any is")
    prune = actions.add_parser("prune", help="remove clips that are not used; never what a running job holds")
    export = actions.add_parser("export", help="pack the clips of a narrated book into a file")
    take_in = actions.add_parser("import", help="take in the clips of a file that export made")
    bounds = prune.add_mutually_exclusive_group(required=True)
    bounds.add_argument(
        "--unused-for", type=_duration, metavar="90d", help="what no run has used for so long (h, d, w)"
    )
    bounds.add_argument("--keep-under", type=_size, metavar="20GB", help="the longest unused first (MB, GB, TB)")
    prune.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    export.add_argument("book", type=Path, metavar="DIR", help="the output directory of the book")
    export.add_argument("file", type=Path, metavar="FILE", help="the tar file to write")
    take_in.add_argument("file", type=Path, metavar="FILE", help="the tar file to read")
    runs = ((stats, _stats), (verify, _verify), (prune, _prune), (export, _export), (take_in, _import))
    for action, run in runs:
        action.add_argument("--profile", default=DEFAULT_PROFILE, metavar="P", help="whose [store] url is meant")
        action.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change a setting")
        action.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        action.add_argument("--verbose", action="store_true", help="show tracebacks")
        action.set_defaults(command=_on_store(run))


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


def _stats(_: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
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


def _verify(_: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
    from tasks.store.keeping import damaged  # noqa: PLC0415  # as above

    found = list(damaged(store))
    lines = [f"{store}: clip {key} is damaged; the next run that needs it speaks it again" for key in found]
    count = sum(1 for _ in store.shelved())
    lines.append(f"{store}: {count:,} clips, {len(found):,} damaged")
    document = {"store": str(store), "clips": count, "damaged": found}
    return _DAMAGED if found else 0, document, lines


def _prune(options: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
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


def _export(options: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
    from tasks.store.keeping import export_clips  # noqa: PLC0415  # as above

    count = export_clips(store, _clips_of(options.book), options.file)
    return 0, {"file": str(options.file), "clips": count}, [f"{options.file}: {count:,} clips"]


def _import(options: argparse.Namespace, store: ClipStore) -> tuple[int, dict[str, Any], list[str]]:
    from tasks.store.keeping import import_clips  # noqa: PLC0415  # as above

    new, known = import_clips(store, options.file)
    line = f"{store}: {new:,} clips are new, {known:,} were there"
    return 0, {"store": str(store), "new": new, "known": known}, [line]


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


def _duration(text: str) -> float:
    return _measured(text, _SECONDS, "a number and h, d or w, as in 90d")


def _size(text: str) -> int:
    return int(_measured(text, _BYTES, "a number and MB, GB or TB, as in 20GB"))


def _measured(text: str, units: dict[str, int], form: str) -> float:
    for unit, factor in units.items():
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdecimal():
            return float(number) * factor
    raise argparse.ArgumentTypeError(f"{text!r} is not {form}")


def _megabytes(size: int) -> str:
    return f"{size / 10**6:,.1f} MB"


def _worth(usd: float, unpriced: int) -> str:
    return f"${usd:,.2f}" + (f" and {unpriced:,} clips whose price is not known" if unpriced else "")
