"""See an event arrive where an organisation looks for it: its feed, and its own Kafka topic."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer

from maillage.api import Client
from maillage.errors import Refusal

T = TypeVar("T")
Matches = Callable[[dict[str, Any]], bool]

PATIENCE_SECONDS = 30.0
"""The promise is one second; a loaded machine at first start needs more."""


class FeedWatch:
    """Follow one organisation's feed by long poll, from its end at the moment of opening."""

    def __init__(self, client: Client, feed_url: str) -> None:
        self._client = client
        self._url = feed_url
        self._cursor: str | None = None
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.seen: list[tuple[float, dict[str, Any]]] = []

    async def open(self) -> None:
        """Go to the end of the feed and follow from there."""
        more = True
        while more:
            page = await self._client.get(self._url, after=self._cursor, limit=100, wait=0)
            self._cursor, more = page["cursor"], bool(page["more"])
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def arrival(self, matches: Matches, what: str) -> tuple[float, dict[str, Any]]:
        """Return when (monotonic seconds) the first matching event arrived, and the event; refuse when it does not."""

        def found() -> tuple[float, dict[str, Any]] | None:
            return next((entry for entry in self.seen if matches(entry[1])), None)

        async def wait() -> tuple[float, dict[str, Any]]:
            async with self._news:
                while (entry := found()) is None:
                    if self._task is not None and self._task.done():
                        self._task.result()
                    await self._news.wait()
                return entry

        return await in_time(wait(), what)

    async def _follow(self) -> None:
        try:
            while True:
                page = await self._client.get(self._url, after=self._cursor, limit=100, wait=25)
                self._cursor = page["cursor"]
                async with self._news:
                    self.seen += [(time.monotonic(), event) for event in page["events"]]
                    self._news.notify_all()
        finally:
            # Whoever waits must hear that nothing will come any more.
            async with self._news:
                self._news.notify_all()


class TopicWatch:
    """Read an organisation's own topic as its own SCRAM user, as a partner's program would."""

    def __init__(self, kafka: dict[str, Any], group: str) -> None:
        self._consumer = AIOKafkaConsumer(
            kafka["topic"],
            bootstrap_servers=kafka["bootstrap"],
            security_protocol=kafka["security_protocol"],
            ssl_context=ssl.create_default_context(cadata=kafka.get("certificate_authority")),
            sasl_mechanism=kafka["mechanism"],
            sasl_plain_username=kafka["username"],
            sasl_plain_password=kafka["password"],
            group_id=f"{kafka['group_prefix']}{group}",
            auto_offset_reset="latest",
            enable_auto_commit=False,
        )

    async def open(self) -> None:
        """Join the group and stand at the end of the topic."""
        await self._consumer.start()
        for partition in self._consumer.assignment():
            await self._consumer.position(partition)

    async def close(self) -> None:
        """Leave the group."""
        await self._consumer.stop()

    async def arrival(self, event_id: str, what: str) -> float:
        """Return when (monotonic seconds) the record with this CloudEvents id arrived."""

        async def wait() -> float:
            async for record in self._consumer:
                if dict(record.headers).get("ce_id") == event_id.encode():
                    return time.monotonic()
            raise Refusal("La lecture du sujet Kafka s'est arrêtée · reading the topic ended")

        return await in_time(wait(), what)

    async def count(self) -> int:
        """Return how many records arrived since opening and were not taken by `arrival`."""
        batches = await self._consumer.getmany(timeout_ms=200)
        return sum(len(records) for records in batches.values())


async def in_time(work: Awaitable[T], what: str) -> T:
    """Await something for as long as a demonstration may take, or refuse naming what did not come."""
    try:
        return await asyncio.wait_for(work, PATIENCE_SECONDS)
    except TimeoutError:
        raise Refusal(
            f"{what} n'est pas arrivé après {PATIENCE_SECONDS:.0f} s · it did not arrive", "maillage doctor"
        ) from None
