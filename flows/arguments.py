"""The arguments of `declaim`. Nothing heavy is imported here: `--help` answers at once."""

import argparse
from pathlib import Path
from typing import Any

from tasks.urls import describe_password

# What tasks.settings has for it, which takes half a second to import.
_DEFAULT_PROFILE = "piper"
_SECONDS = {"h": 3_600, "d": 86_400, "w": 7 * 86_400}
_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def parser() -> argparse.ArgumentParser:
    """Build the parser. What it reads names the function that does the command, as `module:function`."""
    whole = argparse.ArgumentParser(prog="declaim", description="Turns manuscripts into finished audiobooks.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    narrate = commands.add_parser("narrate", help="narrate a manuscript")
    plan = commands.add_parser("plan", help="show what would be said and what it would cost")
    voices = commands.add_parser("voices", help="list the voices that a profile can choose from")
    lexicon = commands.add_parser("lexicon", help="list a manuscript's names and rare words, as a lexicon to fill in")
    retell = commands.add_parser("retell", help="have a language model retell a manuscript, and narrate what it tells")
    _add_library(commands)
    _add_deploy(commands)
    _add_serve(commands)
    _add_check(commands)
    _add_doctor(commands)
    _add_store(commands)
    for command in (narrate, plan, retell):
        folder = "retold" if command is retell else "narrated"
        command.add_argument(
            "source",
            type=_source,
            metavar="SOURCE",
            help="an EPUB, PDF or Markdown file, a folder of Markdown files, or the URL of a file",
        )
        command.add_argument("--out", default="", metavar="DIR", help=f"where the editions go ({folder}/<title>)")
        command.add_argument("--chapters", default="", metavar="1-3,7", help="only these chapters")
    retell.add_argument(
        "--instruction", required=True, metavar="TEXT", help='how to retell it, such as "Abridge it to a tenth"'
    )
    for command in (narrate, plan):
        command.add_argument(
            "--revise", action="store_true", help="say first what differs from the edition that is there, and its cost"
        )
    lexicon.add_argument(
        "source", type=Path, metavar="SOURCE", help="an EPUB, PDF or Markdown file, or a folder of Markdown files"
    )
    lexicon.add_argument("--at-least", type=int, default=2, metavar="N", help="only words that stand N times in it (2)")
    named = {
        "narrate_command:narrate": narrate,
        "plan_command:plan": plan,
        "retell_command:retell": retell,
        "voices_command:voices": voices,
        "lexicon_command:lexicon": lexicon,
    }
    for name, command in named.items():
        command.add_argument(
            "--profile", default=_DEFAULT_PROFILE, metavar="P", help="a profile's name or a .toml file"
        )
        command.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change a setting")
        command.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        command.add_argument("--verbose", action="store_true", help="show tracebacks and Prefect's log")
        command.set_defaults(command=f"flows.{name}")
    narrate.add_argument(
        "--allow-partial",
        dest="set",
        action="append_const",
        const="output.allow_partial=true",
        help="make editions of the whole book of its finished chapters when some are missing",
    )
    return whole


def _add_library(commands: Any) -> None:
    library = commands.add_parser("library", help="narrate what is new or changed in a folder of manuscripts")
    _add_inbox(library, at_once=1)
    library.add_argument(
        "--deployment", default="", metavar="NAME", help="have workers narrate, by a deployment such as narrate/narrate"
    )
    library.add_argument(
        "--settle", type=float, default=5.0, metavar="SECONDS", help="take files that stay the same for so long (5)"
    )
    library.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    library.set_defaults(command="flows.library_command:library")


def _add_deploy(commands: Any) -> None:
    deploy = commands.add_parser("deploy", help="have a Prefect server narrate an inbox every night, by its workers")
    _add_inbox(deploy, at_once=4)
    deploy.add_argument("--cron", default="0 1 * * *", metavar="CRON", help="when ('0 1 * * *': every night at one)")
    deploy.add_argument("--timezone", default="UTC", metavar="ZONE", help="whose clock, such as Europe/Berlin (UTC)")
    deploy.add_argument("--pool", default="declaim", metavar="NAME", help="the work pool, which is made (declaim)")
    deploy.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="P",
        help="a profile of side files, whose shared limits are made too",
    )
    deploy.add_argument(
        "--notify", default="", metavar="TYPE/NAME", help="a notification block of Prefect's, told of finished books"
    )
    deploy.add_argument(
        "--link-base",
        default="",
        metavar="URL",
        help="the http(s) address under which the outbox is served, for links in Prefect's pages",
    )
    deploy.set_defaults(command="flows.deploy_command:deploy")


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="serve an outbox over HTTP, to hear its books in a browser or a player")
    serve.add_argument("outbox", type=Path, metavar="OUTBOX", help="the folder of finished books")
    serve.add_argument("--host", default="127.0.0.1", metavar="HOST", help="the address to listen on (127.0.0.1)")
    serve.add_argument(
        "--port", type=int, default=8080, metavar="PORT", help="the port to listen on, 0 a free one (8080)"
    )
    serve.add_argument("--verbose", action="store_true", help="show tracebacks")
    serve.set_defaults(command="flows.serve_command:serve")


def _add_inbox(command: Any, at_once: int) -> None:
    command.add_argument(
        "inbox",
        type=_url,
        metavar="INBOX",
        help="a folder of manuscripts, or its URL; nothing in it is moved or changed",
    )
    command.add_argument(
        "--out", default="narrated", metavar="DIR", help="where the books' folders and the ledger go (narrated)"
    )
    command.add_argument(
        "--at-once", type=_count, default=at_once, metavar="N", help=f"narrate so many books side by side ({at_once})"
    )
    command.add_argument(
        "--budget", type=float, default=0.0, metavar="USD", help="what a run may spend on all books (no limit)"
    )
    command.add_argument(
        "--profile", default=_DEFAULT_PROFILE, metavar="P", help="that of books whose side file names none"
    )
    command.add_argument(
        "--set", action="append", default=[], metavar="section.key=value", help="change a setting of all books"
    )
    command.add_argument("--verbose", action="store_true", help="show tracebacks and Prefect's log")


def _add_check(commands: Any) -> None:
    check = commands.add_parser("check", help="measure finished editions again, from their files")
    check.add_argument("folder", type=Path, metavar="DIR", help="the output directory of a book")
    check.add_argument(
        "--profile", default="", metavar="P", help="whose [audio] they are measured against (that of their manifest)"
    )
    check.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change a setting")
    check.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    check.add_argument("--verbose", action="store_true", help="show tracebacks")
    check.set_defaults(command="flows.check_command:check_folder")


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor", help="tell whether this machine can narrate with a profile, and what to mend"
    )
    doctor.add_argument("--profile", default=_DEFAULT_PROFILE, metavar="P", help="a profile's name or a .toml file")
    doctor.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change a setting")
    doctor.add_argument("--out", default="", metavar="DIR", help="where the editions are to go (narrated)")
    doctor.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    doctor.add_argument("--verbose", action="store_true", help="show tracebacks")
    doctor.set_defaults(command="flows.doctor_command:doctor")


def _add_store(commands: Any) -> None:
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
    named = {"stats": stats, "verify": verify, "prune": prune, "export": export, "take_in": take_in}
    for name, action in named.items():
        action.add_argument("--profile", default=_DEFAULT_PROFILE, metavar="P", help="whose [store] url is meant")
        action.add_argument("--set", action="append", default=[], metavar="section.key=value", help="change a setting")
        action.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        action.add_argument("--verbose", action="store_true", help="show tracebacks")
        action.set_defaults(command=f"flows.store_commands:{name}")


def _source(text: str) -> Path | str:
    return _url(text) if "://" in text else Path(text)


def _url(text: str) -> str:
    """Return a path or URL without a password: the parameters of a run stand in Prefect's pages."""
    if refusal := describe_password(text):
        raise argparse.ArgumentTypeError(refusal)
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


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
