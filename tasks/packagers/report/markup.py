"""HTML from the inside out: what is no markup is escaped where it is put into an element."""

from collections.abc import Iterable
from html import escape

from tasks.packagers.plain import fit, language_tag, plain

_WITHOUT_END = {"img", "meta"}


class Markup(str):
    """HTML as it stands in a page; every other text is escaped."""

    __slots__ = ()


def element(tag: str, /, *content: str, **attributes: str | int | bool) -> Markup:
    """Write an element: markup in it stays, text is escaped, on one line, without what HTML cannot hold.

    `class_` is the attribute `class`, `data_seconds` is `data-seconds`. An attribute that is True has no value, one that is
    False is left out.
    """
    told = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    begin = f"<{tag}{told}>"
    return Markup(begin if tag in _WITHOUT_END else f"{begin}{joined(content)}</{tag}>")


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """Put markup and text behind one another."""
    return Markup(between.join(part if isinstance(part, Markup) else escape(fit(part)) for part in parts))


def words(text: str, language: str = "") -> Markup:
    """Write a book's own words, which may run the other way than the page."""
    return element("bdi", plain(text), lang=language_tag(language) or False)


def _attribute(name: str, value: str | int | bool) -> str:  # noqa: FBT001  # as HTML has it
    if value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(fit(str(value)))}"'
