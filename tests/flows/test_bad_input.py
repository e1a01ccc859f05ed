"""What cannot be narrated is refused in one line, with its exit code, and leaves nothing behind."""

import json
import resource
import wave
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfWriter

import flows.cli
import flows.narrate_command
from tests.readers.making_epubs import XHTML, Epub
from tests.services.service import Service

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
MEBIBYTE = 1 << 20
BOOK = Epub({"1.xhtml": "<h1>I</h1><p>One.</p>", "2.xhtml": "<h1>II</h1><p>Two.</p>"})
PROTECTED = (
    b'<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
    b'<enc:EncryptedData><enc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>'
    b'<enc:CipherData><enc:CipherReference URI="OPS/1.xhtml"/></enc:CipherData></enc:EncryptedData></encryption>'
)
# A billion laughs: ten of them, each ten of the one before, nine times.
LAUGHS = "<!ENTITY l0 'laugh'>" + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))

Make = Callable[[Path], object]


@dataclass(frozen=True)
class Refusal:
    """How a run ended: its exit code and its one line."""

    code: int
    line: str


@pytest.fixture(params=["plan", "narrate"])
def refused(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Refusal]:
    """Run a command that is to be refused, and make sure that it says so in one line and makes no file."""

    def speak(*_: object) -> None:
        pytest.fail("it was about to be spoken")

    monkeypatch.setattr(flows.narrate_command, "_narrated", speak)
    # No server is begun for what does not come to be spoken.
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    def run(source: Path, *arguments: str) -> Refusal:
        out, store = tmp_path / "out", tmp_path / "store"
        before = sorted(tmp_path.rglob("*"))
        code = flows.cli.main(
            [request.param, str(source), "--out", str(out), "--set", f"store.url={store}", *arguments, "--json"]
        )
        said, complaint = capsys.readouterr()
        assert said == ""
        assert complaint.startswith("declaim: ")
        assert complaint.count("\n") == 1, complaint
        assert complaint.endswith("\n")
        assert not out.exists()
        assert sorted(tmp_path.rglob("*")) == before
        return Refusal(code, complaint.strip())

    return run


def epub(**changes: bytes | None) -> Make:
    """Make an EPUB whose entries are changed, or missing where None is given; `__` in a name is a slash."""

    def make(path: Path) -> None:
        entries = {**BOOK.entries(), **{name.replace("__", "/"): data for name, data in changes.items()}}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in entries.items():
                if data is not None:
                    archive.writestr(name, data)

    return make


def epub_with(changes: dict[str, bytes | None]) -> Make:
    return epub(**changes)


def zeros(mebibytes: int) -> bytes:
    """Deflate many zeros in no time: one mebibyte of them, over and over."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    once = deflate.compress(bytes(MEBIBYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return once * mebibytes + deflate.flush(zlib.Z_FINISH)


def bomb(name: str, *, mebibytes: int, declared: int, copies: int = 1) -> Make:
    """Make an EPUB with an entry of so many mebibytes of zeros, of which the directory says that it has `declared` bytes."""

    def make(path: Path) -> None:
        epub_with({name: None})(path)
        stream = zeros(mebibytes)
        with zipfile.ZipFile(path, "a") as archive:
            for copy in range(copies):
                archive.writestr(name if copy == 0 else f"{copy}{name}", stream)
                entry = archive.getinfo(archive.namelist()[-1])
                entry.compress_type, entry.file_size, entry.CRC = zipfile.ZIP_DEFLATED, declared, 0

    return make


def cut(name: str, size: int) -> Make:
    """Cut a sample short."""
    return lambda path: path.write_bytes((SAMPLES / name).read_bytes()[:size])


def locked_pdf(path: Path) -> None:
    writer = PdfWriter(clone_from=SAMPLES / "tuppence-a-window.pdf")
    writer.encrypt("secret", algorithm="AES-256")
    writer.write(path)


def flag_as_encrypted(path: Path) -> None:
    epub()(path)
    data = bytearray(path.read_bytes())
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(header) + flags] |= 1
    path.write_bytes(data)


def renamed(old: bytes, new: bytes) -> Make:
    """Make an EPUB with a change of its package document."""
    return epub_with({"OPS/book.opf": BOOK.entries()["OPS/book.opf"].replace(old, new)})


def text(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


AGAIN, ELSEWHERE, RIGHT_FILE = "fetch the book again", "fetch it elsewhere", "check that it is the right file"
DAMAGED = "its ZIP container is damaged"
# The file's name, how it is made, what is wrong with it, and what to do.
SOURCES: tuple[tuple[str, Make, str, str], ...] = (
    ("missing.epub", lambda _: None, "there is no such file", "check its name"),
    ("folder.epub", Path.mkdir, "this is a folder", "give a file that ends in .epub"),
    ("empty.epub", Path.touch, "the file is empty", "fetch it again"),
    ("empty.md", Path.touch, "the file is empty", "save it anew"),
    ("book.docx", text(b"PK\3\4"), "files that end in .docx are not read", "convert it to one of .epub"),
    ("book", text(b"Words."), "files that end in nothing are not read", "convert it to one of .epub"),
    ("text.epub", text(b"Words."), DAMAGED, "fetch it again"),
    ("truncated.epub", cut("tuppence-a-window.epub", 20_000), DAMAGED, "fetch it again"),
    ("no-container.epub", epub_with({"META-INF/container.xml": None}), "no META-INF/container.xml", RIGHT_FILE),
    ("bad-container.epub", epub_with({"META-INF/container.xml": b"<a"}), "container.xml cannot be read", AGAIN),
    ("no-package.epub", epub_with({"OPS/book.opf": None}), "package document OPS/book.opf is missing", AGAIN),
    (
        "empty-package.epub",
        epub_with({"OPS/book.opf": b"<package/>"}),
        "cannot be understood",
        "check it with epubcheck",
    ),
    ("no-item.epub", renamed(b'idref="d1"', b'idref="gone"'), "its spine names the item 'gone'", AGAIN),
    ("no-chapter.epub", epub_with({"OPS/2.xhtml": None}), "its spine names 2.xhtml", AGAIN),
    ("climbing-item.epub", renamed(b"2.xhtml", b"../../2.xhtml"), "its spine names ../../2.xhtml", AGAIN),
    ("climbing.epub", epub_with({"../../evil.xhtml": b"x"}), "'../../evil.xhtml' points out of the book", ELSEWHERE),
    ("rooted.epub", epub_with({"/etc/evil": b"x"}), "'/etc/evil' points out of the book", ELSEWHERE),
    ("drive.epub", epub_with({"C:/evil": b"x"}), "'C:/evil' points out of the book", ELSEWHERE),
    ("protected.epub", epub_with({"META-INF/encryption.xml": PROTECTED}), "protected (DRM)", "ask its publisher"),
    ("rights.epub", epub_with({"META-INF/rights.xml": b"<rights/>"}), "protected (DRM)", "ask its publisher"),
    ("unclear.epub", epub_with({"META-INF/encryption.xml": b"<a"}), "encryption.xml cannot be read", AGAIN),
    ("password.epub", flag_as_encrypted, "container is encrypted", "unpack it with its password"),
    ("bomb.epub", bomb("OPS/2.xhtml", mebibytes=10_240, declared=10_240 * MEBIBYTE), "over 2 GiB", ELSEWHERE),
    ("small-bomb.epub", bomb("OPS/2.xhtml", mebibytes=1000, declared=1000 * MEBIBYTE), "1000 MiB", ELSEWHERE),
    ("dense-bomb.epub", bomb("OPS/2.xhtml", mebibytes=100, declared=100 * MEBIBYTE), "100 MiB", ELSEWHERE),
    ("bombs.epub", bomb("OPS/2.xhtml", mebibytes=15, declared=15 * MEBIBYTE, copies=140), "over 2 GiB", ELSEWHERE),
    ("liar.epub", bomb("OPS/2.xhtml", mebibytes=1024, declared=1000), DAMAGED, "fetch it again"),
    ("lying-package.epub", bomb("OPS/book.opf", mebibytes=1024, declared=1000), DAMAGED, "fetch it again"),
    ("lying-container.epub", bomb("META-INF/container.xml", mebibytes=1024, declared=1000), DAMAGED, "fetch it again"),
    ("wordless.epub", Epub({"1.xhtml": "<hr/><p>* * *</p>"}).bind, "no words to speak", RIGHT_FILE),
    ("around.epub", Epub({"1.xhtml": "<section epub:type='cover'>A</section>"}).bind, "no words to speak", RIGHT_FILE),
    ("locked.pdf", locked_pdf, "locked with a password", "save a copy without one"),
    ("scan.pdf", lambda path: Image.new("RGB", (9, 9)).save(path), "page 1: a picture without text", "OCR"),
    ("truncated.pdf", cut("tuppence-a-window.pdf", 9_000), "cut short", "get the whole file"),
    ("text.pdf", text(b"Words."), "is no PDF", RIGHT_FILE),
    ("latin.md", text(b"One.\nTw\xf6."), "no UTF-8 at byte 7, line 2", "save it as UTF-8"),
    ("wordless.md", text(b"* * *\n\n-- ! --\n"), "no words to speak", RIGHT_FILE),
)


@pytest.mark.parametrize("row", SOURCES, ids=[row[0] for row in SOURCES])
def test_a_source_that_cannot_be_read_is_refused(
    refused: Callable[..., Refusal], tmp_path: Path, row: tuple[str, Make, str, str]
) -> None:
    name, make, wrong, advice = row
    source = tmp_path / name
    make(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refusal = refused(source)
    assert refusal.code == 3
    assert name in refusal.line
    assert wrong in refusal.line
    assert advice in refusal.line.partition(wrong)[2]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024, "kibibytes of memory"


# A profile, what is named of it, and what is said of it; README.md and the listed names are what to do.
PROFILES = (
    ("[voice]\ntone = 'warm'", "[voice] tone", "there is no such key; README.md lists those that there are"),
    ("[vioce]\nname = 'x'", "[vioce]", "there is no such key; README.md lists those that there are"),
    ("[voice]\nprovider = 'nobody'", "nobody", "piper"),
    ("[voice]\napi_key_env = 'DECLAIM_NO_KEY'", "[voice] api_key_env", "DECLAIM_NO_KEY is not set; put the key in it"),
    ("[limits]\nconcurrency = 'many'", "[limits] concurrency", "integer"),
    ("[text]\nread = ['everything']", "[text] read", "'footnotes', 'tables', 'code' or 'captions'"),
    ("[voice\nprovider = 1", "is not TOML", "line 1"),
    ("[voice]\nprovider = \x00", "is not TOML", "line 2"),
)


@pytest.mark.parametrize(("profile", "named", "said"), PROFILES, ids=[row[0].replace("\n", " ") for row in PROFILES])
def test_a_profile_that_asks_for_what_cannot_be_is_refused(
    refused: Callable[..., Refusal], tmp_path: Path, profile: str, named: str, said: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(profile)
    refusal = refused(SAMPLES / "tuppence-a-window.md", "--profile", str(path))
    assert refusal.code == 2
    assert named in refusal.line
    assert said in refusal.line


# The voice of a profile whose service would answer, what is named of it, and what is said of it.
AIMLAPI = 'provider = "aimlapi"\n'
AURA = f'{AIMLAPI}model = "#g1_aura-2-helena-en"\n'
AURALIS = 'provider = "auralis"\n'
VOICES = (
    (
        f'{AIMLAPI}model = "#g1_aura-9-nobody-en"',
        "[voice] model: there is no '#g1_aura-9-nobody-en'",
        "choose for example",
    ),
    (f'{AIMLAPI}model = "openai/tts-1"\nname = "bob"', "openai/tts-1 has no voice 'bob'", "choose alloy"),
    (f'{AIMLAPI}model = "hume/octave-2"\nname = "bob"', "hume/octave-2 has no voice 'bob'", "choose"),
    (f'{AURA}[voice.options]\nencoding = "ogg"', "[voice.options] encoding", "'linear16'"),
    (f'{AURA}[voice.options]\nencoding = "mp3"\nsample_rate = 48000', "mp3 has no sample_rate 48000", "choose 22050"),
    (f"{AURA}price_per_1000_characters = -0.01", "[voice] price_per_1000_characters", "greater than or equal to 0"),
    (f'{AURA}base_url = "speech.example"', "[voice] base_url: ", "speech.example is no URL; give one like https://"),
    (f'{AURA}base_url = "ftp://speech.example/v1"', "[voice] base_url: ", "is no URL; give one like https://"),
    (f'{AURA}base_url = "https://me:word@speech.example"', "it holds a password", "name that in api_key_env"),
    (f"{AURA}[limits]\nbudget_usd = 5", "[limits] budget_usd", "set its price_per_1000_characters"),
    (AURALIS, "[voice] reference_audio", "name one or more recordings of 6 to 60 s"),
    (f'{AURALIS}reference_audio = ["gone.wav"]', "[voice] reference_audio: ", "gone.wav cannot be read"),
    (f'{AURALIS}reference_audio = ["short.wav"]', "short.wav", "lasts 3.0 s; give 6 to 60 s of speech"),
    (f'{AURALIS}reference_audio = ["long.wav"]', "long.wav", "lasts 61.0 s; give 6 to 60 s of speech"),
    (f'{AURALIS}reference_audio = ["silent.wav"]', "silent.wav", "is silent; give 6 to 60 s of speech"),
    (f'{AURALIS}reference_audio = ["text.wav"]', "text.wav", "sound"),
    ('provider = "openai"', "[voice] model", "name the service's model"),
)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with recordings that are too short, too long, silent, and none at all."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, seconds, level in (("short", 3, 3_000), ("long", 61, 3_000), ("silent", 7, 0)):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(np.random.default_rng(1).normal(0, level, seconds * 16_000).astype("<i2").tobytes())
    (folder / "text.wav").write_text("It was the best of times. " * 500, "utf-8")
    return folder


@pytest.mark.parametrize(("voice", "named", "said"), VOICES, ids=[f"{row[1]} {row[2]}" for row in VOICES])
def test_a_voice_that_cannot_be_is_refused_before_any_request(
    refused: Callable[..., Refusal], recordings: Path, voice: str, named: str, said: str
) -> None:
    with Service() as service:
        address = "" if "base_url" in voice else f'base_url = "{service.url}/v1"\n'
        path = recordings / "mine.toml"
        path.write_text(f"[voice]\n{address}{voice}\n", "utf-8")
        refusal = refused(SAMPLES / "tuppence-a-window.md", "--profile", str(path))
        assert service.seen == []
    assert refusal.code == 2
    assert named in refusal.line
    assert said in refusal.line


# Arguments, and what is named and said of them.
ARGUMENTS = (
    ("--set limits.concurrency", "--set limits.concurrency:", "give it as section.key=value"),
    ("--set concurrency=4", "--set concurrency=4:", "give it as section.key=value"),
    ("--set =4", "--set =4:", "give it as section.key=value"),
    ("--set voice.tone=warm", "[voice] tone", "there is no such key"),
    ("--set voice.provider=nobody", "nobody", "piper"),
    ("--set voice.provider.name=x", "voice.provider.name=x", "is no section"),
    ("--profile nobody", "no profile 'nobody'", "openai, piper or give the path"),
    ("--profile gone/mine.toml", "gone/mine.toml", "there is no such profile file"),
    ("--chapters 4", "--chapters 4: 4 is out of range", "the book has chapters 1 to 3"),
    ("--chapters 0", "--chapters 0: 0 is out of range", "the book has chapters 1 to 3"),
    ("--chapters 2-9", "--chapters 2-9: 2-9 is out of range", "the book has chapters 1 to 3"),
    ("--chapters 3-1", "--chapters 3-1: 3-1 is out of range", "the book has chapters 1 to 3"),
    ("--chapters 1,7", "--chapters 1,7: 7 is out of range", "the book has chapters 1 to 3"),
    ("--chapters one", "--chapters one:", "give numbers and ranges"),
    ("--chapters 1-", "--chapters 1-:", "give numbers and ranges"),
    ("--chapters=-1", "--chapters -1:", "give numbers and ranges"),
    ("--chapters 1,,2", "--chapters 1,,2:", "give numbers and ranges"),
    ("--chapters 1.5", "--chapters 1.5:", "give numbers and ranges"),
    ("--chapters ²", "--chapters ²:", "give numbers and ranges"),
)


@pytest.mark.parametrize(("arguments", "named", "said"), ARGUMENTS, ids=[row[0] for row in ARGUMENTS])
def test_arguments_that_ask_for_what_cannot_be_are_refused(
    refused: Callable[..., Refusal], arguments: str, named: str, said: str
) -> None:
    refusal = refused(SAMPLES / "tuppence-a-window.md", *arguments.split())
    assert refusal.code == 2
    assert named in refusal.line
    assert said in refusal.line


@pytest.mark.parametrize(
    "arguments", ["", "plan", "narrate", "sing a.md", "plan a.md --loud", "voices a.md", "plan a b"]
)
def test_a_command_line_that_makes_no_sense_is_a_usage_error(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        flows.cli.main(arguments.split())
    assert stopped.value.code == 2
    said, complaint = capsys.readouterr()
    assert said == ""
    assert complaint.startswith("usage: declaim")
    assert complaint.splitlines()[-1].startswith("declaim")


def planned(source: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """Plan a book that can be read with doubt; give all that is planned of it, and the warnings."""
    assert flows.cli.main(["plan", str(source), "--json", "--set", f"store.url={source.parent / 'store'}"]) == 0
    said, complaint = capsys.readouterr()
    json.loads(said)
    return said, complaint.splitlines()


def test_a_malformed_document_is_read_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = replace(BOOK, documents={**BOOK.documents, "2.xhtml": "<p>Two\n<b>and</p>\n<p>three &"}).bind(
        tmp_path / "a.epub"
    )
    plan, warnings = planned(path, capsys)
    assert [
        text for chapter in json.loads(plan)["chapters"] for chunk in chapter["chunks"] for text in chunk["sentences"]
    ][-2:] == ["Two and", "three &"]
    assert len(warnings) == 1
    assert warnings[0].startswith("declaim: warning: 2.xhtml: line 5: not well-formed")


def declaring(declarations: str, document: bytes, old: bytes, new: bytes) -> bytes:
    """Put declarations before a document, and a reference into it."""
    document = document.partition(b"?>")[2] or document
    assert old in document
    return f"<!DOCTYPE any [{declarations}]>".encode() + document.replace(old, new, 1)


# Where the entity stands, in place of what, and how a run ends where it would grow without bounds.
ENTITIES = (
    ("OPS/1.xhtml", b"One.", 0),
    ("OPS/nav.xhtml", b"What is in it", 0),
    ("OPS/book.opf", b"The Book", 3),
    ("META-INF/container.xml", b"</container>", 3),
)


@pytest.mark.parametrize("place", ENTITIES, ids=[row[0] for row in ENTITIES])
@pytest.mark.parametrize("kind", ["external", "parameter", "laughs"])
def test_an_entity_brings_nothing_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: tuple[str, bytes, int], kind: str
) -> None:
    name, old, code_of_growth = place
    secret = tmp_path / "secret.txt"
    secret.write_text("root:x:0:0")
    declarations = {
        "external": f"<!ENTITY l9 SYSTEM '{secret.as_uri()}'>",
        "parameter": f"<!ENTITY % all SYSTEM '{secret.as_uri()}'> %all; <!ENTITY l9 'l'>",
        "laughs": LAUGHS,
    }[kind]
    path = tmp_path / "a.epub"
    new = b"&l9;" + old if old.startswith(b"<") else b"&l9;"
    epub_with({name: declaring(declarations, BOOK.entries()[name], old, new)})(path)
    code = flows.cli.main(["plan", str(path), "--json", "--set", f"store.url={tmp_path / 'store'}"])
    said, complaint = capsys.readouterr()
    assert code == (code_of_growth if kind == "laughs" else 0)
    assert "root:x" not in said + complaint
    assert len(said) < 10_000
    assert complaint.count("\n") == (1 if code or name == "OPS/1.xhtml" else 0)


def test_what_a_document_declares_cannot_lead_out_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<p>root:x:0:0</p>")
    include = f"<x:include xmlns:x='http://www.w3.org/2001/XInclude' href='{secret.as_uri()}'/>"
    document = f"<?xml version='1.0'?><html {XHTML}><body><p>One.</p>{include}</body></html>"
    plan, _ = planned(Epub({"1.xhtml": document}).bind(tmp_path / "a.epub"), capsys)
    assert "root:x" not in plan
