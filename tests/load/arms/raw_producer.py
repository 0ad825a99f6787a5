"""aiokafka alone with an outbox's bytes from memory: what a relay reaches if reading and deleting rows are free.

`send`: one call a record, 2,000 acknowledgements awaited at a time. `batches`: one hand-made batch at a time for each
partition, the least that aiokafka can cost.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TypeAlias

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from tests.load.arms.wire import Meter, Wire, run

IN_FLIGHT = 2000

Encoded: TypeAlias = tuple[bytes, list[tuple[str, bytes]], bytes]
"""Key, headers, value."""


async def read(dsn: str) -> list[Encoded]:
    """Return an outbox's rows as a producer takes them."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT aggregateid, headers, payload FROM outbox ORDER BY position")
    await connection.close()
    return [
        (
            row["aggregateid"].encode(),
            [(name, value.encode()) for name, value in json.loads(row["headers"]).items()],
            row["payload"],
        )
        for row in rows
    ]


async def by_send(producer: AIOKafkaProducer, topic: str, records: Sequence[Encoded]) -> None:
    """Send one by one, awaiting in groups."""
    for start in range(0, len(records), IN_FLIGHT):
        futures = [
            await producer.send(topic, value, key=key, headers=headers)
            for key, headers, value in records[start : start + IN_FLIGHT]
        ]
        await asyncio.gather(*futures)


async def by_batches(producer: AIOKafkaProducer, topic: str, records: Sequence[Encoded]) -> None:
    """Send each partition's records in batches, the partitions side by side."""
    lanes: dict[int, deque[Encoded]] = defaultdict(deque)
    partitions = len(await producer.partitions_for(topic))
    for record in records:
        lanes[(murmur2(record[0]) & 0x7FFFFFFF) % partitions].append(record)

    async def drain(partition: int, lane: deque[Encoded]) -> None:
        while lane:
            batch = producer.create_batch()
            while lane:
                key, headers, value = lane[0]
                if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    break
                lane.popleft()
            await (await producer.send_batch(batch, topic, partition=partition))

    await asyncio.gather(*(drain(partition, lane) for partition, lane in lanes.items()))


async def main(wire: Wire) -> None:
    """Send everything."""
    topic = wire.config["topic"]
    records = await read(wire.config["dsn"])
    producer = AIOKafkaProducer(
        bootstrap_servers=wire.config["bootstrap"],
        acks="all",
        enable_idempotence=True,
        max_batch_size=wire.config["batch_bytes"],
    )
    await producer.start()
    await producer.partitions_for(topic)
    await wire.ready()
    meter = Meter()
    await {"send": by_send, "batches": by_batches}[wire.config["style"]](producer, topic, records)
    wire.say(**meter.read())
    await producer.stop()


if __name__ == "__main__":
    run(main)
