"""Roman numerals up to the hundreds, as books number their chapters and kings."""

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_SIGNS = [(100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
_LONGEST = 40


def roman_value(numeral: str) -> int:
    """Read a Roman numeral in capitals; 0 for what is none as one writes it (IIII, MIX)."""
    values = [_VALUES.get(letter, 0) for letter in numeral[:_LONGEST]]
    if 0 in values or len(numeral) > _LONGEST:
        return 0
    total = sum(
        -value if any(value < later for later in values[place + 1 : place + 2]) else value
        for place, value in enumerate(values)
    )
    return total if _written(total) == numeral else 0


def _written(value: int) -> str:
    written = ""
    for worth, sign in _SIGNS:
        written += sign * (value // worth)
        value %= worth
    return written
