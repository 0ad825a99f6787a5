"""A load generator for one POST route: as many requests as fit, or requests on a schedule that nothing delays.

Closed loop: each connection sends its next request when the last one is answered. That measures throughput; its
latencies leave out whoever would have come while the server stood still. Open loop: request n is due at start + n/rate,
waits for a free connection if none is, and its latency counts from the moment it was due. A request that is refused
("come back later") has no latency: how many were is told beside. Timers have a millisecond's
resolution here: that much may be added to a latency, the same for every server.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter, deque
from typing import cast

from tests.load.arms.wire import Wire, run

from chassis.ids import new_id

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)

CREATED = 201

BODY = {
    "commune": "94028",
    "person": {
        "first_name": "Camille",
        "last_name": "Exemple NUMBER",
        "birth_date": "1987-04-09",
        "phone": "06 39 98 00 00",
        "email": "camille@example.org",
        "address": "1 rue de l'Exemple, 93000 Exemple",
    },
    "themes": ["numerique--acceder-a-une-connexion-internet", "famille--garde-denfants"],
    "note": "Prefers mornings. Invented for a load test, as everything here.",
    "person_informed": True,
}


class Requests:
    """Makes the requests, each with a key and a name of its own."""

    def __init__(self, port: int, token: str) -> None:
        body = json.dumps(BODY).replace("NUMBER", "0" * 32)
        self._before, self._after = (
            f"POST /referrals HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\nidempotency-key: KEY\r\n\r\n{body}"
        ).split("KEY")

    def next(self) -> bytes:
        """Return a request nobody sent before."""
        key = new_id().hex
        return (self._before + key + self._after.replace("0" * 32, key)).encode()


class Connection(asyncio.Protocol):
    """One connection: a request at a time, and the status of its answer."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's classes.
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        found = _LENGTH.search(self._read, 0, end)
        if found is None:
            self._answer.set_exception(ConnectionError("an answer without a length"))
        elif len(self._read) >= end + 4 + int(found[1]):
            status = int(self._read[9:12])
            self._read.clear()
            self._answer.set_result(status)

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()

    async def ask(self, request: bytes) -> int:
        """Send a request and return the status of its answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


class Load:
    """Requests over a number of connections, and what came back."""

    def __init__(self, port: int, requests: Requests) -> None:
        self._port = port
        self._requests = requests
        self._connections: list[Connection] = []
        self.statuses: Counter[int] = Counter()

    async def open(self, count: int) -> None:
        """Open the connections."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
            self._connections.append(connection)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()

    async def closed(self, seconds: float) -> list[float]:
        """Keep every connection busy; return the latencies in ms of what was answered within `seconds`."""
        latencies: list[float] = []
        until = time.monotonic() + seconds

        async def keep_busy(connection: Connection) -> None:
            while (started := time.monotonic()) < until:
                status = await connection.ask(self._requests.next())
                self.statuses[status] += 1
                if status == CREATED and (now := time.monotonic()) <= until:
                    latencies.append(1000 * (now - started))

        await asyncio.gather(*map(keep_busy, self._connections))
        return latencies

    async def open_loop(self, rate: int, seconds: float) -> list[float]:
        """Send `rate` requests a second on schedule; return their latencies in ms, from when they were due."""
        latencies: list[float] = []
        free = deque(self._connections)
        waiting: deque[float] = deque()
        start = time.monotonic()

        async def ask(connection: Connection, due: float) -> None:
            while True:
                status = await connection.ask(self._requests.next())
                self.statuses[status] += 1
                if status == CREATED:
                    latencies.append(1000 * (time.monotonic() - due))
                if not waiting:
                    free.append(connection)
                    return
                due = waiting.popleft()

        async with asyncio.TaskGroup() as tasks:
            for n in range(round(rate * seconds)):
                due = start + n / rate
                if (wait := due - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                if free:
                    tasks.create_task(ask(free.popleft(), due))
                else:
                    waiting.append(due)
        return latencies


async def main(wire: Wire) -> None:
    """Warm up, then load as asked, as often as asked: `closed <seconds>` or `open <rate> <seconds>`."""
    load = Load(wire.config["port"], Requests(wire.config["port"], wire.config["token"]))
    await load.open(wire.config["connections"])
    await wire.ready()
    async for word in wire.words():
        kind, *numbers = word.split()
        before = load.statuses.copy()
        started = time.monotonic()
        if kind == "closed":
            latencies = await load.closed(float(numbers[0]))
        else:
            latencies = await load.open_loop(int(numbers[0]), float(numbers[1]))
        wire.say(
            latencies=sorted(latencies),
            seconds=time.monotonic() - started,
            statuses={str(status): count for status, count in (load.statuses - before).items()},
        )


if __name__ == "__main__":
    run(main)
