"""Signals while flows begin within a flow: they are the outer one's to take, at every moment."""

import subprocess
import sys

import pytest

from .conftest import TOP, Home


@pytest.mark.parametrize(("what", "code"), [("looked at", 0), ("signalled", 130)])
@pytest.mark.slow
def test_an_inner_flow_leaves_the_signals_to_the_outer_one(home: Home, what: str, code: int) -> None:
    command = [sys.executable, "-m", "tests.flows.signalled", what]
    done = subprocess.run(command, cwd=TOP, env=home.environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
