"""Headers that say that nothing is left of a limit, as services write them."""

import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.voices.rate_headers import find_hold


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h2m3.5s"}, 3_723.5),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7"}, 7.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "soon"}, 1.0),
        ({"x-ratelimit-remaining": "0"}, 1.0),
        ({"ratelimit": '"default";r=0;t=30'}, 30.0),
        ({"ratelimit": '"default";r=50;t=30'}, None),
        ({"ratelimit": '"burst";r=5;t=1, "day";r=0;t=600'}, 600.0),
        ({"ratelimit": "limit=100, remaining=0, reset=5"}, 5.0),
        ({"x-ratelimit-remaining-requests": "none"}, None),
    ],
)
def test_a_limit_of_which_nothing_is_left_holds_until_its_reset(headers: dict[str, str], seconds: float | None) -> None:
    assert find_hold(httpx.Headers(headers)) == seconds


def test_a_reset_may_be_a_moment() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(time.time() + 90)}
    assert 0 < (find_hold(headers) or 0) <= 90


@given(st.dictionaries(st.sampled_from(["ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"]), st.text()))
def test_any_text_is_a_wait_or_none(headers: dict[str, str]) -> None:
    assert (find_hold(headers) or 0) >= 0
