"""The fonts of a PDF, as far as reading needs them: which characters their codes mean, and how wide those are."""

from collections.abc import Iterator
from typing import Any

from pypdf.generic import DictionaryObject, IndirectObject

# Not among what pypdf promises to keep; the tests that compare with `extract_text` tell when it moves.
from pypdf.generic._font import Font

# Where a font does not say how wide its spaces are, in thousandths of its size.
SPACE_WIDTH = 200.0
NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"


class Face:
    """A font as far as reading needs it: the characters of its codes, and how wide they are."""

    def __init__(self, resource: DictionaryObject) -> None:
        self._font = Font.from_font_resource(resource)
        widths = self._font.character_widths
        self.space = (self._font.space_width if widths.get(self._font.space_char) else SPACE_WIDTH) / 1000
        # The glyphs of a Type 3 font have a scale of their own.
        scale = resource.get("/FontMatrix") if resource.get("/Subtype") == "/Type3" else None
        self._unit = abs(float(scale[0])) if scale else 0.001
        self._known: dict[str, tuple[str, float]] = {}

    def glyphs(self, data: bytes) -> Iterator[tuple[str, float, bool]]:
        """Give for each code its characters, its width for type of size 1, and whether it is the code of a space."""
        encoding = self._font.encoding
        if isinstance(encoding, str):
            codes = [
                (code, code) for code in data.decode(encoding, "surrogatepass" if len(data) % 2 == 0 else "replace")
            ]
        else:
            codes = [(chr(code), encoding.get(code, chr(code))) for code in data]
        for raw, character in codes:
            if raw not in self._known:
                text = self._font.character_map.get(character, character)
                self._known[raw] = text, self._font.get_text_width(raw) * self._unit
            yield *self._known[raw], raw == " " and not isinstance(encoding, str)


class Faces:
    """The fonts of a book, each read once."""

    def __init__(self) -> None:
        self._by_number: dict[int, Face] = {}

    def of(self, resources: DictionaryObject, name: str) -> Face | None:
        """Find a font by its name in the resources; None where it is missing."""
        fonts = dictionary(resources.get("/Font"))
        if name not in fonts:
            return None
        reference = fonts.raw_get(name)
        number = reference.idnum if isinstance(reference, IndirectObject) else -1
        if number in self._by_number:
            return self._by_number[number]
        resource = reference.get_object()
        if not isinstance(resource, DictionaryObject):
            return None
        face = Face(resource)
        if number >= 0:
            self._by_number[number] = face
        return face


def unknown_glyphs(data: bytes) -> Iterator[tuple[str, float, bool]]:
    """Give what `Face.glyphs` does, for a font that is missing."""
    return ((NO_CHARACTER, SPACE_WIDTH / 1000, False) for _ in data)


def dictionary(value: Any) -> DictionaryObject:
    """Give the dictionary that a value is or leads to; an empty one where it is none."""
    value = value.get_object() if value is not None else None
    return value if isinstance(value, DictionaryObject) else DictionaryObject()
