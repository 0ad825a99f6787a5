"""Known bad: a relay that reads positions greater than the last it saw, and so passes over what commits late."""

from __future__ import annotations

import asyncio
import json

import asyncpg
from aiokafka import AIOKafkaProducer

from chassis.settings import ServiceSettings, load

POLL_SECONDS = 0.01
NEXT = """
SELECT position, aggregatetype, aggregateid, headers, payload FROM outbox
WHERE position > $1 ORDER BY position LIMIT 500
"""
DELETE = "DELETE FROM outbox WHERE position = ANY ($1::bigint[])"


async def run(settings: ServiceSettings) -> None:
    """Relay for ever."""
    connection = await asyncpg.connect(settings.database_dsn.get_secret_value())
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, enable_idempotence=True)
    await producer.start()
    last = 0
    while True:
        rows = await connection.fetch(NEXT, last)
        for row in rows:
            headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
            await producer.send(row["aggregatetype"], row["payload"], key=row["aggregateid"].encode(), headers=headers)
            last = row["position"]
        await producer.flush()
        await connection.execute(DELETE, [row["position"] for row in rows])
        await asyncio.sleep(POLL_SECONDS)


if __name__ == "__main__":
    asyncio.run(run(load(ServiceSettings)))
