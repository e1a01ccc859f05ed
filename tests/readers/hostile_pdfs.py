"""PDFs that are made to take a reader's time or memory, written object by object."""

import zlib
from collections.abc import Callable, Mapping, Sequence

from tests.readers.hostile_epubs import MANY, SENTENCE

_TEXT = f"BT /F1 12 Tf 72 720 Td ({SENTENCE}) Tj ET"
_FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /WinAnsiEncoding >>"


def write_pdf(objects: Sequence[bytes | str], trailer: str = "") -> bytes:
    """Return a PDF of these objects, numbered from 1; the first is the catalogue."""
    body, offsets = bytearray(b"%PDF-1.7\n"), list[int]()
    for number, each in enumerate(objects, 1):
        offsets.append(len(body))
        data = each if isinstance(each, bytes) else each.encode("latin-1")
        body += b"%d 0 obj\n%s\nendobj\n" % (number, data)
    start = len(body)
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, rows)
    body += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(body)


def stream(content: str | bytes, entries: str = "") -> bytes:
    """Return a stream object of some content, as it is."""
    data = content if isinstance(content, bytes) else content.encode("latin-1")
    return f"<< /Length {len(data)} {entries} >>\nstream\n".encode() + data + b"\nendstream"


def _deflated(content: bytes) -> bytes:
    return stream(zlib.compress(content, 9), "/Filter /FlateDecode")


def _one_page(
    content: bytes | str = _TEXT,
    more: Sequence[bytes | str] = (),
    font: str = _FONT,
    resources: str = "",
    catalog: str = "",
) -> bytes:
    """Return a PDF of one page: objects 1 to 5 are catalogue, pages, page, content and font, `more` begins at 6."""
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> {resources} >> >>"
    contents = stream(content) if isinstance(content, str) else content
    catalogue = f"<< /Type /Catalog /Pages 2 0 R {catalog} >>"
    return write_pdf([catalogue, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, contents, font, *more])


def _pages(count: int, content: bytes) -> bytes:
    kids = " ".join(f"{number + 5} 0 R" for number in range(count))
    page = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
    )
    return write_pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
            _FONT,
            content,
            *[page] * count,
        ]
    )


def _outline(count: int) -> bytes:
    first, last = 7, 6 + count
    entries = [
        f"<< /Title (Entry {number}) /Parent 6 0 R /Dest [3 0 R /Fit] "
        + (f"/Next {first + number + 1} 0 R " if number + 1 < count else "")
        + (f"/Prev {first + number - 1} 0 R >>" if number else ">>")
        for number in range(count)
    ]
    return _one_page(
        more=[f"<< /Type /Outlines /First {first} 0 R /Last {last} 0 R /Count {count} >>", *entries],
        catalog="/Outlines 6 0 R",
    )


def _outline_in_a_circle() -> bytes:
    outlines = "<< /Type /Outlines /First 7 0 R /Last 8 0 R /Count 2 >>"
    entries = [
        f"<< /Title (Round) /Parent 6 0 R /Dest [3 0 R /Fit] /Next {number} 0 R /First 7 0 R >>" for number in (8, 7)
    ]
    return _one_page(more=[outlines, *entries], catalog="/Outlines 6 0 R")


def _tree_in_a_circle() -> bytes:
    return write_pdf(
        ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 100 /Parent 2 0 R >>"]
    )


def _deep_tree() -> bytes:
    levels = [f"<< /Type /Pages /Kids [{number + 3} 0 R] /Count 1 >>" for number in range(5_000)]
    return write_pdf(["<< /Type /Catalog /Pages 2 0 R >>", *levels, "<< /Type /Page /MediaBox [0 0 612 792] >>"])


def _form_in_itself() -> bytes:
    form = stream(
        "/X1 Do /X1 Do", "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X1 6 0 R >> >>"
    )
    return _one_page("/X1 Do", [form], resources="/XObject << /X1 6 0 R >>")


def _forms_in_forms() -> bytes:
    forms = [
        stream(
            f"/X Do {'/X Do ' * 9}" if level < 11 else _TEXT,
            f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F1 5 0 R >> /XObject << /X {level + 7} 0 R >> >>",
        )
        for level in range(12)
    ]
    return _one_page("/X Do", forms, resources="/XObject << /X 6 0 R >>")


def _wide_unicode_map() -> bytes:
    ranges = "1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange\n" * 50
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /ToUnicode 6 0 R >>"
    return _one_page(
        more=[stream(f"begincmap 1 begincodespacerange <00> <FF> endcodespacerange {ranges} endcmap")], font=font
    )


def _long_unicode_map() -> bytes:
    pairs = "".join(f"<{number:04x}> <{'0041' * 200}>\n" for number in range(10_000))
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /ToUnicode 6 0 R >>"
    return _one_page(more=[stream(f"begincmap 10000 beginbfchar\n{pairs}endbfchar endcmap")], font=font)


def _table_that_leads_to_itself() -> bytes:
    book = _one_page()
    start = int(book.rpartition(b"startxref\n")[2].split()[0])
    return book.replace(b"/Root 1 0 R", f"/Root 1 0 R /Prev {start}".encode())


HOSTILE_PDFS: Mapping[str, Callable[[], bytes]] = {
    "three thousand pages of one content": lambda: _pages(3_000, stream(_TEXT * 10)),
    "three thousand pages of one long content": lambda: _pages(3_000, _deflated(_TEXT.encode() * 2_000)),
    "ten thousand empty pages": lambda: _pages(10_000, stream("")),
    "an outline of a hundred thousand": lambda: _outline(MANY),
    "an outline in a circle": _outline_in_a_circle,
    "a page tree in a circle": _tree_in_a_circle,
    "a page tree of five thousand levels": _deep_tree,
    "a form in itself": _form_in_itself,
    "forms in forms": _forms_in_forms,
    "a content of a gigabyte": lambda: _one_page(_deflated(bytes(300 << 20))),
    "a content of a million operators": lambda: _one_page("q Q " * 1_000_000),
    "a million words on a page": lambda: _one_page(f"BT /F1 12 Tf {'(word ) Tj ' * 300_000} ET"),
    "a megabyte of brackets": lambda: _one_page(f"BT {'[' * 1_000_000} TJ ET"),
    "a megabyte of brackets in the catalogue": lambda: _one_page(catalog=f"/X {'[' * 500_000}{']' * 500_000}"),
    "a hundred filters": lambda: _one_page(stream("00>" * 10, f"/Filter [{'/ASCIIHexDecode ' * 100}]")),
    "a map of all numbers": _wide_unicode_map,
    "a map to long words": _long_unicode_map,
    "a table that leads to itself": _table_that_leads_to_itself,
    "a count of a billion": lambda: _one_page().replace(b"/Count 1", b"/Count 1000000000"),
    "a length of a gigabyte": lambda: _one_page().replace(b"/Length", b"/Length 1000000000 /L"),
    "a size that is none": lambda: _one_page().replace(b"[0 0 612 792]", b"[0 0 1e400 -9]"),
    "a table of a billion rows": lambda: _one_page().replace(b"xref\n0 6", b"xref\n0 999999999"),
    "a page of no size": lambda: _one_page().replace(b"[0 0 612 792]", b"[0 0 0 0]"),
    "letters of no size": lambda: _one_page(f"BT /F1 0 Tf {'(word ) Tj ' * 1_000} ET"),
    "letters of all sizes": lambda: _one_page(
        "BT "
        + "".join(
            f"/F1 {1 + number % 500} Tf 1 0 0 1 {number % 600} {number % 790} Tm (w) Tj " for number in range(30_000)
        )
        + "ET"
    ),
}
