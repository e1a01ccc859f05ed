"""The page as a whole: its head, its landmarks, its sections."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from tasks.packagers.report.book import editions, header, voices
from tasks.packagers.report.chapters import article, overview
from tasks.packagers.report.markup import Markup, element, joined, words
from tasks.packagers.report.remarks import left_out, retried_and_failed, warnings
from tasks.packagers.report.values import Report

_HERE = Path(__file__).parent


def page(report: Report) -> str:
    """Write the page; the same report gives the same text."""
    style = Markup((_HERE / "page.css").read_text("utf-8"))
    script = Markup((_HERE / "page.js").read_text("utf-8"))
    title = f"{report.publication.full_title}: narration report"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
    sections = {
        "editions": ("Editions", editions(report)),
        "chapters": ("Chapters", _chapters(report)),
        "voices": ("Voices", voices(report)),
        "left-out": ("Left out", left_out(report)),
        "retried": ("Retried and failed", retried_and_failed(report)),
        "warnings": ("Warnings", warnings(report)),
    }
    body = element(
        "body",
        element("a", "Skip to the editions", href="#editions", class_="skip"),
        header(report),
        _contents({name: heading for name, (heading, _) in sections.items()}),
        element("main", *(_section(name, heading, content) for name, (heading, content) in sections.items())),
        _footer(report),
        element("script", script),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en', dir='ltr')}\n"


def _policy(style: str, script: str) -> str:
    """Allow the page what is in it, and the sound beside it; for a page on a disk not every browser counts that as its own."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            "media-src 'self' file:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _contents(headings: dict[str, str]) -> Markup:
    items = (element("li", element("a", heading, href=f"#{name}")) for name, heading in headings.items())
    return element("nav", element("ul", *items), aria_label="Contents")


def _section(name: str, heading: str, content: Markup) -> Markup:
    return element(
        "section", element("h2", heading, id=f"{name}-title"), content, id=name, aria_labelledby=f"{name}-title"
    )


def _chapters(report: Report) -> Markup:
    return joined([overview(report), *(article(chapter, report) for chapter in report.chapters)])


def _footer(report: Report) -> Markup:
    source = report.manifest["source"]
    return element(
        "footer",
        element("p", "Made from ", words(source["name"]), ", SHA-256 ", element("code", source["sha256"]), "."),
        element(
            "p",
            "The whole account for machines: ",
            element("a", "manifest.json", href="manifest.json"),
            " and ",
            element("a", "coverage.json", href="coverage.json"),
            ".",
        ),
    )
