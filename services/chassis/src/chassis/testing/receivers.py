"""Receivers of webhooks as partners write them, kind and hostile: real HTTP servers on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answering = Callable[["Receiver", "Seen"], Awaitable[bytes | None]]
"""Returns the whole answer, or None to say nothing more."""


@dataclass
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent in its body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """Return the bytes of an answer."""
    head = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass
class Receiver:
    """A server that gives challenges back and accepts everything, until told otherwise."""

    port: int = 0
    requests: list[Seen] = field(default_factory=list)
    behave: Answering | None = None
    accepted: list[Seen] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the stream that were accepted, in order."""
        return [seen.event for seen in self.accepted if ".webhook." not in seen.event["type"]]

    def ids(self) -> list[str]:
        """Return the ids of those events, repeats included."""
        return [event["id"] for event in self.events()]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, until it ends."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in head[1:-2])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._one(Seen(head[0].split()[1], headers, body, writer))
        writer.close()

    async def _one(self, seen: Seen) -> None:
        self.requests.append(seen)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.behave is not None:
                said = await self.behave(self, seen)
            elif seen.event["type"].endswith("webhook.challenge.v1"):
                said = answer(200, json.dumps(seen.event["data"]).encode())
            else:
                said = answer(204)
        finally:
            self.at_once -= 1
        if said is None:
            raise ConnectionResetError
        if said.startswith(b"HTTP/1.1 2"):
            self.accepted.append(seen)
        seen.writer.write(said)
        await seen.writer.drain()


@asynccontextmanager
async def receiving(behave: Answering | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(behave=behave)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await receiver.serve(reader, writer)
        except asyncio.CancelledError:
            writer.close()
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
