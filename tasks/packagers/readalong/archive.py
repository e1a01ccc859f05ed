"""An EPUB is written: the same files give the same bytes, and no file is in memory as a whole that is not text."""

import shutil
import zipfile
from collections.abc import Container, Mapping
from pathlib import Path
from typing import IO

from tasks.packagers.readalong.package import MIMETYPE

# The first day that the ZIP format knows.
_DATE = (1980, 1, 1, 0, 0, 0)
_RIGHTS = 0o644 << 16
_UNIX = 3


def write_archive(
    target: Path,
    source: zipfile.ZipFile,
    changed: Mapping[str, bytes],
    gone: Container[str],
    sounds: Mapping[str, Path],
) -> None:
    """Write an EPUB of the entries of another: without those that are `gone`, with what is `changed` or new.

    `sounds` are files that are stored as they are. Raises `OSError`, and `BadZipFile` where an entry is damaged.
    """
    with zipfile.ZipFile(target, "w") as archive:
        _put(archive, MIMETYPE, b"application/epub+zip", zipfile.ZIP_STORED)
        for entry in source.infolist():
            name = entry.filename
            if name in changed or name in gone or name == MIMETYPE or entry.is_dir():
                continue
            with source.open(name) as stream:
                _copy(archive, _entry(name, entry.file_size, entry.compress_type), stream)
        for name, data in changed.items():
            _put(archive, name, data, zipfile.ZIP_DEFLATED)
        for name, path in sounds.items():
            with path.open("rb") as stream:
                _copy(archive, _entry(name, path.stat().st_size, zipfile.ZIP_STORED), stream)


def _put(archive: zipfile.ZipFile, name: str, data: bytes, compression: int) -> None:
    archive.writestr(_entry(name, len(data), compression), data)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, stream: IO[bytes]) -> None:
    with archive.open(entry, "w") as written:
        shutil.copyfileobj(stream, written)


def _entry(name: str, size: int, compression: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    # EPUB knows these two ways alone.
    entry.compress_type = zipfile.ZIP_STORED if compression == zipfile.ZIP_STORED else zipfile.ZIP_DEFLATED
    entry.external_attr, entry.create_system, entry.file_size = _RIGHTS, _UNIX, size
    return entry
