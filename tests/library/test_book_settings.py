"""Side files: what they say of a book, what they may not say, and what is refused with its name, its key, and what it takes."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from tasks.errors import ProfileError
from tasks.library.book_settings import BookSettings, read_book_settings
from tasks.settings import LibrarySettings, load_profile

NOTHING = LibrarySettings()


def allow(*side_files: str, profiles: tuple[str, ...] = ()) -> LibrarySettings:
    return LibrarySettings(side_files=side_files, side_file_profiles=profiles)


def test_an_empty_side_file_changes_nothing() -> None:
    settings = read_book_settings(b"", "one.toml", NOTHING)
    assert settings == BookSettings(sha256=hashlib.sha256(b"").hexdigest())
    assert settings.keys == ()


def test_its_sections_are_laid_over_a_profile(tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_text("", "utf-8")
    settings = read_book_settings(
        b"""
        profile = "prose"
        priority = 3
        chapters = "1-2"
        [voice]
        options = { noise_scale = 0.5, length_scale = 1.1 }
        [text]
        lexicon = "names.toml"
        read = ["tables", "code"]
        [metadata]
        title = 'The "Other"\\'
        authors = ["Anna", "Ben"]
        """,
        "one.toml",
        allow("voice.options", "text", profiles=("prose",)),
        tmp_path,
    )
    assert (settings.profile, settings.priority, settings.chapters) == ("prose", 3, "1-2")
    assert settings.keys[:3] == ("profile", "priority", "chapters")
    profile = load_profile("piper", settings.overrides)
    assert profile.voice.options["length_scale"] == 1.1
    assert profile.text.lexicon == str(tmp_path / "names.toml")
    assert set(profile.text.read) == {"tables", "code"}
    assert (profile.metadata.title, profile.metadata.authors) == ('The "Other"\\', ("Anna", "Ben"))


def test_a_profile_is_chosen_by_its_name_from_a_list() -> None:
    listed = allow(profiles=("piper", "/house/poems.toml"))
    assert read_book_settings(b'profile = "poems"', "one.toml", listed).profile == "/house/poems.toml"
    for profile in ("poems.toml", "/house/poems.toml", "../poems", "prose"):
        with pytest.raises(ProfileError, match=r"one\.toml: profile: .* choose piper, poems"):
            read_book_settings(f'profile = "{profile}"'.encode(), "one.toml", listed)
    with pytest.raises(ProfileError, match="the publisher's profile lists none"):
        read_book_settings(b'profile = "piper"', "one.toml", NOTHING)


@given(some.text(some.characters(exclude_categories=["Cs"]), max_size=50))
def test_a_description_reaches_the_profile_as_it_is(text: str) -> None:
    text = f"({text})"
    quoted = "".join(f"\\U{ord(character):08x}" for character in text)
    settings = read_book_settings(f'[metadata]\ndescription = "{quoted}"'.encode(), "one.toml", NOTHING)
    assert load_profile("piper", settings.overrides).metadata.description == text


@pytest.mark.parametrize(
    ("side", "said"),
    [
        ("prioriti = 3", r"one\.toml: prioriti: there is no such key; a side file has profile, priority"),
        ("priority = 'high'", r"one\.toml: priority: "),
        (f"priority = {'9' * 5_000}", r"one\.toml: the side file is not TOML"),
        ("priority = 9999999999", r"one\.toml: priority: "),
        (f"chapters = '{'1,' * 10_000}'", r"one\.toml: chapters: "),
        ("voice = 'joe'", r"one\.toml: voice: this is a section"),
        ("overrides = ['a.b=1']", r"one\.toml: overrides: there is no such key"),
        ("[[fallback]]\nprovider = 'piper'", r"one\.toml: fallback: there is no such key"),
        ("[metadata]\ntitle = 1979-05-27", r"one\.toml: metadata\.title: no setting is a date"),
        ("priority = ", r"one\.toml: the side file is not TOML"),
        ("\xff", r"one\.toml: the side file is not TOML"),
        (f"a = {'[' * 100_000}", r"one\.toml: the side file is not TOML"),
        ("'\\u001b[2J' = 1", r"one\.toml: .*: there is no such key"),
    ],
)
def test_a_side_file_that_is_none(side: str, said: str) -> None:
    with pytest.raises(ProfileError, match=said) as caught:
        read_book_settings(side.encode("latin-1"), "one.toml", NOTHING)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[metadata]\nauthor = 'Anna'", r"\[metadata\] author: there is no such key"),
        ("[metadata]\nlanguage = 'English'", r"\[metadata\] language: "),
        ('[metadata]\ntitle = "a\\nb"', r"\[metadata\] title: "),
    ],
)
def test_what_a_section_says_is_checked_as_a_profile_is(section: str, said: str) -> None:
    settings = read_book_settings(section.encode(), "one.toml", NOTHING)
    with pytest.raises(ProfileError, match=said):
        load_profile("piper", settings.overrides)


def test_a_key_with_a_dot_is_no_way_around() -> None:
    for line in ("'a.b' = 1", "'title=1' = 2"):
        with pytest.raises(ProfileError, match="there is no such key"):
            read_book_settings(f"[metadata]\n{line}".encode(), "one.toml", NOTHING)
    with pytest.raises(ProfileError, match="there is no such key"):
        read_book_settings(b"[voice]\n'options.x' = 1", "one.toml", allow("voice"))


FORBIDDEN = [
    "[voice]\nbase_url = 'http://evil.example'",
    "[voice]\napi_key_env = 'AWS_SECRET_ACCESS_KEY'",
    "[voice]\napi_key_block = 'payroll'",
    "[voice]\nprice_per_1000_characters = 0",
    "[voice]\nrow = { limit = 10 }",
    "[cast.quote]\nbase_url = 'http://evil.example'",
    "[cast.quote]\napi_key_env = 'HOME'",
    "[cast.quote.limits]\nbudget_usd = 1000000",
    "[limits]\nbudget_usd = 1000000",
    "[limits]\nshared = 'x'",
    "[store]\nurl = '/etc'",
    "[run]\nrunner = 'dask'\naddress = 'tcp://evil.example:8786'",
    "[retell]\nbase_url = 'http://evil.example'",
    "[library]\nside_files = ['voice']",
    "[output]\ndisclosure = ''",
    "[output]\nlink_base = 'http://evil.example'",
    "[output]\nfeed_url = 'http://evil.example'",
]
SECTIONS = ("voice", "text", "audio", "output", "cast")


@pytest.mark.parametrize("side", FORBIDDEN)
def test_what_no_publisher_can_allow(side: str) -> None:
    for allowed in (NOTHING, allow(*SECTIONS)):
        with pytest.raises(ProfileError, match=r"one\.toml: [a-z0-9_.]*: no side file may set this"):
            read_book_settings(side.encode(), "one.toml", allowed)


@pytest.mark.parametrize(
    "side", ["[voice]\nname = 'x'", "[text]\nunit = 'sentence'", "[audio.pauses]\nsentence_ms = 1"]
)
def test_what_the_publisher_does_not_list(side: str) -> None:
    with pytest.raises(
        ProfileError, match=r"the publisher's profile allows it by \[library\] side_files = \['[a-z_.]*'\]"
    ):
        read_book_settings(side.encode(), "one.toml", allow("output.editions"))


def test_a_section_does_not_include_what_decides_the_price() -> None:
    for key in ("provider", "model"):
        side = f"[voice]\n{key} = 'x'".encode()
        with pytest.raises(ProfileError, match=f"side_files = ..voice.{key}"):
            read_book_settings(side, "one.toml", allow("voice"))
        assert read_book_settings(side, "one.toml", allow(f"voice.{key}")).keys == (f"voice.{key}",)


@pytest.mark.parametrize(
    "name", ["limits", "voice.base_url", "store.url", "output.disclosure", "nowhere", "retell.model"]
)
def test_a_list_that_no_profile_may_have(name: str) -> None:
    with pytest.raises(ValidationError):
        allow(name)


def test_paths_do_not_leave_the_inbox(tmp_path: Path) -> None:
    inbox, secret = tmp_path / "inbox", tmp_path / "secret.toml"
    (inbox / "deep").mkdir(parents=True)
    secret.write_text("key = 1", "utf-8")
    (inbox / "link.toml").symlink_to(secret)
    (inbox / "circle.toml").symlink_to(inbox / "circle.toml")
    (inbox / "voice.onnx").write_bytes(b"")
    (inbox / "voice.onnx.json").symlink_to(secret)
    allowed = allow("text", "voice", "voice.model")
    outside = [
        "../secret.toml",
        str(secret),
        "link.toml",
        "circle.toml",
        "deep",
        "missing.toml",
        "~/x.toml",
        "a\\u0000b",
    ]
    sides = [f'[text]\nlexicon = "{path}"' for path in outside]
    sides += [f'[voice]\nreference_audio = ["{path}"]' for path in outside]
    sides += ['[voice]\nmodel = "voice.onnx"']
    for side in sides:
        with pytest.raises(ProfileError, match="is not a file in the inbox"):
            read_book_settings(side.encode(), "one.toml", allowed, inbox)
    with pytest.raises(ProfileError, match="not on this machine"):
        read_book_settings(b'[text]\nlexicon = "names.toml"', "one.toml", allowed)
