"""Pronunciation lexicons of the W3C (PLS 1.0), as publishers link them from EPUBs and as profiles name them."""

from lxml import etree

from tasks.model import Pronunciation

MAXIMUM_BYTES = 16 << 20
_PLS = "{http://www.w3.org/2005/01/pronunciation-lexicon}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def read_pls(data: bytes) -> tuple[Pronunciation, ...]:
    """Read a lexicon: each spelling of each lexeme, with the lexeme's preferred alias and phonemes.

    Phonemes in other alphabets than IPA are passed over, and so is a lexeme that is left with nothing to say. Raises
    `ValueError` for what is no lexicon, or is over `MAXIMUM_BYTES`.
    """
    if len(data) > MAXIMUM_BYTES:
        raise ValueError(f"it is over {MAXIMUM_BYTES >> 20} MiB")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"it is not well-formed XML ({error.msg})") from error
    if root.tag != f"{_PLS}lexicon":
        raise ValueError("it is no lexicon: its first element is not <lexicon> of PLS 1.0")
    language, alphabet = root.get(_LANGUAGE, ""), root.get("alphabet", "ipa")
    return tuple(
        Pronunciation(spelling, alias, phonemes, language)
        for lexeme in root.iter(f"{_PLS}lexeme")
        for alias, phonemes in [(_preferred(lexeme, "alias"), _preferred(lexeme, "phoneme", alphabet))]
        if alias or phonemes
        for spelling in map(_text, lexeme.iter(f"{_PLS}grapheme"))
        if spelling
    )


def _preferred(lexeme: etree._Element, name: str, alphabet: str = "ipa") -> str:
    found = [each for each in lexeme.iter(f"{_PLS}{name}") if each.get("alphabet", alphabet) == "ipa" and _text(each)]
    return next((_text(each) for each in sorted(found, key=lambda each: each.get("prefer") != "true")), "")


def _text(element: etree._Element) -> str:
    return " ".join("".join(map(str, element.itertext())).split())
