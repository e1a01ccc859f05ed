"""What Prefect's pages show, with a real server, worker and browser: commands that run, links that open, figures that hold.

DECLAIM_PICTURES names a folder for pictures of the pages, running and finished, on a desk and on a phone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.services.service import Service

from .browser import Browser, open_browser
from .conftest import BRISK, KEY, TOP, Prepared, free_port, profile_at, wait_for
from .house import House, kill, open_house
from .served import serve_outbox

pytestmark = pytest.mark.slow

# What would be made where a shell read these names otherwise than they are.
NAMES = ("lamp & table.md", "it's $(touch x) #1.md", 'say "so".md', "two\n\n```\nlines.md", "a `tick`.md")
HOSTILE = "It's `a` $(touch y) & <b>{voices}</b> #2"
TITLE = "<i>The Lamp</i> & [its house](https://evil.example) at www.evil.example"
LATENCY_SECONDS = 0.2
PRICE_USD = 0.03
# So that what is running can be looked at, page after page in a browser that may be slow.
SLOW_SECONDS, CHAPTERS = 30, 8
SIZES = ((1280, 1000), (390, 844))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service(latency_seconds=LATENCY_SECONDS, seconds_per_character=BRISK) as service:
        yield service


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], prepared: Prepared, service: Service
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("pages") / "house"
    # A program named declaim, as a person's shell has it.
    programs = folder.parent / "bin"
    programs.mkdir()
    (programs / "declaim").write_text(f'#!/bin/sh\nPYTHONPATH={TOP} exec {sys.executable} -m flows.cli "$@"\n', "utf-8")
    (programs / "declaim").chmod(0o755)
    path = {"PATH": f"{programs}:{environment['PATH']}"}
    with open_house(folder, environment | path | {KEY: service.key}, prepared) as house:
        profile = profile_at(service.url, folder, concurrency=2)
        priced = profile.read_text("utf-8").replace("[voice]", f"[voice]\nprice_per_1000_characters = {PRICE_USD}")
        profile.write_text(priced, "utf-8")
        yield house


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def page(house: House, artifact: str) -> str:
    """The address of an artifact's page."""
    return f"{house.url.removesuffix('/api')}/artifacts/artifact/{artifact}"


def summary(house: House, run: str) -> str:
    """The id of a run's summary, which there is in a moment."""
    wait_for(lambda: house.artifacts(run, "markdown"), "the summary of a run")
    identifier: str = house.artifacts(run, "markdown")[0]["id"]
    return identifier


def command_on_page(house: House, browser: Browser, run: str) -> str:
    """The command on the page of a run's summary, as a person copies it."""
    browser.go(page(house, summary(house, run)))
    script = "[...document.querySelectorAll('pre')].map(it => it.innerText).find(it => it.startsWith('declaim')) || ''"
    wait_for(lambda: browser.evaluate(script), "a command on the page")
    return str(browser.evaluate(script)).removesuffix("\n")


def run_in_shell(house: House, command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=house.environment, capture_output=True, text=True, check=False
    )


def take_pictures(browser: Browser, name: str) -> None:
    """Keep pictures of the page on a desk and on a phone, where they are asked for."""
    if folder := os.environ.get("DECLAIM_PICTURES"):
        for width, height in SIZES:
            browser.resize(width, height)
            browser.shot(Path(folder) / f"{name}-{width}.png")
        browser.resize(*SIZES[0])


def test_every_command_does_what_it_says_with_hostile_names(
    house: House, browser: Browser, service: Service, tmp_path: Path
) -> None:
    inbox, outbox = tmp_path / "in & out", tmp_path / "it's `the` $(touch z) outbox"
    inbox.mkdir()
    for name in NAMES:
        words = name.split(".")[0].replace("\n", " ").replace("`", "")
        chapters = [f"# {number}\n\nHere {number} times is {words}.\n" for number in range(CHAPTERS)]
        (inbox / name).write_text("\n".join(chapters), "utf-8")
    service.behave(latency_seconds=SLOW_SECONDS)
    options = ("--set", f"store.url={tmp_path / 'store'}", "--set", f"output.disclosure={HOSTILE}", "--settle", "0.5")
    wide = ("--budget", "5", "--at-once", str(len(NAMES)), "--profile", str(house.folder / "profile.toml"))
    arguments = ["library", str(inbox), "--out", str(outbox), *wide, *options]
    process = subprocess.Popen([sys.executable, "-m", "flows.cli", *arguments], cwd=TOP, env=house.environment)
    try:
        wait_for(lambda: len(house.runs("narrate")) == len(NAMES), "a run of each book")
        (library,) = house.runs("library")
        of_books = [command_on_page(house, browser, run["id"]) for run in house.runs("narrate")]
        of_library = command_on_page(house, browser, library["id"])
        take_pictures(browser, "library-running")
    finally:
        kill(process)
    service.behave(latency_seconds=LATENCY_SECONDS)
    sources = set()
    for command in of_books:
        done = run_in_shell(house, command, tmp_path)
        assert done.returncode == 0, (command, done.stderr)
        folder = Path(done.stdout.removesuffix("\n"))
        assert folder.parent == outbox
        assert '"disclosure": "It' in (folder / "manifest.json").read_text("utf-8")
        sources |= {name for name in NAMES if str(inbox / name).replace("'", "'\"'\"'") in command}
    assert sources == set(NAMES)
    done = run_in_shell(house, f"{of_library} --json", tmp_path)
    assert done.returncode == 0, (of_library, done.stderr)
    assert done.stdout.count('"done"') >= len(NAMES)
    assert "--budget 5.0" in of_library
    assert f"--at-once {len(NAMES)}" in of_library
    assert "--settle 0.5" in of_library
    # No part of a name has been run.
    assert {path.name for path in tmp_path.iterdir()} == {inbox.name, outbox.name, "store"}


def test_the_command_of_a_retelling_carries_its_instruction(
    house: House, browser: Browser, service: Service, tmp_path: Path
) -> None:
    instruction = "- For a child of six: it's `short`,\n\n```\n& costs $(touch x) #1"
    source = tmp_path / "the mill & I.md"
    source.write_text("# The Mill\n\nElla kept the ledger of the mill.\n", "utf-8")
    model = (f"base_url='{service.url}/v1'", "text='openai'", "model='a-model'", f"api_key_env='{KEY}'")
    settings = [f"store.url={tmp_path / 'store'}", *(f"retell.{it}" for it in model)]
    options = [word for setting in settings for word in ("--set", setting)]
    profile = ("--profile", str(house.folder / "profile.toml"), "--out", str(tmp_path / "out"))
    arguments = ["retell", str(source), f"--instruction={instruction}", *profile, *options]
    service.behave(latency_seconds=SLOW_SECONDS)
    process = subprocess.Popen([sys.executable, "-m", "flows.cli", *arguments], cwd=TOP, env=house.environment)
    try:
        wait_for(lambda: house.runs("retell"), "the run of a retelling")
        command = command_on_page(house, browser, house.runs("retell")[0]["id"])
    finally:
        kill(process)
    service.behave(latency_seconds=LATENCY_SECONDS)
    done = run_in_shell(house, command, tmp_path)
    assert done.returncode == 0, (command, done.stderr)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert manifest["retelling"]["instruction"] == instruction
    assert {path.name for path in tmp_path.iterdir()} == {source.name, "out", "store"}


def test_a_manuscript_may_be_given_by_a_url_as_on_the_pages_of_a_remote_inbox(house: House, tmp_path: Path) -> None:
    (tmp_path / "far.md").write_text("# Far\n\nThe house is far away.\n", "utf-8")
    url, profile = f"file://{tmp_path}/far.md", ("--profile", house.folder / "profile.toml")
    planned = house.run("plan", url, *profile)
    assert (planned.returncode, planned.stderr) == (0, "")
    done = house.run("narrate", url, *profile, "--out", tmp_path / "out", "--set", f"store.url={tmp_path / 'store'}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    gone = house.run("plan", f"file://{tmp_path}/gone.md", *profile)
    assert gone.returncode == 3


def test_links_open_a_report_that_plays(house: House, browser: Browser, service: Service) -> None:
    port = free_port()
    paragraphs = "\n\n".join(f"On day {day} the lamp was lit at the window of the house." for day in range(12))
    # As a title in front matter, which is taken as it is.
    title = f"---\ntitle: '{TITLE}'\n---\n\n# One"
    (house.inbox / "lamp (1) #2.md").write_text(f"{title}\n\n{paragraphs}\n\n# Two\n\n{paragraphs}!\n", "utf-8")
    (house.inbox / "copy of lamp.md").write_text(f"{title}\n\n{paragraphs}\n", "utf-8")
    house.deploy("--profile", house.folder / "profile.toml", "--link-base", f"http://127.0.0.1:{port}")
    worker = house.worker("editor", 3)
    library = house.begin("library/library", settle_seconds=0.5)
    service.behave(latency_seconds=3)
    try:
        look_while_running(house, browser, library)
        service.behave(latency_seconds=LATENCY_SECONDS)
        wait_for(lambda: house.state(library) == "COMPLETED", "the end of the library's run")
    finally:
        kill(worker)
    with serve_outbox(house.outbox, house.environment, port) as served:
        (run, *_) = [run for run in house.runs("narrate") if "lamp (1)" in run["parameters"]["source"]]
        browser.go(page(house, summary(house, run["id"])))
        wait_for(partial(browser.shows, "report.html"), "the page of a finished book")
        assert TITLE in browser.text
        take_pictures(browser, "book-finished")
        with browser.open_link("report.html") as report:
            hear(report, f"{served}/lamp-1-2/report.html")
        browser.go(page(house, summary(house, library)))
        wait_for(partial(browser.shows, "lamp (1) #2.md"), "the page of a finished library")
        take_pictures(browser, "library-finished")
        reports = "[...document.links].map(it => it.href).filter(it => it.includes('report'))"
        wait_for(lambda: browser.evaluate(reports), "the links to reports")
        links = browser.evaluate(reports)
        assert browser.text.count(TITLE) == 2
        assert sorted(links) == [f"{served}/{name}/report.html" for name in ("copy-of-lamp", "lamp-1-2")]
        assert not browser.evaluate("[...document.links].filter(it => it.href.includes('evil')).length")
        browser.evaluate(f"[...document.links].find(it => it.href == {links[0]!r}).innerText = 'this one'")
        with browser.open_link("this one") as report:
            hear(report, links[0])
    for kind, name in (("progress", "library-finished-progress"), ("table", "library-finished-table")):
        for artifact in house.artifacts(library, kind):
            browser.go(page(house, artifact["id"]))
            wait_for(partial(browser.shows, artifact["key"]), "the page of an artifact")
            take_pictures(browser, f"{name}-{artifact['key'].rpartition('-')[2]}")


def look_while_running(house: House, browser: Browser, library: str) -> None:
    """See that the pages of a library in progress tell what is known, and nothing that is not so."""

    def progress() -> str:
        return "".join(artifact["description"] for artifact in house.artifacts(library, "progress"))

    wait_for(lambda: "2 running" in progress() and "left" in progress(), "books in progress, and the time left")
    assert "cost so far: $0.00;" not in progress()
    (artifact,) = house.artifacts(library, "progress")
    assert 0 < artifact["data"] < 100
    browser.go(page(house, summary(house, library)))
    wait_for(partial(browser.shows, "Forecast:"), "the forecast")
    assert "cost: $" in browser.text
    take_pictures(browser, "library-running")
    for kind in ("progress", "table"):
        (artifact, *_) = house.artifacts(library, kind)
        browser.go(page(house, artifact["id"]))
        wait_for(partial(browser.shows, artifact["key"]), "the page of an artifact")
        take_pictures(browser, f"library-running-{kind}")
    run = house.runs("narrate")[0]["id"]
    for kind in ("markdown", "progress", "table"):
        (artifact,) = house.artifacts(run, kind)
        browser.go(page(house, artifact["id"]))
        wait_for(partial(browser.shows, artifact["key"]), "the page of an artifact")
        take_pictures(browser, f"book-running-{kind}")


def hear(report: Browser, url: str) -> None:
    """See that a report is at an address, plays, and can be sought in."""
    wait_for(lambda: report.evaluate("location.href") == url, "the report")
    wait_for(lambda: report.evaluate("document.querySelectorAll('audio').length"), "the report's players")
    audio = "document.querySelector('audio')"
    report.evaluate(f"{audio}.muted = true; {audio}.play(); 0")
    wait_for(lambda: report.evaluate(f"{audio}.currentTime") > 0, "the sound")
    # To a place that is not loaded yet: the server must know byte ranges.
    report.evaluate(f"{audio}.currentTime = {audio}.duration - 1; 0")
    wait_for(lambda: report.evaluate(f"{audio}.ended"), "the end of the chapter")
