"""A clock that jumps by hours, back and forth, while a book is spoken: nothing hangs, and nothing is lost or bought twice."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import skip_reasons
from tests.services.service import Service

from .conftest import BRISK, KEY, SAMPLE, TOP, Home, profile_at

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason=f"{skip_reasons.LINUX}: LD_PRELOAD"),
    # Not a named reason: the gate installs a compiler, and fails if there is none.
    pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler"),
]
# Far above what a run takes, and far below the least of the jumps.
PATIENCE_SECONDS = 300


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(latency_seconds=0.2, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture
def place(home: Home, service: Service, tmp_path: Path) -> Home:
    """A place whose clock jumps."""
    clock = tmp_path / "clock.so"
    command = ["cc", "-shared", "-fPIC", "-o", str(clock), str(Path(__file__).with_name("clock.c"))]
    subprocess.run(command, check=True, capture_output=True)
    return replace(home, environment=home.environment | {"LD_PRELOAD": str(clock), KEY: service.key})


@pytest.mark.slow
def test_two_runs_with_one_store_under_a_clock_that_jumps(service: Service, place: Home) -> None:
    # The waits are given as dates, of the service's clock.
    service.behave(script=["", "", "", "429", "", "", "429"], retry_after="date", retry_after_seconds=0.5)
    profile = profile_at(
        service.url, place.folder, concurrency=4, first_byte_timeout_seconds=20, request_timeout_seconds=20
    )
    runs = [
        subprocess.Popen(
            place.command("narrate", SAMPLE, "--profile", profile, "--chapters", "1", "--out", place.folder / name),
            cwd=TOP,
            env=place.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "other")
    ]
    try:
        said = [run.communicate(timeout=PATIENCE_SECONDS)[1] for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert [run.returncode for run in runs] == [0, 0], said
    assert {seen.status for seen in service.asked} == {200, 429}
    assert set(service.billed.values()) == {1}
    assert len(service.billed) == len(place.clips())
    for name in ("one", "other"):
        assert len(list((place.folder / name / "mp3").iterdir())) == 1
