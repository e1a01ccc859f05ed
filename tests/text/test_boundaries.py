"""Sentence boundaries by their kind of difficulty: `kind: sentence | sentence`, a paragraph a line, a file a language."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.text.sentences import sentences

FOLDER = Path(__file__).parent / "boundaries"
# Written by someone who had not seen the rules; nothing is to be fitted to it.
HELD_OUT = Path(__file__).parent / "heldout"
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@dataclass(frozen=True)
class Paragraph:
    language: str
    kind: str
    expected: tuple[str, ...]


def paragraphs(language: str, folder: Path = FOLDER) -> Iterator[Paragraph]:
    for line in (folder / f"{language}.txt").read_text("utf-8").splitlines():
        kind, _, text = line.partition(": ")
        yield Paragraph(language, kind, tuple(text.split(" | ")))


def ends(cut: list[str] | tuple[str, ...]) -> set[int]:
    """Say after how many letters and signs each sentence but the last ends, white space apart."""
    lengths = [len("".join(sentence.split())) for sentence in cut]
    return {sum(lengths[: place + 1]) for place in range(len(lengths) - 1)}


def f1(cases: list[Paragraph]) -> float:
    found = [(ends(case.expected), ends(sentences(" ".join(case.expected), case.language))) for case in cases]
    right = sum(len(wanted & got) for wanted, got in found)
    return 2 * right / sum(len(wanted) + len(got) for wanted, got in found)


def missed(cases: list[Paragraph]) -> list[list[str]]:
    cuts = [sentences(" ".join(case.expected), case.language) for case in cases]
    return [cut for case, cut in zip(cases, cuts, strict=True) if ends(case.expected) != ends(cut)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_boundaries_of_a_language(language: str) -> None:
    cases = list(paragraphs(language))
    assert f1(cases) >= 0.97, missed(cases)


def test_boundaries_that_were_held_out() -> None:
    cases = [case for language in LANGUAGES for case in paragraphs(language, HELD_OUT)]
    assert sum(len(case.expected) - 1 for case in cases) >= 160
    assert f1(cases) >= 0.95, missed(cases)


def test_boundaries_of_each_kind() -> None:
    cases = [case for language in LANGUAGES for case in paragraphs(language)]
    kinds = {case.kind for case in cases}
    assert len(kinds) >= 8
    assert sum(len(case.expected) - 1 for case in cases) >= 120
    for kind in kinds - {"headings"}:
        of_kind = [case for case in cases if case.kind == kind]
        assert f1(of_kind) >= 0.97, missed(of_kind)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_heading_with_a_number_is_one(language: str) -> None:
    for case in paragraphs(language):
        if case.kind == "headings":
            assert sentences(case.expected[0], language) == list(case.expected)
