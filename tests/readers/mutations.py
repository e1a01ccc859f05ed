"""Changes of a row of bytes, as damage and malice make them: each is a frozen recipe that can be printed and made again."""

import re
import zipfile
from dataclasses import dataclass
from io import BytesIO

from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, StreamObject

LONGEST = 4_000_000
SCALE = 10_000
NUMBERS = (b"0", b"-1", b"99999999", b"18446744073709551616", b"9" * 400, b"1e999")
TOKENS = {
    "md": (
        *(b"> ", b"- ", b"1. ", b"[^a]: ", b"[^a]", b"^[", b"![", b"[", b"](", b"*a **", b"`", b"|", b"|-|\n", b"---\n"),
        *(b"<div>", b"</div>", b"<b>", b"<!--", b"-->", b"<table>", b"<span lang=fr>", b"<script>", b"<?", b"<![CDATA["),
        *(b"&#x110000;", b"&#55296;", b"\t", b"    ", b"\\\n", b"\0", b"\xff", b"\xe2\x80\xa8", b"\n\n", b"\r", b"# ", b"===\n"),
        *(b"---\ntitle: &a [*a]\n---\n", b"---\nauthor: {a: [b]}\n---\n", b"[a]: <b>\n", b"* * *\n\n", b"<p lang='"),
    ),
    "epub": (
        *(b"<div>", b"</div>", b"<span>", b"<p>", b"</p>", b"<br/>", b"<!--", b"]]>", b"<![CDATA[", b"&a;", b"&nbsp;", b"&#0;"),
        *(b"<table><tr><td>", b"<section>", b"<ol><li>", b"<navPoint>", b"<nav>", b"<h1>", b"<ruby>", b"<rt>", b"<blockquote>"),
        *(b'<a href="#x">', b' epub:type="footnote"', b' epub:type="noteref"', b' id="x"', b' href="../../../x"', b' lang="?"'),
        *(b'<!DOCTYPE x [<!ENTITY a "bb">]>', b"<item/>", b"<itemref/>", b"\0", b"\xff", b"\xef\xbb\xbf", b"xmlns:ssml='x' ssml:ph='"),
    ),
    "pdf": (
        *(b"endobj", b" obj", b"<<", b">>", b"[", b"]", b"(", b")", b"stream\n", b"endstream", b"/Kids", b"/Parent 1 0 R"),
        *(b"/Length 99999999", b" 0 0 R", b"/Count -1", b"/Contents", b"xref", b"trailer", b"/Prev 0", b"/W [9 9 9]", b"%", b"\0"),
        *(b"/Type /Page", b"/Rotate 1", b"/MediaBox [0 0 0 0]", b"/Outlines", b"/First", b"/Next 5 0 R", b"/Font", b"/Filter"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """A change: its name, two places and a length in ten-thousandths of the whole, and a token and how often it comes."""

    name: str
    first: int
    second: int
    length: int
    token: bytes
    times: int

    def of(self, data: bytes, other: bytes) -> bytes:
        """Make the change; `other` is what pieces are taken from."""
        first, second = self.first * len(data) // SCALE, self.second * len(data) // SCALE
        length = 1 + self.length * min(len(data), 20_000) // SCALE
        if self.name == "flip":
            flipped = bytes(byte ^ (1 + self.times % 255) for byte in data[first : first + 1 + length % 8])
            changed = data[:first] + flipped + data[first + len(flipped) :]
        elif self.name == "cut":
            changed = data[:first] + data[first + length :]
        elif self.name == "double":
            changed = data[: first + length] + data[first:]
        elif self.name == "truncate":
            changed = data[:first]
        elif self.name == "splice":
            start = self.second * len(other) // SCALE
            changed = data[:first] + other[start : start + length] + data[first:]
        elif self.name == "swap":
            left, right = sorted((first, second))
            length = min(length, right - left)
            middle = data[left + length : right]
            changed = (
                data[:left]
                + data[right : right + length]
                + middle
                + data[left : left + length]
                + data[right + length :]
            )
        elif self.name == "number":
            found = re.compile(rb"\d+").search(data, first)
            number = NUMBERS[self.times % len(NUMBERS)]
            changed = data[: found.start()] + number + data[found.end() :] if found else data
        else:
            changed = data[:first] + self.token * self.times + data[first:]
        return changed[:LONGEST]


def mutations(kind: str) -> st.SearchStrategy[list[Mutation]]:
    """Give recipes of one change to four, of those that hurt this kind of file."""
    places = st.integers(0, SCALE)
    mutation = st.builds(
        Mutation,
        st.sampled_from(
            ["flip", "cut", "double", "truncate", "splice", "swap", "number", "insert", "insert", "insert"]
        ),
        places,
        places,
        places,
        st.sampled_from(TOKENS[kind]),
        st.sampled_from([1, 1, 1, 2, 3, 30, 300, 3_000]),
    )
    return st.lists(mutation, min_size=1, max_size=4)


def mutated(data: bytes, other: bytes, recipe: list[Mutation]) -> bytes:
    """Make the changes one after the other."""
    for mutation in recipe:
        data = mutation.of(data, other)
    return data


def with_mutated_entry(data: bytes, choice: int, recipe: list[Mutation]) -> bytes:
    """Bind a ZIP container anew with a change in one of its entries of text; pieces come from the next."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    texts = [name for name in entries if name.endswith((".xhtml", ".html", ".htm", ".opf", ".ncx", ".xml", ".css"))]
    chosen, other = texts[choice % len(texts)], texts[(choice + 1) % len(texts)]
    entries[chosen] = mutated(entries[chosen], entries[other], recipe)
    bound = BytesIO()
    with zipfile.ZipFile(bound, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return bound.getvalue()


def with_mutated_stream(data: bytes, choice: int, recipe: list[Mutation]) -> bytes:
    """Write a PDF anew with a change in one of its streams, unpacked: a page's content, a font, a table of letters."""
    writer = PdfWriter(BytesIO(data))
    streams = [place for place, value in enumerate(writer._objects) if isinstance(value, StreamObject)]
    place, other = (streams[each % len(streams)] for each in (choice, choice + 1))
    changed, taken = writer._objects[place], writer._objects[other]
    assert isinstance(changed, StreamObject)
    assert isinstance(taken, StreamObject)
    unpacked = DecodedStreamObject()
    unpacked.update(
        {name: value for name, value in changed.items() if name not in {"/Filter", "/DecodeParms", "/Length"}}
    )
    unpacked.set_data(mutated(changed.get_data(), taken.get_data(), recipe))
    writer._objects[place] = unpacked
    written = BytesIO()
    writer.write(written)
    return written.getvalue()
