import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.packagers.captions import cues, srt, vtt, write_captions
from tasks.packagers.plain import plain
from tests.packagers.publications import DISCLOSURE, HOSTILE, SECONDS, part, publication

TEXTS = st.text(st.characters(), max_size=120) | st.text("ab <>&-\n\r{}\\/:,0123", max_size=120)
TIMES = st.tuples(st.floats(-1, 9), st.floats(-1, 9))


def unbroken(text: str) -> str:
    """Leave out white space: lines may be broken within a word that is longer than a line."""
    return re.sub(r"\s", "", text)


@given(st.lists(st.tuples(TEXTS, TIMES), max_size=30), st.floats(0.001, 8))
@example([("a", (0.0, 0.0))] * 30, 0.5)
@example([("a", (0.5, 0.5))] * 30, 0.5)
@example([("a", (0.0, 0.5)), ("b", (0.0, 0.5))], 0.5)
def test_cues_are_ordered_and_apart_and_in_the_track(
    said: list[tuple[str, tuple[float, float]]], seconds: float
) -> None:
    sentences, times = [text for text, _ in said], [time for _, time in said]
    made = list(cues(part(1, "I", sentences, times=times, seconds=seconds)))
    ends = [0, *(cue.end for cue in made)]
    assert all(before <= cue.start < cue.end for before, cue in zip(ends, made, strict=False))
    assert ends[-1] <= max(int(seconds * 1000), len(made))
    assert [unbroken("".join(cue.lines)) for cue in made] == [
        unbroken(plain(text)) for text in sentences if plain(text)
    ]
    assert all(0 < len(line) <= 42 for cue in made for line in cue.lines)


def test_times_are_rounded_to_milliseconds() -> None:
    times = [(0.0104, 1.0006), (1.0006, 3723.4567)]
    made = part(1, "I", ("A.", "B."), times=times, seconds=4000)
    assert [(cue.start, cue.end) for cue in cues(made)] == [(10, 1001), (1001, 3_723_457)]
    assert "00:00:01.001 --> 01:02:03.457\nB." in vtt(publication(made), made)
    assert "2\n00:00:01,001 --> 01:02:03,457\nB." in srt(made)


def test_a_long_sentence_is_broken_at_spaces() -> None:
    text = "The harbour lay well-protected behind the long grey wall that the old men had built."
    (cue,) = cues(part(1, "I", (text,)))
    assert " ".join(cue.lines) == text
    assert cue.lines[0] == "The harbour lay well-protected behind the"


def test_a_script_without_spaces_is_broken_too() -> None:
    (cue,) = cues(part(1, "I", ("海" * 100,)))
    assert [len(line) for line in cue.lines] == [42, 42, 16]


def test_a_no_break_space_is_kept() -> None:
    (cue,) = cues(part(1, "I", ("« Oui »".replace(" ", "\u00a0"),)))
    assert cue.lines == ("«\u00a0Oui\u00a0»",)


def test_a_chapter_is_a_pair_of_files(tmp_path: Path) -> None:
    book = publication(part(1, "I"), part(3, "III"), chapters=120)
    editions = write_captions(book, tmp_path)
    assert [(edition.kind, edition.path) for edition in editions] == [
        ("captions", f"captions/{name}") for name in ("001.vtt", "001.srt", "003.vtt", "003.srt")
    ]
    assert all((tmp_path / edition.path).is_file() for edition in editions)
    assert (tmp_path / "captions/003.vtt").read_text("utf-8") == (
        "WEBVTT\n\nNOTE\nŪber / Time (partial, 2 of 120 chapters)\nIII\nNot a person, but Joe. Made with Declaim.\n\n"
        f"00:00:00.000 --> 00:00:00.{int(SECONDS * 1000)}\nIt was late.\n"
    )


@pytest.mark.parametrize(("total", "name"), [(1, "01"), (99, "01"), (1_000, "0001")])
def test_numbers_are_as_wide_as_the_book_needs(tmp_path: Path, total: int, name: str) -> None:
    editions = write_captions(publication(part(1, "I"), chapters=total), tmp_path)
    assert editions[0].path == f"captions/{name}.vtt"


def test_a_chapter_without_sentences_has_captions_without_cues(tmp_path: Path) -> None:
    write_captions(publication(part(1, "I", ())), tmp_path)
    assert (tmp_path / "captions/01.srt").read_text("utf-8") == ""
    assert "-->" not in (tmp_path / "captions/01.vtt").read_text("utf-8")


@given(TEXTS, TEXTS)
@example("-->", "--->\n\n00:00.000 --> 00:01.000\nx")
def test_no_title_breaks_the_note(title: str, chapter: str) -> None:
    made = part(1, chapter, ())
    head, note = vtt(publication(made, title=title), made).split("\n\n")
    assert head == "WEBVTT"
    assert note.startswith("NOTE\n")
    assert note.endswith(f"\n{DISCLOSURE} Made with Declaim.\n")
    assert "-->" not in note


@given(st.lists(TEXTS, max_size=8))
@example(list(HOSTILE))
def test_another_reader_of_webvtt_reads_the_same(sentences: list[str]) -> None:
    webvtt = pytest.importorskip("webvtt")
    made = part(1, "I", sentences, seconds=60)
    read = list(webvtt.from_buffer(io.StringIO(vtt(publication(made), made))))
    expected = list(cues(made))
    escaped = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
    texts = [re.sub("&(lt|gt|amp);", lambda found: escaped[found[0]], caption.raw_text) for caption in read]
    assert texts == ["\n".join(cue.lines) for cue in expected]


@given(st.lists(TEXTS, max_size=8))
@example(list(HOSTILE))
def test_another_reader_of_both_reads_the_same_times(sentences: list[str]) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    made = part(1, "I", sentences, seconds=60)
    expected = [(cue.start, cue.end) for cue in cues(made)]
    for kind, text in (("vtt", vtt(publication(made), made)), ("srt", srt(made))):
        read = pysubs2.SSAFile.from_string(text, format_=kind)
        assert [(event.start, event.end) for event in read] == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_another_reader_of_subrip_shows_what_is_said(text: str) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    made = part(1, "I", ("Before.", text, "After."))
    read = [event.text.replace("\\N", " ") for event in pysubs2.SSAFile.from_string(srt(made), format_="srt")]
    shown = [unbroken(line.replace("\u2060", "").replace("\N{RIGHTWARDS ARROW}", "-->")) for line in read]
    assert shown == [unbroken(plain(line)) for line in ("Before.", text, "After.") if plain(line)]


def test_text_is_never_markup() -> None:
    made = part(1, "I", ("<i>Tom & Jerry</i> --> here", "{\\an8}x", "00:00:01,000 --> 00:00:02,000"))
    assert "\n&lt;i&gt;Tom &amp; Jerry&lt;/i&gt; --&gt; here\n" in vtt(publication(made), made)
    subrip = srt(made)
    assert "\n<\u2060i>Tom & Jerry<\u2060/i> \N{RIGHTWARDS ARROW} here\n" in subrip
    assert "\n{\u2060\\an8}x\n" in subrip
    assert subrip.count("-->") == 3
    assert len(re.findall(r"^\d\d:\d\d:\d\d,\d{3}", subrip, re.MULTILINE)) == 3
