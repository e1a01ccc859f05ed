"""The report as a browser reads it: nothing of the book's is markup, and every figure and link in it is true."""

import json
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from lxml import html

from tasks.model import (
    Block,
    BlockKind,
    Book,
    Chapter,
    Clip,
    Cost,
    Curve,
    Failure,
    Identity,
    Levels,
    Recital,
    Script,
    Track,
    Voiced,
)
from tasks.packagers import OutputSettings
from tasks.packagers.accounts import Account, Performance
from tasks.packagers.plain import chapter_title, plain
from tasks.packagers.report.remarks import opening
from tasks.publish import publish
from tests.packagers.publications import DISCLOSURE, HOSTILE, cover, mp3_of, part

VOICE = Identity("pip<er", "joe & co", "", (("speed", '"<1>"'),), 1)
CURVE = Curve(0.1, (0.0, 0.2, 0.7, 0.1, 1.0, 0.3), (None, -19.0, -18.2, -60.0, 3.0, -25.5))
LEVELS = Levels(-19.04, -20.1, -3.2, -75.0)
NOTES = tuple(Block(BlockKind.PARAGRAPH, f"Note {n} <b>", f"n#{n}", left_out="footnotes") for n in range(400))
WITHOUT_END = {"meta", "img"}
Page = Any


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return mp3_of(tmp_path_factory.mktemp("encoded"))


def performance(number: int, title: str, encoded: dict[str, Path], *, fails: bool = False) -> Performance:
    made = part(number, title, [title or "It was late."], encoded=encoded)
    script = replace(made.script, left_out=NOTES if number == 1 else ())
    cost = Cost(1 + number % 3, 0.01234 * number, usd_charged=None)
    voiced = tuple(Voiced(chunk, Clip("key", Path("clip.wav"), 1.0, 22_050), VOICE, cost) for chunk in script.chunks)
    if fails:
        failure = Failure(number, f"{number}.0", 'refused: "<script>alert(1)</script>"\nand more', cost)
        return Performance(Recital(script, (), (failure,)), None)
    track: Track = replace(made.track, levels=LEVELS, head=0.75, tail=0.4, curve=CURVE)
    return Performance(Recital(script, voiced), track)


def published(
    folder: Path,
    performances: tuple[Performance, ...],
    editions: tuple[str, ...] = ("mp3", "captions"),
    title: str = "T",
) -> Path:
    source = folder / "book.md"
    source.write_text("", "utf-8")
    chapters = tuple(Chapter(it.recital.script.number, it.recital.script.title, ()) for it in performances)
    book = Book(title, HOSTILE, "he", chapters, NOTES[:2], cover("png"), warnings=HOSTILE)
    account = Account(source, "ab" * 32, {"audio": {"preset": "acx"}}, book, performances, ())
    settings = OutputSettings.model_validate({"editions": editions, "disclosure": DISCLOSURE})
    publish(account, settings, "Joe, <Ann>", folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, encoded: dict[str, Path]) -> Path:
    performances = tuple(performance(number, title, encoded) for number, title in enumerate(HOSTILE, start=1))
    return published(tmp_path_factory.mktemp("book"), performances, title=HOSTILE[5])


def read(out: Path) -> Page:
    return html.document_fromstring((out / "report.html").read_text("utf-8"))


class Nesting(HTMLParser):
    """Takes down what is open, and fails at an end that is not that of the innermost."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.open += [] if tag in WITHOUT_END else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_element_ends_and_every_id_is_one_of_a_kind(out: Path) -> None:
    nesting = Nesting()
    nesting.feed((out / "report.html").read_text("utf-8"))
    nesting.close()
    assert nesting.open == []
    ids = read(out).xpath("//@id")
    assert len(ids) == len(set(ids)) > len(HOSTILE)
    labels = read(out).xpath("//@aria-labelledby")
    assert set(labels) <= set(ids)


def test_every_link_leads_to_something_and_nothing_comes_from_elsewhere(out: Path) -> None:
    page = read(out)
    targets = [*page.xpath("//@href"), *page.xpath("//audio/@src")]
    assert len(targets) > 3 * len(HOSTILE)
    for target in targets:
        if target.startswith("#"):
            assert page.get_element_by_id(target[1:]) is not None
        else:
            assert (out / unquote(target)).resolve().is_relative_to(out.resolve())
            assert (out / unquote(target)).is_file(), target
    assert [src[:22] for src in page.xpath("//img/@src")] == ["data:image/png;base64,"]
    assert [policy.split(";")[0] for policy in page.xpath("//meta[@http-equiv]/@content")] == ["default-src 'none'"]
    assert page.xpath("//@style") == []


def test_every_chapter_has_its_title_its_player_and_its_drawing(out: Path) -> None:
    articles = read(out).xpath("//article")
    assert [it.find("h3/bdi").text for it in articles] == [
        chapter_title(number, title) for number, title in enumerate(HOSTILE, start=1)
    ]
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    paths = [row["path"] for row in manifest["editions"] if row["kind"] == "mp3"]
    assert [unquote(it.find("audio").get("src")) for it in articles] == paths
    assert {it.find("audio").get("preload") for it in articles} == {"none"}
    for it in articles:
        assert it.xpath(".//svg[@role='img']/@aria-label")[0].startswith("Waveform and loudness of ")
        assert it.xpath(".//text[@class='limit']/text()") == ["limit −3 dB"]
        assert it.xpath(".//text[@class='target']/text()") == ["target −19"]


def test_a_books_own_words_are_words(out: Path) -> None:
    page = read(out)
    assert [it.text for it in page.xpath("//section[@id='warnings']//bdi")] == [plain(it) or None for it in HOSTILE]
    authors = [it.text for it in page.xpath("//p[@class='authors']/bdi")]
    assert authors == [plain(it) for it in HOSTILE if plain(it)]
    assert page.find(".//h1/bdi").text == plain(HOSTILE[5])
    assert page.xpath("//h1/bdi/@lang") == ["he"]
    assert len(page.xpath("//script")) == 1
    assert page.xpath("//b | //i | //body//title") == []
    retried = page.xpath("//section[@id='retried']//td[2]/bdi/text()")
    expected = [opening(it) for number, it in enumerate(HOSTILE, start=1) if number % 3 and it]
    assert set(filter(None, expected)) <= set(retried)


def test_every_figure_is_the_manifests(out: Path) -> None:
    manifest, page = json.loads((out / "manifest.json").read_text("utf-8")), read(out)
    names = {
        "Length": "seconds",
        "Chapters": "chapters",
        "Characters": "characters",
        "Passages": "clips",
        "Cost": "usd",
        "Requests": "requests",
        "From the store": "cached",
        "Retries": "retries",
        "Damaged clips": "damaged",
    }
    rows = [
        (page.find(".//header"), manifest["totals"]),
        *zip(page.xpath("//article"), manifest["chapters"], strict=True),
    ]
    for place, row in rows:
        for pair in place.xpath(".//dl/div"):
            name = names.get(pair.findtext("dt"))
            if name:
                assert pair.xpath("string(dd/data/@value)") == f"{row[name]}"
    cells = [it.xpath(".//td/data/@value") for it in page.xpath("//section[@id='chapters']/div//tbody/tr")]
    columns = ("seconds", "lufs", "rms_db", "peak_db", "noise_floor_db", "characters", "usd", "retries")
    assert cells == [[f"{row[name]}" for name in columns] for row in manifest["chapters"]]


def test_a_figure_that_fails_is_told_in_a_word(out: Path) -> None:
    rows = read(out).xpath("//article[1]//table/tbody/tr")
    told = {row.findtext("th"): [cell.text_content() for cell in row.findall("td")] for row in rows}
    assert told["loudness"] == ["−19.04 LUFS", "−19 ± 0.3 LUFS", "✓ pass"]
    assert told["tail"] == ["0.40 s", "1 to 5 s", "✗ fail"]


def test_headings_go_down_by_one(out: Path) -> None:
    levels = [int(it.tag[1]) for it in read(out).xpath("//h1 | //h2 | //h3 | //h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_is_left_out_is_counted_and_a_long_list_is_cut(out: Path) -> None:
    (footnotes,) = read(out).xpath("//section[@id='left-out']/details")
    assert footnotes.findtext("summary") == "footnotes: 402 passages"
    entries = footnotes.findall("ul/li")
    assert len(entries) == 300
    assert entries[0].findtext("bdi") == "Note 0 <b>"
    assert footnotes.findtext("p") == "and 102 more"


def test_the_same_run_has_the_same_page(tmp_path: Path, encoded: dict[str, Path]) -> None:
    pages = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folder = published(tmp_path / name, (performance(1, "I", encoded),), ("mp3",))
        pages.append((folder / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_chapter_that_failed_is_told_with_its_error(tmp_path: Path, encoded: dict[str, Path]) -> None:
    folder = published(tmp_path, (performance(1, "I", encoded), performance(2, "II", encoded, fails=True)))
    page = read(folder)
    assert page.find(".//h1/bdi").text == "T"
    assert page.find(".//h1").text_content() == "T (partial, 1 of 2 chapters)"
    assert len(page.xpath("//audio")) == 1
    assert "not finished: 1 of 1 passage" in page.xpath("//article[2]/p")[0].text
    (error,) = page.xpath("//section[@id='retried']//tr[th='2']//td[3]/bdi/text()")
    assert error == 'refused: "<script>alert(1)</script>" and more'
    assert page.xpath("//header//dt[.='Length']/../dd/text()") == ["unknown"]


@pytest.mark.parametrize(("editions", "why"), [(("captions",), "no MP3 edition"), ((), "no edition was made")])
def test_without_mp3s_there_is_no_player_and_the_page_says_so(
    tmp_path: Path, encoded: dict[str, Path], editions: tuple[str, ...], why: str
) -> None:
    page = read(published(tmp_path, (performance(1, "I", encoded),), editions))
    assert page.xpath("//audio") == []
    assert why in page.xpath("//article/p")[0].text


def test_a_chapter_without_words_and_a_book_without_chapters_have_pages(tmp_path: Path) -> None:
    silent = Performance(Recital(Script(1, "Blank", (), ()), ()), None)
    assert "no words" in read(published(tmp_path, (silent,))).xpath("//article/p")[0].text
    assert read(published(tmp_path, ())).xpath("//article") == []


def test_a_report_is_replaced_with_the_rest_and_a_guest_stays(tmp_path: Path, encoded: dict[str, Path]) -> None:
    published(tmp_path, (performance(1, "I", encoded),))
    (tmp_path / "out" / "mine.html").write_text("mine", "utf-8")
    folder = published(tmp_path, (performance(1, "Another", encoded),))
    assert [it.text for it in read(folder).xpath("//h3/bdi")] == ["Another"]
    assert {path.name for path in folder.glob("*.html")} == {"report.html", "mine.html"}
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert "report.html" not in {row["path"] for row in manifest["editions"]}


def test_a_browser_takes_the_style_and_the_script_that_the_page_allows(out: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not here")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run([*command, (out / "report.html").as_uri()], capture_output=True, text=True, check=True)
    page = html.document_fromstring(done.stdout)
    # The script has run: every drawing that can be clicked says so.
    drawings = page.xpath("//svg[@role='img']/@class")
    assert drawings == ["curves playable"] * len(HOSTILE)
    assert "Content Security Policy" not in done.stderr
    assert "CONSOLE" not in done.stderr
