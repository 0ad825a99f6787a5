"""A partner that reads its stream in all four ways at once, each with its own client, and says when it saw each event.

The webhook's receiver runs here too. Every reading begins where the stream ends: what was there before is not read.
"""

from __future__ import annotations

import asyncio
import json
import time

import httpx
from tests.load.arms.partner_reader import consumer_of, end_of, read_feed, read_topic
from tests.load.arms.wire import Wire, run

from chassis.testing.receivers import Receiver, Seen, answer, receiving


class Hook:
    """Gives challenges back, accepts events and remembers when each came first."""

    def __init__(self, expected: int) -> None:
        self.seen: dict[str, int] = {}
        self.all_seen = asyncio.Event()
        self._expected = expected

    async def behave(self, _: Receiver, seen: Seen) -> bytes:
        """Answer one request."""
        now, event = time.monotonic_ns(), seen.event
        if ".webhook." in event["type"]:
            return answer(200, json.dumps(event["data"]).encode())
        self.seen.setdefault(event["id"], now)
        if len(self.seen) >= self._expected:
            self.all_seen.set()
        return answer(204)


async def read_events(http: httpx.AsyncClient, cursor: str, expected: int, opened: asyncio.Event) -> dict[str, int]:
    """Return when each event came as a server-sent event, by id."""
    seen: dict[str, int] = {}
    headers = {"accept": "text/event-stream", **({"last-event-id": cursor} if cursor else {})}
    async with http.stream("GET", "/feed", headers=headers) as said:
        said.raise_for_status()
        opened.set()
        async for line in said.aiter_lines():
            if line.startswith("data: "):
                seen.setdefault(json.loads(line.removeprefix("data: "))["id"], time.monotonic_ns())
            if len(seen) >= expected:
                break
    return seen


async def activate(http: httpx.AsyncClient, url: str) -> None:
    """Create the partner's webhook and let its address answer the challenge."""
    webhook = (await http.post("/webhooks", json={"url": url})).raise_for_status().json()
    (await http.post(f"/webhooks/{webhook['webhook_id']}/verification")).raise_for_status()


async def main(wire: Wire) -> None:
    """Read until every event was seen by each reading."""
    expected = wire.config["expected"]
    consumer, hook, opened = consumer_of(wire.config["access"]), Hook(expected), asyncio.Event()
    headers = {"authorization": wire.config["authorization"]}
    await consumer.start()
    async with (
        receiving(hook.behave) as receiver,
        httpx.AsyncClient(base_url=wire.config["url"], headers=headers, timeout=40, trust_env=False) as http,
    ):
        await activate(http, receiver.url)
        cursor = await end_of(http)
        for partition in consumer.assignment():
            await consumer.position(partition)
        events = asyncio.create_task(read_events(http, cursor, expected, opened))
        await opened.wait()
        await wire.ready()
        topic, feed, sse, _ = await asyncio.gather(
            read_topic(consumer, expected), read_feed(http, cursor, expected), events, hook.all_seen.wait()
        )
        wire.say(topic=topic, feed=feed, events=sse, webhook=hook.seen)
    await consumer.stop()


if __name__ == "__main__":
    run(main)
