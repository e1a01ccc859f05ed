"""The credits of an audiobook: what is said before its first chapter and behind its last one.

ACX asks for both in files of their own: title, author and narrator before, and at least that it ends behind.
"""

import re
from dataclasses import dataclass

from tasks.model import Block, BlockKind, Book, Chapter

_FACT = re.compile(r"\{(title|authors|narrator)\}")
OPENING, CLOSING = "Opening Credits", "Closing Credits"


@dataclass(frozen=True, slots=True)
class _Wording:
    """How a language words credits; `{title}`, `{authors}` and `{narrator}` stand for those of the book."""

    title: str
    authors: str
    narrator: str
    heard: str
    end: str


_WORDINGS = {
    "en": _Wording(
        "{title}.",
        "Written by {authors}.",
        "Narrated by the synthetic voice {narrator}.",
        "This was {title}.",
        "The end.",
    ),
    "de": _Wording(
        "{title}.", "Von {authors}.", "Gelesen von der künstlichen Stimme {narrator}.", "Das war {title}.", "Ende."
    ),
    "fr": _Wording(
        "{title}.", "Écrit par {authors}.", "Lu par la voix de synthèse {narrator}.", "C’était {title}.", "Fin."
    ),
    "es": _Wording(
        "{title}.", "Escrito por {authors}.", "Narrado por la voz sintética {narrator}.", "Esto fue {title}.", "Fin."
    ),
    "it": _Wording(
        "{title}.", "Scritto da {authors}.", "Letto dalla voce sintetica {narrator}.", "Era {title}.", "Fine."
    ),
}
# Names alone, where nothing is known of the language.
_NAMES = _Wording("{title}.", "{authors}.", "{narrator}.", "{title}.", "")


def credits_of(book: Book, narrator: str, opening: str = "", closing: str = "") -> Book:
    """Word a book's credits as a book of two short chapters, numbered 0 and one above the last of the book's own.

    `opening` and `closing` are wordings of the profile; where they are empty, the book's language has its own. What is not
    known of a book is not said.
    """
    own = _WORDINGS.get(book.language.partition("-")[0].lower(), _NAMES)
    title = book.title.rstrip(". ")
    facts = {"title": title, "authors": ", ".join(book.authors), "narrator": narrator}
    known = {name for name, text in facts.items() if text.strip()}
    by = [own.authors] * ("authors" in known) + [own.narrator] * ("narrator" in known)
    first = [own.title] * ("title" in known) + by
    last = [own.heard] * ("title" in known) + by + [own.end]
    return Book(
        title=book.title,
        authors=book.authors,
        language=book.language,
        lexicon=book.lexicon,
        chapters=(
            _chapter(0, OPENING, opening or " ".join(first), facts),
            _chapter(len(book.chapters) + 1, CLOSING, closing or " ".join(last), facts),
        ),
    )


def _chapter(number: int, title: str, wording: str, facts: dict[str, str]) -> Chapter:
    folded = " ".join(_FACT.sub(lambda fact: facts[fact[1]], wording).split())
    blocks = (Block(BlockKind.PARAGRAPH, folded, f"credits#{number}"),) if folded else ()
    return Chapter(number, title, blocks)
