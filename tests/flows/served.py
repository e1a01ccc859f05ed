"""`declaim serve` in a separate process."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .conftest import TOP


@contextmanager
def serve_outbox(outbox: Path, environment: Mapping[str, str], port: int = 0) -> Iterator[str]:
    """Serve an outbox for the time of the block, and yield its address; the server ends in good order by Ctrl-C."""
    command = [sys.executable, "-m", "flows.cli", "serve", str(outbox), "--port", str(port)]
    with subprocess.Popen(command, cwd=TOP, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            url = re.search(r"http://\S+(?=/)", line)
            assert url, line
            yield url[0]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait() == 0
