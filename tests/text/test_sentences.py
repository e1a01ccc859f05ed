import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.abbreviations import abbreviations_of
from tasks.text.boundaries import has_words
from tasks.text.sentences import sentences

CASES = [
    ("en", ["It was late.", "We went home."]),
    ("en", ["“Stop!” cried Tom.", "“Go back.”"]),
    ("en", ['"Really?" she asked.', '"Yes," he said.']),
    ("en", ['"Really?", she asked.', "He nodded."]),
    ("en", ["“Is that so?”", "“It is.”", "“Then good.”"]),
    ("en", ["“Come here,” she said.", "“Now.”"]),
    ("en", ["‘What!’ said Alice; ‘how?’", "No one knew."]),
    ("en", ["“Well—” He stopped.", "“I—”"]),
    ("en", ["(He was late.)", "Then he left."]),
    ("en", ["He said (quietly).", "Then he left."]),
    ("en", ["Dr. Smith met Mr. Jones and Mrs. Brown.", "They left."]),
    ("en", ["“Mr. Holmes?” he asked.", "“Yes.”"]),
    ("en", ["‘Mrs. Hudson!’ he said.", "She came."]),
    ("en", ["Capt. Ahab and Lt. Starbuck met Prof. Moriarty at noon.", "They spoke."]),
    ("en", ["Bring fruit, e.g. apples, and nuts, i.e. seeds.", "Then rest."]),
    ("en", ["See Fig. 4, e.g. the lamp.", "It is lit."]),
    ("en", ["St. Peter's is at No. 5 Main St. in Rome.", "It is old."]),
    ("en", ["Vol. 2, p. 15, says so.", "So do pp. 3-4.", "Good."]),
    ("en", ["Did he say no?", "He said no.", "Then he left."]),
    ("en", ["He came at 5 p.m. on Monday.", "It rained."]),
    ("en", ["He came at 5 p.m.", "It rained."]),
    ("en", ["He lives in the U.S.", "He likes it."]),
    ("en", ["J. R. R. Tolkien wrote it.", "H. G. Wells did not."]),
    ("en", ["Wait… what?", "I see…", "Then go."]),
    ("en", ["Wait... what?", "I see."]),
    ("en", ["Well . . . perhaps.", "Yes."]),
    ("en", ["It costs $5.00.", "Pi is 3.14 or so.", "Done."]),
    ("en", ["What?!", "No way!", "Fine."]),
    ("en-GB", ["Mr. Fox ran.", "He hid."]),
    ("de", ["Er kam um 5 Uhr.", "Dr. Müller, z. B. war da.", "Es regnete."]),
    ("de", ["„Wirklich?“, fragte sie.", "»Ja.«", "Das war alles."]),
    ("de", ["„Komm!“", "Er ging am 3. Mai."]),
    ("fr", ["M. Dupont est là.", "« Vraiment ? » demanda-t-elle.", "« Oui. »", "Il partit."]),
    ("fr", ["Il vint à 5 h. avec Mme Dupuis.", "Elle rêve."]),
    ("es", ["¿Qué hora es?", "¡Es tarde!", "El Sr. López vino.", "«Sí», dijo."]),
    ("zh", ["他说：“你好。”", "然后走了。", "今天天气很好！", "我们去吗？"]),
    ("ja", ["「はい。」", "と彼は言った。", "雨だ。"]),
    ("hi", ["यह एक वाक्य है।", "यह दूसरा है।", "क्या वह आया?"]),
    ("ar", ["ذهب إلى المدرسة.", "هل عاد؟", "نعم، عاد."]),
    ("ko", ["안녕하세요.", "저는 학생입니다.", "정말요?"]),
    ("ru", ["Он пришёл.", "Она ушла.", "Почему?"]),
    ("it", ["Il sig. Rossi arrivò.", "«Davvero?» chiese lei.", "Era tardi."]),
]


@pytest.mark.parametrize("size", [200, 2_000, 20_000])
def test_a_language_without_white_space_is_cut_whatever_its_length(size: int) -> None:
    expected = ["今天天气很好！", "我们去吗？", "好。"] * (size // 15)
    assert sentences("".join(expected), "zh") == expected


def test_abbreviations_that_the_book_shows_are_known() -> None:
    text = "He came from Ballyk. Castle. She stayed."
    assert sentences(text) == ["He came from Ballyk.", "Castle.", "She stayed."]
    shown = abbreviations_of(["The Ballyk. road", "At Ballyk. inn,", "In Ballyk. he", "no word. With no stop"])
    assert shown == {"ballyk"}
    assert sentences(text, "en", shown) == ["He came from Ballyk. Castle.", "She stayed."]


def test_a_word_that_stands_without_its_stop_is_no_abbreviation() -> None:
    assert not abbreviations_of(["by the sea. he", "sea. she", "sea. it", "the sea is", "a sea"])


@pytest.mark.parametrize(("language", "expected"), CASES)
def test_a_paragraph_is_cut_at_its_sentence_ends(language: str, expected: list[str]) -> None:
    assert sentences(" ".join(expected), language) == expected


@pytest.mark.parametrize("language", ["xx", "", "tlh-Latn", "EN"])
def test_a_language_without_a_table_is_cut_as_english(language: str) -> None:
    # Without a table of abbreviations "Gen." would end a sentence, with the Spanish one "Sgt. Mr." would.
    text = "Gen. Lee met Mr. Fox at 5 p.m. on Monday. He ran."
    assert sentences(text, language) == sentences(text, "en") == [text[:-8], "He ran."]


def test_the_language_decides() -> None:
    # "etc." and "bzw." are German abbreviations; a capital follows as every German noun has one.
    text = "Er kaufte Äpfel bzw. Birnen am 3. Mai. Sie lachte."
    assert sentences(text, "de-AT") == ["Er kaufte Äpfel bzw. Birnen am 3. Mai.", "Sie lachte."]
    assert len(sentences(text, "en")) > 2


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_nothing_has_no_sentences(text: str) -> None:
    assert sentences(text) == []


MARKS = "“”‘’«»„\"'()[]—–-…,;:.!?"
WORDS = st.sampled_from(["Mr.", "e.g.", "p.m.", "5.", "3.14", "J.", "He", "went", "home.", "“No!”", "Why?", "...", "é"])
TEXTS = st.one_of(
    st.text(),
    st.text(st.sampled_from("aB1é \n\u00a0" + MARKS)),
    st.lists(WORDS).map(" ".join),
)


@given(TEXTS, st.sampled_from(["en", "de", "fr", "xx"]))
def test_sentences_put_together_again_are_the_text(text: str, language: str) -> None:
    cut = sentences(text, language)
    place = 0
    for sentence in cut:
        assert sentence
        assert sentence == sentence.strip()
        start = text.index(sentence, place)
        assert not text[place:start].strip()
        place = start + len(sentence)
    assert not text[place:].strip()


@given(TEXTS)
def test_a_sentence_has_words_where_its_text_has(text: str) -> None:
    assert all(has_words(sentence) for sentence in sentences(text)) or not has_words(text)


@given(st.lists(st.sampled_from(["It rained.", "“Go!”", "Was it so?", "Then 7 men came."]), min_size=1))
def test_plain_sentences_are_found_one_by_one(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@given(st.text())
def test_has_words_means_a_letter_or_a_figure(text: str) -> None:
    assert has_words(text) == bool(re.search(r"[^\W_]", text))
