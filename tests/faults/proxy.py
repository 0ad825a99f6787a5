"""A TCP proxy that makes the weather: latency, jitter, resets, sockets half open, one byte at a time, lost answers."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.faults.wire import HOST, Wire

BYTE_BY_BYTE_MAX = 1500
"""One message's bytes that travel alone; the rest follows in pieces of this size."""


@dataclass(slots=True)
class Weather:
    """What happens to each message; may be changed while connections are open."""

    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    byte_by_byte: bool = False
    reset_share: float = 0.0
    """Chance that a message is the last of its connection, and does not arrive."""
    lost_answer_share: float = 0.0
    """Chance that a marked request (Produce, COMMIT) arrives and its answer is lost, with the connection."""
    lost_request_share: float = 0.0
    """Chance that a marked request does not arrive."""


@dataclass(eq=False)
class Connection:
    """One client's, and the proxy's own towards the server."""

    wire: Wire
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    silent: bool = False
    """Half open: nothing passes any more, and neither end is told."""
    broken: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self) -> None:
        """End both sides at once, with a reset."""
        self.broken.set()
        for writer in (self.client, self.server):
            raw = writer.get_extra_info("socket")
            if raw is not None and raw.fileno() >= 0:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    """Stands between clients and one server."""

    def __init__(self, port: int, wire: Callable[[], Wire], chance: random.Random) -> None:
        self.weather = Weather()
        self.injected = 0
        """Connections that were cut or went silent, messages that were lost."""
        self.refusing = False
        self.port = 0
        self.target = port
        """The server's port; a fail-over changes it."""
        self._wire = wire
        self._chance = chance
        self._connections: set[Connection] = set()

    async def serve(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        if self.refusing:
            client.transport.abort()
            return
        try:
            server_reader, server = await asyncio.open_connection(HOST.decode(), self.target)
        except OSError:
            client.transport.abort()
            return
        connection = Connection(self._wire(), client, server)
        self._connections.add(connection)
        pumps = [
            asyncio.create_task(self._requests(connection, client_reader)),
            asyncio.create_task(self._answers(connection, server_reader)),
        ]
        broken = asyncio.create_task(connection.broken.wait())
        try:
            await asyncio.wait([*pumps, broken], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*pumps, broken):
                task.cancel()
            await asyncio.gather(*pumps, broken, return_exceptions=True)
            self._connections.discard(connection)
            for writer in (client, server):
                writer.transport.abort() if connection.broken.is_set() else writer.close()

    def cut_all(self) -> int:
        """Reset every connection; return how many."""
        cut = [connection for connection in self._connections if not connection.broken.is_set()]
        for connection in cut:
            connection.cut()
        self.injected += len(cut)
        return len(cut)

    def half_open(self) -> int:
        """Let every present connection go silent for ever; later ones are well. Return how many."""
        silenced = [connection for connection in self._connections if not connection.silent]
        for connection in silenced:
            connection.silent = True
        self.injected += len(silenced)
        return len(silenced)

    async def _requests(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        while message := await connection.wire.read(reader):
            marked = connection.wire.is_marked(message)
            if marked and self._happens(self.weather.lost_request_share):
                self._cut(connection)
                return
            if marked and self._happens(self.weather.lost_answer_share):
                connection.wire.doom(message)
            if not await self._pass(connection, connection.server, message):
                return

    async def _answers(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        while message := await connection.wire.read(reader):
            if connection.wire.answers_marked(message):
                self._cut(connection)
                return
            if not await self._pass(connection, connection.client, connection.wire.translate(message)):
                return

    async def _pass(self, connection: Connection, to: asyncio.StreamWriter, message: bytes) -> bool:
        weather = self.weather
        if weather.latency_seconds or weather.jitter_seconds:
            await asyncio.sleep(weather.latency_seconds + weather.jitter_seconds * self._chance.random())
        if connection.silent:
            # Read and forget, as a router that lost its table.
            return True
        if self._happens(weather.reset_share):
            self._cut(connection)
            return False
        try:
            await _write(to, message, byte_by_byte=weather.byte_by_byte)
        except ConnectionError:
            return False
        return True

    def _happens(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share

    def _cut(self, connection: Connection) -> None:
        self.injected += 1
        connection.cut()


async def _write(to: asyncio.StreamWriter, message: bytes, *, byte_by_byte: bool) -> None:
    if not byte_by_byte:
        to.write(message)
        await to.drain()
        return
    for n in range(min(len(message), BYTE_BY_BYTE_MAX)):
        if to.transport.is_closing():
            raise ConnectionResetError
        to.write(message[n : n + 1])
        # Lets the loop send it alone.
        await asyncio.sleep(0)
    for start in range(BYTE_BY_BYTE_MAX, len(message), BYTE_BY_BYTE_MAX):
        to.write(message[start : start + BYTE_BY_BYTE_MAX])
        await to.drain()


@asynccontextmanager
async def proxy(port: int, wire: Callable[[int], Wire], chance: random.Random) -> AsyncIterator[Proxy]:
    """Listen on a free port for as long as the block lasts; `wire` is told that port."""
    made = Proxy(port, lambda: wire(made.port), chance)
    server = await asyncio.start_server(made.serve, HOST.decode(), 0)
    made.port = int(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        for connection in list(made._connections):
            connection.cut()
        await asyncio.sleep(0)
