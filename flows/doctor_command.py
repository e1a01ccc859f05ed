"""What `declaim doctor` does: it tells what this machine lacks to narrate with a profile."""

import argparse
import json
import sys

from flows.doctor import Asked, examine, exit_code
from flows.doctor.finding import Finding

_WORDS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
# The longest of the names.
_NAME_WIDTH = len("schedule")


def doctor(options: argparse.Namespace) -> int:
    """Print a line for each check, as it is done; returns the exit code: 0 where nothing stops a run, else 2 or 4."""
    asked = Asked(options.profile, tuple(options.set), options.out)
    findings = []
    for finding in examine(asked, _print_trouble if options.verbose else lambda _: None):
        findings.append(finding)
        if not options.json:
            print(f"{_WORDS[finding.state]}  {finding.name:{_NAME_WIDTH}}  {finding.said}", flush=True)
    code = exit_code(findings)
    if options.json:
        print(json.dumps(_document(findings), ensure_ascii=False))
    return code


def _print_trouble(text: str) -> None:
    print(text, file=sys.stderr)


def _document(findings: list[Finding]) -> dict[str, object]:
    return {
        "schema": 1,
        "checks": [{"name": it.name, "state": it.state, "said": it.said} for it in findings],
        "ok": not exit_code(findings),
    }
