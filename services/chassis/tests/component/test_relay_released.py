"""A key that an operator puts back while the relay reads: nothing of it overtakes its first event."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from chassis.db import Database
from chassis.ids import new_id
from chassis.lanes import Lanes
from chassis.outbox import Doorbell, OutboxRow, append
from chassis.relay import Relay, unpark
from chassis.relay_sql import PARK
from chassis.testing.producers import Acknowledging

pytestmark = pytest.mark.postgres

TOPIC = "test"


class Recording(Acknowledging):
    """Acknowledges, and remembers every event in the order in which it was handed over."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, str]] = []

    def append(self, **record: Any) -> object:
        self.events.append((record["key"].decode(), record["value"].decode()))
        return self


class ReleasedAfterReading:
    """The lease's session, with an operator who puts key `k` back as soon as the relay has read what there is."""

    def __init__(self, lease: asyncpg.Connection[asyncpg.Record], db: Database) -> None:
        self._lease = lease
        self._db = db
        self.execute = lease.execute

    async def fetch(self, *asked: Any) -> list[asyncpg.Record]:
        rows = await self._lease.fetch(*asked)
        await unpark(self._db, TOPIC, "k")
        return rows


async def test_a_key_released_between_reading_and_parking_keeps_its_order(db: Database) -> None:
    async with db.transaction() as tx:
        await append(tx, OutboxRow(new_id(), TOPIC, "k", "test", "{}", b"1"))
        await tx.execute(PARK, TOPIC, "k", 0, "refused")
        later = [("before", "1"), ("k", "2"), ("after", "1"), ("k", "3"), ("after", "2")]
        await append(tx, *(OutboxRow(new_id(), TOPIC, key, "test", "{}", value.encode()) for key, value in later))
    kafka, doorbell = Recording(), Doorbell()
    lanes = Lanes(kafka, doorbell.wake)
    relay = Relay(db, lanes, doorbell)
    lease = await db.connect()
    try:
        await relay._reload_parked(lease)
        assert lanes.blocked == {(TOPIC, "k")}
        more: Any = ReleasedAfterReading(lease, db)
        while await relay._take(more):
            more = lease
        await relay._take(lease)
        async with asyncio.timeout(10):
            while len(lanes._acknowledged) < len(lanes.taken):
                await asyncio.sleep(0)
    finally:
        lanes.abandon()
        await lease.close()

    handed_over: dict[str, list[str]] = {}
    for key, value in kafka.events:
        handed_over.setdefault(key, []).append(value)
    assert handed_over == {"before": ["1"], "k": ["1", "2", "3"], "after": ["1", "2"]}
