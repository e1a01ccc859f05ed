"""The book as a whole: its cover and names, its totals, its editions, its voices."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import quote

from tasks.model import Edition
from tasks.packagers.plain import plain
from tasks.packagers.report.markup import Markup, element, joined, words
from tasks.packagers.report.tables import folded, table, tally, terms
from tasks.packagers.report.values import Report
from tasks.packagers.report.wording import counted, dollars, length, plural

_KINDS = {
    "manuscript": "Text, as it was retold",
    "mp3": "MP3, a file a chapter",
    "m4b": "M4B audiobook",
    "captions": "Captions",
    "readalong": "Read-along EPUB",
    "webpub": "W3C Audiobook",
    "audiobookshelf": "Audiobookshelf",
    "feed": "Feed",
    "acx": "ACX",
    "flac": "FLAC, a file a chapter",
}
_SHOWN_EDITIONS = 4
_MOST_EDITIONS = 1_000


def header(report: Report) -> Markup:
    """Show the cover, the title and who made the book, then what the run comes to."""
    publication = report.publication
    name = plain(report.account.book.title) or "Untitled"
    people = [
        element("p", _names(publication.authors, report.language), class_="authors") if publication.authors else "",
        element("p", "Narrated by ", _names(publication.narrators, ""), class_="narrator")
        if publication.narrators
        else "",
        element("p", words(plain(report.account.book.description), report.language))
        if plain(report.account.book.description)
        else "",
        element("p", words(publication.credit), class_="disclosure"),
        *_retelling(report),
        element("p", _state(report), class_="state"),
    ]
    title = element("h1", words(name, report.language), publication.partial_note)
    about = element("div", element("p", "Narration report", class_="kicker"), title, *people)
    return element("header", element("div", _cover(report), about, class_="title"), _totals(report))


def _retelling(report: Report) -> Iterator[Markup]:
    """Say of which book, and with which instruction, a retold one was told."""
    if told := report.manifest["retelling"]:
        of, instruction = plain(told["source"]["name"]), plain(told["instruction"])
        yield element("p", f"Retold from {of}, in {plural(len(told['requests']), 'request')}: “{instruction}”")


def _cover(report: Report) -> Markup:
    picture = report.publication.picture
    source = f"data:{picture.media_type};base64,{b64encode(picture.data).decode()}"
    return element("img", src=source, alt="Cover", class_="cover")


def _names(names: tuple[str, ...], language: str) -> Markup:
    return joined([words(name, language) for name in names], ", ")


def _state(report: Report) -> str:
    publication = report.publication
    if not publication.parts:
        return "No chapter is finished."
    if publication.is_whole:
        return f"{plural(publication.chapters, 'chapter')}, all finished."
    return f"{len(publication.parts)} of {plural(publication.chapters, 'chapter')} are finished."


def _totals(report: Report) -> Markup:
    totals = report.manifest["totals"]
    rows = [
        ("Length", length(totals["seconds"])),
        ("Chapters", counted(totals["chapters"])),
        ("Characters", counted(totals["characters"])),
        ("Cost", dollars(totals["usd"])),
        *([("Charged by the service", dollars(totals["usd_charged"]))] if totals["usd_charged"] is not None else []),
        ("Requests", counted(totals["requests"])),
        ("From the store", counted(totals["cached"])),
        ("Retries", counted(totals["retries"])),
        ("Damaged clips", counted(totals["damaged"])),
        ("Check", tally(report.checked.all)),
    ]
    return element("section", element("h2", "In all", id="totals"), terms(rows, "totals"), aria_labelledby="totals")


def editions(report: Report) -> Markup:
    """List the editions, with a link to every file."""
    listed = report.account.editions
    if not listed:
        return element("p", "No edition was made.")
    return element("ul", *(element("li", kind) for kind in _kinds(listed)), class_="editions")


def _kinds(listed: tuple[Edition, ...]) -> Iterator[Markup]:
    for kind, group in groupby(listed, key=lambda edition: edition.kind):
        links = [_link(edition.path) for edition in group]
        name = element("strong", _KINDS.get(kind, kind))
        if len(links) <= _SHOWN_EDITIONS:
            yield joined([name, element("ul", *(element("li", link) for link in links))])
        else:
            yield joined([name, folded(plural(len(links), "file"), links, _MOST_EDITIONS)])


def _link(path: str) -> Markup:
    return element("a", words(path), href=quote(path))


def voices(report: Report) -> Markup:
    """Show the identities of the voices, and which chapters they speak."""
    if not report.manifest["voices"]:
        return element("p", "Nothing was spoken.")
    rows = [
        (
            words(voice["provider"]),
            words(voice["model"]) if plain(voice["model"]) else "its own",
            words(voice["voice"]) if plain(voice["voice"]) else "its own",
            _options(voice["options"]),
            str(voice["adapter_version"]),
            _spoken_by(place, report),
        )
        for place, voice in enumerate(report.manifest["voices"])
    ]
    return table("Who speaks which chapters", ("Provider", "Model", "Voice", "Options", "Adapter", "Chapters"), rows)


def _options(options: dict[str, str]) -> Markup:
    return joined([words(f"{name} = {value}") for name, value in options.items()], ", ") or Markup("none")


def _spoken_by(place: int, report: Report) -> str:
    """Name the chapters of a voice: `1–3, 7`."""
    numbers = [chapter["number"] for chapter in report.manifest["chapters"] if place in chapter["voices"]]
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
