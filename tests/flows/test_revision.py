"""`--revise`: what is told to differ from the edition that is there, and that no more is asked for than was told."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from tests.services.service import Service

from .conftest import BRISK, KEY, TOP, Home
from .forks import Forks

CURSED = "The lamp went out at nine."
FIRST = "# The First\n\nNobody lit it, and nobody asked why.\n"
SECOND = f"# The Second\n\nIt was lit each night by the keeper's daughter.\n\n{CURSED}\n"
THIRD = "# The Third\n\nThey all burned on until the oil was gone.\n"
FRONT = "# Before\n\nThree lamps stood in the bay.\n"
PRICE = 0.5


def book(*chapters: str) -> str:
    return "\n".join(("---\ntitle: Three Lamps\n---\n", *chapters))


WHOLE = book(FIRST, SECOND, THIRD)


@dataclass(frozen=True)
class Desk:
    """A manuscript, its output directory, and the commands that a person gives."""

    home: Home
    service: Service
    profile: Path

    @property
    def manuscript(self) -> Path:
        return self.home.folder / "book.md"

    def arguments(self, text: str, *more: str) -> list[str | Path]:
        self.manuscript.write_text(text, "utf-8")
        return [self.manuscript, "--profile", self.profile, "--out", self.home.out, *more]

    def narrate(self, text: str, *more: str) -> subprocess.CompletedProcess[str]:
        return self.home.run("narrate", *self.arguments(text, *more))

    def plan(self, text: str, *more: str) -> int:
        # As the last setting counts, the store is the desk's.
        return main(self.home.arguments("plan", *self.arguments(text, "--revise", *more)))


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], forks: Forks, server: str
) -> Iterator[Desk]:
    """An edition of the whole book; copied for each test."""
    with Service(seconds_per_character=BRISK) as service:
        folder = tmp_path_factory.mktemp("made")
        profile = folder / "profile.toml"
        profile.write_text(
            f'[voice]\nprovider = "openai"\nbase_url = "{service.url}/v1"\napi_key_env = "{KEY}"\nmodel = "tts-1"\n'
            f'name = "coral"\nprice_per_1000_characters = {PRICE}\n[voice.options]\nresponse_format = "wav"\n'
            "[limits]\nattempts = 1\nconcurrency = 4\n[output]\neditions = []\n",
            "utf-8",
        )
        home = Home(folder, environment | {"PREFECT_API_URL": server, KEY: service.key}, forks)
        desk = Desk(home, service, profile)
        done = desk.narrate(WHOLE)
        assert done.returncode == 0, done.stderr
        yield desk


@pytest.fixture
def desk(made: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv(KEY, made.service.key)
    for name in ("out", "store"):
        shutil.copytree(made.home.folder / name, tmp_path / name)
    made.service.behave(fails_on="")
    return replace(made, home=replace(made.home, folder=tmp_path))


@pytest.fixture
def told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """What `plan --revise` says of a manuscript, line by line."""

    def told(text: str, *more: str) -> list[str]:
        asked = len(desk.service.seen)
        assert desk.plan(text, *more) == 0
        assert len(desk.service.seen) == asked
        return [line.strip() for line in capsys.readouterr().err.splitlines()]

    return told


@pytest.fixture
def revision(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """What `plan --revise --json` says of it."""

    def revision(text: str, *more: str) -> dict[str, Any]:
        assert desk.plan(text, "--json", *more) == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return dict(document["revision"])

    return revision


Told = Callable[..., list[str]]
Revised = Callable[..., dict[str, Any]]


def test_nothing_differs(desk: Desk, told: Told, revision: Revised) -> None:
    (line,) = told(WHOLE)
    assert line == (
        f"{desk.home.out}: nothing that is spoken differs from the edition that is there; "
        "0 of 7 chunks to speak, about 0 s; cost: $0.00"
    )
    (line,) = told(f"{WHOLE}\n\n\n")
    assert "though the manuscript's file is another" in line
    document = revision(WHOLE)
    assert (document["differs"], document["source_differs"], document["chapters"]) == (False, False, [])
    assert document["totals"]["kept_chunks"] == 7


def test_one_word(told: Told, revision: Revised) -> None:
    text = WHOLE.replace("burned on", "smoked on")
    cost = len("They all smoked on until the oil was gone.") / 1000 * PRICE
    _, *lines = told(text)
    assert lines == [
        "changed: 3 · The Third: 1 of 2 chunks to speak, 1 gone",
        f"1 of 7 chunks to speak, about 3 s; cost: ${cost:.2f}",
    ]
    totals = revision(text)["totals"]
    assert totals["usd_estimate"] == pytest.approx(cost)
    assert (totals["new_chunks"], totals["kept_chunks"], totals["gone_chunks"]) == (1, 6, 1)


def test_a_chapter_at_the_front_is_one_new_chapter(told: Told) -> None:
    _, *lines = told(book(FRONT, FIRST, SECOND, THIRD))
    assert lines[:-1] == ["new: 1 · Before: 2 of 2 chunks to speak", "the same under another number: 3 chapters"]
    assert lines[-1].startswith("2 of 9 chunks to speak")


def test_chapters_are_gone_renamed_and_moved(told: Told, revision: Revised) -> None:
    text = book(THIRD, SECOND.replace("# The Second", "# The Keeper"))
    _, *lines = told(text)
    assert sorted(lines[:-1]) == [
        "changed, renamed: 2 · The Keeper (was 2 · The Second): 1 of 3 chunks to speak, 1 gone",
        "gone: 1 · The First: 2 chunks gone",
        "moved: 1 · The Third (was 3 · The Third): 0 of 2 chunks to speak",
    ]
    document = revision(text)
    assert [(row["number"], row["changes"]) for row in document["chapters"]] == [
        (1, ["moved"]),
        (2, ["changed", "renamed"]),
    ]
    assert document["gone"] == [{"number": 1, "title": "The First", "gone_chunks": 2, "unchosen": False}]


def test_chapters_that_are_not_chosen_are_not_called_gone(told: Told) -> None:
    _, *lines = told(WHOLE, "--chapters", "2")
    assert lines[:2] == [
        "not chosen by --chapters: 1 · The First: 2 chunks gone",
        "not chosen by --chapters: 3 · The Third: 2 chunks gone",
    ]


def test_settings_that_change_all(told: Told, revision: Revised) -> None:
    more = [f"--set={it}" for it in ("voice.name=nova", "audio.pauses.scene=3", "output.editions=['mp3']")]
    _, *lines = told(WHOLE, *more)
    assert lines == [
        'voice.name was "coral", is now "nova": the voice of every chunk',
        "audio.pauses.scene was 1.8, is now 3.0: every track, mastered again for nothing",
        'output.editions was none, is now ["mp3"]: which editions are made',
        "the same words in another voice: 3 chapters",
        lines[-1],
    ]
    assert lines[-1].startswith("7 of 7 chunks to speak")
    # What no listener could notice is not told.
    assert len(told(WHOLE, "--set", "limits.attempts=3", "--set", "voice.price_per_1000_characters=1")) == 1
    cast = revision(WHOLE, "--set", "cast.heading.provider=piper")
    assert {row["name"] for row in cast["settings"]} == {"cast.heading.provider"}
    assert cast["totals"]["revoiced_chunks"] == 3
    assert cast["totals"]["usd_estimate"] is None


def test_many_chapters_are_told_in_few_lines(told: Told, revision: Revised) -> None:
    many = [f"# Night {night}\n\nIt was night number {night}, and quiet.\n" for night in range(30)]
    text = book(FIRST, SECOND, THIRD, *many)
    _, *lines = told(text)
    assert len(lines) == 12
    assert lines[-2] == "… and 20 chapters more (--json lists all)"
    assert len(revision(text)["chapters"]) == 30


def test_a_clip_that_the_store_has_costs_nothing_and_one_that_has_gone_does(desk: Desk, told: Told) -> None:
    again = WHOLE + "\n# The Fourth\n\nNobody lit it, and nobody asked why.\n"
    assert told(again)[-1].startswith("1 of 9 chunks to speak")
    assert "1 that the edition has not are in the store and cost nothing" in told(again)[-1]
    row = desk.home.document("coverage.json")["sentences"][-1]
    (desk.home.store / f"clips/{row['clip'][:2]}/{row['clip']}.wav").unlink()
    (line,) = told(WHOLE)
    assert "1 of 7 chunks to speak" in line
    assert line.endswith("1 that it has are in the store no more")


def test_words_that_occur_twice_are_counted_once(revision: Revised) -> None:
    document = revision(WHOLE + "\n# The Fourth\n\nOil!\n\nOil!\n")
    assert (document["totals"]["new_chunks"], document["totals"]["to_speak_chunks"]) == (3, 2)
    assert document["totals"]["usd_estimate"] == pytest.approx(len("The FourthOil!") / 1000 * PRICE)


def test_no_more_is_asked_for_than_was_told(desk: Desk, revision: Revised) -> None:
    text = book(FRONT, FIRST, SECOND.replace("at nine", "at ten"), THIRD, "# Oil\n\nOil!\n\nOil!\n")
    planned = revision(text)
    asked = len(desk.service.asked)
    done = desk.narrate(text, "--revise", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["revision"] == planned
    assert "new: 1 · Before: 2 of 2 chunks to speak" in done.stderr
    totals = desk.home.document("manifest.json")["totals"]
    assert len(desk.service.asked) - asked == planned["totals"]["to_speak_chunks"] == totals["requests"] == 5
    assert totals["usd"] == pytest.approx(planned["totals"]["usd_estimate"])
    assert revision(text)["differs"] is False


def test_an_edition_of_some_chapters_with_one_unfinished(desk: Desk, told: Told, revision: Revised) -> None:
    shutil.rmtree(desk.home.out)
    shutil.rmtree(desk.home.store)
    desk.service.behave(fails_on=CURSED)
    assert desk.narrate(WHOLE, "--chapters", "1,2").returncode == 5
    _, *lines = told(WHOLE)
    assert lines[:-1] == [
        "unfinished: 2 · The Second: 1 of 3 chunks to speak",
        "new: 3 · The Third: 2 of 2 chunks to speak",
    ]
    totals = revision(WHOLE)["totals"]
    assert (totals["kept_chunks"], totals["unfinished_chunks"], totals["new_chunks"]) == (4, 1, 2)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "there is no edition to compare with (No such file or directory: out)"),
        (lambda out: (out / "coverage.json").unlink(), "(No such file or directory: coverage.json)"),
        (lambda out: (out / "manifest.json").write_text("{"), "manifest.json: it cannot be read (Invalid JSON"),
        (lambda out: (out / "manifest.json").write_text('{"schema": 2}'), "it cannot be read (schema: "),
        (lambda out: (out / "coverage.json").write_bytes(b"\xff\0"), "coverage.json: it cannot be read ("),
        (lambda out: rewritten(out / "manifest.json", profile={"tempo": {}}), "is of another version of Declaim"),
        (lambda out: rewritten(out / "manifest.json", chapters=[]), "coverage.json: it is not of one edition"),
    ],
    ids=["no folder", "no coverage", "torn", "another schema", "binary", "another version", "not of one edition"],
)
def test_an_edition_that_cannot_be_read_is_one_line(
    desk: Desk, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], object], said: str
) -> None:
    damage(desk.home.out)
    asked = len(desk.service.seen)
    assert desk.plan(WHOLE) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith(f"declaim: {desk.home.out}")
    assert said in line
    assert "--revise" in line
    assert (out, len(desk.service.seen)) == ("", asked)


def rewritten(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


PROGRAM = (
    "import sys; from flows.cli import main; code = main(sys.argv[1:]);"
    "sys.exit(code if 'prefect' not in sys.modules else 'Prefect was imported')"
)


@pytest.mark.parametrize(("command", "code"), [("plan", 0), ("narrate", 2)])
def test_it_is_told_before_prefect_is_imported(desk: Desk, command: str, code: int) -> None:
    if code:
        shutil.rmtree(desk.home.out)
    arguments = desk.home.arguments(command, *desk.arguments(WHOLE, "--revise"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=TOP,
        env=desk.home.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert str(desk.home.out) in done.stderr
    assert [path.name for path in desk.home.folder.iterdir() if path.name.startswith(".")] == []
