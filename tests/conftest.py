"""An S3 server, and the line to it, which can be cut."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import fsspec
import pytest
from hypothesis import HealthCheck, settings
from moto.server import ThreadedMotoServer

from tests import skip_reasons

# No test asserts on a clock, hypothesis's own included: the machines are shared.
settings.register_profile("declaim", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("declaim")


_BLOCK_BYTES = 65_536


def pytest_addoption(parser: pytest.Parser) -> None:
    skip_reasons.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    skip_reasons.register_gate(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return twice the number of processors: many tests wait for a server or a clock."""
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1)


class Line:
    """A port of its own before a server's: while it is cut, whoever comes there is sent away."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        # It listens to the last: a port that is given back may be another's when it is wanted again.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._is_whole = True
        self._loses = False
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        self._is_whole = True

    def cut(self) -> None:
        self._is_whole = False
        for end in self._ends:
            _shut(end)
        self._ends.clear()

    def lose_an_answer(self) -> None:
        """Lose the next answer: the server has done what it was asked for, and whoever asked is not told."""
        self._loses = True

    def close(self) -> None:
        self.cut()
        _shut(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._is_whole:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._server_port))
            self._ends += [near, far]
            for source, target in ((near, far), (far, near)):
                carrying = partial(self._carry, source, target, is_answer=source is far)
                threading.Thread(target=carrying, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, *, is_answer: bool) -> None:
        with suppress(OSError):
            while block := source.recv(_BLOCK_BYTES):
                # "100 Continue" asks for the rest of a request.
                if self._loses and is_answer and b" 100 " not in block[:16]:
                    self._loses = False
                    _shut(target)
                target.sendall(block)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def _shut(end: socket.socket) -> None:
    # To close it leaves a thread that waits there where it is.
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of an S3 server on the loopback address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def line(s3_port: int) -> Iterator[Line]:
    """The line to the S3 server."""
    line = Line(s3_port)
    yield line
    line.close()


@pytest.fixture
def s3(line: Line) -> dict[str, str]:
    """The environment in which `s3://` leads to the S3 server; there is an empty bucket `books`."""
    environment = {
        "AWS_ACCESS_KEY_ID": "anna",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{line.port}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        system = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        if system.exists("books"):
            system.rm("books", recursive=True)
        system.mkdir("books")
    return environment
