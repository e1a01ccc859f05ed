"""The chapters: all of them in a table, then each with its sound."""

from math import log10
from urllib.parse import quote

from tasks.model import Curve, Track
from tasks.packagers.plain import chapter_title
from tasks.packagers.report.drawing import drawing
from tasks.packagers.report.markup import Markup, element, joined, words
from tasks.packagers.report.tables import check_table, table, tally, terms
from tasks.packagers.report.values import Report, ReportedChapter
from tasks.packagers.report.wording import clock, counted, dollars, length, level, plural, signed

_HEADS = ("Chapter", "Length", "Loudness", "RMS", "Peak", "Noise floor", "Characters", "Cost", "Retries", "Check")
_CODECS = {"mp3": "MP3", "aac": "AAC", "flac": "FLAC"}


def overview(report: Report) -> Markup:
    """Show all chapters in a table, with a link to each."""
    rows = [
        (
            joined([_ordinal(chapter), " ", element("a", _name(chapter, report), href=f"#{_id(chapter)}")]),
            length(chapter.row["seconds"]),
            level(chapter.row["lufs"], "LUFS"),
            level(chapter.row["rms_db"], "dB"),
            level(chapter.row["peak_db"], "dB"),
            level(chapter.row["noise_floor_db"], "dB"),
            counted(chapter.row["characters"]),
            dollars(chapter.row["usd"]),
            counted(chapter.row["retries"]),
            tally(chapter.figures),
        )
        for chapter in report.chapters
    ]
    return table("All chapters at a glance", _HEADS, rows, range(1, 9))


def article(chapter: ReportedChapter, report: Report) -> Markup:
    """Show a chapter: its player, its curve, its figures and their check."""
    return element(
        "article",
        element("h3", _ordinal(chapter), " ", _name(chapter, report), id=f"{_id(chapter)}-title"),
        _player(chapter, report),
        _figure(chapter, report),
        element("div", _facts(chapter), _check(chapter), class_="columns"),
        id=_id(chapter),
        aria_labelledby=f"{_id(chapter)}-title",
    )


def _id(chapter: ReportedChapter) -> str:
    return f"chapter-{chapter.row['number']}"


def _plain_title(chapter: ReportedChapter) -> str:
    return chapter_title(chapter.row["number"], chapter.row["title"])


def _ordinal(chapter: ReportedChapter) -> Markup:
    return element("span", str(chapter.row["number"]), class_="ordinal")


def _name(chapter: ReportedChapter, report: Report) -> Markup:
    return words(_plain_title(chapter), report.language)


def _player(chapter: ReportedChapter, report: Report) -> Markup:
    if chapter.mp3:
        label = f"Chapter {chapter.row['number']}: {_plain_title(chapter)}"
        return element("audio", controls=True, preload="none", src=quote(chapter.mp3), aria_label=label)
    return element("p", _why_silent(chapter, report), class_="silent")


def _why_silent(chapter: ReportedChapter, report: Report) -> str:
    script, spoken = chapter.performance.recital.script, len(chapter.performance.recital.voiced)
    if not script.chunks:
        return "There are no words to speak in this chapter."
    if chapter.performance.is_missing:
        missing = len(script.chunks) - spoken
        return (
            f"This chapter is not finished: {missing:,} of {plural(len(script.chunks), 'passage')} could not be spoken."
        )
    if not report.account.editions:
        return "This chapter is spoken; no edition was made of it."
    return "There is no MP3 edition, so there is nothing to play here."


def _figure(chapter: ReportedChapter, report: Report) -> Markup:
    track = chapter.performance.track
    if track is None or track.curve is None:
        return Markup()
    caption = f"Waveform (highest peaks), and short-term loudness over {_part(track.curve)}"
    return element(
        "figure",
        drawing(track.curve, track.seconds, report.checked, _told(track, track.curve, report)),
        element("figcaption", f"{caption}, of the {_codec(track)} as it was encoded."),
    )


def _part(curve: Curve) -> str:
    return f"3 s, every {curve.seconds:g} s"


def _codec(track: Track) -> str:
    codec = next(iter(track.encoded), "")
    return _CODECS.get(codec, codec)


def _told(track: Track, curve: Curve, report: Report) -> str:
    """Put the curve into words: where it is loudest, and how far it goes."""
    peak = max(curve.peaks)
    place = curve.peaks.index(peak) * curve.seconds
    lufs = [it for it in curve.loudness if it is not None]
    peaks = f"the highest peak is {20 * log10(peak):.1f} dB at {clock(place)}" if peak > 0 else "there is no sound"
    loudness = f", the loudest 3 s have {max(lufs):.1f} LUFS" if lufs else ""
    aims = f"the limit of peaks is {report.checked.peak_dbfs:g} dB, the target {report.checked.loudness_lufs:g} LUFS"
    return signed(f"Waveform and loudness of {clock(track.seconds)}: {peaks}{loudness}; {aims}.")


def _facts(chapter: ReportedChapter) -> Markup:
    row = chapter.row
    rows = [
        ("Length", length(row["seconds"])),
        ("Characters", counted(row["characters"])),
        ("Passages", counted(row["clips"])),
        ("Cost", dollars(row["usd"])),
        ("Requests", counted(row["requests"])),
        ("From the store", counted(row["cached"])),
        ("Retries", counted(row["retries"])),
        ("Damaged clips", counted(row["damaged"])),
    ]
    return terms(rows)


def _check(chapter: ReportedChapter) -> Markup:
    if not chapter.figures:
        return element("p", "Nothing of this chapter was measured.", class_="silent")
    return check_table(f"Check of chapter {chapter.row['number']}", chapter.figures)
