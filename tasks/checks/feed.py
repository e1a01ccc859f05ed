"""A podcast feed: each episode's files are there, as long as it says."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from tasks.checks import Finding

_PODCAST = "{https://podcastindex.org/namespace/1.0}"


def feed_findings(folder: Path, file: str, chapters: int, address: str) -> Iterator[Finding]:
    """Read a feed below a folder that is to be at an address; the links of one without are relative to the feed."""
    wanted = f"{chapters} episodes with their files"
    try:
        root = etree.parse(folder / file, etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    except (OSError, etree.XMLSyntaxError) as error:
        yield Finding(file, None, "episodes", str(error), wanted, passes=False)
        return
    sounds = root.findall("channel/item/enclosure")
    lost = [link for link in _links(root) if not _path(folder, file, link, address).is_file()]
    other = [each.get("url", "") for each in sounds if _size(folder, file, each, address) != each.get("length")]
    fault = f"{lost[0]} is not there" if lost else f"{other[0]} has another length" if other else ""
    found = f"{len(sounds)} episodes" + (f", {fault}" if fault else "")
    yield Finding(file, None, "episodes", found, wanted, not fault and len(sounds) == chapters)


def _links(root: etree._Element) -> Iterator[str]:
    for tag in ("enclosure", f"{_PODCAST}transcript", f"{_PODCAST}chapters"):
        yield from (str(each.get("url")) for each in root.findall(f"channel/item/{tag}"))


def _path(folder: Path, file: str, link: str, address: str) -> Path:
    if address:
        return folder / unquote(link.removeprefix(f"{address.rstrip('/')}/"))
    return (folder / file).parent / unquote(link)


def _size(folder: Path, file: str, enclosure: etree._Element, address: str) -> str:
    path = _path(folder, file, str(enclosure.get("url")), address)
    return str(path.stat().st_size) if path.is_file() else ""
