"""What `declaim voices` does."""

import argparse
import json
from dataclasses import asdict

from tasks.settings import load_profile
from tasks.voices import provider


def voices(options: argparse.Namespace) -> int:
    """Print the voices of a profile's provider; returns the exit code 0."""
    profile = load_profile(options.profile, tuple(options.set))
    rows = list(provider(profile.voice.provider).catalogue(profile.voice))
    if options.json:
        print(json.dumps({"voices": [asdict(row) for row in rows]}, ensure_ascii=False))
        return 0
    for row in rows:
        limit = f"{row.limit:,} characters a request" if row.limit else "no limit"
        print(
            f"{row.provider} · {row.model} · {row.name or 'one voice'} · {row.language or 'language unknown'} · {limit}"
        )
    return 0
