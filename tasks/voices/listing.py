"""The list of models that OpenAI and its copies give for nothing: whether a key is taken, and a model is there."""

from http import HTTPStatus

import httpx

from tasks.errors import Rejected
from tasks.voices import LimitSettings, Reached
from tasks.voices.answers import Service, refusal
from tasks.voices.openai import OPENAI_URL
from tasks.voices.wire import Wire

# So begins what OpenAI says, with status 401 or 403, to a key that may speak and may not list models.
_NO_LISTING = "you have insufficient permissions"
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Not every copy of OpenAI's has a list.
_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


async def find_model(
    model: str, base_url: str, service: Service, limits: LimitSettings, client: httpx.AsyncClient
) -> Reached:
    """Look a model up in the list of a service, which is OpenAI's own where `base_url` is empty; raises a `ProviderError`."""
    base = base_url or OPENAI_URL
    answer = await Wire(service, limits, client).ask(f"{base}/models", _NOT_THERE | _REFUSALS)
    if answer.status in _REFUSALS:
        if _NO_LISTING not in str(answer.document().get("error", "")).lower():
            raise refusal(answer, service)
        return Reached(
            f"{base} answers",
            f"the key in {service.key_place} may not list models, which says nothing of what else it may",
        )
    if answer.status in _NOT_THERE:
        return Reached(f"{base} answers and lists no models, so that its key and model are untried")
    rows = answer.document().get("data")
    if not isinstance(rows, list):
        return Reached(
            "",
            f"{base} answers with something that is no list of models; see that [{service.section}] base_url is right",
        )
    if model in [row.get("id") for row in rows if isinstance(row, dict)]:
        return Reached(f"{base} lists {model}")
    if not base_url:
        raise Rejected(
            f"[{service.section}] model: OpenAI does not list {model} for this key; choose one that it lists"
        )
    return Reached(f"{base} answers", f"it does not list {model}; see that it has this [{service.section}] model")
