"""The words of a run of inline Markdown: what is said, what is set aside, and where notes are called."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markdown_it.token import Token

from tasks.model import Call
from tasks.readers.markdown_facts import LANGUAGE_TAG
from tasks.readers.markdown_html import BLOCKS, EMPTY, SILENT, opening

_ASIDE_ELEMENTS = {"rt": "ruby", "rp": "ruby"}


@dataclass(slots=True)
class Inline:
    """What a run of inline tokens holds.

    `parts` are its words as they come, each with the number of the note that is called behind it, or None. `before` and
    `after` are what stands in it and is not said, with the reason, before and behind its first words. `notes` are the
    numbers of all notes that are called in it. `languages` are those of its words, empty for the book's own; `is_begun` tells whether there are any.
    """

    parts: list[tuple[str, int | None]] = field(default_factory=list)
    before: list[tuple[str, "Inline"]] = field(default_factory=list)
    after: list[tuple[str, "Inline"]] = field(default_factory=list)
    notes: list[int] = field(default_factory=list)
    languages: set[str] = field(default_factory=set)
    hard_breaks: int = 0
    soft_breaks: int = 0
    is_begun: bool = False

    @property
    def is_verse(self) -> bool:
        """Tell whether its lines are broken by hand, all of them."""
        return self.hard_breaks > 0 and self.soft_breaks == 0

    @property
    def language(self) -> str:
        """The language of all of its words, empty where they are of several or of the book's own."""
        return next(iter(self.languages)) if len(self.languages) == 1 else ""

    def say(self, text: str, language: str = "") -> None:
        """Add words."""
        self.parts.append((text, None))
        self.is_begun = self.is_begun or bool(text.strip())
        if any(map(str.isalnum, text)):
            self.languages.add(language)

    def set_aside(self, reason: str, aside: "Inline") -> None:
        """Add what is not said."""
        (self.after if self.is_begun else self.before).append((reason, aside))


def folded_with_calls(
    parts: Sequence[tuple[str, int | None]], name: Callable[[int], str]
) -> tuple[str, tuple[Call, ...]]:
    """Fold the white space of a text in parts, and place the calls of notes in what comes of it."""
    found: list[str] = []
    calls: list[Call] = []
    length, is_apart = 0, False
    for text, note in parts:
        words = " ".join(text.split())
        if words:
            gap = " " if length and (is_apart or text[0].isspace()) else ""
            found.append(gap + words)
            length += len(gap) + len(words)
            is_apart = text[-1].isspace()
        elif text:
            is_apart = True
        if note is not None:
            calls.append(Call(length, name(note)))
    return "".join(found), tuple(calls)


def inline_of(tokens: Sequence[Token], targets: set[str]) -> Inline:
    """Read inline tokens; where their links and pictures lead is added to `targets`."""
    return _Reader(targets, _last_closings(tokens)).read(tokens)


def _last_closings(tokens: Sequence[Token]) -> dict[str, int]:
    """Tell where each element closes for the last time."""
    places: dict[str, int] = {}
    for place, token in enumerate(tokens):
        if token.type == "html_inline" and token.content.startswith("</"):
            places[opening(token.content)[0]] = place
    return places


@dataclass(slots=True)
class _Reader:
    """Goes through inline tokens once; `_sink` takes the words, of an element that is set aside for a while."""

    targets: set[str]
    last_closings: dict[str, int]
    whole: Inline = field(default_factory=Inline)
    _sink: Inline = field(init=False)
    _aside: str = ""
    _elements: list[tuple[str, str]] = field(default_factory=list)
    _open: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._sink = self.whole

    def read(self, tokens: Sequence[Token]) -> Inline:
        for place, token in enumerate(tokens):
            if token.type in {"text", "text_special", "code_inline"}:
                self._say(token.content)
            elif token.type in {"softbreak", "hardbreak"}:
                self._sink.parts.append((" ", None))
                self.whole.hard_breaks += token.type == "hardbreak"
                self.whole.soft_breaks += token.type == "softbreak"
            elif token.type == "footnote_ref":
                self.whole.notes.append(token.meta["id"])
                self._sink.parts.append(("", token.meta["id"]))
            elif token.type == "link_open":
                self.targets.add(str(token.attrs.get("href", "")))
            elif token.type == "image":
                self._picture(token)
            elif token.type == "html_inline":
                self._html(token.content, place)
        return self.whole

    def _say(self, text: str) -> None:
        self._sink.say(text, self._elements[-1][1] if self._elements else "")

    def _picture(self, token: Token) -> None:
        self.targets.add(str(token.attrs.get("src", "")))
        caption = inline_of(token.children or [], self.targets)
        self.whole.notes += caption.notes
        self.whole.set_aside("captions", caption)

    def _html(self, content: str, place: int) -> None:
        name, is_closing, said = opening(content)
        if name in BLOCKS or name == "br":
            self._sink.parts.append((" ", None))
        if is_closing:
            self._close(name)
        elif name == "img":
            caption = Inline()
            caption.say(said.get("alt", ""))
            self.whole.set_aside("captions", caption)
        elif name and name not in EMPTY and not content.endswith("/>"):
            self._enter(name, said, place)

    def _enter(self, name: str, said: dict[str, Any], place: int) -> None:
        # An element without end takes nothing away.
        is_closed = self.last_closings.get(name, -1) > place
        if (name in SILENT or name in _ASIDE_ELEMENTS) and not self._aside and is_closed:
            self._aside, self._sink = name, Inline()
        tag = said.get("lang", "").strip()
        above = self._elements[-1][1] if self._elements else ""
        self._elements.append((name, tag if LANGUAGE_TAG.fullmatch(tag) else above))
        self._open[name] += 1

    def _close(self, name: str) -> None:
        if self._aside and name == self._aside:
            aside, self._sink, self._aside = self._sink, self.whole, ""
            if name in _ASIDE_ELEMENTS:
                self.whole.set_aside(_ASIDE_ELEMENTS[name], aside)
        while self._open[name]:
            last = self._elements.pop()[0]
            self._open[last] -= 1
            if last == name:
                break
