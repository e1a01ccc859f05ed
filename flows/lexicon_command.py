"""What `declaim lexicon` does: a manuscript's names and rare words, as a lexicon that is ready to be filled in."""

import argparse
import json
from dataclasses import asdict

from tasks.readers import read_book
from tasks.settings import load_profile
from tasks.text.chunking import scripts_of
from tasks.text.vocabulary import Entry, unusual_words

_HEAD = """\
# Names and rare words of {title}.
# Fill in an alias (the word in letters that are read as it sounds) or phonemes (IPA, for voices that take them, as Piper
# does), and name this file as `lexicon` under [text] in the profile. What stays empty changes nothing.
"""


def lexicon(options: argparse.Namespace) -> int:
    """Print the words of a manuscript that a voice may say wrong, as TOML or JSON; returns the exit code 0."""
    profile = load_profile(options.profile, tuple(options.set))
    book = profile.metadata.told(read_book(options.source))
    entries = unusual_words(book, scripts_of(book, profile.text, 0), options.at_least)
    if options.json:
        print(json.dumps({"words": [asdict(entry) for entry in entries]}, ensure_ascii=False))
        return 0
    print(_HEAD.format(title=book.title))
    for entry in entries:
        print(_table(entry, book.language))
    return 0


def _table(entry: Entry, language: str) -> str:
    times = "once" if entry.count == 1 else f"{entry.count} times"
    return (
        f"# {entry.kind}, {times}, first in chapter {entry.chapter}: {entry.sentence}\n"
        f"[[word]]\n"
        f"grapheme = {_quoted(entry.word)}\n"
        f'alias = ""\n'
        f'phonemes = ""\n'
        f"language = {_quoted(language)}\n"
    )


def _quoted(text: str) -> str:
    # A string of JSON is one of TOML, but for the character that only TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
