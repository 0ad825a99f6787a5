"""The outbox relay that tutorials show: poll, send each row and wait for it, delete it.

Order and nothing lost are kept (acks=all, a row is deleted after its acknowledgement); it does not sleep while it finds
rows. It is correct with one process of it only.
"""

from __future__ import annotations

import asyncio
import json

import asyncpg
from aiokafka import AIOKafkaProducer

POLL_SECONDS = 0.1
ROWS = 100

OLDEST = "SELECT position, aggregatetype, aggregateid, headers, payload FROM outbox ORDER BY position LIMIT $1"
DELETE = "DELETE FROM outbox WHERE position = $1"


async def send_pending(pool: asyncpg.Pool[asyncpg.Record], producer: AIOKafkaProducer) -> int:
    """Send the oldest rows; return how many there were."""
    rows = await pool.fetch(OLDEST, ROWS)
    for row in rows:
        await producer.send_and_wait(
            row["aggregatetype"],
            row["payload"],
            key=row["aggregateid"].encode(),
            headers=[(name, value.encode()) for name, value in json.loads(row["headers"]).items()],
        )
        await pool.execute(DELETE, row["position"])
    return len(rows)


async def relay_forever(pool: asyncpg.Pool[asyncpg.Record], producer: AIOKafkaProducer) -> None:
    """Poll."""
    while True:
        if not await send_pending(pool, producer):
            await asyncio.sleep(POLL_SECONDS)
