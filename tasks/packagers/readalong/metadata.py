"""What a read-along's package document says beside that of the book: overlays, narrator, disclosure, accessibility."""

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from tasks.packagers.publication import Publication
from tasks.packagers.readalong.package import OPF, Package
from tasks.packagers.readalong.smil import clock
from tasks.packagers.readalong.text import xml_text

DC = "http://purl.org/dc/elements/1.1/"
ACTIVE = "declaim-spoken"
_SMIL_TYPE = "application/smil+xml"
_HAZARD = "schema:accessibilityHazard"


@dataclass(frozen=True, slots=True)
class Overlay:
    """An overlay to be named: its address, its document's item, and how long it sounds, in milliseconds."""

    address: str
    item: etree._Element
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Addition:
    """A file to be named in the manifest: its address and media type."""

    address: str
    media_type: str


def without_overlays(package: Package) -> set[str]:
    """Take the overlays out of a package that has some, which would be at odds with others; returns their addresses."""
    root = package.root
    for meta in list(root.iter(f"{{{OPF}}}meta")):
        if str(meta.get("property")).startswith("media:"):
            _remove(meta)
    for item in root.iter(f"{{{OPF}}}item"):
        item.attrib.pop("media-overlay", "")
    overlays = [item for item in root.iter(f"{{{OPF}}}item") if item.get("media-type") == _SMIL_TYPE]
    for item in overlays:
        _remove(item)
    return {str(item.get("href")) for item in overlays}


def tell(package: Package, publication: Publication, overlays: Iterable[Overlay], files: Iterable[Addition]) -> None:
    """Put the overlays and the other files into a package document, and what there is to say of the whole."""
    manifest, metadata = package.manifest, package.metadata
    prefix = _free_prefix(package.root)
    total = 0
    for number, overlay in enumerate(overlays, start=1):
        identity = f"{prefix}-overlay-{number}"
        overlay.item.set("media-overlay", identity)
        _item(manifest, identity, overlay.address, _SMIL_TYPE)
        _meta(metadata, "media:duration", clock(overlay.milliseconds), f"#{identity}")
        total += overlay.milliseconds
    for number, file in enumerate(files, start=1):
        _item(manifest, f"{prefix}-{number}", file.address, file.media_type)
    _tell_modified(metadata, publication)
    if publication.disclosure.strip():
        description = etree.SubElement(metadata, f"{{{DC}}}description")
        description.text = _line(publication.disclosure)
    if total:
        _meta(metadata, "media:duration", clock(total))
        _meta(metadata, "media:narrator", publication.narrator)
        _meta(metadata, "media:active-class", ACTIVE)
        _tell_accessibility(package, publication)


def _tell_modified(metadata: etree._Element, publication: Publication) -> None:
    for meta in list(metadata.iter(f"{{{OPF}}}meta")):
        if meta.get("property") == "dcterms:modified" and not meta.get("refines"):
            _remove(meta)
    _meta(metadata, "dcterms:modified", f"{publication.modified:%Y-%m-%dT%H:%M:%SZ}")


def _tell_accessibility(package: Package, publication: Publication) -> None:
    """Add to what the book says of how it can be read; what it says itself is not taken back."""
    metadata, has_pictures = package.metadata, _has_pictures(package.root)
    metas = [meta for meta in metadata.iter(f"{{{OPF}}}meta") if not meta.get("refines")]
    said = {(str(meta.get("property")), (meta.text or "").strip()) for meta in metas}
    properties = {name for name, _ in said}
    ways = [] if "schema:accessModeSufficient" in properties or has_pictures else ["textual"]
    ways += ["auditory"] if publication.is_whole and not has_pictures else []
    told = [
        ("schema:accessMode", "textual"),
        ("schema:accessMode", "auditory"),
        *(("schema:accessModeSufficient", way) for way in ways),
        ("schema:accessibilityFeature", "synchronizedAudioText"),
    ]
    if _HAZARD not in properties:
        told.append((_HAZARD, "noSoundHazard"))
    if "schema:accessibilitySummary" not in properties:
        whole = "All of its chapters are" if publication.is_whole else f"{len(publication.parts)} of its chapters are"
        told.append(
            ("schema:accessibilitySummary", f"{whole} read aloud, and each sentence is marked while it is heard.")
        )
    for name, text in told:
        if (name, text) not in said:
            _meta(metadata, name, text)


def _has_pictures(root: etree._Element) -> bool:
    """Tell whether there is a picture that may say something which the words do not; a cover is none."""
    return any(
        str(item.get("media-type")).startswith("image/") and "cover-image" not in str(item.get("properties")).split()
        for item in root.iter(f"{{{OPF}}}item")
    )


def _free_prefix(root: etree._Element) -> str:
    """Give what no id in the document begins with."""
    taken = {str(each.get("id")) for each in root.iter()}
    prefix = "readalong"
    while any(name.startswith(f"{prefix}-") for name in taken):
        prefix += "-"
    return prefix


def _item(manifest: etree._Element, identity: str, address: str, media_type: str) -> None:
    attributes = {"id": identity, "href": address, "media-type": media_type}
    etree.SubElement(manifest, f"{{{OPF}}}item", attributes)


def _meta(metadata: etree._Element, name: str, text: str, refines: str = "") -> None:
    if line := _line(text):
        attributes = {"property": name} | ({"refines": refines} if refines else {})
        etree.SubElement(metadata, f"{{{OPF}}}meta", attributes).text = line


def _line(text: str) -> str:
    return " ".join(xml_text(text).split())


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
