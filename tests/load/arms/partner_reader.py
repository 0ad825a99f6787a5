"""A partner: reads its own topic with a plain aiokafka consumer and its SCRAM user, and its feed by long poll.

It begins where both end: what was there before is not read.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer
from tests.load.arms.wire import Wire, run

from chassis.ids import new_id

WAIT_SECONDS = 20


def consumer_of(access: dict[str, Any]) -> AIOKafkaConsumer:
    """Return a consumer as the partner's IT would write it."""
    return AIOKafkaConsumer(
        access["topic"],
        bootstrap_servers=access["bootstrap"],
        security_protocol=access["security_protocol"],
        sasl_mechanism=access["mechanism"],
        sasl_plain_username=access["username"],
        sasl_plain_password=access["password"],
        group_id=access["group_prefix"] + new_id().hex,
        auto_offset_reset="latest",
    )


async def read_topic(consumer: AIOKafkaConsumer, expected: int) -> dict[str, int]:
    """Return when each event was read, by id."""
    seen: dict[str, int] = {}
    while len(seen) < expected:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            now = time.monotonic_ns()
            for record in records:
                seen.setdefault((dict(record.headers)["ce_id"] or b"").decode(), now)
    return seen


async def read_page(http: httpx.AsyncClient, cursor: str, wait: int) -> dict[str, Any]:
    """Return the page after a cursor; `""` is the beginning."""
    answer = await http.get("/feed", params={"limit": 500, "wait": wait, **({"after": cursor} if cursor else {})})
    answer.raise_for_status()
    page: dict[str, Any] = answer.json()
    return page


async def end_of(http: httpx.AsyncClient) -> str:
    """Return the cursor after everything that is in the feed."""
    page = await read_page(http, "", 0)
    while page["more"]:
        page = await read_page(http, page["cursor"], 0)
    return str(page["cursor"])


async def read_feed(http: httpx.AsyncClient, cursor: str, expected: int) -> dict[str, int]:
    """Return when each event was read, by id."""
    seen: dict[str, int] = {}
    while len(seen) < expected:
        page = await read_page(http, cursor, WAIT_SECONDS)
        now = time.monotonic_ns()
        for event in page["events"]:
            seen.setdefault(event["id"], now)
        cursor = page["cursor"]
    return seen


async def main(wire: Wire) -> None:
    """Read both until every event was seen in each."""
    expected = wire.config["expected"]
    consumer = consumer_of(wire.config["access"])
    headers = {"authorization": wire.config["authorization"]}
    await consumer.start()
    async with httpx.AsyncClient(base_url=wire.config["url"], headers=headers, timeout=40, trust_env=False) as http:
        cursor = await end_of(http)
        for partition in consumer.assignment():
            # Now, not at the first read: "latest" must not come to mean "after the first event".
            await consumer.position(partition)
        await wire.ready()
        topic_times, feed_times = await asyncio.gather(
            read_topic(consumer, expected), read_feed(http, cursor, expected)
        )
        wire.say(topic=topic_times, feed=feed_times)
    await consumer.stop()


if __name__ == "__main__":
    run(main)
