"""What the proxy must know of the two protocols: where a message ends, and after which one an answer may be lost.

Kafka: a request's frame names its kind, and an answer repeats the request's number. Brokers tell clients where to
connect; `through` replaces a broker's port by the proxy's in what they say (host and port stand side by side), so that
no connection goes round the proxy. PostgreSQL: asyncpg sends `COMMIT;` as one message; what comes next answers it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

HOST = b"127.0.0.1"
PRODUCE = 0
READ_BYTES = 65536


class Wire(Protocol):
    """One connection's way of speaking."""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next message; empty at the end."""
        ...

    def is_marked(self, request: bytes) -> bool:
        """Tell whether losing the answer to this request is interesting; remembers it as the one asked last."""
        ...

    def answers_marked(self, answer: bytes) -> bool:
        """Tell whether this answers a request that was marked and then doomed by `doom`."""
        ...

    def doom(self, request: bytes) -> None:
        """Remember that the answer to this request is to be lost."""
        ...

    def translate(self, answer: bytes) -> bytes:
        """Return what the client is to be told."""
        ...


class KafkaWire:
    """Frames of four bytes of length and a body."""

    def __init__(self, through: Mapping[int, int]) -> None:
        self._through = {HOST + there.to_bytes(4): HOST + here.to_bytes(4) for there, here in through.items()}
        self._doomed: set[bytes] = set()

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            size = await reader.readexactly(4)
            return size + await reader.readexactly(int.from_bytes(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    def is_marked(self, request: bytes) -> bool:
        return int.from_bytes(request[4:6]) == PRODUCE

    def doom(self, request: bytes) -> None:
        self._doomed.add(request[8:12])

    def answers_marked(self, answer: bytes) -> bool:
        return answer[4:8] in self._doomed

    def translate(self, answer: bytes) -> bytes:
        for there, here in self._through.items():
            answer = answer.replace(there, here)
        return answer


class PostgresWire:
    """A stream of bytes, in which a COMMIT is seen."""

    def __init__(self) -> None:
        self._doomed = False

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(READ_BYTES)
        except ConnectionError:
            return b""

    def is_marked(self, request: bytes) -> bool:
        return b"COMMIT;" in request

    def doom(self, request: bytes) -> None:
        self._doomed = True

    def answers_marked(self, answer: bytes) -> bool:
        return self._doomed

    def translate(self, answer: bytes) -> bytes:
        return answer
