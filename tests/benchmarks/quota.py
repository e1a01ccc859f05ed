"""Two processes under one limit of ten requests a second, for a little more than a minute.

    python -m tests.benchmarks.quota

A Prefect server keeps the limit; two runs of `declaim narrate`, each of which would send far more by itself, share it. Prints how
many requests a second came to the service of the tests over the minute, and in its fullest and emptiest ten seconds.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.flows.conftest import KEY, profile_at
from tests.flows.house import House, open_house
from tests.services.service import Service

_REQUESTS_A_SECOND = 10
_MINUTE = 60.0
_CHUNKS = 380
_TEN = 10.0
_TOO_MANY = 429
_NAMES = ("Anna", "Bela")


def main() -> None:
    """Measure, and print the figures."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with tempfile.TemporaryDirectory() as folder, Service(latency_seconds=0.3) as service:
        environment = kept | {KEY: service.key, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
        with open_house(Path(folder) / "house", environment) as house:
            _narrate(house, service)
        asked = service.asked
    times = [seen.at for seen in asked]
    # From when both are at work: the first request of each is an audition, before Prefect is imported.
    begun = max(sorted(seen.at for seen in asked if name in seen.text)[1] for name in _NAMES)
    print(f"{len(times)} requests of two processes; refused: {sum(seen.status == _TOO_MANY for seen in asked)}")
    print(f"over a minute: {sum(0 <= at - begun < _MINUTE for at in times) / _MINUTE:.2f} requests a second")
    tens = [sum(start <= at - begun < start + _TEN for at in times) / _TEN for start in range(int(_MINUTE - _TEN) + 1)]
    print(f"in ten seconds of it: {min(tens):.2f} to {max(tens):.2f} requests a second")


def _narrate(house: House, service: Service) -> None:
    profile = profile_at(service.url, house.folder, concurrency=40, requests_per_minute=60 * _REQUESTS_A_SECOND)
    shared = ("--profile", profile, "--set", "limits.shared=house")
    house.deploy(*shared)
    processes = []
    for name in _NAMES:
        source = house.folder / f"{name}.md"
        paragraphs = (f"In {name} there is day {day}." for day in range(_CHUNKS))
        source.write_text("\n\n".join([f"# {name}", *paragraphs]), "utf-8")
        command = [sys.executable, "-m", "flows.cli", "narrate", source, "--out", house.outbox / name, *shared]
        own = ["--set", f"store.url={house.store}", "--set", "output.editions=[]"]
        processes.append(subprocess.Popen([*map(str, command), *own], env=house.environment, stdout=subprocess.DEVNULL))
    for process in processes:
        if process.wait():
            raise SystemExit(f"a narration has failed ({process.returncode})")


if __name__ == "__main__":
    main()
