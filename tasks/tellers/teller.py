"""A language model, ready to be asked, whoever passes its words on."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tasks.errors import BrokenOff, ProfileError, ProviderError, Rejected
from tasks.tellers import RetellSettings, Sound, Words
from tasks.tellers.prompt import Message
from tasks.tellers.stream import told
from tasks.voices import LimitSettings, Reached, VoiceSettings, secret
from tasks.voices.answers import Answer, Service
from tasks.voices.auralis import chat_address, chat_fields
from tasks.voices.listing import find_model
from tasks.voices.openai import OPENAI_URL
from tasks.voices.wire import Wire

if TYPE_CHECKING:
    import httpx

_COMPLETIONS = "/chat/completions"
# Auralis sends a request without a key back; what it is does not matter where the model asks for none.
_ANY_KEY = "no-key-is-named"
# Far longer than any part: a model that does not come to an end is not heard for ever.
_LONGEST_CHARACTERS = 10_000_000


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells: where it is asked, what each request says of model and voice, and whether it speaks what it tells."""

    url: str
    fields: Mapping[str, Any] = field(repr=False)
    sounds: Mapping[str, Any] = field(repr=False)
    service: Service
    wire: Wire

    @property
    def speaks(self) -> bool:
        """Whether sound comes with the words."""
        return bool(self.sounds)

    async def tell(self, messages: list[Message]) -> AsyncGenerator[Words | Sound, None]:
        """Give words, and sound where it speaks, as they come, to the end; raises a `ProviderError`."""
        asked = {**self.fields, **self.sounds, "messages": messages}
        characters = 0
        async with (
            aclosing(self.wire.listen(self.url, asked)) as events,
            aclosing(told(events, self.service)) as stream,
        ):
            async for said in stream:
                characters += len(said.text) if isinstance(said, Words) else 0
                if characters > _LONGEST_CHARACTERS:
                    raise BrokenOff(
                        f"{self.service.name} told more than {_LONGEST_CHARACTERS:,} characters, and did not end"
                    )
                yield said

    async def write(self, messages: list[Message]) -> str:
        """Have it write alone; raises a `ProviderError`."""
        asked = {**self.fields, "messages": messages}
        async with (
            aclosing(self.wire.listen(self.url, asked)) as events,
            aclosing(told(events, self.service)) as stream,
        ):
            return "".join([said.text async for said in stream if isinstance(said, Words)])


def _own_reading(answer: Answer, said: str) -> ProviderError | None:
    if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return Rejected(f"{said}; where it is too long, shorten the instruction or set [retell] part_characters lower")
    if answer.status == HTTPStatus.NOT_FOUND:
        return Rejected(f"{said}; check [retell] model and base_url")
    return None


def check_teller(settings: RetellSettings, voice: VoiceSettings) -> None:
    """Raise `ProfileError` where a profile does not say whom to ask, or with which key."""
    if not settings.model:
        raise ProfileError("[retell] model: name the language model that is to retell the book")
    if settings.api_key_env and not secret(settings, "retell"):
        raise ProfileError(
            f"[retell] api_key_env: the environment variable {settings.api_key_env} is not set; put the key in it"
        )
    if settings.text == "openai":
        return
    if voice.provider != "auralis":
        raise ProfileError(
            f'[retell] text: "auralis" speaks with a voice of Auralis, and [voice] provider is {voice.provider}; set text = '
            '"openai" to have any other voice speak what a model writes'
        )
    if not settings.base_url:
        raise ProfileError("[retell] base_url: say where Auralis finds the model, such as http://127.0.0.1:8001/v1")
    if both := sorted(settings.options.keys() & (chat_fields(voice).keys() | {"stream", "messages", "modalities"})):
        raise ProfileError(f"[retell.options] {both[0]}: Auralis takes this for the voice's; set it in [voice.options]")


def build_teller(
    settings: RetellSettings, voice: VoiceSettings, limits: LimitSettings, client: "httpx.AsyncClient"
) -> Teller:
    """Make a profile's teller ready, over the client of the run; raises `ProfileError`."""
    check_teller(settings, voice)
    patient = limits.model_copy(update={"first_byte_timeout_seconds": settings.event_timeout_seconds})
    fields: dict[str, Any] = {**settings.options, "model": settings.model, "stream": True}
    key = secret(settings, "retell")
    if settings.text == "openai":
        service = _model_itself(settings)
        url = f"{settings.base_url or OPENAI_URL}{_COMPLETIONS}"
        return Teller(url, fields, {}, service, Wire(service, patient, client))
    service = Service("Auralis", key or _ANY_KEY, settings.key_place, _own_reading)
    fields |= {"openai_api_url": f"{settings.base_url}{_COMPLETIONS}", **chat_fields(voice), "modalities": ["text"]}
    sounds = {"modalities": ["text", "audio"]}
    return Teller(chat_address(voice), fields, sounds, service, Wire(service, patient, client))


async def reach_model(settings: RetellSettings, limits: LimitSettings, client: "httpx.AsyncClient") -> Reached:
    """Ask a profile's model for what costs nothing, where it is asked itself; raises a `ProviderError`.

    The model behind an Auralis is not: its address is the one at which Auralis finds it.
    """
    if settings.text == "auralis":
        return Reached(f"{settings.model}, which Auralis asks at {settings.base_url}")
    return await find_model(settings.model, settings.base_url, _model_itself(settings), limits, client)


def _model_itself(settings: RetellSettings) -> Service:
    key = secret(settings, "retell")
    return Service(settings.base_url or "OpenAI", key, settings.key_place, _own_reading, "retell")
