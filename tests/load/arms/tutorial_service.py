"""The tutorial's writing side: a transaction writes the event, a loop in the same process polls every 100 ms."""

from __future__ import annotations

import asyncio
import time

import asyncpg
from aiokafka import AIOKafkaProducer
from tests.load.arms.tutorial_outbox import relay_forever
from tests.load.arms.wire import Meter, Wire, run
from tests.load.records import outbox_rows

from chassis.outbox import OutboxRow

INSERT = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def main(wire: Wire) -> None:
    """Commit what is asked until told to stop."""
    producer = AIOKafkaProducer(bootstrap_servers=wire.config["bootstrap"], acks="all")
    await producer.start()
    rows = list(outbox_rows(wire.config["events"], wire.config["topic"]))
    committed: dict[str, int] = {}
    async with asyncpg.create_pool(wire.config["dsn"]) as pool:
        running = asyncio.create_task(relay_forever(pool, producer))

        async def command(row: OutboxRow) -> None:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(INSERT, row.id, row.topic, row.key, row.type, row.headers, row.payload)
            committed[str(row.id)] = time.monotonic_ns()

        await wire.ready()
        meter = Meter()
        async with asyncio.TaskGroup() as tasks:
            async for word in wire.words():
                tasks.create_task(command(rows[int(word)]))
        wire.say(**meter.read(), times=committed)
        running.cancel()
    await producer.stop()


if __name__ == "__main__":
    run(main)
