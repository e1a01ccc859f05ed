"""What a service's answer means: its status before its words, and its words without the key."""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, quote_plus

from tasks.errors import OutOfCredit, ProviderError, RateLimited, Rejected, Unauthorized, Unavailable
from tasks.voices.rate_headers import find_hold
from tasks.voices.result_hosts import ResultHosts

_LONGEST_WORDS = 300
# Of a document, which takes many times as much as an object; sound comes by itself or behind a URL.
_LONGEST_DOCUMENT = 4 << 20
_MASK = "•••"
_SHORTEST_KEY = 4
_URL_SAFE = str.maketrans("+/", "-_")
# A longer wait than this is no advice but a way to say "not today"; the run would hang unseen.
_LONGEST_RETRY_AFTER_SECONDS = 900.0
# How services say that an account has nothing left, whatever the status: OpenAI, its copies, and others, as their documentation
# words it. Sentences count at the beginning of a message alone, for a message may quote the text.
_NO_CREDIT_CODES = frozenset(
    {
        "insufficient_quota",
        "insufficient_credits",
        "insufficient_balance",
        "insufficient_funds",
        "billing_hard_limit_reached",
        "quota_exceeded",
    }
)
_NO_CREDIT_WORDS = re.compile(
    r"(you exceeded your current quota|your credit balance is too low|your account is out of credits?|insufficient (credits?|balance|funds)\b)",
    re.IGNORECASE,
)
_NO_CREDIT_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's whole answer; `status` is 2xx for every one that `post` and `fetch` return.

    `request_id` is how the service calls the request, fit to be shown; "" if it does not say.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str = ""

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def media_type(self) -> str:
        """The Content-Type, without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def document(self) -> dict[str, Any]:
        """Parse the body as a JSON object; return an empty one for anything else, also for one of more than 4 MiB."""
        return parse_object(self.body)


@cache
def _forms_of(key: str) -> tuple[str, ...]:
    """Return the forms in which a service may send a key back: as it is, percent-encoded, and in base64 at each of three offsets.

    The longest come first, so that no part of one stays. A key of fewer than four bytes is left as it is: it would hit words.
    """
    data = key.encode()
    if len(data) < _SHORTEST_KEY:
        return (key,) if key else ()
    forms = {key, quote(key, safe=""), quote_plus(key), quote(key, safe="").lower(), json.dumps(key)[1:-1]}
    for offset in range(3):
        # The first and last characters hold bits of what stands before and after the key.
        whole = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        first = -(-offset * 8 // 6)
        last = len(whole) if (offset + len(data)) % 3 == 0 else len(whole) - 1
        forms |= {whole[first:last], whole[first:last].translate(_URL_SAFE)}
    return tuple(sorted(forms, key=len, reverse=True))


# A service's own reading of an answer that is no success; None leaves it to the status.
Reading = Callable[[Answer, str], ProviderError | None]


@dataclass(frozen=True, slots=True)
class Service:
    """Whom a request goes to: its name in messages, its key with where that came from, how it words its errors.

    `section` is that of the profile that names it, `result_hosts` say where its results may lie.
    """

    name: str
    key: str = field(default="", repr=False)
    key_place: str = ""
    read_error: Reading = lambda _answer, _words: None
    section: str = "voice"
    result_hosts: ResultHosts = field(default_factory=lambda: ResultHosts(""))

    def quote(self, text: str) -> str:
        """Return a text of the service's as one short line of printable characters, without the key in any of its forms."""
        for form in _forms_of(self.key):
            text = text.replace(form, _MASK)
        return tidy(text)


def refusal(answer: Answer, service: Service) -> ProviderError:  # noqa: C901, PLR0911  # one line for each status
    """Say what an answer that is no success means. The status decides; words are only quoted."""
    words = service.quote(find_words(answer))
    said = f"{service.name} answered {answer.status}: {words or 'without a word'}{_request(answer, service)}"
    own = service.read_error(answer, said)
    if own:
        return own
    if answer.status in _NO_CREDIT_STATUSES and _says_no_credit(answer):
        return OutOfCredit(f"{said}; top up the account and run the command again")
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            return Unauthorized(f"{said}; put a valid key in {service.key_place}")
        case HTTPStatus.PAYMENT_REQUIRED:
            return OutOfCredit(f"{said}; top up the account and run the command again")
        case HTTPStatus.FORBIDDEN:
            return Unauthorized(f"{said}; the key in {service.key_place} may not use this")
        case HTTPStatus.NOT_FOUND:
            return Rejected(
                f"{said}; the model or the address is not there: check [{service.section}] model and base_url"
            )
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Rejected(f"{said}; the text is too long for it: set [text] max_characters lower")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _rate_limited(answer, said)
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.TOO_EARLY:
            return Unavailable(said)
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(said)
        case status if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Rejected(
                f"{said}; it lies elsewhere: set [{service.section}] base_url to {_elsewhere(answer, service)}"
            )
    return Rejected(f"{said}; check [{service.section}] and [{service.section}.options]")


def _rate_limited(answer: Answer, said: str) -> RateLimited:
    hold = find_hold(answer.headers)
    wait = retry_after(answer.headers.get("retry-after", ""), answer.headers.get("date", ""))
    if wait is None and hold is not None:
        wait = min(hold, _LONGEST_RETRY_AFTER_SECONDS)
    return RateLimited(said, wait, is_limit=hold is not None)


def _says_no_credit(answer: Answer) -> bool:
    document = answer.document()
    error = document.get("error")
    parts = [document, error] if isinstance(error, dict) else [document]
    codes = {str(part.get(name)).lower() for part in parts for name in ("code", "type")}
    return bool(codes & _NO_CREDIT_CODES or _NO_CREDIT_WORDS.match(find_words(answer)))


def _elsewhere(answer: Answer, service: Service) -> str:
    return service.quote(answer.headers.get("location", "its new address").partition("?")[0])


def _request(answer: Answer, service: Service) -> str:
    name = answer.request_id or str(answer.document().get("requestId", ""))
    return f" (request {service.quote(name)})" if name else ""


def find_words(answer: Answer) -> str:
    """Return the service's own words in an answer: a message somewhere in JSON, or the text of a page."""
    document = answer.document()
    for found in (document.get("message"), document.get("error"), document.get("detail"), document.get("errors")):
        if isinstance(found, dict):
            return str(found.get("message") or found)
        if found:
            return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    text = answer.body[: 10 * _LONGEST_WORDS].decode(errors="replace")
    return re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)


def parse_object(data: str | bytes) -> dict[str, Any]:
    """Return the JSON object that a service sent, bounded in size and depth; an empty one if it is none."""
    if len(data) > _LONGEST_DOCUMENT:
        return {}
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def tidy(text: str) -> str:
    """Fold a text of somebody else's into one short line without control characters."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS]}…"


def retry_after(value: str, date: str = "") -> float | None:
    """Read a Retry-After header: seconds, or a date of HTTP; None where it is neither. At most 15 minutes.

    `date` is the answer's own Date header: a date counts from there, whatever this machine's clock says.
    """
    try:
        seconds = float(value)
    except ValueError:
        until = _moment(value)
        if until is None:
            return None
        seconds = (until - (_moment(date) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS) if not math.isnan(seconds) else None


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    # A date that names no zone is in UTC, as all of HTTP's are.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
