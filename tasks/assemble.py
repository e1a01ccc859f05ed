"""Stage four, assemble: a chapter's clips become a Track, mastered and encoded.

A finished track lies in the store beside the clips, named by the hash of all that decides it: the same chapter is never
joined, mastered and encoded twice.
"""

import asyncio
import errno
import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from functools import partial
from math import isfinite
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from pydantic import FiniteFloat, TypeAdapter, ValidationError
from threadpoolctl import threadpool_limits

from tasks.audio import AudioSettings
from tasks.audio.encode import CODECS, encoding, kbps, whole_packets
from tasks.audio.join import join
from tasks.audio.mastering import master
from tasks.audio.meter import MOST_PARTS
from tasks.audio.presets import PRESETS
from tasks.errors import OutputError
from tasks.model import Curve, Levels, Recital, Timing, Track
from tasks.prefect_values import named
from tasks.store import ClipStore, note_use

# Counts up when the same clips and settings make other sound, or other facts are kept of it.
_VERSION = 4
_FACTS = "track.json"


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is kept of a track: what was measured of it, the SHA-256 of the mastered samples and of each codec's file."""

    seconds: FiniteFloat
    levels: Levels
    head: FiniteFloat
    tail: FiniteFloat
    curve: Curve
    sha256: str
    timings: tuple[tuple[str, int, FiniteFloat, FiniteFloat, bool], ...]
    encoded: dict[str, str]

    @property
    def is_sound(self) -> bool:
        """Tell whether the levels and the curve could have been measured."""
        curve = self.curve
        figures = (*astuple(self.levels), curve.seconds, *curve.peaks, *curve.loudness)
        return (
            all(figure is None or isfinite(figure) for figure in figures)
            and 0 < len(curve.peaks) == len(curve.loudness) <= MOST_PARTS
            and min(curve.seconds, *curve.peaks) >= 0 < curve.seconds
        )


_FACTS_READ = TypeAdapter(_Facts)


@task(
    name="assemble",
    task_run_name=named("{recital.script.number} · {recital.script.title} · mastered"),
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def assemble(recital: Recital, settings: AudioSettings, codecs: tuple[str, ...], store: ClipStore) -> Track:
    """Join, master and encode a chapter whose every chunk is spoken.

    Raises `AudioError` where ffmpeg fails, `OutputError` where the store cannot be written.
    """
    folder = track_folder(store, recital, settings, codecs)
    track = await asyncio.to_thread(_kept, folder, recital, codecs)
    if track is None:
        try:
            track = await asyncio.to_thread(_made, folder, recital, settings, codecs, store)
        except OSError as error:
            raise OutputError(
                f"{store.root}: the store cannot be used ({error.strerror or error}); free space or set [store] url"
            ) from error
        except ValueError as error:
            raise OutputError(f"{store}: a clip was damaged while it was used; run the command again") from error
    get_run_logger().info("%.0f s at %.1f LUFS", track.seconds, track.levels.lufs or 0)
    return track


def track_folder(store: ClipStore, recital: Recital, settings: AudioSettings, codecs: tuple[str, ...]) -> Path:
    """Where a chapter's track is kept, or would be."""
    preset = PRESETS[settings.preset]
    decisive = [
        _VERSION,
        [[part.clip.key, part.chunk.id, part.chunk.pause, len(part.chunk.sentences)] for part in recital.voiced],
        settings.model_dump(),
        [[codec, asdict(CODECS[codec]), kbps(codec, preset)] for codec in codecs],
        preset.sample_rate,
    ]
    key = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return store.root / "tracks" / key[:2] / key


def _encoded(folder: Path, codecs: tuple[str, ...]) -> dict[str, Path]:
    return {codec: folder / f"track.{CODECS[codec].suffix}" for codec in codecs}


def _whole(folder: Path, codecs: tuple[str, ...]) -> _Facts | None:
    """Read what is known of a track that is in the store; None where there is none, or something of it is torn or altered."""
    try:
        facts = _FACTS_READ.validate_json((folder / _FACTS).read_bytes(), strict=True)
        sums = {codec: _sha256(path) for codec, path in _encoded(folder, codecs).items()}
    except (OSError, ValidationError):
        return None
    is_whole = facts.is_sound and all(facts.encoded.get(codec) == found for codec, found in sums.items())
    return facts if is_whole else None


def _kept(folder: Path, recital: Recital, codecs: tuple[str, ...]) -> Track | None:
    facts = _whole(folder, codecs)
    if facts is None:
        return None
    encoded = _encoded(folder, codecs)
    note_use(folder / _FACTS)
    timings = tuple(Timing(*row) for row in facts.timings)
    script = recital.script
    return Track(
        script.number, script.title, facts.seconds, timings, facts.levels, encoded, facts.head, facts.tail, facts.curve
    )


def _made(folder: Path, recital: Recital, settings: AudioSettings, codecs: tuple[str, ...], store: ClipStore) -> Track:
    preset = PRESETS[settings.preset]
    # Chapters are mastered side by side, beside voices and encoders: numpy's own threads would only wait for each other, and
    # that at a processor's full speed.
    with _scratch(folder) as scratch, threadpool_limits(1, "blas"):
        samples = scratch / "samples"
        with samples.open("wb") as sink:
            joined = join(recital.voiced, store.audio, settings.pauses, sink.write)
        files = _encoded(scratch, codecs)
        length = whole_packets(joined.seconds, preset)
        encoders = partial(encoding, joined.envelope.sample_rate, length, preset, files)
        heard, digest = master(samples, joined.envelope, settings, encoders)
        samples.unlink()
        facts = _Facts(
            seconds=length / preset.sample_rate,
            levels=heard.levels,
            head=heard.head,
            tail=heard.tail,
            curve=heard.curve,
            sha256=digest,
            timings=tuple((it.chunk, it.sentence, it.start, it.end, it.exact) for it in joined.timings),
            encoded={codec: _sha256(file) for codec, file in files.items()},
        )
        (scratch / _FACTS).write_text(json.dumps(asdict(facts)), "utf-8")
        _put(scratch, folder, codecs)
    track = _kept(folder, recital, codecs)
    if track is None:
        raise OutputError(f"{folder}: a finished track has gone from the store; run the command again")
    return track


def _sha256(file: Path) -> str:
    with file.open("rb") as samples:
        return hashlib.file_digest(samples, "sha256").hexdigest()


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Make a folder beside another, for the time of the block."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(f".{uuid.uuid4().hex}.part")
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _put(scratch: Path, folder: Path, codecs: tuple[str, ...]) -> None:
    """Give a finished track its name. Where another run has made the same meanwhile, that one stays: it may be in use."""
    try:
        scratch.rename(folder)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        if _whole(folder, codecs) is None:
            damaged = scratch / "damaged"
            folder.rename(damaged)
            shutil.rmtree(damaged)
            scratch.rename(folder)
