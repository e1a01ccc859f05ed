"""The HTML in a Markdown manuscript becomes tokens beside those of Markdown, so that one pass reads both."""

import html
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tasks.errors import SourceError

# fmt: off
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup",
    "hr", "html", "li", "main", "math", "nav", "ol", "p", "pre", "section", "summary", "svg", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr", "ul",
})
# fmt: on
EMPTY = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
# Elements whose content is no text of the manuscript.
SILENT = frozenset({"script", "style", "template", "head", "title", "audio", "video", "object", "iframe"})
_LINES = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})
# What opens with "<" and is no element, and its end.
_ODDITIES = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>", "<!": ">"}
_TAG = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9:-]*)((?:[^<>"']|"[^"]*"|'[^']*')*+)>""")
_ATTRIBUTE = re.compile(
    r"""(?<![^\s"'/])(xml:lang|lang|alt)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)


def attributes(text: str) -> dict[str, str]:
    """Give the attributes of a tag that say something of its words: `lang` and `alt`."""
    found = {each[1].lower(): html.unescape(each[2] or each[3] or each[4] or "") for each in _ATTRIBUTE.finditer(text)}
    return {name.removeprefix("xml:"): value for name, value in found.items()}


def opening(content: str) -> tuple[str, bool, dict[str, str]]:
    """Give a tag's name in small letters (empty for a comment or the like), whether it closes, and its attributes."""
    found = _TAG.match(content)
    return (found[2].lower(), bool(found[1]), attributes(found[3])) if found else ("", False, {})


def expanded(path: Path, tokens: Sequence[Token], parser: MarkdownIt, environment: dict[str, Any]) -> list[Token]:
    """Replace each block of HTML by what it holds: `html_open` and `html_close` tokens, `hr`, code, and inline text.

    The text of an element is read as that of a paragraph of Markdown. Raise `SourceError` for a comment or a script
    without end, which would take in what follows.
    """
    found: list[Token] = []
    for token in tokens:
        if token.type == "html_block":
            found += _Block(path, token, parser, environment).tokens()
        else:
            found.append(token)
    return found


@dataclass(slots=True)
class _Block:
    """One block of HTML, gone through once."""

    path: Path
    token: Token
    parser: MarkdownIt
    environment: dict[str, Any]
    _text: list[str] = field(default_factory=list)
    _lines: list[tuple[str, int]] = field(default_factory=list)
    _runs: int = 0
    # Ends that are not to come any more: to seek them again at each of many beginnings would take the square of their number.
    _missing: set[str] = field(default_factory=set)

    def tokens(self) -> Iterator[Token]:
        content = self.token.content
        # A tag alone opens (or closes) what may hold whole paragraphs of Markdown, whatever its name.
        lone = _TAG.fullmatch(content.strip())
        place = 0
        while (start := content.find("<", place)) >= 0:
            self._text.append(content[place:start])
            found = _TAG.match(content, start)
            if found:
                place = found.end()
                yield from self._tag(found, is_lone=lone is not None)
                if not found[1] and found[2].lower() in SILENT | {"pre"}:
                    place = yield from self._raw(found)
            else:
                place = self._oddity(start)
        self._text.append(content[place:])
        yield from self._flush()
        for name, runs in reversed(self._lines):
            # A line that has had its words ends with the block; one that has none may be waiting for Markdown.
            if runs < self._runs:
                yield self._token("html_close", name)

    def _tag(self, found: re.Match[str], *, is_lone: bool) -> Iterator[Token]:
        name = found[2].lower()
        if name in SILENT:
            return
        if name not in BLOCKS and not (is_lone and name not in EMPTY):
            self._text.append(_plain_tag(found))
            return
        yield from self._flush()
        if name == "hr":
            yield self._token("hr", name)
        elif found[1]:
            self._lines = [each for each in self._lines if each[0] != name]
            yield self._token("html_close", name)
        else:
            if name in _LINES:
                self._lines.append((name, self._runs))
            opened = self._token("html_open", name)
            opened.attrs = dict(attributes(found[3]))
            yield opened

    def _raw(self, found: re.Match[str]) -> Generator[Token, None, int]:
        """Pass over the content of a script or of code, and give where to go on."""
        name = found[2].lower()
        content = self.token.content
        end = None
        if name not in self._missing:
            end = re.compile(f"</{name}\\b[^>]*>", re.IGNORECASE).search(content, found.end())
        if name == "pre":
            if end is None:
                self._missing.add(name)
                # It may hold an empty line, and end in another block.
                return found.end()
            code = self._token("code_block", "code")
            code.content = html.unescape(_TAG.sub("", content[found.end() : end.start()]))
            yield code
            return end.start()
        if end is None:
            raise SourceError(f"{self._where(found.start())}: <{name}> has no end; close it with </{name}>")
        return end.end()

    def _oddity(self, start: int) -> int:
        """Pass over a comment or the like, or a "<" that opens nothing, and give where to go on."""
        content = self.token.content
        for begin, end in _ODDITIES.items():
            if content.startswith(begin, start):
                stop = -1 if end in self._missing else content.find(end, start + 2)
                if stop < 0:
                    self._missing.add(end)
                if stop < 0 and (begin == "<!--" or start == 0):
                    kind = "comment" if begin == "<!--" else "declaration"
                    raise SourceError(f"{self._where(start)}: the {kind} {begin} has no end; close it with {end}")
                if stop >= 0:
                    self._text.append(html.escape(content[start + len(begin) : stop]) if begin == "<![CDATA[" else "")
                    return stop + len(end)
                break
        self._text.append("&lt;")
        return start + 1

    def _flush(self) -> Iterator[Token]:
        words = " ".join("".join(self._text).split())
        self._text.clear()
        if words:
            self._runs += 1
            inline = self._token("inline", "")
            inline.children = []
            self.parser.inline.parse(words, self.parser, self.environment, inline.children)
            yield inline

    def _token(self, kind: str, tag: str) -> Token:
        return Token(kind, tag, 0, map=self.token.map, level=self.token.level)

    def _where(self, start: int) -> str:
        first = self.token.map[0] if self.token.map else 0
        return f"{self.path.name}, line {first + 1 + self.token.content.count(chr(10), 0, start)}"


def _plain_tag(found: re.Match[str]) -> str:
    """Write a tag so that Markdown knows it for one; what it knows for none would be read out."""
    if ":" in found[2]:
        return ""
    said = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes(found[3]).items())
    return f"<{found[1]}{found[2]}{'' if found[1] else said}>"
