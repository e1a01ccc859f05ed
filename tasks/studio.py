"""Where a book is spoken: the voices at work, what they may spend, and the store that their speech goes to.

It knows nothing of Prefect, so that a voice can be heard before a run begins.
"""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import httpx

from tasks.audio.decode import decode
from tasks.audio.heard import check
from tasks.casting import Casting, Part
from tasks.errors import BadAudio, DeclaimError, OutputError, ProviderError
from tasks.model import Chunk, Clip, Cost, Identity, Receipt, Role, Script, Speech
from tasks.store import ClipStore, clip_key
from tasks.store.leases import Leases
from tasks.voices import Voice
from tasks.voices.lanes import open_client
from tasks.voices.limits import Bill, Budget, Gate, LimitSettings, attempts

_logger = logging.getLogger("declaim")
# How often to ask whether another run has bought a clip that both want.
_LEASE_POLL_SECONDS = 0.2
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}
# How often, a second apart, speech that is paid for is put again where the system has no file to open; an interrupt waits longer.
_PUT_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice at work: whose part it has, and the gate that its requests go through."""

    part: Part
    voice: Voice
    gate: Gate

    @property
    def identity(self) -> Identity:
        """What its sound depends on."""
        return self.part.identity


class Wanted:
    """The clips that are being asked for: two chunks with the same words buy one."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock(self, key: str) -> asyncio.Lock:
        """Who holds the lock of a key asks for its clip."""
        return self._locks.setdefault(key, asyncio.Lock())


@dataclass(frozen=True, slots=True)
class Studio:
    """A casting at work, and what the chapters of a book share: the budget, the store, the book's language."""

    casting: Casting
    speakers: Mapping[Role, Speaker]
    budget: Budget
    store: ClipStore
    language: str
    leases: Leases
    wanted: Wanted = field(default_factory=Wanted)

    def speaker(self, chunk: Chunk) -> Speaker:
        """Who speaks a chunk."""
        return self.speakers.get(chunk.role) or self.speakers[Role.NARRATION]

    def hold(self, scripts: Iterable[Script]) -> None:
        """Tell whoever tidies the store which clips this run is going to use; raises `OutputError`."""
        chunks = (chunk for script in scripts for chunk in script.chunks)
        with _writing(self.store):
            self.leases.hold(key_of(chunk, self.speaker(chunk).identity) for chunk in chunks)

    @property
    def gates(self) -> set[Gate]:
        """The gates of all who speak."""
        return {speaker.gate for speaker in self.speakers.values()}

    @property
    def stopped_by(self) -> DeclaimError | None:
        """What has closed a gate for good, where something has."""
        return next((gate.closed_by for gate in self.gates if gate.closed_by), None)


@asynccontextmanager
async def open_studios(
    castings: Sequence[Casting], budget: Budget, store: ClipStore, language: str
) -> AsyncIterator[tuple[Studio, ...]]:
    """Set castings to work, each in a studio; they share the budget and one HTTP client.

    In a studio, voices of one account share a gate. A fallback's gates are its own: what closed the first voice's shall
    not close them.
    """
    gates = [_gates(casting) for casting in castings]
    with _leases(store) as leases:
        async with open_client(sum(gate.in_flight for row in gates for gate in row.values())) as client:
            studios = tuple(
                Studio(
                    casting,
                    {role: _speaker(part, row, client) for role, part in casting.parts.items()},
                    budget,
                    store,
                    language,
                    leases,
                )
                for casting, row in zip(castings, gates, strict=True)
            )
            speakers = [speaker for studio in studios for speaker in studio.speakers.values()]
            try:
                yield studios
            finally:
                await asyncio.gather(*(speaker.voice.close() for speaker in speakers))


@contextmanager
def _leases(store: ClipStore) -> Iterator[Leases]:
    with _writing(store):
        leases = Leases(store.root)
    try:
        yield leases
    finally:
        leases.close()


def _gates(casting: Casting) -> dict[tuple[str, ...], Gate]:
    # The first part of an account, the narration before all, says its limits.
    parts = reversed(list(casting.parts.values()))
    return {part.account: Gate(part.spec.concurrency(part.limits), part.limits) for part in parts}


def _speaker(part: Part, gates: Mapping[tuple[str, ...], Gate], client: httpx.AsyncClient) -> Speaker:
    return Speaker(part, part.spec.build(part.settings, part.limits, client), gates[part.account])


def key_of(chunk: Chunk, identity: Identity) -> str:
    """Name the clip of a chunk in a voice."""
    return clip_key(identity, _sentences(chunk))


def _sentences(chunk: Chunk) -> tuple[str, ...]:
    return tuple(sentence.spoken for sentence in chunk.sentences)


async def speak(chunk: Chunk, studio: Studio, bills: list[Bill], limits: LimitSettings) -> Clip:
    """Have a chunk spoken into the store, trying again what may succeed; each request's bill is put to `bills`.

    Where another chunk's request for the same clip is under way, in this run or in another that shares the store, it is
    waited for, and its clip taken.

    Raises the last `ProviderError`, `BudgetExceeded`, or `OutputError` where the store cannot be written.
    """
    speaker = studio.speaker(chunk)
    key = key_of(chunk, speaker.identity)
    async with studio.wanted.lock(key), _leased(key, studio, speaker.gate):
        # Whoever had the lease before may have bought it.
        clip = await asyncio.to_thread(studio.store.get, key) if studio.store.holds(key) else None
        return clip or await _bought(chunk, studio, bills, limits)


@asynccontextmanager
async def _leased(key: str, studio: Studio, gate: Gate) -> AsyncIterator[None]:
    """Wait until no other run is buying a clip, and keep others from it; raises what the gate was closed by meanwhile."""
    with _writing(studio.store):
        while not await asyncio.to_thread(studio.leases.take, key):
            if gate.closed_by:
                raise gate.closed_by
            await asyncio.sleep(_LEASE_POLL_SECONDS)
    try:
        yield
    finally:
        studio.leases.leave(key)


async def _bought(chunk: Chunk, studio: Studio, bills: list[Bill], limits: LimitSettings) -> Clip:
    speaker = studio.speaker(chunk)
    async for attempt in attempts(limits).copy(sleep=speaker.gate.pause):
        with attempt:
            async with speaker.gate.admitted(len(chunk.text)):
                with studio.budget.spending(speaker.part.usd(len(chunk.text))) as bill:
                    bills.append(bill)
                    try:
                        speech = await speaker.voice.synthesize(_sentences(chunk))
                    except ProviderError as error:
                        _logger.info("%s: %s", chunk.id, error)
                        raise
                    bill.is_due, bill.charged = True, speech.usd
            receipt = Receipt(speech.request_id, bill.usd if speech.usd is None else speech.usd)
            return await _kept(speech, receipt, chunk, studio)
    raise TypeError("a request has ended without an outcome")


async def _kept(speech: Speech, receipt: Receipt, chunk: Chunk, studio: Studio) -> Clip:
    """Put speech into the store. At the system's limit of open files nothing more is bought, and what is, is put again."""
    for _ in range(_PUT_ATTEMPTS):
        try:
            return await asyncio.to_thread(_stored, speech, receipt, chunk, studio)
        except OSError as error:
            refused = _unwritten(studio.store, error)
            if error.errno not in _TOO_MANY_FILES:
                raise refused from error
        for gate in studio.gates:
            gate.close(refused)
        await asyncio.sleep(1)
    raise refused


def _stored(speech: Speech, receipt: Receipt, chunk: Chunk, studio: Studio) -> Clip:
    """Put speech into the store once it is heard to be what was asked for."""
    identity = studio.speaker(chunk).identity
    try:
        audio = decode(speech)
        check(audio, chunk.text, studio.language, speech.speed)
    except BadAudio as error:
        raise BadAudio(f"{error} (request {speech.request_id})" if speech.request_id else str(error)) from error
    return studio.store.put(key_of(chunk, identity), audio, identity, _sentences(chunk), receipt)


@contextmanager
def _writing(store: ClipStore) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritten(store, error) from error


def _unwritten(store: ClipStore, error: OSError) -> OutputError:
    advice = "free space or set [store] url"
    if error.errno in _TOO_MANY_FILES:
        advice = "raise the limit (ulimit -n) or lower [limits] concurrency, and run the command again"
    return OutputError(f"{store.root}: the clip store cannot be written ({error.strerror}); {advice}")


def cost_of(bills: Sequence[Bill]) -> Cost:
    """Add up what the requests for a chunk cost."""
    due = [bill for bill in bills if bill.is_due]
    return Cost(len(bills), _total([bill.usd for bill in due]), _total([bill.charged for bill in due]))


def _total(figures: list[float | None]) -> float | None:
    """Add figures up; what is partly unknown is unknown."""
    return None if None in figures else sum(figure or 0.0 for figure in figures)
