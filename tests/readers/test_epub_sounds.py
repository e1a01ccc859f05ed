"""What an EPUB says of its languages and of how its words sound."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.model import Block, Book, PhoneticSpan, Pronunciation
from tasks.text.chunking import TextSettings, scripts_of
from tests.readers.making_epubs import XHTML, Epub, all_blocks, blocks_of, book_of, page

SSML = 'xmlns:ssml="http://www.w3.org/2001/10/synthesis"'


def languages(blocks: list[Block]) -> list[tuple[str, str]]:
    return [(block.text, block.language) for block in blocks]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>One.</p>", [("One.", "")]),
        ("<p lang='fr'>Un.</p><p>Two.</p>", [("Un.", "fr"), ("Two.", "")]),
        ("<p xml:lang='fr'>Un.</p>", [("Un.", "fr")]),
        ("<p xml:lang='fr' lang='de'>Un.</p>", [("Un.", "fr")]),
        ("<p lang='en-gb'>One.</p>", [("One.", "")]),
        ("<p lang='en'>One.</p>", [("One.", "en")]),
        ("<p lang='pt_BR'>Um.</p>", [("Um.", "pt-BR")]),
        ("<div lang='fr'><p>Un.</p><p lang='de'>Zwei.</p><p lang='en-GB'>Three.</p></div>", None),
        ("<div lang='fr'><p lang=''>One.</p>Un.</div>", [("One.", ""), ("Un.", "fr")]),
        ("<div lang='fr'><p lang='not a tag'>Un.</p></div>", [("Un.", "fr")]),
        ("<p>He said <i lang='fr'>oui</i>.</p>", [("He said oui.", "")]),
        ("<p><i lang='fr'>Oui</i>, he said.</p>", [("Oui, he said.", "")]),
        ("<p> <i lang='fr'>Oui, <b>oui</b>.</i>\n</p>", [("Oui, oui.", "fr")]),
        ("<p><i lang='fr'>Oui,</i> <b lang='fr'>oui.</b></p>", [("Oui, oui.", "fr")]),
        ("<p lang='fr'><i lang='en-GB'>Yes.</i></p>", [("Yes.", "")]),
        ("<h2 lang='fr'>Un</h2><blockquote lang='de'>Zwei.</blockquote>", [("Un", "fr"), ("Zwei.", "de")]),
        ("<p lang='fr'>Un.</p><aside epub:type='footnote' lang='de'>Zwei.</aside>", [("Un.", "fr"), ("Zwei.", "de")]),
        ("<p><i lang='fr'>Oui.</i><a epub:type='noteref' href='#n'>1</a></p>", [("Oui.", "fr"), ("1", "")]),
    ],
)
def test_a_block_has_the_language_around_it_where_it_is_not_the_books(
    body: str, found: list[tuple[str, str]] | None
) -> None:
    assert languages(blocks_of(body)) == (found or [("Un.", "fr"), ("Zwei.", "de"), ("Three.", "")])


@pytest.mark.parametrize("opening", [f"<html {XHTML} lang='fr'><body>", f"<html {XHTML}><body xml:lang='fr'>"])
def test_a_whole_document_has_a_language(opening: str) -> None:
    text = f"<?xml version='1.0'?>{opening}<p>Un.</p><p lang='de'>Zwei.</p></body></html>"
    assert languages(all_blocks(book_of(Epub({"1.xhtml": text})))) == [("Un.", "fr"), ("Zwei.", "de")]


def test_a_document_read_leniently_keeps_its_languages_and_sounds() -> None:
    body = f"<p xml:lang='fr'>Un <span {SSML} ssml:ph='dø'>deux</span>.<p>Three<br>four."
    book = book_of(Epub({"1.xhtml": body}))
    assert languages(all_blocks(book)) == [("Un deux.", "fr"), ("Three four.", "")]
    assert all_blocks(book)[0].phonetic == (PhoneticSpan(3, 7, "dø"),)


def sounds(block: Block) -> list[tuple[str, str]]:
    return [(block.text[span.start : span.end], span.phonemes) for span in block.phonetic]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>The <span ssml:ph='bæs'>bass</span> swam.</p>", [("bass", "bæs")]),
        ("<p>The\n <i> <span ssml:ph=' bæs '> bass </span></i> swam.</p>", [("bass", "bæs")]),
        ("<p ssml:ph='bæs'>Bass</p>", [("Bass", "bæs")]),
        ("<p>A <b ssml:ph='nu jɔk'>New <i>York</i></b> <b ssml:ph='k'>key</b>.</p>", None),
        ("<p>Light<span ssml:ph='haʊs'>house</span>s</p>", [("house", "haʊs")]),
        ("<p>A <span ssml:ph='x'><i ssml:ph='y'>b</i> c</span> <i ssml:ph='z'>d</i></p>", [("b c", "x"), ("d", "z")]),
        ("<p>A <span ssml:ph=''>b</span><span ssml:ph='x'> </span><span ssml:ph='x'/>.</p>", []),
        ("<p>A <span ssml:ph='x'>b<a epub:type='noteref' href='#n'>1</a></span>.</p>", [("b", "x")]),
        ("<p>A <span ssml:alphabet='IPA' ssml:ph='x'>b</span>.</p>", [("b", "x")]),
        ("<div ssml:ph='x'><p>A</p><p>b.</p></div>", []),
    ],
)
def test_phonemes_are_given_with_the_words_that_they_sound(body: str, found: list[tuple[str, str]] | None) -> None:
    expected = [("New York", "nu jɔk"), ("key", "k")] if found is None else found
    assert sounds(blocks_of(body, SSML)[0]) == expected


def test_phonemes_within_a_note_are_kept_with_it() -> None:
    body = "<p>So <span epub:type='footnote'>a<br/> <b ssml:ph='x'>bass</b></span> it is.</p>"
    spoken, note = blocks_of(body, SSML)
    assert (spoken.text, spoken.phonetic) == ("So it is.", ())
    assert (note.text, sounds(note)) == ("a bass", [("bass", "x")])


def test_another_alphabet_is_named_once_for_each_document() -> None:
    text = page(
        "<p><b ssml:ph='b{s'>Bass</b> <b ssml:ph='k'>key</b> <b ssml:alphabet='ipa' ssml:ph='si'>sea</b>.</p>",
        f"{SSML} ssml:alphabet='x-sampa'",
    )
    book = book_of(Epub({"1.xhtml": text, "2.xhtml": text}))
    assert [sounds(block) for block in all_blocks(book)] == [[("sea", "si")]] * 2
    assert [warning.partition(":")[0] for warning in book.warnings] == ["1.xhtml", "2.xhtml"]
    assert all("'x-sampa'" in warning for warning in book.warnings)


SPACED = st.text("ab \n\u00a0", max_size=5)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>He said <i lang='fr'>oui</i>.</p>", [("oui", "fr")]),
        ("<p>He said <i lang='fr'>oui, <b>mais</b> non</i> <i lang='fr'>oui</i>.</p>", [("oui, mais non oui", "fr")]),
        ("<p lang='fr'>Il dit <i lang='en-GB'>yes</i> et <i lang='de'>ja</i>.</p>", [("yes", ""), ("ja", "de")]),
        ("<p>He said <i lang='fr'><img alt='x'/> </i>.</p>", []),
        ("<p><i lang='fr'>Oui.</i></p>", []),
    ],
)
def test_words_in_another_language_are_told(body: str, found: list[tuple[str, str]]) -> None:
    block = blocks_of(body)[0]
    assert [(block.text[span.start : span.end], span.language) for span in block.languages] == found


def test_words_in_another_language_are_said_in_it() -> None:
    body = "<p>He met <i lang='fr'>M. Dupont, 21 ans,</i> at 5. <i lang='de'>Um 8 Uhr.</i></p>"
    book = book_of(Epub({"1.xhtml": body}))
    (script,) = scripts_of(book, TextSettings(), 0)
    assert " ".join(script.chunks[-1].spoken) == "He met monsieur Dupont, vingt et un ans, at five. Um acht Uhr."


@given(st.lists(st.tuples(SPACED, SPACED), min_size=1, max_size=6), SPACED)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_language_holds_the_words_of_its_element_and_no_more(pairs: list[tuple[str, str]], last: str) -> None:
    body = "".join(f"{before}<b lang='x-{number}'>{inside}</b>" for number, (before, inside) in enumerate(pairs))
    block = blocks_of(f"<p>Begin {body}{last}</p>")[0]
    expected = [(" ".join(inside.split()), f"x-{number}") for number, (_, inside) in enumerate(pairs) if inside.split()]
    assert [(block.text[span.start : span.end], span.language) for span in block.languages] == expected


@given(st.lists(st.tuples(SPACED, SPACED), min_size=1, max_size=6), SPACED)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_span_holds_the_words_of_its_element_and_no_more(pairs: list[tuple[str, str]], last: str) -> None:
    body = "".join(f"{before}<b ssml:ph='p{number}'>{inside}</b>" for number, (before, inside) in enumerate(pairs))
    block = blocks_of(f"<p>{body}{last}</p><p>End.</p>", SSML)[0]
    expected = [(" ".join(inside.split()), f"p{number}") for number, (_, inside) in enumerate(pairs) if inside.split()]
    assert sounds(block) == expected


def pls(entries: str) -> bytes:
    return (
        '<lexicon version="1.0" alphabet="ipa" xml:lang="en" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon">'
        f"{entries}</lexicon>"
    ).encode()


BASS = "<lexeme><grapheme>bass</grapheme><phoneme>bæs</phoneme></lexeme>"
DR = "<lexeme><grapheme>Dr</grapheme><alias>Doctor</alias></lexeme>"
ITEMS = (
    '<item id="l1" href="lex/one.pls" media-type="application/pls+xml"/>'
    '<item id="l2" href="lex/two.pls" media-type="application/pls+xml"/>'
)


def linked(*addresses: str, relation: str = "pronunciation") -> str:
    links = "".join(f'<link rel="{relation}" type="application/pls+xml" href="{address}"/>' for address in addresses)
    return f"<?xml version='1.0'?><html {XHTML}><head>{links}</head><body><p>One.</p></body></html>"


def with_lexicons(documents: dict[str, str], files: dict[str, bytes]) -> Book:
    return book_of(Epub(documents, manifest=ITEMS, files=files))


def test_lexicons_that_documents_link_are_read_each_entry_once() -> None:
    documents = {
        "text/1.xhtml": linked("../lex/one.pls"),
        "text/2.xhtml": linked("../lex/one.pls", "../lex/two.pls"),
    }
    book = with_lexicons(documents, {"OPS/lex/one.pls": pls(BASS), "OPS/lex/two.pls": pls(DR + BASS)})
    assert book.warnings == ()
    assert book.lexicon == (
        Pronunciation("bass", phonemes="bæs", language="en"),
        Pronunciation("Dr", alias="Doctor", language="en"),
    )


def test_a_lexicon_that_no_document_links_is_not_read() -> None:
    files = {"OPS/lex/one.pls": pls(BASS), "OPS/lex/two.pls": pls(DR)}
    assert with_lexicons({"1.xhtml": linked("lex/one.pls", relation="stylesheet")}, files).lexicon == ()


@pytest.mark.parametrize(
    ("address", "data", "name"),
    [
        ("lex/one.pls", b"<lexicon", "lex/one.pls"),
        ("lex/one.pls", b"<html/>", "lex/one.pls"),
        ("lex/one.pls", b"", "lex/one.pls"),
        ("lex/one.pls", None, "lex/one.pls"),
        ("lex/three.pls", None, "lex/three.pls"),
    ],
)
def test_a_lexicon_that_cannot_be_read_is_named(address: str, data: bytes | None, name: str) -> None:
    files = {"OPS/lex/two.pls": pls(DR)} | ({} if data is None else {"OPS/lex/one.pls": data})
    book = with_lexicons({"1.xhtml": linked(address, "lex/two.pls")}, files)
    assert [entry.grapheme for entry in book.lexicon] == ["Dr"]
    assert [warning.partition(":")[0] for warning in book.warnings] == [name]
