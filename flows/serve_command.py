"""What `declaim serve` does: the outbox is served over HTTP, for the links of Prefect's pages and for players."""

import argparse
import asyncio
import os
import socket
import stat
from collections.abc import Iterable
from contextlib import suppress
from html import escape
from pathlib import Path
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from typing_extensions import override

from tasks.errors import ProfileError
from tasks.library.ledger import LEDGER
from tasks.packagers.folder import MANIFEST, absolute

_REPORT = "report.html"
_NOT_FOUND = 404


def serve(options: argparse.Namespace) -> int:
    """Serve an outbox until Ctrl-C or SIGTERM, and return the exit code 0.

    Raises `ProfileError` if there is no such folder, or the address cannot be used.
    """
    outbox = absolute(str(options.outbox))
    if not outbox.is_dir():
        raise ProfileError(f"{outbox}: there is no such folder; name the outbox, or make it")
    bound = _bind(options.host, options.port)
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"serving {outbox} at http://{host}:{bound.getsockname()[1]}/", flush=True)
    try:
        application = Starlette(routes=[Mount("/", OutboxFiles(outbox))])
        uvicorn.Server(uvicorn.Config(application, log_level="warning")).run(sockets=[bound])
    except KeyboardInterrupt:
        # uvicorn raises the signal again once it has ended in good order.
        return 0
    return 0


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ProfileError(
            f"--host {host} --port {port}: this address cannot be used ({error}); give a free port of this machine"
        ) from error


class OutboxFiles(StaticFiles):
    """The finished books of an outbox: reports and editions with byte ranges, and a list of each folder.

    Hidden files, which locks and drafts are, and the ledger are not found; nor is anything that a link leads to outside.
    """

    def __init__(self, outbox: Path) -> None:
        super().__init__(directory=outbox)
        self._outbox = Path(os.path.realpath(outbox))

    @override
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        found, status = "", None
        # No name is longer than the system allows, or has a null byte.
        with suppress(OSError, ValueError):
            found, status = super().lookup_path(path)
        if status is None:
            return "", None
        names = (*Path(path).parts, *Path(found).relative_to(self._outbox).parts)
        is_hidden = any(name.startswith(".") and name != "." for name in names) or names[-1:] == (LEDGER,)
        return ("", None) if is_hidden else (found, status)

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            return await super().get_response(path, scope)
        except HTTPException as error:
            found, status = self.lookup_path(path)
            if error.status_code != _NOT_FOUND or status is None or not stat.S_ISDIR(status.st_mode):
                raise
        if not scope["path"].endswith("/"):
            # Relative, so that it holds behind a proxy that serves the outbox under a prefix.
            return RedirectResponse(f"./{quote(Path(path).name)}/")
        return HTMLResponse(await asyncio.to_thread(self._list_folder, path, Path(found)))

    def _list_folder(self, path: str, folder: Path) -> str:
        """Return a page that lists what can be opened in a folder; the outbox's lists books, each with its report."""
        names = sorted(entry.name for entry in folder.iterdir())
        paths = [folder / name for name in names if self.lookup_path(str(Path(path) / name))[1]]
        if folder != self._outbox:
            return _page(folder.name, paths, "")
        return _page("Books", [path for path in paths if (path / MANIFEST).is_file()], _REPORT)


def _page(title: str, paths: Iterable[Path], suffix: str) -> str:
    """Return a page of links to paths, each with `suffix` behind it."""
    names = {path.name: f"{path.name}/" if path.is_dir() else path.name for path in paths}
    items = (f'<li><a href="./{quote(link + suffix)}">{escape(name)}</a></li>' for name, link in names.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1><ul>{''.join(items)}</ul></html>"
    )
