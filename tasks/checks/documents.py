"""JSON documents against their schemas, which lie in `schemas/` for anyone who reads such documents."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

from tasks.checks import Finding

_LONGEST_FAULT = 200


def document_findings(folder: Path, file: str, schema: str) -> Iterator[Finding]:
    """Read a JSON document below a folder, and compare it with one of the schemas, such as `manifest`."""
    try:
        document = json.loads((folder / file).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        yield Finding(file, None, "form", str(error), f"JSON of the schema {schema}", passes=False)
        return
    yield form_finding(file, document, schema)


def form_finding(file: str, document: Any, schema: str) -> Finding:
    """Compare a document with a schema; of its faults, the first is told."""
    fault = next(_validator(schema).iter_errors(document), None)
    found = f"{fault.json_path}: {fault.message[:_LONGEST_FAULT]}" if fault else "as it should be"
    return Finding(file, None, "form", found, f"the schema {schema}", passes=fault is None)


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    text = files("tasks.checks").joinpath("schemas", f"{schema}.json").read_text("utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))
