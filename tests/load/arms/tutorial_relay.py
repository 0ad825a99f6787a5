"""The tutorial relay, until the outbox is empty."""

from __future__ import annotations

import asyncpg
from aiokafka import AIOKafkaProducer
from tests.load.arms.tutorial_outbox import send_pending
from tests.load.arms.wire import Meter, Wire, run


async def main(wire: Wire) -> None:
    """Drain."""
    producer = AIOKafkaProducer(bootstrap_servers=wire.config["bootstrap"], acks="all")
    await producer.start()
    async with asyncpg.create_pool(wire.config["dsn"]) as pool:
        await wire.ready()
        meter = Meter()
        while await send_pending(pool, producer):
            pass
        wire.say(**meter.read())
    await producer.stop()


if __name__ == "__main__":
    run(main)
