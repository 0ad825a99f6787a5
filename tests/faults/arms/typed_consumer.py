"""Known bad: a subscriber as tutorials write it, one typed message at a time with FastStream's defaults."""

from __future__ import annotations

import asyncio
import logging
import sys
from uuid import UUID

import asyncpg
from faststream import Context
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from pydantic import BaseModel
from tests.faults.arms.effects import INSERT

from chassis.settings import ServiceSettings, load


class Referral(BaseModel):
    """What the tutorial reads of an event."""

    referral_id: UUID
    aggregate_version: int


async def run(settings: ServiceSettings, topic: str) -> None:
    """Consume for ever."""
    pool = await asyncpg.create_pool(settings.database_dsn.get_secret_value(), min_size=1)
    broker = KafkaBroker(settings.kafka_bootstrap, log_level=logging.DEBUG)

    @broker.subscriber(topic, group_id=f"typed-{topic}", auto_offset_reset="earliest")
    async def handle(body: Referral, message: KafkaMessage = Context("message")) -> None:  # noqa: B008  # FastStream's way
        await pool.execute(INSERT, UUID(message.headers["ce_id"]), body.referral_id, body.aggregate_version)

    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(load(ServiceSettings), sys.argv[1]))
