"""Can this sound be the speech of this text? What no listener would take for it is not kept."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tasks.errors import BadAudio
from tasks.model import Audio

_FULL_SCALE = 32_768
_WINDOWS_A_SECOND = 20
# The loudest window of the embedded voice's clips is at -28 to -12 dBFS (169 clips), silence with the noise of an encoder
# or a dither under -80. A whisper is 15 to 20 dB under speech.
_QUIETEST_SPEECH_DBFS = -50.0
_QUIETEST_POWER = _FULL_SCALE**2 * 10 ** (_QUIETEST_SPEECH_DBFS / 10)

# What a voice may leave out or add, however short the text: the soft begin and end of a word, which do not count as
# heard; a breath, and silence before and behind.
_LESS_SECONDS = 0.5
_MORE_SECONDS = 3.0
# That would leave short texts without a least. But the embedded voice, whose short texts lose most to their soft ends, was
# heard for at least a 28th of a second a letter ("Through", "Wrought"), and for 0.15 s at least ("he", "pick"): 638 words
# and exclamations of 1 to 30 letters.
_SHORT_TEXT_SHARE = 0.5
_SHORTEST_WORD_SECONDS = 0.05
# A capital that no small letter follows may be spelled; W is three syllables.
_SPELLED_SECONDS = 0.8


@dataclass(frozen=True, slots=True)
class _Pace:
    """The least and the most that a character may take, in seconds."""

    least: float
    most: float


def _a_second(fastest: float, slowest: float) -> _Pace:
    return _Pace(1 / fastest, 1 / slowest)


# Letters a second, the fastest and the slowest, by the script in Unicode's name of the letter: a book in Chinese has words
# in Latin letters. Where the figures come from:
# - 436 people reading aloud took 68 ms a character (14.7 a second) in 14 of 17 languages, and spoke 184 words a minute with
#   a standard deviation of 29: IReST, Trauzettel-Klosinski and Dietz 2012.
# - The embedded voice: 15 to 20 a second in paragraphs, 22 at most in a story's sentences, 30 in one made to be fast.
# - 170 readers in 17 languages spoke 4 to 9 syllables a second, 5.25 on average in Vietnamese, 7.7 in Spanish: Coupé, Oh,
#   Dediu and Pellegrino 2019. A Chinese character is one syllable, and so are a block of Hangul and an Ethiopic letter; a
#   kana is a mora, a shorter thing; a kanji one to five. Thai writes two or three letters a syllable, and its marks are not
#   counted.
# - Arabic and Hebrew leave out most vowels.
_ALPHABET = _a_second(30, 7)
_SCRIPTS = {
    "LATIN": _ALPHABET,
    "CYRILLIC": _ALPHABET,
    "GREEK": _ALPHABET,
    "ARMENIAN": _ALPHABET,
    "GEORGIAN": _ALPHABET,
    "ARABIC": _a_second(26, 4),
    "HEBREW": _a_second(26, 4),
    "THAI": _a_second(26, 4),
    "LAO": _a_second(26, 4),
    "HIRAGANA": _a_second(18, 2),
    "KATAKANA": _a_second(18, 2),
    "HANGUL": _a_second(13, 1.5),
    "ETHIOPIC": _a_second(13, 1.5),
    "CJK": _a_second(10, 0.7),
}
_CHINESE = _a_second(10, 1.5)
_CHINESE_LANGUAGES = {"zh", "yue", "cmn", "wuu", "nan", "hak", "lzh"}
_OTHER_SCRIPT = _a_second(30, 1)
# "1,000,000" is three words and "1984" five syllables; the embedded voice took 0.65 s a digit for "1,777,777 and 2,777,777".
_DIGIT = _Pace(0.02, 1.4)
# Signs may be words ("%", "½", "№", an emoji) or nothing; marks of punctuation pauses or, in an address, words.
_SIGN = _Pace(0, 2.0)
_PUNCTUATION = _Pace(0, 0.7)
# A mark belongs to its letter; a quotation mark or an apostrophe is hardly ever a pause of its own.
_SILENT = _Pace(0, _ALPHABET.most)
_NOTHING = _Pace(0, 0)


def check(audio: Audio, text: str, language: str, speed: float = 1.0) -> None:
    """Raise `BadAudio` where the sound cannot be the speech of the text.

    `language` is a BCP 47 tag or empty, `speed` how many times as fast as usual the voice was asked to speak (0.25 to 4).
    As some voices take no notice of it, their usual speed is allowed as well.

    What is refused:
    - a clip that is empty, or silent where the text has a letter or a digit;
    - one heard, from its first to its last window that is not silent, for less time than the fastest speech would take: 30
      letters a second less 0.5 s in alphabets. That finds half of a paragraph of 250 characters missing where the voice
      speaks 17 characters a second or more (in the embedded voice, cut in half: 21 of 25 texts of 100 characters and more,
      all of 200 and more), three fifths where it speaks 14. Of a text under 30 letters, one heard for less than a 60th of a
      second a letter, or 0.05 s: that finds three quarters missing where the voice speaks 15 letters a second;
    - one that lasts longer than the slowest speech would: 7 letters a second, and 3 s, and more for digits, signs, spelled
      capitals and pauses. That finds a clip of prose four times too long, one of a few words ten times too long.

    What is not: words that are wrong, missing or said twice within these bounds; silence in the middle, likewise.
    """
    has_words = any(char.isalnum() for char in text)
    least, most = _seconds(text, language)
    least, most = _least(least, max(speed, 1.0)), (most + _MORE_SECONDS) / min(speed, 1.0)
    if not audio.pcm:
        raise BadAudio(f"an empty clip came for {_quoted(text)}")
    if audio.seconds > most:
        raise BadAudio(f"{audio.seconds:.1f} s of sound came for {_quoted(text)}, which lasts {most:.1f} s at most")
    heard = _heard_seconds(audio)
    if has_words and not heard:
        raise BadAudio(f"{audio.seconds:.1f} s of silence came for {_quoted(text)}")
    if has_words and heard < least:
        raise BadAudio(f"{heard:.2f} s of sound came for {_quoted(text)}, which takes {least:.2f} s at least")


def is_silent(audio: Audio) -> bool:
    """Tell whether no window of 50 ms is above -50 dBFS (RMS)."""
    return not _heard_seconds(audio)


def _quoted(text: str) -> str:
    return f"{text[:60]!r} ({len(text):,} characters)"


def _least(fastest: float, speed: float) -> float:
    """Tell for how many seconds a text is heard at least that takes `fastest` at the usual speed."""
    spoken = fastest / speed
    return max(spoken - _LESS_SECONDS, spoken * _SHORT_TEXT_SHARE, _SHORTEST_WORD_SECONDS / speed)


def _seconds(text: str, language: str) -> tuple[float, float]:
    """Add up the least and the most seconds that the characters may take, without what is allowed for any text."""
    chinese = language.partition("-")[0].lower() in _CHINESE_LANGUAGES
    composed = unicodedata.normalize("NFC", text)
    paces = [_pace(char, chinese) for char in composed]
    following = zip(composed, f"{composed[1:]} ", strict=False)
    spelled = sum(char.isupper() and not follower.islower() for char, follower in following)
    return sum(pace.least for pace in paces), sum(pace.most for pace in paces) + spelled * _SPELLED_SECONDS


@lru_cache(maxsize=8192)
def _pace(char: str, chinese: bool) -> _Pace:  # noqa: FBT001  # a part of the cache's key
    category = unicodedata.category(char)
    if category[0] == "L":
        script = unicodedata.name(char, "").partition(" ")[0]
        return _CHINESE if chinese and script == "CJK" else _SCRIPTS.get(script, _OTHER_SCRIPT)
    if category in {"Pi", "Pf", "Mn", "Mc", "Me"} or char in "'\"":
        return _SILENT
    others = {"Nd": _DIGIT, "N": _SIGN, "S": _SIGN, "P": _PUNCTUATION, "Z": _ALPHABET}
    return others.get(category) or others.get(category[0], _NOTHING)


def _heard_seconds(audio: Audio) -> float:
    """Measure from the begin of the first window that is no silence to the end of the last; 0.0 where there is none."""
    samples = np.frombuffer(audio.pcm, dtype="<i2")
    length = max(1, min(audio.sample_rate // _WINDOWS_A_SECOND, len(samples)))
    windows = samples[: len(samples) // length * length].reshape(-1, length).astype(np.float32)
    loud = np.flatnonzero(np.einsum("ij,ij->i", windows, windows) > _QUIETEST_POWER * length)
    return float(loud[-1] - loud[0] + 1) * length / audio.sample_rate if len(loud) else 0.0
