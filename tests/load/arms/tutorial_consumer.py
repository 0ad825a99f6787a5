"""The consumer that FastStream's documentation leads to: a typed handler a message, one transaction each.

It is exactly-once in its effect: the inbox row and the effect commit together, and the offset afterwards
(`NACK_ON_ERROR`). `autocommit` is the same with FastStream's default policy, which commits offsets on a timer and loses
the messages in hand when it dies: shown because it is what a first program has.
"""

from __future__ import annotations

import logging
from typing import Annotated
from uuid import UUID

import asyncpg
from faststream import AckPolicy, Header
from faststream.kafka import KafkaBroker
from tests.load.arms.effects import INSERT
from tests.load.arms.wire import Marks, Wire, run

from maillage_contracts import ReferralSubmitted

POLICIES = {"ack": AckPolicy.NACK_ON_ERROR, "autocommit": AckPolicy.ACK_FIRST}

CLAIM = "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id"


def build(wire: Wire, pool: asyncpg.Pool[asyncpg.Record], marks: Marks, instance: str | None = None) -> KafkaBroker:
    """Declare the handler; with `instance` it is a static member of its group."""
    group = f"tutorial-{wire.config['topic']}"
    # Two lines a message at INFO would be most of the work.
    broker = KafkaBroker(wire.config["bootstrap"], log_level=logging.DEBUG)

    @broker.subscriber(
        wire.config["topic"],
        group_id=group,
        group_instance_id=instance,
        auto_offset_reset="earliest",
        ack_policy=POLICIES[wire.config["style"]],
    )
    async def handle(event: ReferralSubmitted, ce_id: Annotated[str, Header()]) -> None:
        async with pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(CLAIM, group, UUID(ce_id)):
                await connection.execute(INSERT, UUID(ce_id), event.referral_id, event.aggregate_version)
        marks.note([ce_id])

    return broker


async def main(wire: Wire) -> None:
    """Consume until told to stop."""
    marks = Marks(wire.config["expected"], keep_times=wire.config["keep_times"])
    async with asyncpg.create_pool(wire.config["dsn"]) as pool:
        broker = build(wire, pool, marks)
        await wire.ready()
        await broker.start()
        await marks.enough.wait()
        wire.say(**marks.result())
        await broker.stop()


if __name__ == "__main__":
    run(main)
