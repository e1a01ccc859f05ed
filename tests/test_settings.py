import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tasks.errors import ProfileError
from tasks.settings import Profile, check_ready, load_profile, profile_names
from tasks.store import open_store

PIPER = Path(__file__).resolve().parents[1] / "config" / "piper.toml"


@pytest.fixture
def profile_file(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    return tmp_path / "deep" / "mine.toml"


def loaded(file: Path, text: str, *overrides: str) -> Profile:
    file.write_text(text, "utf-8")
    return load_profile(str(file), overrides)


def test_the_default_profile_says_the_defaults() -> None:
    # A price is unknown unless a profile names it; this voice is known to cost nothing.
    default = load_profile()
    assert default.voice.price_per_1000_characters == 0
    voice = default.voice.model_copy(update={"price_per_1000_characters": None})
    assert default.model_copy(update={"voice": voice}) == Profile()


def fields(model: type[BaseModel]) -> dict[str, Any]:
    """Name all that a profile takes, section by section."""
    inner = {name: field.annotation for name, field in model.model_fields.items()}
    return {
        name: fields(kind) if isinstance(kind, type) and issubclass(kind, BaseModel) else None
        for name, kind in inner.items()
    }


def names(document: dict[str, Any]) -> dict[str, Any]:
    return {name: names(value) if isinstance(value, dict) and value else None for name, value in document.items()}


def test_the_default_profile_shows_every_key() -> None:
    shown = names(tomllib.loads(PIPER.read_text("utf-8")))
    every = fields(Profile)
    # Who else may speak, models that Declaim does not know, and facts of one book are not this profile's matter; README.md tells of them.
    del every["fallback"], every["cast"], every["metadata"], every["voice"]["row"]
    # A model that nobody has named has no price.
    del every["retell"]["price_per_1000_characters"]
    assert shown == every


def test_an_empty_profile_is_the_models_own(profile_file: Path) -> None:
    assert loaded(profile_file, "") == Profile()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[text]\nunits = 'sentence'", r"\[text\] units: there is no such key"),
        ("[texts]\nunit = 'sentence'", r"\[texts\]: there is no such key"),
        ("unit = 'sentence'", r"\[unit\]: there is no such key"),
        ("[audio.pauses]\nbreath = 1", r"\[audio\] pauses.breath: there is no such key"),
        ("[text]\nunit = 'word'", r"\[text\] unit: .*'paragraph' or 'sentence'"),
        ("[text]\nread = ['notes']", r"\[text\] read.*'footnotes'"),
        ("[text]\nmax_characters = -1", r"\[text\] max_characters: .*greater than or equal to 0"),
        ("[text]\nmax_characters = 'many'", r"\[text\] max_characters: .*integer"),
        ("[text]\nspeakable = 'perhaps'", r"\[text\] speakable: .*boolean"),
        ("[run]\nrunner = 'ray'", r"\[run\] runner: .*'local' or 'dask'"),
        ("[run]\naddress = '127.0.0.1:8786'", r"\[run\] address: .*tcp://host:8786"),
        ("[limits]\nattempts = 0", r"\[limits\] attempts: "),
        ("[limits]\nconcurrency = 1.5", r"\[limits\] concurrency: "),
        ("[limits]\nrequest_timeout_seconds = 0", r"\[limits\] request_timeout_seconds: "),
        ("[audio]\nloudness_lufs = 3", r"\[audio\] loudness_lufs: .*-5"),
        ("[audio]\npreset = 'radio'", r"\[audio\] preset: .*acx"),
        ("[audio]\npreset = ['acx']", r"\[audio\] preset: .*acx"),
        ("[audio]\npeak_dbfs = nan", r"\[audio\] peak_dbfs: "),
        ("[audio.pauses]\nscene = 11", r"\[audio\] pauses.scene: .*10"),
        ("[voice]\nprice_per_1000_characters = -1", r"\[voice\] price_per_1000_characters: "),
        ("[voice]\noptions = 3", r"\[voice\] options: .*dictionary"),
        ("[output]\neditions = ['wax']", r"\[output\] editions.0: .*'mp3', 'm4b'"),
        ("[store]\nurl = 5", r"\[store\] url: .*string"),
        ("text = 5", r"\[text\]: .*dictionary"),
        ("[text", "is not TOML"),
    ],
)
def test_a_fault_is_named_with_its_file_section_and_key(profile_file: Path, text: str, said: str) -> None:
    with pytest.raises(ProfileError, match=said) as caught:
        loaded(profile_file, text)
    message = str(caught.value)
    assert message.startswith(f"{profile_file}: ")
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_a_profile_that_is_no_text_is_a_fault(profile_file: Path) -> None:
    profile_file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(str(profile_file))


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("limits.concurrency=4", "limits.concurrency", 4),
        (" limits.concurrency = 4 ", "limits.concurrency", 4),
        ("audio.peak_dbfs=-6.5", "audio.peak_dbfs", -6.5),
        ("text.unit=sentence", "text.unit", "sentence"),
        ('text.unit="sentence"', "text.unit", "sentence"),
        ("text.speakable=false", "text.speakable", False),
        ('text.read=["footnotes", "tables"]', "text.read", {"footnotes", "tables"}),
        ('output.editions=["mp3"]', "output.editions", ("mp3",)),
        ("audio.pauses.scene=2", "audio.pauses.scene", 2.0),
        ("voice.model=#g1_aura-2-helena-en", "voice.model", "#g1_aura-2-helena-en"),
        ("voice.name=a=b", "voice.name", "a=b"),
        ("voice.name=", "voice.name", ""),
        ("voice.options.length_scale=1.5", "voice.options", {"length_scale": 1.5}),
    ],
)
def test_a_value_is_set(override: str, path: str, value: object) -> None:
    found: Any = load_profile("piper", (override,))
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value


def test_a_value_that_is_set_wins_over_the_file_and_a_later_one_over_it(profile_file: Path) -> None:
    text = "[audio.pauses]\nscene = 3\nhead = 1\n"
    profile = loaded(profile_file, text, "audio.pauses.scene=4", "audio.pauses.scene=5")
    assert (profile.audio.pauses.scene, profile.audio.pauses.head) == (5, 1)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("concurrency=4", r"--set concurrency=4: give it as section.key=value"),
        ("limits.concurrency", r"give it as section.key=value"),
        ("limits.=4", r"give it as section.key=value"),
        (".concurrency=4", r"give it as section.key=value"),
        ("limits.concurrency=four", r"\[limits\] concurrency: "),
        ("limits.pace=4", r"\[limits\] pace: there is no such key"),
        ("speed.pace=4", r"\[speed\]: there is no such key"),
        ("text.unit.size=4", r"--set text.unit.size=4: unit is no section"),
    ],
)
def test_a_value_that_cannot_be_set_is_named(override: str, said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        load_profile("piper", (override,))


def test_paths_in_a_profile_are_relative_to_it(profile_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[voice]\nmodel = 'voices/amy.onnx'\n[store]\nurl = 'clips'\n"
    profile_file.write_text(text, "utf-8")
    monkeypatch.chdir(profile_file.parent.parent)
    for name in (str(profile_file), "deep/mine.toml"):
        profile = load_profile(name)
        assert Path(profile.voice.model).absolute() == profile_file.parent / "voices" / "amy.onnx"
        assert open_store(profile.store).root == profile_file.parent / "clips"


def test_paths_from_the_command_line_are_relative_to_where_it_is_run(
    profile_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(profile_file.parent.parent)
    profile = loaded(profile_file, "[store]\nurl = 'clips'", "store.url=elsewhere")
    assert open_store(profile.store).root == profile_file.parent.parent / "elsewhere"


@pytest.mark.parametrize("written", ["/voices/amy.onnx", "joe", "", "#g1_aura"])
def test_what_is_no_relative_path_stays(profile_file: Path, written: str) -> None:
    assert loaded(profile_file, f"[voice]\nmodel = '{written}'").voice.model == written


@pytest.mark.parametrize("url", ["", "/clips", "file:///clips", "s3://bucket/clips"])
def test_a_stores_url_stays(profile_file: Path, url: str) -> None:
    assert loaded(profile_file, f"[store]\nurl = '{url}'").store.url == url


def test_a_profile_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = load_profile("piper")
    monkeypatch.chdir(tmp_path)
    assert load_profile("piper") == load_profile() == here
    assert "piper" in profile_names()


def test_an_unknown_profile_is_told_the_names_that_there_are() -> None:
    with pytest.raises(ProfileError, match=r"'pipr'; choose .*piper"):
        load_profile("pipr")


@pytest.mark.parametrize("name", ["missing.toml", "deep/missing", "./piper"])
def test_a_profile_file_that_is_missing_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileError, match="there is no such profile file"):
        load_profile(name)


@pytest.mark.parametrize(
    ("overrides", "lufs", "peak"),
    [
        ((), -19, -3),
        (("audio.preset=streaming",), -16, -1),
        (("audio.preset=streaming", "audio.loudness_lufs=-18"), -18, -1),
        (("audio.preset=archive", "audio.peak_dbfs=-6"), -19, -6),
    ],
)
def test_a_preset_says_what_the_profile_does_not(overrides: tuple[str, ...], lufs: float, peak: float) -> None:
    audio = load_profile("piper", overrides).audio
    assert (audio.loudness_lufs, audio.peak_dbfs) == (lufs, peak)


def test_a_cluster_needs_an_address(profile_file: Path) -> None:
    profile = loaded(profile_file, "[run]\nrunner = 'dask'")
    with pytest.raises(ProfileError, match=r"\[run\] address: .* tcp://host:8786"):
        check_ready(profile)


@pytest.mark.parametrize("missing", ["distributed", "prefect_dask"])
def test_a_cluster_needs_the_extra(missing: str, profile_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = loaded(profile_file, "[run]\nrunner = 'dask'\naddress = 'tcp://127.0.0.1:8786'")
    check_ready(profile)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ProfileError, match=r"pip install .declaim\[dask\]"):
        check_ready(profile)


@pytest.mark.parametrize("url", ["https://audio.example/books", "http://[::1]:8080/", "http://10.0.0.1:8080", ""])
def test_a_link_base_is_an_http_address(url: str) -> None:
    assert load_profile("piper", (f'output.link_base="{url}"',)).output.link_base == url


@pytest.mark.parametrize(
    "url",
    [
        "file:///srv",
        "audio.example",
        "https://user:word@audio.example",
        "https://x/?a=b",
        "https://x/#a",
        "http://[",
        "http:///x",
    ],
)
def test_a_link_base_of_another_kind_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ProfileError, match=r"\[output\] link_base") as raised:
        load_profile("piper", (f'output.link_base="{url}"',))
    assert "word" not in str(raised.value).replace("password", "")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("key", ["store.url", "output.feed_url"])
def test_a_password_in_a_url_is_refused_and_not_shown(key: str) -> None:
    for url in ("sftp://anna:geheim@example.com/clips", "simplecache::ftp://anna:geheim@example.com/clips"):
        with pytest.raises(ProfileError, match=r"a password stands in the (sftp|ftp):// URL") as raised:
            load_profile("piper", (f"{key}={url}",))
        assert "geheim" not in str(raised.value)
