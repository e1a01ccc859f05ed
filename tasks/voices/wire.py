"""HTTP to a speech service: bounded requests and answers. A key goes out in the header of the one request that needs it."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Container, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from httpx_sse import EventSource

from tasks.errors import (
    BadAudio,
    BrokenOff,
    ProviderError,
    Unavailable,
    Undelivered,
)
from tasks.voices import LimitSettings
from tasks.voices.answers import Answer, Service, find_words, refusal, tidy

_MEGABYTE = 1 << 20
_LONGEST_ANSWER_BYTES = 64 * _MEGABYTE
_EVENT_STREAM = "text/event-stream"
_PLAIN = "identity"
# What a server may send though it was asked for none: RFC 9110 has it send what it likes.
_CODINGS = frozenset({_PLAIN, "gzip", "x-gzip", "deflate"})
# zlib's number for "the header says whether this is gzip or zlib".
_ANY_HEADER = 32
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_REQUEST_IDS = ("x-request-id", "x-aimlapi-request-id", "cf-ray")


class Wire:
    """A voice's way to its service, over the client of the run."""

    def __init__(self, service: Service, limits: LimitSettings, client: httpx.AsyncClient) -> None:
        self._service = service
        self._limits = limits
        self._client = client
        self._timeout = httpx.Timeout(
            limits.first_byte_timeout_seconds, connect=limits.connect_timeout_seconds, pool=None
        )

    def quote(self, text: str) -> str:
        """Return a text of the service's, fit to be shown."""
        return self._service.quote(text)

    async def post(self, url: str, document: dict[str, Any]) -> Answer:
        """Send JSON with the key, follow nothing, and return the whole answer; raises a `ProviderError` for any but 2xx."""
        answer = await self._exchange("POST", url, headers=self._authorization, json=document)
        if not answer.is_success:
            raise refusal(answer, self._service)
        return answer

    async def ask(self, url: str, also: Container[int] = ()) -> Answer:
        """Get what lies at an address of the service's own, with the key, and follow nothing.

        Raises a `ProviderError` for any answer but 2xx and the statuses of `also`.
        """
        answer = await self._exchange("GET", url, headers=self._authorization)
        if not answer.is_success and answer.status not in also:
            raise refusal(answer, self._service)
        return answer

    async def listen(self, url: str, document: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Send JSON with the key, follow nothing, and give the data of each server-sent event, to the end of the stream.

        Raises a `ProviderError` for any answer but 2xx, and `BrokenOff` for one that is no stream of events, that is cut off,
        or in which an event does not come within the time that a first byte has.
        """
        name = self._service.name
        headers = {**self._authorization, "Accept": _EVENT_STREAM}
        with _failures(self._service, urlsplit(url).hostname or "", self._limits):
            async with self._client.stream(
                "POST", url, timeout=self._timeout, headers=headers, json=document
            ) as response:
                begun = self._answer(response, b"")
                if not begun.is_success or begun.media_type != _EVENT_STREAM or _coding(response) != _PLAIN:
                    raise _no_stream(replace(begun, body=await _body(response, name)), self._service)
                async with aclosing(_events(response, name)) as events:
                    while (data := await _soon(events, self._limits.first_byte_timeout_seconds, name)) is not None:
                        yield data

    async def fetch(self, url: str) -> Answer:
        """Get what lies at a URL that the service gave, without the key, following redirects to hosts that are allowed.

        Raises `BadAudio` for what is no URL, `Undelivered` for a host that is not allowed, and `Unavailable` for any other failure:
        it is a passing one, as what was made is there, and to fetch it costs nothing.
        """
        target = self._parse_url(url)
        where = f"{self._service.name}'s result at {target.host}"
        try:
            for _ in range(_MOST_REDIRECTS):
                answer = await self._get_result(target)
                location = answer.headers.get("location", "") if answer.status in _REDIRECTS else ""
                if not location:
                    break
                target = self._parse_url(location, target)
        except BadAudio as error:
            raise Unavailable(f"{where}: {error}") from error
        if not answer.is_success:
            raise Unavailable(f"{where} answered {answer.status}")
        if answer.media_type in {"text/html", "application/json", "application/xml"} or not answer.body:
            raise Unavailable(
                f"{where} is no sound but {answer.media_type or 'empty'}: {self._service.quote(find_words(answer))}"
            )
        return answer

    def _parse_url(self, url: str, base: httpx.URL | None = None) -> httpx.URL:
        """Return the URL that a service gave; raises `BadAudio` for what is none."""
        try:
            parsed = base.join(url) if base else httpx.URL(url)
            is_fetchable = parsed.scheme in {"http", "https"} and bool(parsed.host)
        except (httpx.InvalidURL, ValueError):
            is_fetchable = False
        if not is_fetchable:
            raise BadAudio(f"{self._service.name} answered with no URL of a sound: {self._service.quote(url)}")
        return parsed

    async def _get_result(self, url: httpx.URL) -> Answer:
        """Get a result from an address of its host that is allowed; raises `Undelivered` if none is."""
        if _is_proxied(url):
            # The proxy looks the name up, and decides where it connects to.
            return await self._exchange("GET", str(url))
        port = url.port or _PORTS[url.scheme]
        with _failures(self._service, url.host, self._limits):
            try:
                address = await self._service.result_hosts.find_address(url.host, port)
            except OSError as error:
                raise Unavailable(f"{self._service.name}'s result lies at {url.host}, which has no address") from error
        if not address:
            raise Undelivered(
                f"{self._service.name}'s result lies at {url.host}, which is no public host; if it is right, name it in [voice] "
                "result_hosts"
            )
        headers = {"Host": url.netloc.decode("ascii")}
        pinned = url.copy_with(host=address)
        return await self._exchange("GET", str(pinned), headers=headers, extensions={"sni_hostname": url.host})

    @property
    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._service.key}"} if self._service.key else {}

    async def _exchange(self, method: str, url: str, **request: Any) -> Answer:
        with _failures(self._service, urlsplit(url).hostname or "", self._limits):
            async with (
                asyncio.timeout(self._limits.request_timeout_seconds),
                self._client.stream(method, url, timeout=self._timeout, **request) as response,
            ):
                return self._answer(response, await _body(response, self._service.name))

    def _answer(self, response: httpx.Response, body: bytes) -> Answer:
        request_id = next((response.headers[name] for name in _REQUEST_IDS if name in response.headers), "")
        return Answer(response.status_code, response.headers, body, self._service.quote(request_id))


async def _body(response: httpx.Response, name: str) -> bytes:
    """Read a body; a good answer that was cut off may have been billed, unlike what never began."""
    body = bytearray()
    try:
        async for block in _decoded(response, name):
            body += block
            if len(body) > _LONGEST_ANSWER_BYTES:
                raise BadAudio(f"{name} sent more than {_LONGEST_ANSWER_BYTES // _MEGABYTE} MiB")
    except (httpx.HTTPError, zlib.error) as error:
        # Of a refusal, the status is enough.
        if response.is_success:
            raise BadAudio(f"{name}'s answer was cut off ({str(error) or type(error).__name__})") from error
    return bytes(body)


async def _decoded(response: httpx.Response, name: str) -> AsyncGenerator[bytes, None]:
    """Yield a body in blocks of at most 1 MiB, whatever it decompresses to; raises `BadAudio` for an encoding that is not known.

    httpx decompresses as far as it goes, and one encoding over another: 269 bytes have become 2 GB.
    """
    coding = _coding(response)
    if coding not in _CODINGS:
        raise BadAudio(f"{name} sent an answer in an encoding that was not asked for: {tidy(coding)}")
    if coding == _PLAIN:
        async for block in response.aiter_raw():
            yield block
        return
    inflater = zlib.decompressobj(zlib.MAX_WBITS | _ANY_HEADER)
    async for block in response.aiter_raw():
        rest = block
        while rest and not inflater.eof:
            yield inflater.decompress(rest, _MEGABYTE)
            rest = inflater.unconsumed_tail


def _coding(response: httpx.Response) -> str:
    return response.headers.get("content-encoding", _PLAIN).strip().lower() or _PLAIN


async def _events(response: httpx.Response, name: str) -> AsyncGenerator[str, None]:
    """Give the data of each event of a stream, none of which is longer than the longest answer."""
    unread = 0

    async def bounded() -> AsyncGenerator[bytes, None]:
        nonlocal unread
        async for block in response.aiter_raw():
            unread += len(block)
            if unread > _LONGEST_ANSWER_BYTES:
                raise BrokenOff(f"{name} sent an event of more than {_LONGEST_ANSWER_BYTES // _MEGABYTE} MiB")
            yield block

    # Decoded by the standard, as the media type says no other charset than this.
    readable = httpx.Response(HTTPStatus.OK, headers={"Content-Type": _EVENT_STREAM}, content=bounded())
    async with aclosing(EventSource(readable).aiter_sse()) as events:
        async for event in events:
            unread = 0
            yield event.data


async def _soon(events: AsyncGenerator[str, None], seconds: float, name: str) -> str | None:
    """Wait for the next event, and no longer than so many seconds; None where the stream has ended."""
    try:
        async with asyncio.timeout(seconds):
            return await anext(events, None)
    except (TimeoutError, httpx.ReadTimeout) as error:
        raise BrokenOff(f"{name} sent no event for {seconds:g} s") from error
    except httpx.HTTPError as error:
        raise BrokenOff(f"{name}'s stream was cut off ({str(error) or type(error).__name__})") from error


@contextmanager
def _failures(service: Service, host: str, limits: LimitSettings) -> Iterator[None]:
    """Translate what goes wrong before an answer has begun, and an answer that never ends."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise Unavailable(
            f"{service.name} at {host} did not answer within {limits.connect_timeout_seconds:g} s; check [{service.section}] base_url and the "
            "network"
        ) from error
    except httpx.ReadTimeout as error:
        raise Unavailable(f"{service.name} sent nothing for {limits.first_byte_timeout_seconds:g} s") from error
    except TimeoutError as error:
        raise Unavailable(f"{service.name} did not end within {limits.request_timeout_seconds:g} s") from error
    except httpx.RemoteProtocolError as error:
        raise Unavailable(f"{service.name} closed the connection without an answer") from error
    except httpx.ConnectError as error:
        raise Unavailable(
            f"{service.name} cannot be reached at {host} ({error}); check [{service.section}] base_url and the network"
        ) from error
    except httpx.HTTPError as error:
        raise Unavailable(f"the connection to {service.name} failed ({type(error).__name__}: {error})") from error


def _no_stream(answer: Answer, service: Service) -> ProviderError:
    """Say what an answer means that is no stream of events."""
    if not answer.is_success:
        return refusal(answer, service)
    words = service.quote(find_words(answer))
    return BrokenOff(f"{service.name} sent no stream but {answer.media_type or 'nothing'}: {words or 'without a word'}")


def _is_proxied(url: httpx.URL) -> bool:
    proxies = getproxies()
    return bool({url.scheme, "all"} & proxies.keys()) and not proxy_bypass(url.host)
