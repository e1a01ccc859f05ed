"""The reasons for which the gate lets a test be skipped, and the plugin that fails it for any other reason.

A test that is skipped because a program is missing looks like one that passes. `.ci/run` installs the programs and runs pytest
with `--named-skips-only`.
"""

import pytest

BOOKS = "the real books are not beside the checkout"
PAGES = "the services' pages are not beside the checkout"
# A skipped test may add to these what the system is needed for.
LINUX = "needs Linux"
POSIX = "needs POSIX"
ROOT = "needs root"
POSTGRES = "needs a PostgreSQL server"
NO_SENTENCE_ENDS = "this voice reports no sentence ends"
NAMED = (BOOKS, PAGES, LINUX, POSIX, ROOT, POSTGRES, NO_SENTENCE_ENDS)

OPTION = "--named-skips-only"


class SkipGate:
    """A pytest plugin that fails the session if a test or a module is skipped for a reason that is not named."""

    def __init__(self) -> None:
        self._unnamed: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A test that is expected to fail, and does, is reported as skipped too.
        if not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not (reason := skip_reason(report)).startswith(NAMED):
            self._unnamed[report.nodeid] = reason

    # Before the terminal's own, which reports the exit status.
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._unnamed and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._unnamed:
            terminalreporter.section("skipped for a reason that tests/skip_reasons.py does not name", red=True)
            for test, reason in sorted(self._unnamed.items()):
                terminalreporter.line(f"{test}: {reason}")


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test or a module was skipped, without pytest's prefix."""
    # Of a skipped one it is its path, line and reason.
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")


def add_option(parser: pytest.Parser) -> None:
    """Add the option by which the gate is on."""
    parser.addoption(
        OPTION,
        action="store_true",
        help="fail if a test is skipped for a reason that tests/skip_reasons.py does not name",
    )


def register_gate(config: pytest.Config) -> None:
    """Register the gate where it is asked for, but not in the processes of pytest-xdist: the first one hears of all tests."""
    if config.getoption(OPTION) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipGate(), "skip-gate")
