"""Whom this process trusts to be who they say: read once, for that takes a client more time than all else."""

import ssl
from functools import cache

import httpx


@cache
def trust() -> ssl.SSLContext:
    """Give the certificates that httpx goes by, those of `SSL_CERT_FILE` or `SSL_CERT_DIR` where they are set."""
    return httpx.create_ssl_context()
