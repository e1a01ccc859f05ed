"""Where a book is spoken: the voices at work, what they may spend, and the store that their speech goes to.

It knows nothing of Prefect, so that a voice can be heard before a run begins.
"""

import asyncio
import errno
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

import httpx

from tasks.audio.decode import decode
from tasks.audio.heard import check
from tasks.casting import Casting, Part
from tasks.errors import BadAudio, DeclaimError, OutputError, ProviderError
from tasks.model import Chunk, Clip, Cost, Identity, Receipt, Role, Script, Speech
from tasks.store import ClipStore, clip_key
from tasks.store.leases import Leases
from tasks.voices import LimitSettings, Voice
from tasks.voices.lanes import open_client
from tasks.voices.limits import Bill, Budget, Gate, Throttle, attempts

_logger = logging.getLogger("declaim")
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}
_AWAY = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENOTCONN}
# For how many seconds a store's work is tried again: an interrupt waits longer than for a file to open, and a network's folder
# is back after a minute or so.
_PATIENCE_SECONDS = dict.fromkeys(_TOO_MANY_FILES, 8) | dict.fromkeys(_AWAY, 120)
Value = TypeVar("Value")


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
    # How many chunks take leases at once: enough that none who speaks waits, and no more, for another run may want the rest.
    at_hand: asyncio.Semaphore
    wanted: Wanted = field(default_factory=Wanted)

    def speaker(self, chunk: Chunk) -> Speaker:
        """Who speaks a chunk."""
        return self.speakers.get(chunk.role) or self.speakers[Role.NARRATION]

    def hold(self, scripts: Iterable[Script]) -> None:
        """Tell whoever tidies the store which clips this run is going to use; raises `OutputError`."""
        hold(scripts, self.casting, self.store, self.leases)

    def behind(self, throttle_of: Callable[[Part], Throttle], budget: Budget) -> "Studio":
        """Give the same studio behind gates of its own, and with a budget of its own."""
        gates = _gates(self.casting, throttle_of)
        speakers = {role: replace(it, gate=gates[it.part.account]) for role, it in self.speakers.items()}
        return replace(self, speakers=speakers, budget=budget)

    @property
    def accounts(self) -> dict[tuple[str, ...], Gate]:
        """The gates by the accounts that are behind them."""
        return {speaker.part.account: speaker.gate for speaker in self.speakers.values()}

    @property
    def gates(self) -> set[Gate]:
        """The gates of all who speak."""
        return {speaker.gate for speaker in self.speakers.values()}

    @property
    def stopped_by(self) -> DeclaimError | None:
        """What has closed a gate for good, where something has."""
        return next((gate.closed_by for gate in self.gates if gate.closed_by), None)


def own_throttle(part: Part) -> Throttle:
    """Throttle a part by its limits alone, where nobody else in this process speaks by its account."""
    return Throttle.of(part.spec.concurrency(part.limits), part.limits)


@asynccontextmanager
async def open_studios(
    castings: Sequence[Casting],
    budget: Budget,
    store: ClipStore,
    language: str,
    throttle_of: Callable[[Part], Throttle] = own_throttle,
) -> AsyncIterator[tuple[Studio, ...]]:
    """Set castings to work, each in a studio; they share the budget and one HTTP client.

    In a studio, voices of one account share a gate. A fallback's gates are its own: what closed the first voice's shall
    not close them.
    """
    gates = [_gates(casting, throttle_of) for casting in castings]
    with open_leases(store) as leases:
        in_flight = sum(gate.in_flight for row in gates for gate in row.values())
        async with open_client(in_flight) as client:
            studios = tuple(
                Studio(
                    casting,
                    {role: _speaker(part, row, client) for role, part in casting.parts.items()},
                    budget,
                    store,
                    language,
                    leases,
                    asyncio.Semaphore(2 * in_flight),
                )
                for casting, row in zip(castings, gates, strict=True)
            )
            speakers = [speaker for studio in studios for speaker in studio.speakers.values()]
            try:
                yield studios
            finally:
                await asyncio.gather(*(speaker.voice.close() for speaker in speakers))


@contextmanager
def open_leases(store: ClipStore) -> Iterator[Leases]:
    """Begin a job in a store, for the time of the block; raises `OutputError` where it cannot be written."""
    with _writing(store):
        leases = store.job()
    try:
        yield leases
    finally:
        leases.close()


def hold(scripts: Iterable[Script], casting: Casting, store: ClipStore, leases: Leases) -> None:
    """Tell whoever tidies the store which clips a job is going to use; raises `OutputError`."""
    chunks = (chunk for script in scripts for chunk in script.chunks)
    with _writing(store):
        leases.hold(key_of(chunk, casting.part(chunk).identity) for chunk in chunks)


def _gates(casting: Casting, throttle_of: Callable[[Part], Throttle]) -> dict[tuple[str, ...], Gate]:
    # The first part of an account, the narration before all, says its limits.
    parts = {part.account: part for part in reversed(list(casting.parts.values()))}
    return {account: Gate(throttle_of(part)) for account, part in parts.items()}


def _speaker(part: Part, gates: Mapping[tuple[str, ...], Gate], client: httpx.AsyncClient) -> Speaker:
    return Speaker(part, part.spec.build(part.settings, part.limits, client), gates[part.account])


def key_of(chunk: Chunk, identity: Identity) -> str:
    """Name the clip of a chunk in a voice."""
    return clip_key(identity, chunk.spoken)


async def speak(chunk: Chunk, studio: Studio, bills: list[Bill], limits: LimitSettings) -> Clip:
    """Have a chunk spoken into the store, trying again what may succeed; each request's bill is put to `bills`.

    Where another chunk's request for the same clip is under way, in this run or in another that shares the store, it is
    waited for, and its clip taken.

    Raises the last `ProviderError`, `BudgetExceeded`, or `OutputError` where the store cannot be written.
    """
    speaker = studio.speaker(chunk)
    key = key_of(chunk, speaker.identity)
    async with studio.wanted.lock(key), studio.at_hand, _leased(key, studio, speaker.gate) as clip:
        return clip or await _bought(chunk, studio, bills, limits)


@asynccontextmanager
async def _leased(key: str, studio: Studio, gate: Gate) -> AsyncIterator[Clip | None]:
    """Wait until no other run is buying a clip, and keep others from it; yields the clip where one has bought it.

    Raises what the gate was closed by meanwhile, and `OutputError`.
    """
    while True:
        if gate.closed_by:
            raise gate.closed_by
        found = await patiently(lambda: _taken(key, studio), studio)
        if found:
            break
        await asyncio.sleep(studio.leases.poll_seconds)
    try:
        yield found[0]
    finally:
        studio.leases.leave(key)


def _taken(key: str, studio: Studio) -> tuple[Clip | None] | None:
    """Take a clip's lease, and the clip where there is one by now; None where another run has the lease."""
    if not studio.leases.take(key):
        return None
    try:
        return (studio.store.get(key) if studio.store.holds(key) else None,)
    except BaseException:
        studio.leases.leave(key)
        raise


async def _bought(chunk: Chunk, studio: Studio, bills: list[Bill], limits: LimitSettings) -> Clip:
    speaker = studio.speaker(chunk)
    async for attempt in attempts(limits).copy(sleep=speaker.gate.pause):
        with attempt:
            async with speaker.gate.admitted(len(chunk.text)):
                with studio.budget.spending(speaker.part.usd(len(chunk.text))) as bill:
                    bills.append(bill)
                    try:
                        speech = await speaker.voice.synthesize(chunk.spoken)
                    except ProviderError as error:
                        _logger.info("%s: %s", chunk.id, error)
                        raise
                    bill.is_due, bill.charged = True, speech.usd
            receipt = Receipt(speech.request_id, bill.usd if speech.usd is None else speech.usd)
            # The speech is paid for: it is put again as long as there is hope.
            return await patiently(partial(_stored, speech, receipt, chunk, studio), studio)
    raise TypeError("a request has ended without an outcome")


async def patiently(work: Callable[[], Value], studio: Studio) -> Value:
    """Do the store's work in a thread, again while its folder is away; raises `OutputError`.

    At the system's limit of open files it is tried again too, and nothing more is bought.
    """
    begun = time.monotonic()
    while True:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            refused = _unwritten(studio.store, error)
            if time.monotonic() - begun > _PATIENCE_SECONDS.get(error.errno or 0, -1):
                raise refused from error
            if error.errno in _TOO_MANY_FILES:
                for gate in studio.gates:
                    gate.close(refused)
        await asyncio.sleep(1)


def _stored(speech: Speech, receipt: Receipt, chunk: Chunk, studio: Studio) -> Clip:
    """Put speech into the store once it is heard to be what was asked for."""
    identity = studio.speaker(chunk).identity
    try:
        audio = decode(speech)
        check(audio, chunk.text, studio.language, speech.speed)
    except BadAudio as error:
        raise BadAudio(f"{error} (request {speech.request_id})" if speech.request_id else str(error)) from error
    return studio.store.put(key_of(chunk, identity), audio, identity, chunk.spoken, receipt)


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
    return OutputError(f"{store}: the clip store cannot be written ({error.strerror or error}); {advice}")


def cost_of(bills: Sequence[Bill]) -> Cost:
    """Add up what the requests for a chunk cost."""
    due = [bill for bill in bills if bill.is_due]
    return Cost(len(bills), _total([bill.usd for bill in due]), _total([bill.charged for bill in due]))


def _total(figures: list[float | None]) -> float | None:
    """Add figures up; what is partly unknown is unknown."""
    return None if None in figures else sum(figure or 0.0 for figure in figures)
