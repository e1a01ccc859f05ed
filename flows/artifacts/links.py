"""Links to finished editions, where the outbox is served over HTTP (`declaim serve`, or any web server)."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote

from flows.artifacts.markdown import escape_markdown, inline_code

# Of a link base, what a URL may hold stays; parentheses and spaces would end a Markdown link.
_URL_CHARACTERS = ":/?[]@!$&'*+,;=%~"


@dataclass(frozen=True, slots=True)
class OutboxLinks:
    """The address of an outbox: `base` is the URL under which the folder `outbox` is served, empty if it is not served."""

    base: str
    outbox: Path

    @classmethod
    def for_book(cls, base: str, outbox: str, folder: Path) -> "OutboxLinks":
        """Return the links of a run whose parameter `outbox` may be empty: then the parent of its output folder is served."""
        return cls(base, Path(outbox).expanduser().absolute() if outbox else folder.parent)

    def url(self, path: Path) -> str:
        """Return the percent-encoded URL of a file or folder; empty if there is no base, or the path is not in the outbox."""
        if not self.base or ".." in path.parts or not path.is_relative_to(self.outbox):
            return ""
        relative = path.relative_to(self.outbox).as_posix()
        base = quote(self.base.rstrip("/"), safe=_URL_CHARACTERS)
        return f"{base}/" if relative == "." else f"{base}/{quote(relative, errors='surrogateescape')}"

    def markdown(self, path: PurePath, text: str) -> str:
        """Return a Markdown link to a path with `text` as its words; without a URL, the text as code.

        Prefect's page shows the backslashes of escapes within a link, so words that need them stand before it.
        """
        url, escaped = self.url(Path(path)), escape_markdown(text)
        if not url:
            return inline_code(text)
        return f"[{text}]({url})" if escaped == text else f"{escaped} ([open]({url}))"
