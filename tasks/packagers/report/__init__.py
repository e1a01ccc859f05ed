"""The report: one page that a publisher opens to hear a book, and to see what was made of it, measured and left out.

It is no edition: it stands beside the manifest, and tells the same figures. It needs nothing but the MP3s beside it.
"""

from pathlib import Path

from tasks.packagers.report.page import page
from tasks.packagers.report.values import Report

REPORT = "report.html"


def write_report(report: Report, folder: Path) -> None:
    """Write `report.html` into `folder`; the same report gives the same bytes. Raises `OSError`."""
    (folder / REPORT).write_text(page(report), "utf-8")
