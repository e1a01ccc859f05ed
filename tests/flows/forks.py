"""`declaim` as processes that are forked from one that has imported it: those imports alone are seconds of computing.

A command that is forked is a process of its own, with an environment, output, signals and an exit code of its own. A fresh
one differs in what is settled before it begins: what is imported, in which order sets are, and the environment that `/proc`
tells. Where that is the point, or the system's loader or a limit of the system, a test starts a fresh one instead.
"""

import faulthandler
import gc
import os
import runpy
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import NoReturn, Self, TextIO

_TOP = Path(__file__).parents[2]
# What a narration comes to import, by its roots. Not the command line itself, which runs as the main module.
_ROOTS = (
    *(
        "flows.plan_command",
        "flows.revision",
        "flows.interrupts",
        "flows.audition",
        "flows.cluster",
        "flows.library",
        "flows.narrate",
        "flows.progress",
        "flows.retell",
    ),
    *("tasks.readers.markdown", "tasks.voices.lanes", "tasks.voices.piper_voice", "anyio._backends._asyncio"),
    *("prefect.flow_engine", "prefect.task_engine", "prefect.utilities.visualization", "fastapi", "numpy.fft"),
)
_LAST_WORD_SECONDS = 2
# What a command has begun ends with it, in a moment, and lets go of what it wrote to.
_PATIENCE_SECONDS = 30
# Of the commands, those that read Prefect's settings.
_WITH_PREFECT = frozenset({"narrate", "retell", "library", "deploy", "doctor"})


class Fork:
    """A command that was begun, with what the tests use of `subprocess.Popen`."""

    def __init__(self, report: Connection, stdout: TextIO | None, stderr: TextIO | None) -> None:
        self._report = report
        self.stdout, self.stderr = stdout, stderr
        self.pid: int = report.recv()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with suppress(TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not self._report.poll(timeout):
                raise TimeoutExpired("declaim", timeout or 0)
            self.returncode = int(self._report.recv())
            self._report.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end, and return what is heard of standard output and standard error."""
        # Both at once: a command waits where nobody reads. What is left at work by a timeout ends with the command.
        readers = ThreadPoolExecutor(2)
        said, complained = (readers.submit(_rest, stream) for stream in (self.stdout, self.stderr))
        readers.shutdown(wait=False)
        try:
            self.wait(timeout)
        except TimeoutExpired as error:
            # It says where its threads are, which is all that can be learnt of it.
            self.send_signal(signal.SIGUSR1)
            time.sleep(_LAST_WORD_SECONDS)
            self.kill()
            raise AssertionError(f"{error}: {complained.result(_PATIENCE_SECONDS)}") from error
        return said.result(timeout), complained.result(timeout)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _rest(stream: TextIO | None) -> str:
    if stream is None:
        return ""
    with stream:
        return stream.read()


class Forks:
    """The process that commands are forked from; it ends with the one that began it, however that ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._orders, orders = socket.socketpair()
        with orders:
            command = [sys.executable, "-m", "tests.flows.forks", str(orders.fileno())]
            # Python makes its streams at its beginning, after what it finds there; what commands write to are pipes.
            self._process = Popen(command, cwd=_TOP, env=environment, pass_fds=[orders.fileno()], stdout=PIPE)

    def begin(self, arguments: Sequence[str], environment: Mapping[str, str], *, is_heard: bool) -> Fork:
        """Begin a command; one that is heard writes to pipes, any other to nowhere."""
        report, theirs = Pipe()
        (stdout, output), (stderr, error) = (_way_out(is_heard=is_heard) for _ in range(2))
        with theirs:
            socket.send_fds(self._orders, [b"."], [output, error, theirs.fileno()])
        os.close(output)
        os.close(error)
        report.send((list(arguments), dict(environment)))
        return Fork(report, stdout, stderr)

    def close(self) -> None:
        self._orders.close()
        self._process.communicate()


def _way_out(*, is_heard: bool) -> tuple[TextIO | None, int]:
    if not is_heard:
        return None, os.open(os.devnull, os.O_WRONLY)
    ours, theirs = os.pipe()
    return os.fdopen(ours, encoding="utf-8"), theirs


@dataclass(frozen=True)
class _Settings:
    """What Prefect is set up by."""

    environment: Mapping[str, str]
    is_quiet: bool
    is_verbose: bool

    @classmethod
    def of(cls, arguments: list[str], environment: Mapping[str, str]) -> Self:
        own = {name: value for name, value in environment.items() if name.startswith("PREFECT_")}
        return cls(own, is_quiet=arguments[0] != "doctor", is_verbose="--verbose" in arguments)


def _serve(orders: socket.socket) -> None:
    """Fork a keeper for each order, until there can be none any more."""
    # Ctrl-C goes to the whole group: it is the commands' to take. Keepers end unseen.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    settled: _Settings | None = None
    while files := socket.recv_fds(orders, 1, 3)[1]:
        output, error, channel = files
        with Connection(channel) as report:
            arguments, environment = report.recv()
            wanted = _Settings.of(arguments, environment)
            # Half a second, here once for all that want the same.
            if arguments[0] in _WITH_PREFECT and wanted != settled:
                _set_prefect_up_again(wanted, environment)
                settled = wanted
            # A fork has one thread: what any other held would stay locked. numpy's own, unseen here, end before each fork.
            assert threading.active_count() == 1
            if not os.fork():
                orders.close()
                _keep(output, error, report)
                _be(arguments, environment)
        os.close(output)
        os.close(error)


def _keep(output: int, error: int, report: Connection) -> None:
    """Fork the command itself, and report its process and how it ended: only a parent is told."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with report:
        command = os.fork()
        if command:
            report.send(command)
            report.send(os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]))
            os._exit(0)
    for source, target in ((output, 1), (error, 2)):
        os.dup2(source, target)
        os.close(source)
    faulthandler.register(signal.SIGUSR1)


def _be(arguments: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Be the command, as `python -m flows.cli` is."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _settle(environment)
    sys.argv[1:] = arguments
    runpy.run_module("flows.cli", run_name="__main__", alter_sys=True)
    sys.exit()


def _settle(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _set_prefect_up_again(settings: _Settings, environment: Mapping[str, str]) -> None:
    """Have Prefect read its settings again, which it did when it was imported, after a run gives its defaults."""
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415  # in the processes that are forked alone
    from prefect.logging.configuration import setup_logging  # noqa: PLC0415

    from flows.narrate_command import quiet_prefect  # noqa: PLC0415

    # What it writes goes to pipes, whatever this process has.
    _settle({**environment, "TERM": "dumb"})
    if settings.is_quiet:
        quiet_prefect(settings.is_verbose)
    refresh_global_settings_context()
    setup_logging(incremental=False)


if __name__ == "__main__":
    for root in _ROOTS:
        import_module(root)
    # What is shared stays so: a fork that looks for garbage in it would copy all of it.
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
