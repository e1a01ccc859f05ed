"""Markdown for names that nobody has checked: titles, file names, error messages and commands."""

import re

# What begins emphasis, code, links, HTML, tables, entities, strikethrough and e-mail autolinks.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@])")
# What begins a list item, where the text is the first on its line.
_LIST_MARKER = re.compile(r"^(\s*)(?:([-+])|(\d+)([.)]))")
_AUTOLINK = re.compile(r"(?i)(:)(?=//)|(?<=\bwww)(\.)")
_SHORTEST_FENCE = 3


def escape_markdown(text: str) -> str:
    """Return text that a page shows as it is, on one line: no character of it acts as Markdown, HTML or a link."""
    line = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    line = _AUTOLINK.sub(lambda found: f"\\{found[0]}", line)
    return _LIST_MARKER.sub(lambda found: f"{found[1]}{found[3] or ''}\\{found[2] or found[4]}", line)


def fence_code(code: str, language: str = "") -> str:
    """Return a code block that shows `code` unchanged; its fence is longer than any run of backticks in the code."""
    fence = "`" * max(_SHORTEST_FENCE, _longest_run(code) + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def inline_code(text: str) -> str:
    """Return a code span that shows text on one line."""
    line = " ".join(text.splitlines())
    ticks = "`" * (_longest_run(line) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{padding}{line}{padding}{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
