"""Keys that lie in Secret blocks of the Prefect server: fetched for a run, kept in its memory, shown nowhere."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prefect.blocks.system import Secret

from tasks.errors import ProfileError
from tasks.voices import BLOCK_KEYS, ServedSettings


@asynccontextmanager
async def block_keys(keyed: Mapping[str, ServedSettings]) -> AsyncIterator[None]:
    """Have the keys of a profile, by the sections that name them, at hand within the block.

    Raises `ProfileError` where the server has no Secret block of a name.
    """
    named = {it.api_key_block: section for section, it in keyed.items() if it.api_key_block}
    token = BLOCK_KEYS.set(BLOCK_KEYS.get() | {name: await _key(name, section) for name, section in named.items()})
    try:
        yield
    finally:
        BLOCK_KEYS.reset(token)


async def _key(name: str, section: str) -> str:
    try:
        block: Secret[Any] = await Secret.aload(name)
    except ValueError as error:
        raise ProfileError(
            f"[{section}] api_key_block: the Prefect server has no Secret block {name}; make it in its pages: Blocks, Secret"
        ) from error
    return str(block.get())
