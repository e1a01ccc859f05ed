"""Finished editions are measured again, from their files alone, against the figures of a preset."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure of one file: what it is, what was found, what is wanted, and whether the one is within the other.

    `found` and `wanted` are worded for a person, with their units. `chapter` is None for what is no chapter's.
    """

    file: str
    chapter: int | None
    figure: str
    found: str
    wanted: str
    passes: bool


def between(figure: float | None, least: float, most: float) -> bool:
    """Tell whether a figure is known and lies within its bounds."""
    return figure is not None and least <= figure <= most


def told(figure: float | None, unit: str, digits: int = 2) -> str:
    """Word a figure; one that is not known has no measure, such as the noise floor of digital silence."""
    return "none" if figure is None else f"{figure:.{digits}f} {unit}".rstrip()


def failed(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Choose what does not pass."""
    return tuple(finding for finding in findings if not finding.passes)
