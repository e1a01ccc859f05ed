from tasks.model import Block, BlockKind, Book, Chapter
from tasks.text.chunking import TextSettings, scripts_of
from tasks.text.vocabulary import Entry, unusual_words


def words(language: str, *paragraphs: str, at_least: int = 1) -> list[Entry]:
    blocks = tuple(Block(BlockKind.PARAGRAPH, text, str(place)) for place, text in enumerate(paragraphs))
    book = Book("A Book", (), language, (Chapter(1, "I", blocks),))
    return unusual_words(book, scripts_of(book, TextSettings(), 0), at_least)


def test_names_and_rare_words_by_count_with_the_sentence_of_first_use() -> None:
    found = words(
        "en",
        "The ship was called Pequod. Then old Ahab came on the Pequod’s deck.",
        "He cut the blubber with a frobnic. When Ahab spoke to Mark, all in the USA heard it. Pequod sailed.",
    )
    assert [(entry.word, entry.kind, entry.count) for entry in found if entry.word != "blubber"] == [
        ("Pequod", "name", 3),
        ("Ahab", "name", 2),
        ("frobnic", "rare word", 1),
        ("Mark", "name", 1),
    ]
    assert found[0].sentence == "The ship was called Pequod."
    assert found[0].chapter == 1


def test_words_that_begin_sentences_are_no_names_and_small_letters_show_a_word() -> None:
    assert words("en", "Then he went. Nobody said: Then come. The house fell. This House is old.") == []


def test_german_nouns_are_no_names() -> None:
    assert [entry.word for entry in words("de", "Der Mann ging mit Quixendorf in das Haus. Er sah Quixendorf.")] == [
        "Quixendorf"
    ]


def test_rare_ones_can_be_passed_over() -> None:
    assert [entry.word for entry in words("en", "We saw Ahab and Pip. We saw Ahab.", at_least=2)] == ["Ahab"]


def test_without_a_dictionary_only_names_are_told() -> None:
    assert [entry.word for entry in words("sv", "Han heter Quixendorf och xqzt.")] == ["Quixendorf"]
