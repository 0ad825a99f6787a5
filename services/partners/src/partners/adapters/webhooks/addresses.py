"""Connections that go only where a webhook may point.

A name is resolved here, every address is checked, and the connection is made to the very address that passed: there is
no second look-up that could answer otherwise. TLS still verifies the name. Proxies of the environment do not exist for
us, and redirects are answers like others.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import httpcore

from partners.domain.webhook_address import is_loopback, is_public

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a name, in the order in which to try them; raises OSError where there is none."""

TRIED_MAX = 3
"""Addresses tried of those that a name has."""

RESOLVER_THREADS = 16
"""The system's resolver blocks a thread for as long as a name server is silent: its own threads, and this many."""

_threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="webhook-dns")


class AddressForbidden(Exception):
    """A name resolves to an address that a webhook may not have."""


class NameUnknown(Exception):
    """A name resolves to nothing."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the system, on a thread of our own."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return [str(address[0]) for *_, address in found]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Implements httpcore's network: connects to checked addresses of a name and to nothing else."""

    def __init__(self, resolver: Resolver, *, loopback: bool) -> None:
        self._resolver = resolver
        self._loopback = loopback
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = list(dict.fromkeys(await self._resolver(host, port)))
        except (OSError, UnicodeError):
            raise NameUnknown from None
        # One address that is not allowed condemns the name: a mixed answer is an attempt.
        if not addresses or not all(self._allowed(address) for address in addresses):
            raise AddressForbidden
        failure: Exception = NameUnknown()
        for address in addresses[:TRIED_MAX]:
            try:
                return await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise AddressForbidden

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _allowed(self, address: str) -> bool:
        return is_public(address) or (self._loopback and is_loopback(address))
