"""The Prefect server that a run starts for itself."""

import socket
from urllib.parse import urlsplit

import pytest

from flows.prefect_server import OwnServer


def test_nobody_takes_its_port_while_it_starts() -> None:
    server = OwnServer()
    try:
        port = urlsplit(server.url).port
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="already in use"):
                other.bind(("127.0.0.1", port))
    finally:
        server.stop()
