"""URLs that people give: what stands in them is shown in pages, logs and the ledger, so secrets have no place there."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def find_password(url: str) -> str:
    """Return the scheme of the first URL with a password, of those that fsspec chains with `::`; "" if none has one."""
    for part in url.split("::"):
        try:
            if urlsplit(part).password:
                return urlsplit(part).scheme
        except ValueError:
            # Brackets that are no IPv6 address: whoever opens it says so.
            continue
    return ""


def describe_password(url: str) -> str:
    """Return the sentence that refuses a URL with a password; "" for others."""
    scheme = find_password(url)
    if not scheme:
        return ""
    return (
        f"a password stands in the {scheme}:// URL, and URLs are shown to many; give it in the environment or in a file of the "
        "protocol's package"
    )


def _refuse_password(url: str) -> str:
    if refusal := describe_password(url):
        raise ValueError(refusal)
    return url


# A URL of a profile, where one with a password is refused.
ShownUrl = Annotated[str, AfterValidator(_refuse_password)]
