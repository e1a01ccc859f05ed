"""EPUBs that are made to take a reader's time, memory or files."""

import random
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.readers.making_epubs import PNG, XHTML, Contents, Epub, page

MANY = 100_000
SENTENCE = "The lamp was lit at the window of the house. "


def _one_document(body: str) -> Epub:
    return Epub({"one.xhtml": body}, [("One", "one.xhtml")])


def _deep_contents(levels: int) -> Contents:
    contents: Contents = [("Last", "one.xhtml")]
    for level in range(levels):
        contents = [(f"Level {level}", "one.xhtml", contents)]
    return contents


def _one_file_two_thousand_times() -> Epub:
    items = "".join(
        f'<item id="again{number}" href="one.xhtml" media-type="application/xhtml+xml"/>' for number in range(2_000)
    )
    words = random.Random(1).choices(SENTENCE.split(), k=800_000)  # noqa: S311  # no secret
    return Epub({"one.xhtml": f"<p>{' '.join(words)}.</p>"}, [("One", "one.xhtml")], manifest=items)


def _missing_files() -> Epub:
    items = "".join(
        f'<item id="m{number}" href="no{number}.xhtml" media-type="application/xhtml+xml"/>' for number in range(50_000)
    )
    return Epub({"one.xhtml": "<p>One.</p>"}, [("One", "one.xhtml")], manifest=items)


def _two_megabytes_from_two_kilobytes() -> Epub:
    return _one_document(f"<p>{'a' * (2 << 20)}</p>")


def _entities() -> Epub:
    nested = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 12))
    doctype = f'<!DOCTYPE html [<!ENTITY e0 "lol">{nested}]>'
    return _one_document(f"<?xml version='1.0'?>{doctype}<html {XHTML}><body><p>Ha &e11;.</p></body></html>")


def _entity_of_a_file() -> Epub:
    doctype = '<!DOCTYPE html [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
    return _one_document(f"<?xml version='1.0'?>{doctype}<html {XHTML}><body><p>It is &file; here.</p></body></html>")


def _lexicon() -> Epub:
    lexemes = "".join(
        f"<lexeme><grapheme>word{number}</grapheme><phoneme>wɜːd</phoneme></lexeme>" for number in range(MANY)
    )
    namespace = "http://www.w3.org/2005/01/pronunciation-lexicon"
    lexicon = f'<lexicon version="1.0" alphabet="ipa" xml:lang="en" xmlns="{namespace}">{lexemes}</lexicon>'
    head = '<link rel="pronunciation" type="application/pls+xml" hreflang="en" href="words.pls"/>'
    text = f"<?xml version='1.0'?><html {XHTML}><head><title>x</title>{head}</head><body><p>{SENTENCE * 2_000}</p></body></html>"
    item = '<item id="pls" href="words.pls" media-type="application/pls+xml"/>'
    return Epub({"one.xhtml": text}, [("One", "one.xhtml")], files={"OPS/words.pls": lexicon}, manifest=item)


def _creators() -> Epub:
    creators = "".join(f"<dc:creator id='c{number}'>Author {number}</dc:creator>" for number in range(20_000))
    refined = "".join(f'<meta refines="#c{number}" property="role">aut</meta>' for number in range(20_000))
    return Epub({"one.xhtml": "<p>One.</p>"}, [("One", "one.xhtml")], metadata=creators + refined)


def _notes() -> Epub:
    calls = "".join(
        f'<p>Word<a epub:type="noteref" href="#n{number}">{number}</a> here.</p>' for number in range(20_000)
    )
    notes = "".join(f'<aside epub:type="footnote" id="n{number}"><p>Note.</p></aside>' for number in range(20_000))
    return _one_document(calls + notes)


def _notes_that_call_each_other() -> Epub:
    notes = "".join(
        f'<aside epub:type="footnote" id="n{number}"><p>See <a epub:type="noteref" href="#n{(number + 1) % 500}">on</a>.</p></aside>'
        for number in range(500)
    )
    return _one_document(f'<p>Word<a epub:type="noteref" href="#n0">1</a> here.</p>{notes}')


def _spine_of_one() -> Epub:
    return Epub({f"../OPS/{'x/../' * number}one.xhtml": "<p>One.</p>" for number in range(50)})


def _cover_of_a_gigabyte() -> Epub:
    item = '<item id="cover" href="cover.png" media-type="image/png" properties="cover-image"/>'
    return Epub({"one.xhtml": "<p>One.</p>"}, files={"OPS/cover.png": PNG + bytes(64 << 20)}, manifest=item)


_EPUBS: Mapping[str, Callable[[], Epub]] = {
    "one file, two thousand items": _one_file_two_thousand_times,
    "fifty thousand missing files": _missing_files,
    "two megabytes of one letter": _two_megabytes_from_two_kilobytes,
    "entities of entities": _entities,
    "an entity of a file": _entity_of_a_file,
    "a lexicon of a hundred thousand": _lexicon,
    "twenty thousand authors": _creators,
    "twenty thousand notes": _notes,
    "notes that call each other": _notes_that_call_each_other,
    "one document under fifty names": _spine_of_one,
    "a cover of zeros": _cover_of_a_gigabyte,
    "a hundred thousand elements deep": lambda: _one_document("<div>" * MANY + "<p>One.</p>" + "</div>" * MANY),
    "unclosed elements": lambda: _one_document("<p>One.<em>" * 20_000),
    "a hundred thousand paragraphs": lambda: _one_document(f"<p>{SENTENCE}</p>" * MANY),
    "a hundred thousand headings": lambda: _one_document("".join(f"<h2>Chapter {it}</h2>" for it in range(MANY))),
    "ten megabytes without a full stop": lambda: _one_document(f"<p>{SENTENCE.replace('.', '') * 230_000}</p>"),
    "ten megabytes of one word": lambda: _one_document("".join(f"<p>{'wo' * 50_000}</p>" for _ in range(100))),
    "a hundred thousand attributes": lambda: _one_document(
        "<p " + " ".join(f'data-a{number}="x"' for number in range(MANY)) + ">One.</p>"
    ),
    "a table of a million cells": lambda: _one_document(f"<table>{'<tr>' + '<td/>' * 500 + '</tr>'}</table>" * 400),
    "contents of ten thousand levels": lambda: Epub({"one.xhtml": "<p>One.</p>"}, _deep_contents(400)),
    "contents of a hundred thousand entries": lambda: Epub(
        {"one.xhtml": "<p>One.</p>"}, [(f"Entry {number}", f"one.xhtml#a{number}") for number in range(MANY)]
    ),
    "contents to no place": lambda: Epub(
        {"one.xhtml": "<p>One.</p>"}, [(f"Entry {number}", f"no{number}.xhtml") for number in range(20_000)]
    ),
    "a title of a megabyte": lambda: Epub({"one.xhtml": "<p>One.</p>"}, title="Long \x1b[31m " * 80_000),
    "a description of ten megabytes": lambda: Epub(
        {"one.xhtml": "<p>One.</p>"},
        metadata=f"<dc:description>{'&lt;p&gt;words &amp;amp; ' * 400_000}</dc:description>",
    ),
    "many short documents": lambda: Epub({f"d{number}.xhtml": "<p>One.</p>" for number in range(10_000)}),
    "utf-16 with zeros": lambda: Epub({"one.xhtml": page("<p>One.</p>").encode("utf-16") * 1_000}),
}


def _bind(make: Callable[[], Epub], path: Path) -> Path:
    return make().bind(path)


def _claims_of_terabytes(path: Path) -> Path:
    """Write an archive whose directory says more of its entries than there is in them."""
    book = _one_document("<p>One.</p>").bind(path).read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("OPS/one.xhtml").file_size
    # In the directory alone, which is what a reader believes.
    start = book.index(b"PK\x01\x02")
    lying = book[start:].replace(size.to_bytes(4, "little"), (0xFFFFFFF0).to_bytes(4, "little"))
    path.write_bytes(book[:start] + lying)
    return path


def _sixty_thousand_entries(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in _one_document("<p>One.</p>").entries().items():
            archive.writestr(name, data)
        for number in range(60_000):
            archive.writestr(f"OPS/x{number}.xhtml", b"")
    return path


def _texts_of_two_hundred_megabytes(path: Path) -> Path:
    """Write texts each of which is within bounds, and which are not together."""
    block = random.Random(2).randbytes(40_000).hex().encode()  # noqa: S311  # no secret
    names = [f"d{number}.xhtml" for number in range(25)]
    epub = Epub(dict.fromkeys(names, "<p>One.</p>"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in epub.entries().items():
            archive.writestr(name, page(f"<p>{block.decode() * 100}</p>") if name.endswith(tuple(names)) else data)
    return path


HOSTILE_EPUBS: Mapping[str, Callable[[Path], Path]] = {
    **{name: partial(_bind, make) for name, make in _EPUBS.items()},
    "claims of four gigabytes": _claims_of_terabytes,
    "sixty thousand entries": _sixty_thousand_entries,
    "two hundred megabytes of texts": _texts_of_two_hundred_megabytes,
}
