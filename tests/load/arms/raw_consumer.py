"""aiokafka's `getmany` and the same two statements a batch: no contracts, no dead letters, no spans, no framework."""

from __future__ import annotations

import json
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from tests.load.arms.effects import INSERT_MANY
from tests.load.arms.wire import Marks, Wire, run

POLL_MS = 50

CLAIM = """
INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS t(id)
ON CONFLICT DO NOTHING RETURNING event_id
"""


async def handle(
    connection: asyncpg.Connection[asyncpg.Record], group: str, records: list[ConsumerRecord[bytes, bytes]]
) -> list[str]:
    """Commit a batch; return its event ids."""
    found = {UUID(dict(record.headers)["ce_id"].decode()): json.loads(record.value) for record in records}
    async with connection.transaction():
        fresh = {row["event_id"] for row in await connection.fetch(CLAIM, group, sorted(found))}
        rows = [(one, UUID(e["referral_id"]), e["aggregate_version"]) for one, e in found.items() if one in fresh]
        if rows:
            await connection.execute(INSERT_MANY, *(list(column) for column in zip(*rows, strict=True)))
    return [str(one) for one in found]


async def main(wire: Wire) -> None:
    """Consume until enough was handled."""
    marks = Marks(wire.config["expected"], keep_times=wire.config["keep_times"])
    group = f"raw-{wire.config['topic']}"
    connection = await asyncpg.connect(wire.config["dsn"])
    consumer = AIOKafkaConsumer(
        wire.config["topic"],
        bootstrap_servers=wire.config["bootstrap"],
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await wire.ready()
    await consumer.start()
    while not marks.enough.is_set():
        polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=wire.config["batch_records"])
        records = [record for of_partition in polled.values() for record in of_partition]
        if records:
            marks.note(await handle(connection, group, records))
            await consumer.commit()
    wire.say(**marks.result())
    await consumer.stop()


if __name__ == "__main__":
    run(main)
