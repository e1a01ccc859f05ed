from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from textwrap import wrap

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies
from pypdf import PdfReader

from tasks.model import Book
from tasks.readers.pdf import read
from tests.readers.making_pdfs import PROSE, TALE, WIDTH, Press, blocks_of, columns_of, outline

LEFT, RIGHT = 0, 165


@pytest.fixture
def press(tmp_path: Path) -> Press:
    return Press(tmp_path / "columns.pdf")


Placed = tuple[str, float, float]


def placed(*columns: tuple[Sequence[str], float], top: float = 500) -> list[Placed]:
    return [(line, x, top - 12 * place) for lines, x in columns for place, line in enumerate(lines)]


def print_placed(press: Press, lines: Sequence[Placed], *, size: float = 10) -> None:
    for line, x, y in lines:
        press.line(line, x=x, y=y, size=size)


def texts(book: Book) -> list[str]:
    return [text for _, each in outline(book) for text in each]


ORDERS: dict[str, Callable[[list[Placed]], list[Placed]]] = {
    "down the columns": list,
    "along the rows": lambda lines: sorted(lines, key=lambda line: (-line[2], line[1])),
    "from the foot": lambda lines: lines[::-1],
    "at random": lambda lines: Random(7).sample(lines, len(lines)),  # noqa: S311 - chance need not be secret
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_two_columns_are_read_one_after_the_other(press: Press, order: Callable[[list[Placed]], list[Placed]]) -> None:
    left, right = columns_of(TALE)
    print_placed(press, order(placed((left, LEFT), (right, RIGHT))))
    book = read(press.close())
    assert texts(book) == [TALE]
    assert book.warnings == ()


def test_rows_that_are_one_operator_long_are_parted_at_the_gutter(press: Press) -> None:
    left, right = columns_of(TALE)
    text = press.canvas.beginText(60, 500)
    text.setFont("Times-Roman", 10)
    for one, other in zip(left, right, strict=False):
        text.textOut(one)
        text.setXPos(RIGHT)
        text.textOut(other)
        text.setXPos(-RIGHT)
        text.textLine("")
    press.canvas.drawText(text)
    press.column(left[len(right) :], 0, 500 - 12 * len(right))
    assert texts(read(press.close())) == [TALE]


def test_a_line_of_the_whole_width_parts_the_columns(press: Press) -> None:
    first, second = columns_of(TALE), columns_of(PROSE + " " + TALE)
    press.line("Of Lamps and Those Who Keep Them Burning", size=18, y=540)
    print_placed(press, placed((first[0], LEFT), (first[1], RIGHT)))
    middle = 500 - 12 * len(first[0]) - 30
    press.line("What the Children of the House Said Afterwards", size=18, y=middle)
    print_placed(press, placed((second[0], LEFT), (second[1], RIGHT), top=middle - 36))
    assert outline(read(press.close())) == [
        (heading, [heading, text])
        for heading, text in [
            ("Of Lamps and Those Who Keep Them Burning", TALE),
            ("What the Children of the House Said Afterwards", f"{PROSE} {TALE}"),
        ]
    ]


def test_a_short_page_has_the_gutter_of_the_others(press: Press) -> None:
    for _ in range(2):
        left, right = columns_of(TALE)
        print_placed(press, placed((left, LEFT), (right, RIGHT)))
        press.new_page()
    print_placed(
        press,
        [
            ("They went up together in the end,", LEFT, 500),
            ("and the chair was warm, and on it", RIGHT, 500),
            ("all three of them, to see the lamp,", LEFT, 488),
            ("lay the half of an orange.", RIGHT, 488),
        ],
    )
    assert texts(read(press.close())) == [
        TALE,
        TALE,
        "They went up together in the end, all three of them, to see the lamp, and the chair was warm, and on it lay the half of an orange.",
    ]


def test_paragraphs_in_columns_are_told_by_their_drawn_in_lines(press: Press) -> None:
    lines = [*wrap(PROSE, WIDTH, initial_indent="    "), *wrap(TALE, WIDTH, initial_indent="    ")] * 2
    half = len(lines) // 2
    for x, column in ((LEFT, lines[:half]), (RIGHT, lines[half:])):
        for place, line in enumerate(column):
            press.line(line.strip(), x=x + (10 if line.startswith(" ") else 0), y=500 - 12 * place, size=10)
    assert texts(read(press.close())) == [PROSE, TALE] * 2


def test_a_word_broken_by_the_end_of_a_column(press: Press) -> None:
    left, right = columns_of(TALE)
    print_placed(press, placed((["She was not", *left[1:-1], "and said so, for all of them to won-"], LEFT)))
    print_placed(press, placed((["der at, and then " + right[0][:18], *right[1:]], RIGHT)))
    assert "for all of them to wonder at, and then" in texts(read(press.close()))[0]


# ------------------------------------------------------------------------------------------------ what is no column

TABLE = [
    ("Lamp oil, first pressing", "Four barrels at nine shillings"),
    ("Wicks of Egyptian cotton", "Two dozen, of which six spoiled"),
    ("Brass polish", "One tin"),
    ("Window glass, cut to size", "Three panes after the gale"),
    ("Oranges", "A crate, as each winter"),
    ("Tar", "Half a barrel"),
    ("Rope of the better sort", "Ninety fathoms in all"),
]
VERSE = [
    ("I counted the stairs", "and the stairs counted me"),
    ("One for the lamp", "and two for the sea"),
    ("Three for the bell", "of the church that was drowned"),
    ("Four for the boots", "that the children had found"),
    ("Five for the chair", "and six for the hand"),
    ("Seven for all", "who came never to land"),
]


@pytest.mark.parametrize("rows", [TABLE, VERSE], ids=["table", "verse"])
def test_tables_and_verse_are_read_along_their_rows(press: Press, rows: Sequence[tuple[str, str]]) -> None:
    for place, (left, right) in enumerate(rows):
        press.line(left, y=500 - 14 * place, size=10)
        press.line(right, x=RIGHT, y=500 - 14 * place, size=10)
    book = read(press.close())
    assert " ".join(texts(book)) == " ".join(f"{left} {right}" for left, right in rows)


def test_stepped_verse_and_numbers_of_lines_are_no_columns(press: Press) -> None:
    lines = [half for row in VERSE * 2 for half in row]
    for place, line in enumerate(lines):
        press.line(line, x=60 if place % 2 else 0, y=500 - 14 * place, size=10)
        if place % 5 == 4:
            press.line(str(place + 1), x=260, y=500 - 14 * place, size=10)
    told = " ".join(texts(read(press.close()))).split()
    assert [word for word in told if not word.isdecimal()] == " ".join(lines).split()


# ----------------------------------------------------------------------------------------------- what is in doubt


def test_three_columns_are_read_in_order_and_named(press: Press) -> None:
    press.margin = 20
    lines = wrap(TALE, 24, break_on_hyphens=False)
    third = -(-len(lines) // 3)
    press.line(PROSE[:60], y=540)
    press.new_page()
    for place in range(3):
        press.column(lines[place * third : (place + 1) * third], place * 130, 500)
    book = read(press.close())
    assert TALE in " ".join(texts(book))
    (warning,) = book.warnings
    assert "page 2" in warning
    assert "columns" in warning


def test_lines_over_each_other_are_named_and_kept_apart(press: Press) -> None:
    press.paragraph(PROSE)
    press.line("A draft that must not be printed", x=20, y=486.5)
    book = read(press.close())
    told = " ".join(texts(book))
    assert sorted(told.split()) == sorted(f"{PROSE} A draft that must not be printed".split())
    assert "A draft that must not be printed" in told
    (warning,) = book.warnings
    assert "page 1" in warning
    assert "over each other" in warning


def test_many_small_pieces_are_named(press: Press) -> None:
    press.paragraph(PROSE)
    choose = Random(3)  # noqa: S311 - chance need not be secret
    names = [f"Reef{number}" for number in range(60)]
    for place, name in enumerate(names):
        press.line(name, x=place % 4 * 80 + choose.randrange(20), y=400 - place // 4 * 20, size=9)
    book = read(press.close())
    assert set(names) <= set(" ".join(block.text for block in [*book.left_out, *blocks_of(book)]).split())
    assert ["page 1" in warning and "pieces" in warning for warning in book.warnings] == [True]


def test_text_drawn_twice_to_look_bold_is_read_once(press: Press) -> None:
    press.heading("Rain")
    press.line("Rain", size=18, x=0.4, y=486)
    for line in wrap(PROSE, 58, break_on_hyphens=False):
        press.line(line, y=press.y)
        press.line(line, x=0.3)
    assert outline(read(press.close())) == [("Rain", ["Rain", PROSE])]


@given(
    words=strategies.lists(strategies.from_regex(r"[abdeghnopqu]{2,8}", fullmatch=True), min_size=150, max_size=180),
    chance=strategies.randoms(use_true_random=False),
    columns=strategies.integers(1, 2),
)
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_in_whatever_order_it_is_drawn_all_is_read_in_order_and_once(
    tmp_path: Path, words: list[str], chance: Random, columns: int
) -> None:
    press = Press(tmp_path / "any.pdf")
    lines = wrap(" ".join(words), WIDTH - 4)
    half = -(-len(lines) // columns)
    drawn = [(line, place // half * RIGHT, 570 - 12 * (place % half)) for place, line in enumerate(lines)]
    chance.shuffle(drawn)
    print_placed(press, drawn)
    path = press.close()
    assert " ".join(texts(read(path))).split() == words
    assert sorted(" ".join(page.extract_text() for page in PdfReader(path).pages).split()) == sorted(words)
