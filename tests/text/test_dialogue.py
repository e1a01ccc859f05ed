import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.dialogue import spans


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("“Come in,” he said. “It rains.”", ["“Come in,”", "“It rains.”"]),
        ("‘Don’t go,’ she said.", ["‘Don’t go,’"]),
        ('"Come in," he said.', ['"Come in,"']),
        ("«Oui», dit-il.", ["«Oui»"]),
        ("„Ja“, sagte er.", ["„Ja“"]),
        ("»Ja«, sagte er.", ["»Ja«"]),
        ("“It goes on in the next paragraph.", ["“It goes on in the next paragraph."]),
        ("The “Nautilus” sailed.", []),
        ("It was the boys’ turn, and they didn’t go.", []),
        ('A board of 5" and one of 6".', []),
        ("He told it: ‘I said “No.” to him.’ And left.", ["‘I said “No.” to him.’"]),
    ],
)
def test_dialogue_is_what_is_said(text: str, said: list[str]) -> None:
    assert [span.text for span in spans(text) if span.is_dialogue] == said


@given(st.text(alphabet=st.sampled_from("ab .,!?“”‘’«»„\"'—"), max_size=60))
def test_no_letter_is_lost_or_moved(text: str) -> None:
    assert "".join(span.text for span in spans(text)) == text
