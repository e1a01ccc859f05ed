"""The matrices by which a PDF places what it draws."""

from collections.abc import Sequence
from typing import Any

Matrix = tuple[float, float, float, float, float, float]
UPRIGHT: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def number_at(operands: Sequence[Any], place: int, default: float = 0.0) -> float:
    """Read a number among operands; what is none counts as the default."""
    value = operands[place] if place < len(operands) else default
    return float(value) if isinstance(value, (int, float)) else default


def matrix_of(operands: Sequence[Any]) -> Matrix:
    """Read a matrix; what is none moves nothing."""
    if len(operands) < len(UPRIGHT):
        return UPRIGHT
    a, b, c, d, e, f = (number_at(operands, place, UPRIGHT[place]) for place in range(6))
    return a, b, c, d, e, f


def shift(across: float, up: float) -> Matrix:
    """Give the matrix that moves everything as far."""
    return 1.0, 0.0, 0.0, 1.0, across, up


def moved(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    """Give where a matrix moves a point."""
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def product(first: Matrix, second: Matrix) -> Matrix:
    """Give the matrix that does the first and then the second."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return (
        a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m
    )  # fmt: skip
