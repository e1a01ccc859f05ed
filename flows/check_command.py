"""What `declaim check` does: it measures finished editions again, from their files."""

import argparse
import json
import os
import sys
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.audio import AudioSettings
from tasks.checks import Finding, failed
from tasks.checks.folder import Checked, as_document, check
from tasks.settings import DEFAULT_PROFILE, load_profile

_FAILED = 5
# A row of the table is a chapter of a file; these figures have a column each.
_COLUMNS = ("loudness", "RMS", "peak", "noise floor", "head", "tail", "length")


def check_folder(options: argparse.Namespace) -> int:
    """Print what was measured; returns the exit code: 0 only where all passes, else 5."""
    settings = _settings(options)
    checked = check(options.folder, settings, os.cpu_count() or 1)
    if options.json:
        print(json.dumps(as_document(checked), ensure_ascii=False))
    else:
        _show(checked)
    return _FAILED if failed(checked.findings) else 0


def _settings(options: argparse.Namespace) -> AudioSettings | None:
    """Load the profile that was asked for; None has the editions measured against that of their manifest."""
    if not (options.profile or options.set):
        return None
    return load_profile(options.profile or DEFAULT_PROFILE, tuple(options.set)).audio


def _show(checked: Checked) -> None:
    # Where nobody looks, a line is as long as it is.
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table("file", "chapter", *_COLUMNS, "other", title=Text(checked.title))
    for (file, chapter), findings in groupby(checked.findings, key=lambda finding: (finding.file, finding.chapter)):
        table.add_row(*_row(file, chapter, list(findings)))
    console.print(table)
    missed = failed(checked.findings)
    for finding in missed:
        where = f"{finding.file}, chapter {finding.chapter}" if finding.chapter else finding.file
        line = f"{where}: {finding.figure} is {finding.found}, wanted {finding.wanted}"
        console.print(Text(line, style="red"), soft_wrap=True)
    total = len(checked.findings)
    console.print(f"{total - len(missed)} of {total} figures pass" if missed else f"all {total} figures pass")


def _row(file: str, chapter: int | None, findings: list[Finding]) -> list[Text]:
    cells = {finding.figure: _cell(finding) for finding in findings}
    others = Text(" · ").join(cells[finding.figure] for finding in findings if finding.figure not in _COLUMNS)
    return [
        Text(file, overflow="fold"),
        Text(str(chapter or "")),
        *(cells.get(column, Text("")) for column in _COLUMNS),
        others,
    ]


def _cell(finding: Finding) -> Text:
    return Text(finding.found) if finding.passes else Text(f"✗ {finding.found}", style="bold red")
