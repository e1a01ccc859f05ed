"""A local service that speaks the documented protocols over real HTTP, and remembers all that was asked of it.

    with Service(latency_seconds=0.1) as service:
        ...  # point a profile's base_url at service.url + "/v1", its key at service.key
        service.behave(script=["429", ""])
        assert service.spoken == [...]

Results of JSON answers lie on a second origin, and there behind one redirect, as those of AI/ML API do.
"""

import asyncio
import dataclasses
import json
import math
import random
import socket
import threading
import time
import uuid
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

import numpy as np
from aiohttp import web

from tests.services import aimlapi, auralis, chat, faults, openai
from tests.services.orders import Behaviour, Order, Refused, Speaks
from tests.services.sounds import Samples, encode, speech, tone

__all__ = ["Behaviour", "Seen", "Service"]

_WINDOW_SECONDS = 1.0
_TOO_MANY = 429
_LARGEST_REQUEST = 64_000_000  # Auralis is sent whole recordings
_KEPT_RESULTS = 256_000_000
_PIECE = 65_536
_LONGER, _SHORTER = 20, 10  # of the faults "long" and "short"
_CREDITS_PER_CHARACTER = 42
_ANIMALS = ("hedgehog", "hippopotamus", "lion", "penguin")
_WORDS = ("text", "input", "script")


@dataclass
class Seen:
    """A request that arrived; `status` and `fault` are filled in when it is answered."""

    origin: str  # "api" or "cdn"
    method: str
    path: str
    headers: Mapping[str, str] = dataclasses.field(repr=False)  # lower-case names
    body: dict[str, Any] | None
    text: str  # the words asked for, "" for a GET
    at: float  # time.monotonic() of its arrival
    status: int = 0  # 0: no answer
    fault: str = ""


@dataclass(frozen=True)
class _Result:
    """What lies on the second origin."""

    order: Order
    data: bytes
    good: bool


class Service:
    """Runs in a thread of this process from `with` to its end; takes the settings of `Behaviour`."""

    def __init__(self, port: int = 0, key: str = "a-key-of-the-local-service", **settings: Any) -> None:
        self.key = key
        self.seen: list[Seen] = []
        self.most_in_flight = 0  # refused requests too
        self.told = 0  # words of a language model that were sent
        self._spoken: list[str] = []
        self._first_settings = settings
        self._behaviour = Behaviour()
        self._script: deque[str] = deque()
        self._cdn_script: deque[str] = deque()
        self._free_script: deque[str] = deque()
        self._chat_script: deque[str] = deque()
        self._random = random.Random(0)  # noqa: S311  # the same faults each time
        self._recent: deque[float] = deque()
        self._in_flight = self._at_work = self._tellings = 0
        self._results: OrderedDict[str, _Result] = OrderedDict()
        self._size_of_results = 0
        self._port = port
        self._stop: Callable[[], object] = lambda: None
        self._thread = threading.Thread()
        self.url = self.cdn = ""
        self.behave(**settings)

    def __enter__(self) -> Self:
        sockets = [socket.create_server(("127.0.0.1", port), backlog=1024) for port in (self._port, 0)]
        self.url, self.cdn = (f"http://127.0.0.1:{place.getsockname()[1]}" for place in sockets)
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(sockets, ready)), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._thread.join()

    def behave(self, **settings: Any) -> None:
        """Change settings, for the requests that arrive from now on; the pace of a telling for those under way too."""
        scripts = dict.fromkeys(("script", "cdn_script", "free_script", "chat_script"), tuple)
        lists = {**scripts, "withdrawn": frozenset}
        settings = {name: lists[name](value) if name in lists else value for name, value in settings.items()}
        behaviour = dataclasses.replace(self._behaviour, **settings)
        scripted = (*behaviour.script, *behaviour.cdn_script, *behaviour.free_script, *behaviour.chat_script)
        unknown = {*scripted, *behaviour.faults} - faults.KINDS - {""}
        if unknown:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")
        self._behaviour = behaviour
        if "script" in settings:
            self._script = deque(behaviour.script)
        if "cdn_script" in settings:
            self._cdn_script = deque(behaviour.cdn_script)
        if "free_script" in settings:
            self._free_script = deque(behaviour.free_script)
        if "chat_script" in settings:
            self._chat_script = deque(behaviour.chat_script)
        if "seed" in settings or "faults" in settings:
            self._random = random.Random(behaviour.seed)  # noqa: S311

    def forget(self) -> None:
        """Be as at the beginning, for another test; whoever asked before has gone."""
        self.seen.clear()
        self._spoken.clear()
        self.most_in_flight = self.told = 0
        self._behaviour = Behaviour()
        empty = dict.fromkeys(("script", "cdn_script", "free_script", "chat_script"), ())
        self.behave(**(empty | self._first_settings))

    @property
    def spoken(self) -> list[str]:
        """The texts whose whole good audio was sent, in order; a linked result when it was fetched."""
        return list(self._spoken)

    @property
    def asked(self) -> list[Seen]:
        """The requests for speech alone, in order."""
        return [seen for seen in list(self.seen) if seen.method == "POST"]

    @property
    def billed(self) -> "Counter[str]":
        """How often each text was answered 2xx: each is money."""
        return Counter(seen.text for seen in self.asked if seen.status // 100 == 2)

    def summary(self) -> dict[str, Any]:
        """Tell in figures what was asked for; `twice` counts the texts that were billed more than once."""
        asked, billed = self.asked, self.billed
        return {
            "requests": len(asked),
            "by_status": dict(Counter(str(seen.status) for seen in asked)),
            "billed": billed.total(),
            "twice": sum(times > 1 for times in billed.values()),
            "first": asked[0].at if asked else None,
            "second": asked[1].at if len(asked) > 1 else None,
            "last": asked[-1].at if asked else None,
            "most_in_flight": self.most_in_flight,
        }

    # The two origins

    async def _serve(self, sockets: list[socket.socket], ready: threading.Event) -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        api = web.Application(client_max_size=_LARGEST_REQUEST)
        api.router.add_get("/health", _health)
        api.router.add_get("/_seen", self._tell)
        api.router.add_get("/v1/models", self._tell_for_free)
        api.router.add_get("/v1/billing/balance", self._tell_for_free)
        api.router.add_post("/v1/tts", self._speak)
        api.router.add_post("/v1/audio/speech", self._speak)
        api.router.add_post("/v1/chat/completions", self._speak)
        cdn = web.Application()
        cdn.router.add_get("/generations/{animal}/{file}", self._redirect, allow_head=False)
        cdn.router.add_get("/signed/{file}", self._fetch, allow_head=False)
        runners = [web.AppRunner(origin, access_log=None, shutdown_timeout=0.1) for origin in (api, cdn)]
        for runner, place in zip(runners, sockets, strict=True):
            await runner.setup()
            await web.SockSite(runner, place).start()
        self._stop = lambda: loop.call_soon_threadsafe(end.set)
        ready.set()
        await end.wait()
        for runner in runners:
            await runner.cleanup()

    async def _tell(self, _request: web.Request) -> web.Response:
        return web.json_response(self.summary())

    async def _tell_for_free(self, request: web.Request) -> web.StreamResponse:
        """Answer what is asked before anything is bought: AI/ML API's balance, OpenAI's list of models."""
        seen, behaviour = self._arrived(request, "api"), self._behaviour
        kind = seen.fault = self._free_script.popleft() if self._free_script else ""
        if kind in faults.MUTE:
            return await faults.mute(kind, request)
        if kind in faults.FALSE:
            seen.status = 200
            return faults.false_answer(kind, "application/json", {})
        protocol = openai if request.path == "/v1/models" else aimlapi
        answer = openai.models if protocol is openai else aimlapi.balance
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        headers = {"x-request-id": uuid.uuid4().hex}
        try:
            if kind:
                raise Refused(int(kind), faults.message(kind))  # noqa: TRY301  # one place says all refusals
            document = answer(bearer, self.key, behaviour)
        except Refused as refused:
            return await self._refuse(request, seen, protocol, headers, refused)
        seen.status = 200
        return web.json_response(document, headers=headers)

    def _arrived(self, request: web.Request, origin: str) -> Seen:
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(origin, request.method, request.path, headers, None, "", time.monotonic())
        self.seen.append(seen)
        return seen

    # The first origin: requests for speech

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        seen, behaviour = self._arrived(request, "api"), self._behaviour
        headers = {"x-request-id": uuid.uuid4().hex}
        # Decided before the body has come: a limit is one of arrivals.
        admitted = self._admitted(seen.at, behaviour)
        self._at_work += admitted
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        protocol: Speaks = aimlapi if request.path == "/v1/tts" else openai
        is_chat = request.path == "/v1/chat/completions"
        try:
            try:
                seen.body = _object(await request.read())
            except ValueError as error:
                raise Refused(400, "The body is no JSON object.") from error
            seen.text = next((seen.body[name] for name in _WORDS if isinstance(seen.body.get(name), str)), "")
            if is_chat:
                seen.text = chat.text_of(seen.body)
            if protocol is openai and (behaviour.speech or _shape_of(seen.body)) == "auralis":
                protocol = auralis
            if not admitted:
                raise Refused(_TOO_MANY, faults.message("429"))  # noqa: TRY301  # one place says all refusals
            work = self._write if is_chat else self._work
            return await work(request, seen, protocol, headers, behaviour)
        except Refused as refused:
            return await self._refuse(request, seen, protocol, headers, refused)
        finally:
            self._in_flight -= 1
            self._at_work -= admitted

    def _admitted(self, at: float, behaviour: Behaviour) -> bool:
        while self._recent and self._recent[0] <= at - _WINDOW_SECONDS:
            self._recent.popleft()
        if behaviour.allowed_per_second and len(self._recent) >= behaviour.allowed_per_second:
            return False
        if behaviour.allowed_in_flight and self._at_work >= behaviour.allowed_in_flight:
            return False
        self._recent.append(at)
        return True

    async def _work(
        self, request: web.Request, seen: Seen, protocol: Speaks, headers: dict[str, str], behaviour: Behaviour
    ) -> web.StreamResponse:
        is_barred = behaviour.fails_on and behaviour.fails_on in seen.text
        kind = seen.fault = "500" if is_barred else self._drawn(behaviour)
        if kind in faults.MUTE:
            return await faults.mute(kind, request)
        await asyncio.sleep(behaviour.latency_seconds)
        if kind in faults.STATUSES:
            raise Refused(int(kind), faults.message(kind))
        assert seen.body is not None
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        order = await protocol.order(seen.body, bearer, self.key, behaviour)
        if order.answer == "json":
            return await self._link(request, seen, order, headers, behaviour)
        if kind in faults.FALSE:
            seen.status = behaviour.status
            return faults.false_answer(kind, order.encoding.mime, headers)
        headers["Content-Type"] = order.encoding.mime
        data = await _sound(order, kind, behaviour)
        good = kind not in faults.BROKEN | faults.MISSPOKEN
        return await self._send(request, seen, headers, data, streamed=order.streamed, good=order.text if good else "")

    async def _write(
        self, request: web.Request, seen: Seen, _protocol: Speaks, headers: dict[str, str], behaviour: Behaviour
    ) -> web.StreamResponse:
        """Be a language model, or Auralis before one: a stream of what it writes, and of its sound."""
        kind = seen.fault = self._chat_script.popleft() if self._chat_script else self._drawn(behaviour)
        if kind in faults.MUTE:
            return await faults.mute(kind, request)
        await asyncio.sleep(behaviour.latency_seconds)
        if kind in faults.STATUSES:
            raise Refused(int(kind), faults.message(kind))
        assert seen.body is not None
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        self._tellings += 1
        telling = chat.order(seen.body, bearer, self.key, behaviour, self._tellings)
        seen.status = 200
        if kind in faults.FALSE:
            return faults.false_answer(kind, "text/event-stream", headers)
        response = web.StreamResponse(headers=headers | {"Content-Type": "text/event-stream; charset=utf-8"})
        response.enable_chunked_encoding()
        try:
            await response.prepare(request)
            for event, words in chat.events(telling, kind):
                await response.write(event)
                self.told += words
                if pace := self._behaviour.told_per_second:
                    await asyncio.sleep(words / pace)
            await faults.end_of_stream(kind, request, response)
        except ConnectionError:  # the client went away
            pass
        return response

    def _drawn(self, behaviour: Behaviour) -> str:
        if self._script:
            return self._script.popleft()
        mark = self._random.random() if behaviour.faults else 1.0
        for kind, share in behaviour.faults.items():
            mark -= share
            if mark < 0:
                return kind
        return ""

    async def _refuse(
        self, request: web.Request, seen: Seen, protocol: Speaks, headers: dict[str, str], refused: Refused
    ) -> web.StreamResponse:
        seen.status = refused.status
        behaviour = self._behaviour
        if refused.status in {_TOO_MANY, 503} and behaviour.retry_after:
            headers["Retry-After"] = _retry_after(behaviour)
        if refused.status in {502, 504}:  # a gateway's own, whatever stands behind it
            title = f"{refused.status} {'Bad Gateway' if refused.status == 502 else 'Gateway Time-out'}"
            return web.Response(
                status=refused.status, text=faults.page(title), content_type="text/html", headers=headers
            )
        body = protocol.refusal(refused, request.path, headers["x-request-id"])
        return web.json_response(body, status=refused.status, headers=headers)

    async def _link(
        self, request: web.Request, seen: Seen, order: Order, headers: dict[str, str], behaviour: Behaviour
    ) -> web.StreamResponse:
        kind = seen.fault
        if kind in {"html", "json_error", "empty"}:
            seen.status = behaviour.status
            return faults.false_answer(kind, "application/json", headers)
        usage: dict[str, float] = {"credits_used": len(order.text) * _CREDITS_PER_CHARACTER}
        headers |= {"Content-Type": "application/json", "x-aimlapi-credits-used": str(usage["credits_used"])}
        if behaviour.usd_per_character is not None:
            usage["usd_spent"] = round(len(order.text) * behaviour.usd_per_character, 9)
            headers["x-aimlapi-usd-spent"] = str(usage["usd_spent"])
        misspoken = kind in faults.MISSPOKEN | {"garbage"}
        data = await _sound(order, kind if misspoken else "", behaviour)
        file = f"{time.time_ns() // 1_000_000}-{uuid.uuid4()}.{order.encoding.suffix}"
        self._keep(file, _Result(order, data, good=not misspoken))
        url = f"{self.cdn}/generations/{_ANIMALS[len(self._results) % len(_ANIMALS)]}/{file}"
        audio = url if behaviour.audio_as == "string" else {"url": url}
        answer = json.dumps({"audio": audio, "meta": {"usage": usage}}).encode()
        return await self._send(request, seen, headers, answer)

    def _keep(self, file: str, result: _Result) -> None:
        self._results[file] = result
        self._size_of_results += len(result.data)
        while self._size_of_results > _KEPT_RESULTS and len(self._results) > 1:
            self._size_of_results -= len(self._results.popitem(last=False)[1].data)

    async def _send(
        self,
        request: web.Request,
        seen: Seen,
        headers: dict[str, str],
        data: bytes,
        *,
        streamed: bool = False,
        good: str = "",
    ) -> web.StreamResponse:
        status = seen.status = self._behaviour.status if seen.origin == "api" else 200
        if seen.fault in faults.BROKEN:
            return await faults.broken(seen.fault, request, status, headers, data)
        response = web.StreamResponse(status=status, headers=headers)
        if streamed:
            response.enable_chunked_encoding()
        else:
            response.content_length = len(data)
        noted = [good] if good else []
        # Noted before it is sent, as the client may look as soon as it has the last byte.
        self._spoken += noted
        try:
            await response.prepare(request)
            for begin in range(0, len(data), _PIECE):
                await response.write(data[begin : begin + _PIECE])
            await response.write_eof()
        except ConnectionError:  # the client went away
            for text in noted:
                self._spoken.remove(text)
        return response

    # The second origin: results

    async def _redirect(self, request: web.Request) -> web.StreamResponse:
        seen = self._arrived(request, "cdn")
        file = request.match_info["file"]
        # What goes wrong with the bytes themselves is left to the request for them.
        if self._cdn_script and self._cdn_script[0] in faults.STATUSES | faults.MUTE | faults.FALSE:
            return await self._fail(request, seen, self._cdn_script.popleft())
        if file not in self._results:
            return await self._fail(request, seen, "404")
        seen.status = 302
        return web.Response(
            status=302, headers={"Location": f"{self.cdn}/signed/{file}?signature={self._signature(file)}"}
        )

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        seen = self._arrived(request, "cdn")
        file = request.match_info["file"]
        if request.query.get("signature") != self._signature(file):
            return await self._fail(request, seen, "403")
        if file not in self._results:
            return await self._fail(request, seen, "404")
        result = self._results[file]
        kind = seen.fault = self._cdn_script.popleft() if self._cdn_script else ""
        if kind in faults.STATUSES | faults.MUTE | faults.FALSE:
            return await self._fail(request, seen, kind)
        data = await _sound(result.order, kind, self._behaviour) if kind in faults.MISSPOKEN else result.data
        good = result.order.text if result.good and not kind else ""
        return await self._send(request, seen, {"Content-Type": result.order.encoding.mime}, data, good=good)

    async def _fail(self, request: web.Request, seen: Seen, kind: str) -> web.StreamResponse:
        seen.fault = kind
        if kind in faults.MUTE:
            return await faults.mute(kind, request)
        if kind in faults.FALSE:
            seen.status = 200
            return faults.false_answer(kind, "application/octet-stream", {})
        seen.status = int(kind)
        text = f"<Error><Code>{kind}</Code><Message>{faults.message(kind)}</Message></Error>"  # as storage answers
        return web.Response(status=seen.status, text=text, content_type="application/xml")

    def _signature(self, file: str) -> str:
        return uuid.uuid5(uuid.NAMESPACE_URL, self.cdn + file).hex


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _object(data: bytes) -> dict[str, Any]:
    body = json.loads(data)
    if not isinstance(body, dict):
        raise ValueError  # noqa: TRY004  # as for any other body that is none
    return body


def _shape_of(body: dict[str, Any]) -> str:
    return "auralis" if isinstance(body.get("voice"), list) or "speaker_files" in body else "openai"


def _retry_after(behaviour: Behaviour) -> str:
    if behaviour.retry_after == "seconds":
        return f"{behaviour.retry_after_seconds:g}"
    moment = math.ceil(time.time() + behaviour.retry_after_seconds)  # a date holds whole seconds
    return format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)


async def _sound(order: Order, kind: str, behaviour: Behaviour) -> bytes:
    if kind == "garbage":
        return faults.noise()
    if behaviour.voice == "tones" and order.encoding.codec == "linear16":
        return _voiced(order, kind, behaviour)  # quicker than a thread's turn
    return await asyncio.to_thread(_voiced, order, kind, behaviour)


def _voiced(order: Order, kind: str, behaviour: Behaviour) -> bytes:
    rate = order.encoding.rate
    seconds = behaviour.fixed_seconds or len(order.text) * behaviour.seconds_per_character
    samples: Samples
    if behaviour.voice == "speech":
        samples = speech(order.text, rate)
        seconds = len(samples) / rate
    else:
        samples = tone(order.text, seconds / order.speed, rate)
    if order.keeps_length:
        whole = round(seconds * rate)
        samples = np.pad(samples[:whole], (0, max(whole - len(samples), 0)))
    if kind == "silent":
        samples = np.zeros_like(samples)
    elif kind == "short":
        samples = samples[: len(samples) // _SHORTER]
    elif kind == "long":
        samples = np.tile(samples, _LONGER)
    return encode(samples, order.encoding, behaviour.unknown_size if order.streamed else 0)
