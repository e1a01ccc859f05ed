"""A headless Chromium, told what to do in its own protocol: pages that are drawn by scripts can be read and looked at."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tasks.trust import trust

from .conftest import free_port, wait_for

_PHONE_WIDTH = 500


class Browser:
    """One page of a browser, which is controlled at a port."""

    def __init__(self, connection: Connection, port: int) -> None:
        self._connection = connection
        self._port = port
        self._asked = 0

    def go(self, url: str) -> None:
        """Open an address."""
        self._ask("Page.navigate", url=url)

    @property
    def text(self) -> str:
        """What a person can read on the page."""
        return str(self.evaluate("document.body.innerText") or "")

    def shows(self, words: str) -> bool:
        """Tell whether a person can read these words on the page."""
        return words in self.text

    def click(self, words: str) -> bool:
        """Click what says these words alone; tells whether there is such a thing."""
        quoted = json.dumps(words)
        found = (
            f"[...document.querySelectorAll('*')].find(it => !it.children.length && it.innerText?.trim() == {quoted})"
        )
        return bool(self.evaluate(f"(it => {{ it?.click(); return !!it }})({found})"))

    def press(self, words: str) -> bool:
        """Press the button that says these words; return whether there is one."""
        found = f"[...document.querySelectorAll('button')].find(it => it.innerText.trim() == {json.dumps(words)})"
        return bool(self.evaluate(f"(it => {{ it?.click(); return !!it }})({found})"))

    def dismiss(self, words: str) -> bool:
        """Close the notice that says these words, by its button without words; return whether there is such a notice."""
        return bool(
            self.evaluate(f"""(() => {{
            const says = it => !it.children.length && it.innerText?.includes({json.dumps(words)})
            const close = it => [...it.querySelectorAll("button")].find(button => !button.innerText.trim())
            let around = [...document.querySelectorAll("*")].find(says)
            while (around && !close(around)) around = around.parentElement
            if (around) close(around).click()
            return Boolean(around)
        }})()""")
        )

    def fill(self, label: str, text: str) -> bool:
        """Type a text in place of what the field below a label holds; return whether there is such a field."""
        found = self.evaluate(f"""(() => {{
            const is_label = it => !it.children.length && it.innerText?.replace("(Optional)", "").trim() == {json.dumps(label)}
            let around = [...document.querySelectorAll("*")].find(is_label)
            while (around && !around.querySelector("textarea, input:not([type=checkbox])")) around = around.parentElement
            const field = around?.querySelector("textarea, input:not([type=checkbox])")
            if (!field) return false
            field.scrollIntoView({{block: "center"}})
            field.focus()
            field.select()
            return true
        }})()""")
        if found and text:
            self._ask("Input.insertText", text=text)
        elif found:
            self._ask("Input.dispatchKeyEvent", type="keyDown", key="Delete", code="Delete", windowsVirtualKeyCode=46)
            self._ask("Input.dispatchKeyEvent", type="keyUp", key="Delete", code="Delete", windowsVirtualKeyCode=46)
        return bool(found)

    def evaluate(self, script: str) -> Any:
        """Run a script in the page; returns its value."""
        return self._ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def write(self, field: str, text: str) -> None:
        """Type text into a field, which a script's expression names."""
        self.evaluate(f"{field}.focus()")
        self._ask("Input.insertText", text=text)

    @contextmanager
    def open_link(self, words: str) -> Iterator["Browser"]:
        """Click the link that says these words; yields the page that it opens, in a new tab or in this one."""
        before, address = _pages(self._port), self.evaluate("location.href")
        link = f"[...document.querySelectorAll('a')].find(it => it.innerText.trim() == {json.dumps(words)})"
        wait_for(lambda: self.evaluate(f"Boolean({link})"), f"the link {words!r}")
        self._ask("Runtime.evaluate", expression=f"{link}.click()", userGesture=True)
        wait_for(
            lambda: _pages(self._port).keys() - before.keys() or self.evaluate("location.href") != address,
            f"the page behind {words!r}",
        )
        opened = _pages(self._port).keys() - before.keys()
        if not opened:
            yield self
            return
        tab = opened.pop()
        with connect(_pages(self._port)[tab], max_size=None) as connection:
            yield Browser(connection, self._port)
        # A page in the background is not drawn.
        httpx.get(f"http://127.0.0.1:{self._port}/json/close/{tab}", verify=trust(), timeout=5)
        self._ask("Page.bringToFront")

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window in pixels; below 500 wide it is a phone's."""
        is_phone = width < _PHONE_WIDTH
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )

    def shot(self, path: Path) -> None:
        """Keep a picture of the page."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._asked += 1
        self._connection.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(60))
            if answer.get("id") == self._asked:
                result: dict[str, Any] = answer["result"]
                return result


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Open a browser with a profile in a folder, for the time of the block; skips the test where there is none."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("chromium is not here")
    port = free_port()
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        # Or the graph on the page of a run, drawn without a graphics card, takes one and a half processors.
        "--disable-software-rasterizer",
        "--window-size=1280,1280",
        f"--user-data-dir={folder}",
    ]
    process = subprocess.Popen(
        [program, *options, f"--remote-debugging-port={port}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _page(port), "the browser")
        with connect(_page(port), max_size=None) as connection:
            yield Browser(connection, port)
    finally:
        process.terminate()
        process.wait()


def _page(port: int) -> str:
    return next(iter(_pages(port).values()), "")


def _pages(port: int) -> dict[str, str]:
    """The addresses to control the open pages by, by their ids; none while the browser does not answer."""
    try:
        targets = httpx.get(f"http://127.0.0.1:{port}/json", verify=trust(), timeout=5).json()
    except httpx.HTTPError:
        return {}
    return {target["id"]: target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page"}
