from flows.arguments import parser
from tasks.settings import DEFAULT_PROFILE


def test_the_profile_that_is_named_by_none_is_the_default() -> None:
    for arguments in (["plan", "book.md"], ["voices"], ["store", "stats"]):
        assert parser().parse_args(arguments).profile == DEFAULT_PROFILE
