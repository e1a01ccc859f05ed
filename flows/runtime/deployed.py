"""What a run takes from its deployment: parameters that were left empty, and folders that outlive its worker.

A process worker starts each run in a temporary directory and removes that directory when the run ends. A relative path in
such a run would lose the book, so it is resolved against the deployment's outbox, or refused.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from prefect.runtime import deployment

from tasks.errors import FolderInUse, OutputError, ProfileError
from tasks.packagers.claim import claimed
from tasks.packagers.folder import absolute, output_folder, title_slug
from tasks.store import StoreSettings

# Requests in flight may take half a minute to end, and so may a cluster's.
_WAIT_SECONDS = 90


def fill_empty(name: str, value: Any, otherwise: Any) -> Any:
    """Return a parameter's value; where it is None or "", the deployment's, and without one of those `otherwise`.

    The form of Prefect's pages sends None or "" for a field that a person has emptied.
    """
    if value is not None and value != "":
        return value
    configured = (deployment.parameters or {}).get(name) if deployment.id else None
    return configured if configured is not None and configured != "" else otherwise


def book_folder(out: str, outbox: str, title: str, kind: Literal["narrated", "retold"] = "narrated") -> Path:
    """Return the absolute folder of a book's editions.

    An absolute `out` stands as it is. A relative one lies in `outbox`; an empty one is named after the title there. Without
    an outbox the working directory takes its place, with a folder `kind` for books whose `out` is empty. Raises `OutputError`
    if that directory is a worker's.
    """
    if Path(out).expanduser().is_absolute():
        return absolute(out)
    if outbox:
        name = title_slug(title) if kind == "narrated" else f"{title_slug(title)}-{kind}"
        return absolute(outbox) / (out or name)
    if deployment.id:
        raise OutputError(
            f"out: {out or 'it is empty'}, and a worker removes the folder it runs in; give an absolute path, or run "
            "`declaim deploy INBOX --out OUTBOX` again so that the deployment names an outbox"
        )
    return output_folder(out, title, kind)


def outbox_folder(outbox: str) -> Path:
    """Return the absolute folder of a library's books; raises `OutputError` if the run's worker would remove it."""
    if not outbox or (deployment.id and not Path(outbox).expanduser().is_absolute()):
        raise OutputError(f"outbox: {outbox or 'it is empty'}; give the absolute path of the folder for finished books")
    return absolute(outbox)


def check_store_outlives_worker(store: StoreSettings) -> None:
    """Raise `ProfileError` if a run of a worker would keep its clips in the temporary directory that it runs in."""
    is_relative = store.url and "://" not in store.url and not Path(store.url).expanduser().is_absolute()
    if is_relative and deployment.id:
        raise ProfileError(
            f"[store] url: {store.url} is relative, and a worker removes the folder it runs in; give an absolute path"
        )


@asynccontextmanager
async def hold_folder(folder: Path) -> AsyncIterator[None]:
    """Hold a folder against other runs for the time of the block, as `claimed` does.

    A run of a deployment waits up to 90 s for it: the run before it may be shown as crashed and still be ending, as on a machine
    that slept. Raises `FolderInUse` and `OutputError`.
    """
    end = monotonic() + (_WAIT_SECONDS if deployment.id else 0)
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(claimed(folder))
                break
            except FolderInUse:
                if monotonic() > end:
                    raise
            await asyncio.sleep(1)
        yield
