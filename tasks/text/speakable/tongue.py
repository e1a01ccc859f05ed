"""What a language's reader says for what is written: the words, as data; each language has a file of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field


def words(text: str) -> frozenset[str]:
    """Give the words of a text, for data that is easier to read as one."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Coin:
    """A currency as it is said: its name for one and for more, and its hundredth's; "" where it has none."""

    one: str
    more: str
    cent: str = ""
    cents: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How numbers are written and said. `groups` are the signs between thousands, `mark` the one before decimals."""

    groups: str
    mark: str
    point: str
    minus: str
    to: str
    percent: str
    permille: str
    half: str
    and_a_half: str
    # Denominator -> its name for one and for more.
    parts: Mapping[int, tuple[str, str]]
    # As written after a number -> the name for one million and for more, and whether it is feminine.
    scales: Mapping[str, tuple[str, str]]
    scale_link: str = " "


@dataclass(frozen=True, slots=True)
class Shortenings:
    """Abbreviations with their stops, and what is said for them; those written small may begin with a capital."""

    always: Mapping[str, str]
    before_name: Mapping[str, str]
    before_number: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Romans:
    """Where Roman numerals stand: regular expressions for the words before them, and names of rulers by gender."""

    divisions: str
    centuries: str
    kings: str
    queens: str
    titles: str


# There is one of each language, so that it is its own key where patterns are kept.
@dataclass(frozen=True, slots=True, eq=False)
class Tongue:
    """A language. `code` is its ISO 639-1 code, which is the name that num2words and babel know it by."""

    code: str
    figures: Figures
    coins: Mapping[str, Coin]
    coin_link: str
    shortenings: Shortenings
    romans: Romans
    # A sign -> its word; those of an address have other names.
    signs: Mapping[str, str]
    address: Mapping[str, str]
    number_sign: str
    section_sign: str
    about: str
    acronyms: frozenset[str]
    short_words: frozenset[str]
    # What a count before these words has to agree with, where the ending of the word does not show it.
    feminine: frozenset[str] = field(default_factory=frozenset)
    masculine: frozenset[str] = field(default_factory=frozenset)


# With a vowel: what else is written in capitals is a word said loudly.
ACRONYMS = words(
    "AIDS ASAP ASCII BAFTA CERN COVID EPUB FIFA IEEE IKEA ISBN NAFTA NASA NASDAQ NATO OECD OPEC OTAN JPEG HTTPS YMCA YWCA AWOL "
    "MIDI MPEG OCDE OVNI RENFE UEFA UNESCO UNICEF UNHCR UNIX URSS USAF USSR EEUU RATP INSEE DAAD ADAC GEMA ISTAT INPS SIAE SIDA "
    "SCOTUS POTUS EURATOM CGIL ONLUS ETSI BASF HTML NAACP ACLU CNRS SNCF UDSSR "
    "USA FBI CIA UN EU US UK UAE UFO RAF IRA IBM ATM GI ID IQ AI AD CE BCE AM PM OK DNA RNA USB URL ONU UE ADN OMS PIB IRS NBA NFL MIT"
)
