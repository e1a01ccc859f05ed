"""The tagged MP3s for an edition that holds them itself: one file with those of the MP3 edition where that is there."""

import os
import shutil
import tempfile
from pathlib import Path

from tasks.packagers.mp3 import mp3_name, write_mp3
from tasks.packagers.publication import Publication


def has_mp3s(publication: Publication, draft: Path) -> bool:
    """Tell whether the draft has the MP3 edition, whole."""
    return all((draft / mp3_name(publication, track)).is_file() for track in publication.tracks)


def put_mp3s(publication: Publication, draft: Path, place: str) -> list[str]:
    """Put `<number> - <title>.mp3` for each track in the draft's folder `place`; give their paths in the draft, in order.

    Those of the MP3 edition are linked, as a book's sound is large, or copied where the file system has no links.
    """
    (draft / place).mkdir(parents=True, exist_ok=True)
    names = [mp3_name(publication, track) for track in publication.tracks]
    targets = [f"{place}/{Path(name).name}" for name in names]
    if has_mp3s(publication, draft):
        for name, target in zip(names, targets, strict=True):
            _link(draft / name, draft / target)
        return targets
    with tempfile.TemporaryDirectory(dir=draft) as folder:
        write_mp3(publication, Path(folder))
        for name, target in zip(names, targets, strict=True):
            (Path(folder) / name).replace(draft / target)
    return targets


def _link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
