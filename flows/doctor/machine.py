"""What a machine must have: Python, ffmpeg, and places that can be written."""

import os
import shutil
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from flows.doctor.finding import Finding, State
from tasks.errors import AudioError, OutputError
from tasks.packagers import CODEC_OF, EditionKind

if TYPE_CHECKING:
    from tasks.store import StoreSettings

_OLDEST_PYTHON = (3, 11)
_GIGABYTE = 10**9
# Ten hours of speech are 1.6 GB of clips at 22 kHz, and the mastered files beside them.
_ROOM = 2 * _GIGABYTE


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Tell the versions of Python and of Declaim."""
    running = ".".join(map(str, version))
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    if version < _OLDEST_PYTHON:
        return Finding("python", "fail", f"{running}; Declaim needs {oldest} or newer: make its environment with that")
    try:
        declaim = metadata.version("declaim")
    except metadata.PackageNotFoundError:
        declaim = "that is not installed"
    return Finding("python", "ok", f"{running}, with Declaim {declaim}")


def ffmpeg(editions: Iterable[EditionKind] = tuple(CODEC_OF)) -> Finding:
    """Run ffmpeg, and see that it has the encoders of these editions."""
    from tasks.audio.encode import CODECS  # noqa: PLC0415  # what it imports may itself be what is amiss
    from tasks.audio.ffmpeg import encoders, executable, version  # noqa: PLC0415  # likewise

    needed = list(dict.fromkeys(CODECS[CODEC_OF[edition]].encoder for edition in editions))
    try:
        running, there = version(), encoders()
    except OSError as error:
        raise AudioError(
            f"{executable()} cannot be run ({error.strerror or error}); set IMAGEIO_FFMPEG_EXE to an ffmpeg, or unset it to use the "
            "one that comes with Declaim"
        ) from error
    missing = [encoder for encoder in needed if encoder not in there]
    if missing:
        return Finding(
            "ffmpeg",
            "fail",
            f"{running} at {executable()} has no {', '.join(missing)}; set IMAGEIO_FFMPEG_EXE to one that has, or unset it to use "
            "the one that comes with Declaim",
        )
    return Finding("ffmpeg", "ok", f"{running}, with {', '.join(needed)}" if needed else running)


def store(settings: "StoreSettings") -> Finding:
    """Write into the clip store of a profile."""
    from tasks.store import open_store  # noqa: PLC0415  # hashing and files, which only this check needs

    clips = open_store(settings)
    try:
        place = clips.check_writable()
    except OSError as error:
        raise OutputError(_cannot(error, str(clips), "set [store] url to another")) from error
    state, room = space(shutil.disk_usage(place).free)
    return Finding("store", state, f"{clips} can be written; {room}")


def output(out: str) -> Finding:
    """Write where the editions are to go, or where the folder for them will be made."""
    from tasks.store import probe_folder  # noqa: PLC0415  # as above

    folder = Path(os.path.realpath(out or "narrated"))
    try:
        place = probe_folder(folder)
    except OSError as error:
        raise OutputError(_cannot(error, str(folder), "give another --out")) from error
    state, room = space(shutil.disk_usage(place).free)
    return Finding("output", state, f"{folder} can be written; {room}")


def space(free: int) -> tuple[State, str]:
    """Say how much room so many bytes are, and whether it may be too little for a book."""
    gigabytes = f"{free / _GIGABYTE:,.1f} GB free"
    if free < _ROOM:
        return "warn", f"{gigabytes}, which a long book may fill: make room for {_ROOM / _GIGABYTE:g} GB"
    return "ok", gigabytes


def _cannot(error: OSError, place: str, advice: str) -> str:
    return f"{place} cannot be written ({error.strerror or error}); see that it is a folder that you may write, or {advice}"
