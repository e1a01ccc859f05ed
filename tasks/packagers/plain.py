"""A book's words as any text format can hold them."""

import re

# White space but the no-break kind, controls, separators of lines, halves of characters, and what XML 1.0 forbids besides.
_UNFIT = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def plain(text: str) -> str:
    """Put a text on one line: a space for each run of white space and of characters that XML 1.0 or UTF-8 cannot hold."""
    return fit(text).strip()


def fit(text: str) -> str:
    """Do as `plain`, and leave the space at the ends: for a text that others follow on the same line."""
    return _UNFIT.sub(" ", text)


def shortened(text: str, most_bytes: int) -> str:
    """Put a text on one line of at most `most_bytes` in UTF-8 (3 at least): cut behind a word where there is one, with `…`."""
    line = plain(text)
    data = line.encode()
    if len(data) <= most_bytes:
        return line
    cut = data[: most_bytes - len("…".encode())].decode(errors="ignore")
    return f"{cut.rpartition(' ')[0].rstrip(' ,.;:') or cut}…"


def chapter_title(number: int, title: str) -> str:
    """Word a chapter's title on one line; its number stands in where it has none."""
    return plain(title) or f"Chapter {number}"


def language_tag(language: str) -> str:
    """Give a language as it is where it has the form of a BCP 47 tag, else nothing."""
    return language if _LANGUAGE.fullmatch(language) else ""
