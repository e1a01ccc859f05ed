"""The gate against skipped tests, by pytest's own means."""

import pytest

from tests import skip_reasons

CONFTEST = """
from tests import skip_reasons

pytest_addoption = skip_reasons.add_option
pytest_configure = skip_reasons.register_gate
"""
NAMED = f"""
import pytest

@pytest.mark.skip(reason="{skip_reasons.LINUX}: signals")
def test_on_linux():
    pass

def test_of_a_book():
    pytest.skip("{skip_reasons.BOOKS}")

@pytest.mark.xfail(reason="not built yet")
def test_that_is_expected_to_fail():
    assert False

def test_that_passes():
    pass
"""
SKIPPED_IN_A_TEST = """
import pytest

def test_in_a_browser():
    pytest.skip("chromium is not here")
"""
SKIPPED_BY_A_FIXTURE = """
import pytest

@pytest.fixture
def browser():
    pytest.skip("chromium is not here")

def test_in_a_browser(browser):
    pass
"""
SKIPPED_AS_A_MODULE = """
import pytest

pytest.skip("chromium is not here", allow_module_level=True)
"""


def run(pytester: pytest.Pytester, module: str, *options: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(module)
    return pytester.runpytest_subprocess(*options)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two processes"])
@pytest.mark.parametrize(
    "module", [SKIPPED_IN_A_TEST, SKIPPED_BY_A_FIXTURE, SKIPPED_AS_A_MODULE], ids=["test", "fixture", "module"]
)
def test_a_skip_without_a_named_reason_fails_the_gate(
    module: str, options: tuple[str, ...], pytester: pytest.Pytester
) -> None:
    result = run(pytester, module, skip_reasons.OPTION, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*skipped for a reason that tests/skip_reasons.py does not name*"])
    result.stdout.re_match_lines([r"test_\S*\.py(::test_in_a_browser)?: chromium is not here"])


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_named_reasons_and_expected_failures_pass_the_gate(options: tuple[str, ...], pytester: pytest.Pytester) -> None:
    result = run(pytester, NAMED, skip_reasons.OPTION, *options)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)


def test_without_the_option_every_skip_passes(pytester: pytest.Pytester) -> None:
    result = run(pytester, SKIPPED_IN_A_TEST)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(skipped=1)
