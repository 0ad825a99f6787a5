"""Known bad: the offset is committed before the effects are."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
from aiokafka import AIOKafkaConsumer
from tests.faults.arms.effects import EVENT_SECONDS, handle_one

from chassis.settings import ServiceSettings, load


async def run(settings: ServiceSettings, topic: str) -> None:
    """Consume for ever."""
    pool = await asyncpg.create_pool(settings.database_dsn.get_secret_value(), min_size=1)
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=settings.kafka_bootstrap, group_id=f"early-{topic}", auto_offset_reset="earliest",
        enable_auto_commit=False, group_instance_id="early-0",
    )  # fmt: skip
    await consumer.start()
    while True:
        batch = await consumer.getmany(timeout_ms=100)
        if batch:
            await consumer.commit()
        for records in batch.values():
            for record in records:
                await asyncio.sleep(EVENT_SECONDS)
                await handle_one(pool, record)


if __name__ == "__main__":
    asyncio.run(run(load(ServiceSettings), sys.argv[1]))
