"""Figures as a person reads them; the exact one stays beside each for a machine."""

import re

from tasks.packagers.report.markup import Markup, element

UNKNOWN = "unknown"
_HYPHEN_BEFORE_FIGURE = re.compile(r"(?<![\w.])-(?=\d)")


def figure(value: float | None, told: str) -> Markup:
    """Write a figure that has been worded; one that is not known says so."""
    return Markup(UNKNOWN) if value is None else element("data", signed(told), value=f"{value}")


def counted(value: int) -> Markup:
    """Write a count: `1,240`."""
    return figure(value, f"{value:,}")


def length(seconds: float | None) -> Markup:
    """Write a length: `1:02:03`, or `1:21` below an hour."""
    return figure(seconds, clock(seconds or 0.0))


def dollars(usd: float | None) -> Markup:
    """Write US dollars, to the cent, or to what there is below it: `$12.50`, `$0.0381`."""
    digits = f"{usd or 0.0:,.6f}"
    return figure(usd, f"${digits[:-4]}{digits[-4:].rstrip('0')}")


def level(value: float | None, unit: str) -> Markup:
    """Write a level: `−19.03 LUFS`; one that is not known is of silence, or of what was not measured."""
    return figure(value, f"{value or 0.0:.2f} {unit}")


def clock(seconds: float) -> str:
    """Word a time of a track, in whole seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def signed(told: str) -> str:
    """Set the sign of what is below nought as print does: `−19`."""
    return _HYPHEN_BEFORE_FIGURE.sub("−", told)


def plural(count: int, noun: str) -> str:
    """Word how many there are: `1 chapter`, `2,100 passages`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
