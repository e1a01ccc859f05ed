"""A chapter retold: asked for part by part, kept as it comes, and spoken into the store. It knows nothing of Prefect.

What a model tells is never joined from two tellings: one that broke off stays where it was kept, and is asked for again from
its beginning. One that is whole is recorded in the store, and never asked for again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tasks.audio.decode import decode
from tasks.audio.heard import check
from tasks.errors import BadAudio, BrokenOff, DeclaimError
from tasks.model import Audio, Block, BlockKind, Book, Chapter, Chunk, Cost, Role, Speech
from tasks.settings import Profile
from tasks.studio import Speaker, Studio, cost_of, key_of, patiently, speak
from tasks.tellers import Sound
from tasks.tellers.parts import Part, parts_of
from tasks.tellers.pieces import Piece, passages
from tasks.tellers.prompt import Message, asked_for_summary, asked_for_title, asked_to_retell
from tasks.tellers.prose import RetoldChapter, letters, paragraphs_of
from tasks.tellers.shelf import Draft, Request, Shelf, Telling, telling_key
from tasks.tellers.teller import Teller
from tasks.text.chunking import diction_of, scripts_of
from tasks.voices.limits import Bill, Gate, attempts

_logger = logging.getLogger("declaim")
_ENDS = frozenset(".!?…。！？\n")
_MARKS = frozenset("*_`#>")
# In characters: far more than any title has, should a model explain itself all the same.
_LONGEST_TITLE = 300


@dataclass(frozen=True, slots=True)
class ToldChapter:
    """A chapter as it was retold, and the requests that it took, in this run or an earlier one."""

    chapter: RetoldChapter
    requests: tuple[Request, ...]

    @property
    def words(self) -> int:
        """How many words were told."""
        return sum(len(paragraph.split()) for paragraph in self.chapter.paragraphs)


@dataclass(frozen=True, slots=True)
class Narrative:
    """What the chapters of a retelling share: who tells, who speaks, how it is to be told, and what of it was spoken.

    `gate` is what requests to the teller pass. `spent` says what each clip cost that was bought one by one, by its key.
    """

    book: Book
    settings: Profile
    instruction: str
    teller: Teller
    gate: Gate
    studio: Studio
    shelf: Shelf
    spent: dict[str, Cost] = field(default_factory=dict)

    @property
    def narrator(self) -> Speaker:
        """Who speaks the narration."""
        return self.studio.speakers[Role.NARRATION]

    @property
    def speed(self) -> float:
        """How fast the narrator was asked to speak, where that is asked of it."""
        speed = self.settings.voice.options.get("speed", 1.0)
        return float(speed) if isinstance(speed, int | float) and speed > 0 else 1.0

    def usd(self, asked: int, told: int) -> float | None:
        """Reckon what a request costs: what the model reads and writes, and what is spoken of it there."""
        read = self.settings.retell.usd(asked + told)
        spoken = self.narrator.part.usd(told) if self.teller.speaks else 0.0
        return None if read is None or spoken is None else read + spoken

    def chunks(self, paragraphs: tuple[str, ...]) -> tuple[Chunk, ...]:
        """Cut paragraphs as the narration of the retold book is going to."""
        blocks = tuple(
            Block(BlockKind.PARAGRAPH if text else BlockKind.BREAK, text, f"#{place}")
            for place, text in enumerate(paragraphs)
        )
        casting = self.studio.casting
        diction = diction_of(self.settings.text, self.book, casting.takes_phonemes)
        book = Book(self.book.title, (), self.book.language, (Chapter(1, "", blocks),))
        (script,) = scripts_of(book, self.settings.text, casting.limit, casting.roles, diction)
        return script.chunks


async def retold(chapter: Chapter, narrative: Narrative) -> ToldChapter:
    """Have a chapter retold, and spoken into the store where the teller or the voice can.

    Raises the last `ProviderError`, `BudgetExceeded`, or `OutputError` where the store cannot be written.
    """
    settings = narrative.settings
    paragraphs: list[str] = []
    requests: list[Request] = []
    before = ""
    for part in parts_of(chapter, settings.retell.part_characters, settings.text.read):
        telling = await _told(part, before, narrative)
        paragraphs += paragraphs_of(telling.text)
        requests += telling.requests
        if part.number < part.of:
            summary = await _summed_up(part, f"{before}\n\n{telling.text}".strip(), narrative)
            before = " ".join(summary.text.split())
            requests += summary.requests
    title = chapter.title
    if title and settings.retell.language:
        telling = await _titled(chapter, narrative)
        title = next(iter(paragraphs_of(telling.text)), title)[:_LONGEST_TITLE]
        requests += telling.requests
    return ToldChapter(RetoldChapter(title, tuple(paragraphs)), tuple(requests))


async def _told(part: Part, before: str, narrative: Narrative) -> Telling:
    key = telling_key(
        **_of_all(narrative),
        instruction=narrative.instruction,
        text=part.text,
        before=before,
        voice=repr(narrative.narrator.identity) if narrative.teller.speaks else "",
    )
    messages = asked_to_retell(narrative.instruction, part.text, before, narrative.settings.retell.language)

    async def tell(draft: Draft) -> str:
        if narrative.teller.speaks:
            await _heard(messages, draft, narrative)
            await patiently(partial(_cut, draft, narrative), narrative.studio)
        else:
            await _read_aloud(messages, draft, narrative)
        return draft.text

    return await _kept(key, _Task(part, "telling", messages, len(part.text)), narrative, tell)


async def _summed_up(part: Part, told: str, narrative: Narrative) -> Telling:
    key = telling_key(**_of_all(narrative), summary=told)
    return await _written(key, _Task(part, "summary", asked_for_summary(told), 0), narrative)


async def _titled(chapter: Chapter, narrative: Narrative) -> Telling:
    """Have a chapter's title told in the language that the book is retold in."""
    key = telling_key(**_of_all(narrative), title=chapter.title)
    messages = asked_for_title(chapter.title, narrative.settings.retell.language)
    part = Part(chapter.number, 1, 1, chapter.title)
    return await _written(key, _Task(part, "title", messages, len(chapter.title)), narrative)


async def _written(key: str, task: "_Task", narrative: Narrative) -> Telling:
    """Have something written that nobody speaks."""

    async def tell(draft: Draft) -> str:
        draft.write(await narrative.teller.write(task.messages))
        return draft.text

    return await _kept(key, task, narrative, tell)


def _of_all(narrative: Narrative) -> dict[str, Any]:
    retell = narrative.settings.retell
    asked = {"by": retell.text, "model": retell.model, "options": retell.options}
    return asked | {"language": retell.language} if retell.language else asked


@dataclass(frozen=True, slots=True)
class _Task:
    """What is asked for, and how many characters of an answer are reckoned with."""

    part: Part
    kind: str
    messages: list[Message]
    expected: int

    @property
    def asked(self) -> int:
        return sum(len(message["content"]) for message in self.messages)

    def request(self, draft: Draft, usd: float | None, error: str = "") -> Request:
        text = draft.text
        return Request(
            chapter=self.part.chapter,
            part=self.part.number,
            kind=self.kind,
            asked=self.asked,
            told=len(text),
            words=len(text.split()),
            sounds=len(draft.pieces),
            usd=usd,
            error=error,
        )


async def _kept(key: str, task: _Task, narrative: Narrative, tell: Callable[[Draft], Awaitable[str]]) -> Telling:
    """Find a telling in the store, or have it told, trying again what may succeed, and record it there."""
    async with _leased(key, narrative):
        found = await patiently(partial(narrative.shelf.get, key), narrative.studio)
        if found:
            return found
        requests: list[Request] = []
        limits = narrative.narrator.part.limits
        async for attempt in attempts(limits).copy(sleep=narrative.gate.pause):
            with attempt:
                draft = narrative.shelf.draft(key)
                text = await _asked(task, draft, requests, narrative, tell)
                telling = Telling(text, tuple(requests))
                await patiently(partial(narrative.shelf.put, key, telling), narrative.studio)
                return telling
    raise TypeError("a request has ended without an outcome")


async def _asked(
    task: _Task, draft: Draft, requests: list[Request], narrative: Narrative, tell: Callable[[Draft], Awaitable[str]]
) -> str:
    """Ask once; what came is kept, and told in `requests`, however it ended."""
    async with narrative.gate.admitted(task.asked):
        with narrative.studio.budget.spending(narrative.usd(task.asked, task.expected)) as bill:
            try:
                text = _worded(await tell(draft), narrative)
            except BaseException as error:
                await asyncio.shield(asyncio.to_thread(draft.keep))
                requests.append(task.request(draft, _reckoned(bill, task, draft, narrative), str(error)))
                if isinstance(error, DeclaimError):
                    _logger.info("chapter %d, part %d: %s", task.part.chapter, task.part.number, error)
                raise
            bill.is_due = True
            requests.append(task.request(draft, _reckoned(bill, task, draft, narrative)))
            return text


def _worded(text: str, narrative: Narrative) -> str:
    if not letters(text):
        raise BrokenOff(f"{narrative.teller.service.name} told nothing")
    return text


def _reckoned(bill: Bill, task: _Task, draft: Draft, narrative: Narrative) -> float | None:
    """Say what a request costs now that it is known how much was told."""
    bill.charged = narrative.usd(task.asked, len(draft.text))
    return bill.charged


@asynccontextmanager
async def _leased(key: str, narrative: Narrative) -> AsyncIterator[None]:
    """Wait until no other run is having the same told, and keep others from it."""
    leases = narrative.studio.leases
    while not await asyncio.to_thread(leases.take, key):
        if narrative.gate.closed_by:
            raise narrative.gate.closed_by
        await asyncio.sleep(leases.poll_seconds)
    try:
        yield
    finally:
        leases.leave(key)


async def _heard(messages: list[Message], draft: Draft, narrative: Narrative) -> None:
    """Take words and sound as they come; every word has been spoken when this ends."""
    async with aclosing(narrative.teller.tell(messages)) as stream:
        async for said in stream:
            if isinstance(said, Sound):
                await patiently(partial(_take, said, draft, narrative), narrative.studio)
            else:
                draft.write(said.text)
    if letters(draft.unspoken):
        raise BadAudio(f"{narrative.teller.service.name} did not speak its last {len(draft.unspoken.split())} words")


def _take(sound: Sound, draft: Draft, narrative: Narrative) -> None:
    """Keep a sound, once it is heard to be the speech of the words since the last one."""
    words = draft.unspoken
    if not letters(words):
        raise BadAudio(f"{narrative.teller.service.name} sent a sound of no words")
    audio = decode(Speech(sound.data, "wav"))
    check(audio, words, narrative.studio.language, narrative.speed)
    draft.speak(sound.data)


def _cut(draft: Draft, narrative: Narrative) -> None:
    """Put what was heard into the store, cut where the chunks of the narration end.

    What cannot be cut so, the narration has spoken anew: its clip is missing.
    """
    chunks = narrative.chunks(paragraphs_of(draft.text))
    texts = [letters("".join(sentence.text for sentence in chunk.sentences)) for chunk in chunks]
    if "".join(texts) != letters(draft.text):
        _logger.warning("what was told is not cut as it was heard; it is spoken again")
        return
    sounds = passages(draft.pieces, [len(text) for text in texts], _audio)
    for chunk, audio in zip(chunks, sounds, strict=True):
        _shelve(chunk, audio, narrative)


def _audio(piece: Piece) -> Audio:
    return decode(Speech(piece.path.read_bytes(), "wav"))


def _shelve(chunk: Chunk, audio: Audio, narrative: Narrative) -> None:
    speaker, store = narrative.studio.speaker(chunk), narrative.studio.store
    if speaker is not narrative.narrator:
        return
    try:
        check(audio, chunk.text, narrative.studio.language, narrative.speed)
    except BadAudio as error:
        _logger.warning("%s; it is spoken again", error)
        return
    store.put(key_of(chunk, speaker.identity), audio, speaker.identity, chunk.spoken)


async def _read_aloud(messages: list[Message], draft: Draft, narrative: Narrative) -> None:
    """Take words as they come, and have each sentence spoken as soon as it is whole."""
    reading = _Reading(narrative)
    try:
        async with aclosing(narrative.teller.tell(messages)) as stream:
            async for said in stream:
                if isinstance(said, Sound):
                    continue
                draft.write(said.text)
                if _ENDS & set(said.text):
                    reading.begin(_whole(draft, narrative))
        reading.begin(narrative.chunks(paragraphs_of(draft.unspoken)))
    except BaseException:
        # What is in flight is paid for; the rest is of a telling that will not be.
        reading.is_over = True
        raise
    finally:
        await reading.ended()


def _whole(draft: Draft, narrative: Narrative) -> Iterator[Chunk]:
    """Give the chunks that no later word changes: all of the paragraphs that have ended, all but the last of the open one."""
    *ended, still = draft.unspoken.replace("\r", "").split("\n\n")
    if ended:
        yield from narrative.chunks(paragraphs_of("\n\n".join(ended)))
        draft.begin_at(still)
    # Marks may close later, and are then no letters of the text.
    if not _MARKS & set(still):
        yield from narrative.chunks(paragraphs_of(still))[:-1]


class _Reading:
    """The sentences of one telling that are being spoken, each of them once, as many at a time as the voice takes."""

    def __init__(self, narrative: Narrative) -> None:
        self._narrative = narrative
        self._places = asyncio.Semaphore(narrative.narrator.gate.in_flight)
        self._begun: set[str] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self.is_over = False

    def begin(self, chunks: Iterable[Chunk]) -> None:
        """Have chunks spoken, but those that have been begun."""
        for chunk in chunks:
            key = key_of(chunk, self._narrative.studio.speaker(chunk).identity)
            if key not in self._begun:
                self._begun.add(key)
                job = asyncio.create_task(self._spoken(chunk, key))
                self._jobs.add(job)
                job.add_done_callback(self._ended)

    async def ended(self) -> None:
        """Wait for all that has been begun."""
        await asyncio.gather(*self._jobs)
        if self._fault:
            raise self._fault

    def _ended(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        self._fault = self._fault or (None if job.cancelled() else job.exception())

    async def _spoken(self, chunk: Chunk, key: str) -> None:
        """Have a sentence spoken; where that fails, the narration tries again, and says so."""
        studio = self._narrative.studio
        bills: list[Bill] = []
        async with self._places:
            if self.is_over:
                return
            try:
                await speak(chunk, studio, bills, studio.speaker(chunk).part.limits)
            except DeclaimError as error:
                _logger.info("%r: %s", chunk.text[:60], error)
        self._narrative.spent[key] = cost_of(bills)
