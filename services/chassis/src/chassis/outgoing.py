"""How one service calls another over HTTP."""

from __future__ import annotations

import ssl
from functools import lru_cache

import httpx

CONNECT_SECONDS = 1
READ_SECONDS = 5
"""A claim check of a hundred records takes milliseconds; a slower answer is a service in trouble."""


def internal_client(*, transport: httpx.AsyncBaseTransport | None = None, connections: int = 20) -> httpx.AsyncClient:
    """Return a client with short timeouts that follows no redirect and no proxy of the environment."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        trust_env=False,
        transport=transport,
        verify=_trusted(),
    )


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    # Reading the certificate authorities takes 0.14 s of processor, and a process has five clients.
    return httpx.create_ssl_context(trust_env=False)
