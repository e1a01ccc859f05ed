"""Addresses of the web and of mail, and telephone numbers, as one spells them to somebody."""

import re

from tasks.text.speakable.numbers import digits
from tasks.text.speakable.tongue import Tongue

_LAST = r"(?:co\.uk|com|org|net|edu|gov|info|eu|io)"
_ADDRESS = re.compile(
    r"(?<![\w@.])(?:"
    r"(?:mailto:)?(?P<mail>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})"
    r"|https?://(?P<web>[^\s<>\"“”«»]{1,500})"
    r"|(?P<www>www\.[^\s<>\"“”«»]{1,500})"
    rf"|(?P<domain>[a-zA-Z0-9-]{{1,63}}(?:\.[a-zA-Z0-9-]{{1,63}}){{0,3}}\.{_LAST}(?![\w.]\w)(?:/[^\s<>\"“”«»]{{1,300}})?)"
    r")"
)
_STOP_INSIDE = re.compile(r"\.\w")
_TRAILING = re.compile(r"[.,;:!?)\]'’…/]+$")
_PHONE = re.compile(
    r"(?<![\w.,/+-])(?:"
    r"\+\d{1,3}(?:[ ./-]?\(?\d{1,8}\)?){1,7}"
    r"|\(\d{3}\) ?\d{3}[ -]\d{4}|\d{3}-\d{3}-\d{4}|\d{3}-\d{4}"
    r"|0\d(?:[ .]\d\d){4}"
    r"|0\d{2,4}[/ -]\d{4,8}"
    r"|97[89](?:-\d{1,7}){3}-[\dX]"
    r")(?![\w]|[.,-]\d)"
)
_GROUPS = re.compile(r"\+|\d+|X")


def spelled_addresses(text: str, tongue: Tongue) -> str:
    """Say the signs of addresses by their names, without the scheme before them and a last slash."""
    if not _STOP_INSIDE.search(text):
        return text
    return _ADDRESS.sub(lambda found: _spelled(found, tongue), text)


def _spelled(found: re.Match[str], tongue: Tongue) -> str:
    written = found["mail"] or found["web"] or found["www"] or found["domain"]
    tail = _TRAILING.search(written)
    kept = written[: tail.start()] if tail else written
    said = "".join(f" {tongue.address[sign]} " if sign in tongue.address else sign for sign in kept)
    return " ".join(said.split()) + (tail[0].replace("/", "") if tail else "")


def spelled_phones(text: str, tongue: Tongue) -> str:
    """Say telephone numbers, and the numbers of books, figure by figure, with a rest between their groups."""
    return _PHONE.sub(lambda found: _in_groups(found[0], tongue), text)


def _in_groups(written: str, tongue: Tongue) -> str:
    groups = [group for group in _GROUPS.findall(written) if group != "+"]
    said = ", ".join(group if group == "X" else digits(group, tongue.code) for group in groups)
    return f"{tongue.signs['+']} {said}" if written[0] == "+" else said
