"""Headers in which a service says that nothing is left of a limit, and until when.

`x-ratelimit-remaining-requests` and `-tokens` with their `-reset-` are OpenAI's and its copies'; `x-ratelimit-remaining` with
`x-ratelimit-reset` is older; `ratelimit` is that of the IETF (draft-ietf-httpapi-ratelimit-headers): `"name";r=0;t=30`, before it
`remaining=0, reset=30`, or a header for each.
"""

import re
from collections.abc import Mapping
from time import time

_NAMES = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
)
_IETF = re.compile(r"(?:^|[;,\s])(?:r|remaining)=0(?:\.0*)?(?![\d.]).*?[;,\s](?:t|reset)=(\d{1,9})", re.DOTALL)
_DURATION = re.compile(
    r"(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?"
)
_UNIT_SECONDS = (3_600.0, 60.0, 1.0, 0.001)
# A number that is larger is a moment: seconds since 1970.
_LONGEST_SECONDS = 10_000_000


def find_hold(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds nothing is allowed; None if no header says that nothing is left."""
    holds = [
        _read_seconds(headers.get(reset, "")) for remaining, reset in _NAMES if _is_none(headers.get(remaining, ""))
    ]
    holds += [float(seconds) for seconds in _IETF.findall(headers.get("ratelimit", "")[:300])]
    return max(holds, default=None)


def _is_none(remaining: str) -> bool:
    try:
        return float(remaining) <= 0
    except ValueError:
        return False


def _read_seconds(reset: str) -> float:
    """Return the seconds of a number, of a moment, or of a duration such as 6m0s and 120ms; 1.0 for what is none of them."""
    text = reset.strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text):
        number = float(text)
        return max(number - time(), 0.0) if number > _LONGEST_SECONDS else number
    found = _DURATION.fullmatch(text)
    if not text or not found:
        return 1.0
    return sum(float(part) * unit for part, unit in zip(found.groups(), _UNIT_SECONDS, strict=True) if part)
