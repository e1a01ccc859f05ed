"""A W3C Audiobook: its manifest by the standard's own demands, and all that it names."""

import json
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from tasks.checks import Finding
from tasks.checks.documents import form_finding

_MANIFEST = "publication.json"
_MOST_BYTES = 1 << 26


def webpub_findings(folder: Path, file: str, chapters: int) -> Iterator[Finding]:
    """Read a package of so many chapters below a folder."""
    try:
        with ZipFile(folder / file) as archive:
            with archive.open(_MANIFEST) as source:
                document = json.loads(source.read(_MOST_BYTES))
            names = set(archive.namelist())
            broken = archive.testzip()
    except (OSError, ValueError, KeyError, BadZipFile, RecursionError) as error:
        yield Finding(file, None, "file", str(error), "a package with its manifest", passes=False)
        return
    form = form_finding(file, document, "publication")
    yield form
    if not form.passes:
        return
    order = [entry["url"] for entry in document["readingOrder"]]
    lost = sorted({*order, *(entry["url"] for entry in document["resources"])} - names)
    found = (
        f"{len(order)} chapters"
        + (f", without {', '.join(lost)}" if lost else "")
        + (f", {broken} is damaged" if broken else "")
    )
    is_whole = len(order) == chapters and not lost and not broken
    yield Finding(file, None, "files", found, f"{chapters} chapters, all that is named", is_whole)
