"""Amounts of money in words."""

import re
from functools import cache

from tasks.text.speakable.genders import gender_of
from tasks.text.speakable.numbers import bare, counted, number_pattern, plain, quantity
from tasks.text.speakable.scales import is_one, scaled
from tasks.text.speakable.tongue import Coin, Tongue

_CODES = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HUF INR JPY MXN NOK NZD PLN RUB SEK TRY USD"
_DOLLARS = {"US$": "USD", "A$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "AU$": "AUD"}
# "a $5 bill": what the amount describes is one thing, so the coin's name stays in the singular.
_ONE_THING_BEFORE = re.compile(r"\b[Aa]n? $")
_DESCRIBED_AFTER = re.compile(
    r" (?:bill|note|coin|fine|fee|prize|reward|ticket|tip|bet|bond|cheque|check|loan|piece|stamp|deposit|bonus)\b"
)
# Texts that were typed without the sign: "L100,000".
_POUNDS_BY_LETTER = re.compile(r"(?<![\w.])L(?=\d{1,3}(?:,\d{3})+(?!\w))")
# "$5-10", "£5–£10": the sign is said once, behind the second amount.
_RANGE = re.compile(
    r"(?<![\w$])(?P<coin>[$£€])(?P<first>\d{1,3}(?:,\d{3})+|\d{1,9})(?: ?– ?|-)(?P=coin)?(?=\d)(?!\d{1,3}-\d)"
)
_CENTS = re.compile(r"^(?P<whole>[^.]+)\.(?P<cents>\d\d)$")


@cache
def _patterns(tongue: Tongue) -> tuple[re.Pattern[str], re.Pattern[str]]:
    signs = sorted((*tongue.coins, *_DOLLARS), key=len, reverse=True)
    coin = "|".join(
        [
            *(re.escape(sign) + (r"(?!\w)" if sign.isalpha() else "") for sign in signs),
            rf"(?:{_CODES.replace(' ', '|')})\b",
        ]
    )
    scale = "|".join(
        re.escape(name) + (r"\b" if name[-1] != "." else "")
        for name in sorted(tongue.figures.scales, key=len, reverse=True)
    )
    if tongue.code in {"fr", "es"}:
        scale = (
            scale.replace(r"M\b", r"M(?=\s?[€$£])")
            .replace(r"Md\b", r"Md(?=\s?[€$£])")
            .replace(r"Mds\b", r"Mds(?=\s?[€$£])")
        )
    number = number_pattern(tongue)
    glued = "m" if tongue.code == "en" else "\\0"
    before = rf"(?<![\w$])(?P<coin>{coin}) ?(?P<number>{number})(?: ?(?P<scale>{scale}|{glued}\b))?(?![\w%])"
    after = rf"(?<![\w.,])(?P<number>{number})(?: ?(?P<scale>{scale}))?(?: (?:d'|de |di )?| ?)(?P<coin>{coin})(?!\w)"
    return re.compile(before), re.compile(after)


def spoken_money(text: str, tongue: Tongue) -> str:
    """Say amounts with their currency after them, whole and hundredths apart."""
    if tongue.code == "en":
        text = _POUNDS_BY_LETTER.sub("£", text)
    text = _RANGE.sub(lambda found: f"{plain(found['first'], tongue)} {tongue.figures.to} {found['coin']}", text)
    for pattern in _patterns(tongue):
        text = pattern.sub(lambda found: _amount(found, tongue), text)
    return text


def _amount(found: re.Match[str], tongue: Tongue) -> str:
    coin = _coin(found["coin"], tongue)
    if found["scale"]:
        scale = "million" if found["scale"] == "m" else found["scale"]
        link = (
            " d'"
            if tongue.figures.scale_link == " de " and tongue.code == "fr" and coin.more[0] in "aeiou"
            else tongue.figures.scale_link
        )
        said = f"{scaled(found['number'], scale, tongue)}{link}"
        return _hyphened(f"{said}{coin.one}") if _describes(found, tongue) else f"{said}{coin.more}"
    figures = bare(found["number"], tongue)
    parted = _CENTS.match(figures)
    if not parted and _describes(found, tongue):
        return _hyphened(f"{quantity(found['number'], tongue)} {coin.one}")
    if not parted or (not coin.cents and tongue.code not in {"de", "fr"}):
        return f"{quantity(found['number'], tongue, gender_of(coin.one, tongue))} {coin.one if is_one(figures) else coin.more}"
    return _parted(parted["whole"], parted["cents"], coin, tongue)


def _describes(found: re.Match[str], tongue: Tongue) -> bool:
    """Tell whether an English amount stands before the thing that it is the price or the size of."""
    if tongue.code != "en":
        return False
    before = found.string[max(0, found.start() - 3) : found.start()]
    return bool(_ONE_THING_BEFORE.search(before) or _DESCRIBED_AFTER.match(found.string, found.end()))


def _hyphened(said: str) -> str:
    return said.replace(" ", "-")


def _parted(whole: str, cents: str, coin: Coin, tongue: Tongue) -> str:
    gender = gender_of(coin.one, tongue)
    coins = f"{counted(whole, tongue.code, gender)} {coin.one if is_one(whole) else coin.more}"
    hundredths = counted(str(int(cents)), tongue.code, "m")
    named = (
        f"{hundredths} {coin.cent if int(cents) == 1 else coin.cents}"
        if coin.cents
        else counted(cents.lstrip("0") or "0", tongue.code, "")
    )
    if not int(cents):
        return coins
    if not int(whole) and coin.cents:
        return named
    return f"{coins}{tongue.coin_link}{named}"


@cache
def _coin(written: str, tongue: Tongue) -> Coin:
    if written in tongue.coins:
        return tongue.coins[written]
    # Its tables take long to load, and most sentences name no currency.
    from babel.numbers import get_currency_name  # noqa: PLC0415

    code = _DOLLARS.get(written, written)
    one, more = (get_currency_name(code, count=count, locale=tongue.code) for count in (1, 2))
    if tongue.code == "de" and more == "Schweizer Franken":
        one = more
    return Coin(one, more)
