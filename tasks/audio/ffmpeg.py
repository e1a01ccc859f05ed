"""ffmpeg, as imageio-ffmpeg carries it: raw samples in, files or measurements out."""

import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryFile
from typing import IO

import imageio_ffmpeg

from tasks.errors import AudioError, OutputError

_FULL = re.compile("no space left|file too large|quota exceeded", re.IGNORECASE)
# What it says of every pipe that it makes seekable.
_NO_REASON = re.compile("inner protocol failed to seekback", re.IGNORECASE)
# Thirty minutes of any encoding take a few seconds; bytes that came over a network may be made to take for ever.
_PATIENCE_SECONDS = 120
_LAST_SECONDS = 2
# ffmpeg hands each packet from thread to thread. Its own size, a twenty-fifth of a second, takes twice the processor's time
# for a pass of limiter and meter; raw samples have no setting for it, WAV has.
_PACKET_BYTES = 65_536
_NOISE = re.compile(r"^(\[[^\]]*@ 0x[0-9a-f]+\]\s*)+")


# A thread that waits for ffmpeg cannot be cancelled, but ffmpeg can be killed.
_running: set[subprocess.Popen[bytes]] = set()
_is_ended = threading.Event()


@cache
def executable() -> str:
    """Where ffmpeg is; raises `AudioError` where there is none for this machine."""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise AudioError(
            "there is no ffmpeg for this machine; install one and set IMAGEIO_FFMPEG_EXE to its path"
        ) from error


def wav_input(samples: Path | str) -> list[str]:
    """Name a WAV file, or a pipe that one comes through, as ffmpeg's input."""
    return ["-f", "wav", "-max_size", str(_PACKET_BYTES), "-i", str(samples)]


class Running:
    """An ffmpeg at work. `said` is empty until it has ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.said = ""

    def write(self, samples: bytes) -> None:
        """Hand it samples; raises `BrokenPipeError` where it takes no more."""
        if not self._process.stdin:
            raise TypeError("this ffmpeg takes its samples from a file")
        self._process.stdin.write(samples)

    def read(self, size: int) -> bytes:
        """Take so many bytes of what it makes; fewer only at the end."""
        if not self._process.stdout:
            raise TypeError("this ffmpeg writes to a file")
        return self._process.stdout.read(size)


@contextmanager
def running(
    arguments: list[str], purpose: str, stdin: int | None = None, stdout: int | None = DEVNULL
) -> Iterator[Running]:
    """Have ffmpeg at work while the block hands it samples or takes them; the block ends when ffmpeg has.

    Raises `AudioError` with its own words where it fails, `OutputError` where there was no room for what it wrote.
    """
    with TemporaryFile() as log, _begun(arguments, stdin, stdout, log) as process:
        _running.add(process)
        if _is_ended.is_set():
            process.kill()
        work = Running(process)
        try:
            yield work
            _close(process)
            process.wait()
        except BaseException as error:
            _abandon(process)
            # It broke the pipe itself, and has told why.
            if not isinstance(error, BrokenPipeError) or not process.returncode:
                raise
        finally:
            _running.discard(process)
        log.seek(0)
        work.said = log.read().decode(errors="replace")
    if process.returncode and _FULL.search(work.said):
        raise OutputError(f"the disk is full or its limit reached while {purpose}; free space or set [store] url")
    if process.returncode:
        raise AudioError(f"ffmpeg failed while {purpose}: {last_words(work.said)}")


@contextmanager
def _no_signals() -> Iterator[None]:
    """Let no interrupt through to what is begun in the block: it is the command's to answer, and what is paid for is decoded.

    A group of its own is not enough: a signal to the command's group may come before a process has left it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begun(arguments: list[str], stdin: int | None, stdout: int | None, log: IO[bytes]) -> subprocess.Popen[bytes]:
    with _no_signals():
        return subprocess.Popen(_command(arguments), stdin=stdin, stdout=stdout, stderr=log, process_group=0)


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(BrokenPipeError):
                pipe.close()


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """End an ffmpeg whose samples end too soon; one that fails by itself has a moment to say why."""
    _close(process)
    try:
        process.wait(_LAST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(arguments: list[str], purpose: str) -> str:
    """Run ffmpeg to its end and return what it said; raises what `running` raises."""
    with running(arguments, purpose) as work:
        pass
    return work.said


def end_all() -> None:
    """End those that master and encode, in a process that is about to end: its threads would wait for them."""
    _is_ended.set()
    for process in list(_running):
        process.kill()


def pipe(arguments: list[str], data: bytes, purpose: str) -> tuple[bytes, str]:
    """Run ffmpeg with `data` on its standard input; returns what it wrote to its standard output, and what it said.

    Raises `AudioError` with its own words where it fails, or where it has not ended after two minutes.
    """
    try:
        with _no_signals():
            done = subprocess.run(
                _command(arguments),
                input=data,
                capture_output=True,
                check=False,
                timeout=_PATIENCE_SECONDS,
                process_group=0,
            )
    except subprocess.TimeoutExpired as error:
        raise AudioError(f"ffmpeg did not end within {_PATIENCE_SECONDS} s while {purpose}") from error
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        raise AudioError(f"ffmpeg failed while {purpose}: {last_words(said)}")
    return done.stdout, said


def version() -> str:
    """Ask ffmpeg for its version; raises `AudioError` where it does not run."""
    told, _ = pipe(["-version"], b"", "telling its version")
    return told.decode(errors="replace").removeprefix("ffmpeg version ").partition(" ")[0]


def encoders() -> frozenset[str]:
    """Ask ffmpeg for the names of its encoders; raises `AudioError`."""
    told, _ = pipe(["-encoders"], b"", "listing its encoders")
    # Six marks stand before each name: ` A....D aac  AAC (Advanced Audio Coding)`.
    return frozenset(re.findall(r"^ \S{6} ([^\s=]+)", told.decode(errors="replace"), re.MULTILINE))


def _command(arguments: list[str]) -> list[str]:
    return [executable(), "-hide_banner", "-nostats", "-nostdin", "-y", *arguments]


def last_words(said: str) -> str:
    """Pick the line of ffmpeg's log that says why it failed: its first error, without the address it begins with."""
    lines = [_NOISE.sub("", line).strip() for line in said.splitlines() if not _NO_REASON.search(line)]
    telling = [
        line for line in lines if re.search(r"error|invalid|no space|denied|not found|fail", line, re.IGNORECASE)
    ]
    return (telling or lines or ["no reason given"])[0][:300]
