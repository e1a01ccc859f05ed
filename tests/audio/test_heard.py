import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.audio.heard import check, is_silent
from tasks.errors import BadAudio
from tasks.model import Audio

RATE = 24_000
PARAGRAPH = (
    "Pollitt’s filled their window with alarm clocks, brass ones, at three and eleven. The baker bought one and swore at "
    "that instead. The Dolans bought two. Every Saturday there were fewer pennies, and the pole, unaccountably, grew "
    "heavier as there was less for it to do."
)
# What the embedded voice took, in seconds; one of the quickest there are.
MEASURED = {
    "I": 0.30,
    "No.": 0.52,
    "Oh!": 0.41,
    "XIV": 0.99,
    "1984": 1.80,
    "99999": 2.81,
    "$1,250,000": 2.57,
    "In 1984, 1,250,000 people paid $1,250,000.": 7.33,
    "1,777,777 and 2,777,777 and 3,777,777 and 4,777,777 and 5,777,777": 22.92,
    "1234567890123456789": 10.92,
    "+44 20 7946 0958": 4.54,
    "ISBN 978-0-306-40615-7": 7.00,
    "J. R. R. Tolkien": 2.07,
    "WWW WWW WWW": 4.04,
    "NASA, BBC, FBI and the CIA": 3.11,
    "MDCCLXXVII": 2.17,
    "THE END": 0.64,
    "The Third Winter": 0.93,
    "Tap. Tap. Tap.": 1.44,
    "* * *": 2.29,
    "75%": 1.28,
    "E = mc²": 1.59,
    "www.example.com/index.html?q=1": 5.63,
    "Wait—what—no—never—": 1.14,
    "“Then you’ll not be wanting me…”": 1.44,
    "Strengths through strengths stretched straight.": 1.58,
    "I am I am I am I am I am I am I am": 1.30,
    "On the last Saturday in March she climbed the stairs at number nine.": 3.24,
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": 1.90,
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch": 3.18,
}
# Texts of other languages, in seconds as an ordinary reader takes them: from 5 Chinese characters, 7.5 morae of Japanese, 5.5
# syllables of Korean and 15 letters of the rest a second, fewer where vowels are not written.
SPOKEN = {
    "zh": ("天阶夜色凉如水,卧看牵牛织女星。他在一九八四年离开了北京,从此再也没有回来过。", 8.0),
    "zh-TW": ("他用Microsoft Windows寫了這本書,花了三年時間才完成。", 5.5),
    "ja": ("国境の長いトンネルを抜けると雪国であった。夜の底が白くなった。信号所に汽車が止まった。", 8.0),
    "ko": ("그는 아침마다 창문을 열고 먼 산을 바라보았다. 오늘은 안개가 짙어서 아무것도 보이지 않았다.", 7.0),
    "th": ("เขาเปิดหน้าต่างทุกเช้าและมองออกไปที่ภูเขาไกลๆ วันนี้หมอกหนามากจนมองไม่เห็นอะไรเลย", 6.0),
    "ar": ("كان يفتح النافذة كل صباح وينظر إلى الجبال البعيدة، ولم ير اليوم شيئا من شدة الضباب", 8.0),
    "he": ("כל בוקר הוא פתח את החלון והביט אל ההרים הרחוקים, והיום לא ראה דבר בגלל הערפל", 6.5),
    "hi": ("वह हर सुबह खिड़की खोलकर दूर के पहाड़ों को देखता था, पर आज कोहरे में कुछ नहीं दिखा।", 5.5),
    "ru": ("Каждое утро он открывал окно и смотрел на далёкие горы, но сегодня в тумане ничего не видел.", 6.5),
    "el": ("Κάθε πρωί άνοιγε το παράθυρο και κοίταζε τα μακρινά βουνά, μα σήμερα δεν έβλεπε τίποτα.", 6.0),
    "de": ("Jeden Morgen öffnete er das Fenster und sah zu den fernen Bergen, doch heute war der Nebel zu dicht.", 7.0),
    "am": ("በየማለዳው መስኮቱን ከፍቶ ሩቅ ያሉትን ተራሮች ይመለከት ነበር", 6.0),
}


def sound(seconds: float, peak: float = 9_000, rate: int = RATE) -> bytes:
    """Make a tone as loud as speech."""
    time = np.arange(round(seconds * rate)) / rate
    return bytes(np.round(peak * np.sin(2 * np.pi * 220 * time)).astype("<i2").tobytes())


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def accepts(text: str, seconds: float, language: str = "en", speed: float = 1.0) -> bool:
    try:
        check(Audio(sound(seconds), RATE), text, language, speed)
    except BadAudio:
        return False
    return True


@pytest.mark.parametrize("text", MEASURED)
def test_what_a_voice_took_is_accepted(text: str) -> None:
    seconds = MEASURED[text]
    # Others are slower, and breathe.
    for factor, more in ((1, 0.0), (1.8, 0.0), (1.5, 1.0), (1, 2.0)):
        check(Audio(sound(seconds * factor) + silence(more), RATE), text, "en-GB")


@pytest.mark.parametrize("language", SPOKEN)
def test_other_scripts_have_their_own_pace(language: str) -> None:
    text, seconds = SPOKEN[language]
    for tag in (language, "", "en"):
        assert all(accepts(text, seconds * factor, tag) for factor in (0.75, 1, 1.5, 2))
        assert not accepts(text, seconds * 10, tag)
        assert not accepts(text, seconds / 5, tag)


def test_a_word_may_stand_in_silence() -> None:
    check(Audio(silence(0.9) + sound(0.3) + silence(0.8), RATE), "Yes", "en")
    check(Audio(sound(0.1), RATE), "I", "en")


def test_most_of_a_paragraph_missing_is_found() -> None:
    letters = len(PARAGRAPH)
    assert accepts(PARAGRAPH, letters / 25)
    for a_second, missing in ((18, 1 / 2), (17, 1 / 2), (14, 3 / 5), (10, 3 / 4)):
        assert accepts(PARAGRAPH, letters / a_second)
        assert not accepts(PARAGRAPH, letters / a_second * (1 - missing))


# From a letter on; what the embedded voice took for it, in seconds, or the usual time at 15 letters a second.
SHORT = {
    "I": 0.30,
    "he": 0.28,
    "Anna": 0.27,
    "Through": 0.46,
    "Chapter One": 0.73,
    "“There are balloons.”": 1.01,
    "Strengths through strengths.": 1.87,
    "7": 0.45,
    "第一章": 0.60,
    "はい": 0.30,
    "네": 0.20,
}


@pytest.mark.parametrize("text", SHORT)
@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_a_tenth_of_a_short_text_is_found(text: str, speed: float) -> None:
    assert accepts(text, SHORT[text] / speed, speed=speed)
    assert accepts(text, SHORT[text] / 2 / speed, speed=speed)
    assert not accepts(text, SHORT[text] / 10 / speed, speed=speed)


@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=1, max_size=400).filter(str.strip))
def test_a_tenth_is_found_at_any_length(text: str) -> None:
    usual = len(text) / 15
    assert accepts(text, max(usual, 0.3))
    assert not accepts(text, usual / 10)


def test_silence_does_not_make_up_for_speech() -> None:
    seconds = len(PARAGRAPH) / 18
    half = sound(seconds / 2)
    for before, behind in ((0, 1 / 2), (1 / 2, 0), (1 / 4, 1 / 4)):
        with pytest.raises(BadAudio, match="at least"):
            check(Audio(silence(seconds * before) + half + silence(seconds * behind), RATE), PARAGRAPH, "en")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(PARAGRAPH, len(PARAGRAPH) / 15 * 4), ("He went home.", 9.0), ("Three taps, he said, and then you wait.", 14.0)],
)
def test_a_voice_that_babbles_on_is_found(text: str, seconds: float) -> None:
    with pytest.raises(BadAudio, match="at most"):
        check(Audio(sound(seconds), RATE), text, "en")


def test_speed_widens_the_range() -> None:
    usual = len(PARAGRAPH) / 15
    for speed in (0.25, 0.5, 1.5, 4.0):
        assert accepts(PARAGRAPH, usual / speed, speed=speed)
        # A service that takes no notice of it.
        assert accepts(PARAGRAPH, usual, speed=speed)
        assert not accepts(PARAGRAPH, usual / max(speed, 1) / 4, speed=speed)
        assert not accepts(PARAGRAPH, usual / min(speed, 1) * 4, speed=speed)
    assert not accepts(PARAGRAPH, usual / 4)
    assert not accepts(PARAGRAPH, usual * 4)


@pytest.mark.parametrize("text", ["", "…", "I", PARAGRAPH])
def test_an_empty_clip_is_refused(text: str) -> None:
    with pytest.raises(BadAudio, match="empty"):
        check(Audio(b"", RATE), text, "en")


@pytest.mark.parametrize("peak", [0, 1, 10, 100])
def test_silence_is_refused(peak: float) -> None:
    quiet = Audio(sound(len(PARAGRAPH) / 15, peak), RATE)
    assert is_silent(quiet)
    with pytest.raises(BadAudio, match="silence"):
        check(quiet, PARAGRAPH, "en")


def test_a_whisper_is_no_silence() -> None:
    whisper = Audio(sound(len(PARAGRAPH) / 15, 32_768 * math.sqrt(2) * 10 ** (-45 / 20)), RATE)
    assert not is_silent(whisper)
    check(whisper, PARAGRAPH, "en")


def test_what_has_nothing_to_say_may_be_silent() -> None:
    for text in ("…", "* * *", "—"):
        check(Audio(silence(1.0), RATE), text, "en")


@pytest.mark.parametrize("rate", [4_000, 8_000, 22_050, 48_000, 192_000])
def test_the_rate_does_not_matter(rate: int) -> None:
    check(Audio(sound(2.0, rate=rate), rate), "Three taps, he said, and then you wait.", "en")


@pytest.mark.parametrize("samples", [1, 100, RATE // 20 - 1, RATE // 20, RATE // 20 + 1])
def test_a_very_short_clip_is_measured(samples: int) -> None:
    assert not is_silent(Audio(b"\x00\x40" * samples, RATE))
    assert is_silent(Audio(bytes(2 * samples), RATE))


def test_a_message_is_one_short_line() -> None:
    with pytest.raises(BadAudio) as caught:
        check(Audio(sound(0.5), RATE), f"{PARAGRAPH}\n\t{PARAGRAPH}", "en")
    assert len(str(caught.value)) <= 200
    assert str(caught.value).isprintable()


@given(st.text(), st.floats(0, 3), st.sampled_from(["", "en", "zh-Hant", "ja", "x"]), st.floats(0.25, 4))
def test_any_text_is_accepted_or_bad_audio(text: str, seconds: float, language: str, speed: float) -> None:
    accepts(text, seconds, language, speed)
