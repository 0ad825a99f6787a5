"""Known bad: FastStream's default acknowledgement, offsets committed on a timer whatever is in hand."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import asyncpg
from faststream import Context
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from tests.faults.arms.effects import EVENT_SECONDS, handle_one

from chassis.settings import ServiceSettings, load

COMMIT_MS = 100
"""FastStream's own is 5 s; shorter shows within a second what otherwise takes many."""


async def run(settings: ServiceSettings, topic: str) -> None:
    """Consume for ever."""
    pool = await asyncpg.create_pool(settings.database_dsn.get_secret_value(), min_size=1)
    broker = KafkaBroker(settings.kafka_bootstrap, log_level=logging.DEBUG)

    @broker.subscriber(
        topic, group_id=f"first-{topic}", auto_offset_reset="earliest", batch=True, auto_commit_interval_ms=COMMIT_MS,
        decoder=_raw, group_instance_id="first-0",
    )  # fmt: skip
    async def handle(body: Any, message: KafkaMessage = Context("message")) -> None:  # noqa: B008  # FastStream's way
        for record in message.raw_message:
            await asyncio.sleep(EVENT_SECONDS)
            await handle_one(pool, record)

    await broker.start()
    await asyncio.Event().wait()


async def _raw(message: Any) -> Any:
    return message.body


if __name__ == "__main__":
    asyncio.run(run(load(ServiceSettings), sys.argv[1]))
