"""Amounts of money as text."""

_CENT = 0.01
_LEAST_USD = 0.000_1


def format_usd(usd: float | None, places: int = 2) -> str:
    """Return an amount in US dollars as text, such as `$1,234.50`; `unknown` for None.

    An amount below a cent keeps four decimal places (`$0.0042`), so that it is never shown as zero; one below a hundredth of
    a cent is `less than $0.0001`. `places` are the decimal places of any other but zero.
    """
    if usd is None:
        return "unknown"
    if 0 < usd < _LEAST_USD:
        return f"less than ${_LEAST_USD:.4f}"
    if not usd:
        return "$0.00"
    return f"${usd:,.{4 if usd < _CENT else places}f}"
