"""An account that has nothing left, in the spellings of several services: never tried again, exit code 4."""

import json
from typing import Any

import pytest

from tasks.errors import OutOfCredit, RateLimited, Rejected
from tasks.voices.answers import Answer, Service, refusal


def answer(status: int, document: Any) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (429, {"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota", "code": None}}),
        (429, {"error": {"message": "Stop.", "type": "requests", "code": "insufficient_quota"}}),
        (400, {"error": {"message": "Billing hard limit has been reached", "code": "billing_hard_limit_reached"}}),
        (400, {"type": "error", "error": {"message": "Your credit balance is too low to access this."}}),
        (403, {"message": "Insufficient credits. Buy more."}),
        (402, {"detail": "Pay first."}),
        (429, {"code": "quota_exceeded", "message": "The month's characters are used."}),
    ],
)
def test_an_account_without_credit(status: int, document: Any) -> None:
    error = refusal(answer(status, document), Service("the service"))
    assert type(error) is OutOfCredit
    assert "top up" in str(error)


def test_words_of_the_text_that_a_message_quotes_are_no_account() -> None:
    document = {"error": {"message": "Cannot say: 'He had insufficient funds.'", "code": "invalid_value"}}
    assert type(refusal(answer(400, document), Service("the service"))) is Rejected
    assert type(refusal(answer(429, document), Service("the service"))) is RateLimited
