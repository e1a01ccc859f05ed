"""White space, apostrophes and invisible signs of print as plain ones."""

import re

_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_ANY = re.compile(rf"[\u00ad\u200b\u2060\ufeff{_SPACES}]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])[’ʼ](?=[^\W\d_])")
_GROUP = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_WIDE = re.compile(rf" ?[{_SPACES}][ {_SPACES}]*")


def plain(text: str, group: str) -> str:
    """Make typographic spaces plain ones, and the apostrophes inside words; `group` is put between thousands.

    Quotes, dashes and the signs for an omission stay: voices hear them. A text that has none of these comes back as it is.
    """
    if text.isascii():
        return text
    if "’" in text or "ʼ" in text:
        text = _APOSTROPHE.sub("'", text)
    if not _ANY.search(text):
        return text
    text = _INVISIBLE.sub("", text)
    return _WIDE.sub(" ", _GROUP.sub(group, text))
