"""Deliver outbox rows to Kafka, oldest first.

One relay per service is active at a time: the session that sends holds advisory lock RELAY_LOCK for as long as it
lives, and PostgreSQL ends that session when it falls silent. Rows are taken in position order, sent by partition
(lanes.py) and deleted only once acknowledged, so events of one aggregate can be repeated after a crash, but their
first occurrences are never swapped. Never "position greater than the last seen": a transaction that commits late
has a low position, and that cursor would skip it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import asyncpg
import structlog

from chassis.db import AT_FAULT, UNREACHABLE, Database
from chassis.errors import DependencyDown
from chassis.faults import fault_point
from chassis.lanes import Lanes, Row
from chassis.outbox import Doorbell
from chassis.ranges import ranges_of
from chassis.relay_sql import FORGET, PARK, PARK_BEHIND, PARKED_KEYS, TAKE, TAKE_PAST, UNPARK

log = structlog.get_logger(__name__)

RELAY_LOCK = 0x6D61696C6C61
"""Advisory lock key, one per database and so one per service ("mailla" in ASCII)."""

LEASE_SILENCE_SECONDS = 3
"""PostgreSQL ends a session idle for this long, so a stopped process loses the lock; with STANDBY_SECONDS, handover
takes at most 5 s."""

LEASE_SESSION = {
    "idle_session_timeout": f"{LEASE_SILENCE_SECONDS}s",
    # A holder stopped in the middle of a large answer is not idle: the server waits for it to read.
    "tcp_user_timeout": f"{LEASE_SILENCE_SECONDS}s",
    # The lowest positions are read by their index, whatever is guessed of a limit and of what is passed over: the plan
    # that is kept after five times would read and sort the whole backlog (measured: 1 s instead of 6 ms in a million).
    "enable_seqscan": "off",
    "enable_sort": "off",
    "max_parallel_workers_per_gather": "0",
    # Deleting what Kafka has need not survive a crash of the server: rows that come back are sent again, as after any
    # crash, and the log loses only its end, so that no first occurrence is overtaken. Nobody waits for a disk here.
    "synchronous_commit": "off",
}

POLL_SECONDS = 0.5
"""The safety net behind the doorbell, and the ping that keeps the lease: well below LEASE_SILENCE_SECONDS."""

LEASE_MARGIN_SECONDS = 0.5
"""Nothing is handed to Kafka in the last part of the lease: a batch needs some time to leave."""

STANDBY_SECONDS = 0.5
FULL_SECONDS = 1.0
"""Between two tries to delete what is sent, while the database cannot write: below LEASE_SILENCE_SECONDS."""

CHANNEL = "outbox"


async def unpark(db: Database, topic: str, key: str) -> None:
    """Put a parked key's rows back at their positions; an active relay notices within one lease or poll."""
    async with db.transaction() as tx:
        await tx.execute(UNPARK, topic, key)


class Relay:
    """Sends this service's outbox for as long as `run` runs and the lease is held."""

    def __init__(self, db: Database, lanes: Lanes, doorbell: Doorbell) -> None:
        self._db = db
        self._lanes = lanes
        self._doorbell = doorbell
        self._cramped = False
        """Whether memory had less room at the last look than the outbox may hold."""
        self.asked = False
        """Whether the lease was asked for: somebody, here or elsewhere, has it."""
        self.active = False
        self.oldest_seen: datetime | None = None
        self.parked_keys = 0
        self.parked = 0
        """Events that Kafka refused for good."""

    @property
    def sent(self) -> int:
        """How many events Kafka has acknowledged."""
        return self._lanes.sent

    def age_seconds(self, now: datetime) -> float:
        """Return how long the oldest row in hand has waited since its commit; 0 when nothing waits."""
        return (now - self.oldest_seen).total_seconds() if self.oldest_seen else 0.0

    async def run(self) -> None:
        """Hold or wait for the lease, for ever; a lost database is waited for."""
        while True:
            try:
                lease = await self._db.connect(**LEASE_SESSION)
            except DependencyDown:
                await asyncio.sleep(STANDBY_SECONDS)
                continue
            try:
                await self._wait_for_lease(lease)
                fault_point("relay.leased")
                log.info("relay_active")
                await self._drain(lease)
            except (*UNREACHABLE, *AT_FAULT) as error:
                log.warning("relay_lease_lost", error_type=type(error).__name__)
            finally:
                self.active = False
                self.oldest_seen = None
                self._lanes.abandon()
                lease.terminate()
            await asyncio.sleep(STANDBY_SECONDS)

    async def _wait_for_lease(self, lease: asyncpg.Connection[asyncpg.Record]) -> None:
        while not await lease.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK):
            self.asked = True
            await self._doorbell.wait(STANDBY_SECONDS)
            # Another process holds the lease: pass the ring on, outside of any command's transaction.
            await lease.execute("NOTIFY outbox")

    async def _drain(self, lease: asyncpg.Connection[asyncpg.Record]) -> None:
        await lease.add_listener(CHANNEL, lambda *_: self._doorbell.ring())
        await self._reload_parked(lease)
        self.asked = self.active = True
        reload_at = time.monotonic() + POLL_SECONDS
        look = True
        while True:
            acknowledged = self._lanes.collect()
            if acknowledged:
                fault_point("relay.acknowledged")
                await _forget(lease, acknowledged)
                fault_point("relay.deleted")
            for refused in self._lanes.collect_refused():
                await lease.execute(PARK, refused.topic, refused.key, refused.position, refused.cause)
                self._lanes.blocked.add((refused.topic, refused.key))
                self.parked += 1
                log.error("relay_parked_key", topic=refused.topic, cause=refused.cause)
            # Where more may be there it is taken at once. What comes later rings; an acknowledgement only makes room.
            look = look and await self._take(lease)
            if not look:
                look = await self._doorbell.wait(POLL_SECONDS) or self._cramped
            if time.monotonic() > reload_at:
                # Also the ping that keeps the session alive when memory is full and nothing else is asked.
                await self._reload_parked(lease)
                reload_at = time.monotonic() + POLL_SECONDS
                look = True

    async def _reload_parked(self, lease: asyncpg.Connection[asyncpg.Record]) -> None:
        asked_at = time.monotonic()
        parked = {(r["aggregatetype"], r["aggregateid"]) for r in await lease.fetch(PARKED_KEYS)}
        self._answered(asked_at)
        self._lanes.blocked = parked | self._lanes.refused_keys()
        self.parked_keys = len(self._lanes.blocked)

    def _answered(self, asked_at: float) -> None:
        # The server counts silence from its answer, which is later than our question.
        self._lanes.lease_until = asked_at + LEASE_SILENCE_SECONDS - LEASE_MARGIN_SECONDS

    async def _take(self, lease: asyncpg.Connection[asyncpg.Record]) -> bool:
        """Take what there is room for; tell whether there may be more."""
        room = self._lanes.room
        rows_max, bytes_max = room.to_take()
        self._cramped = rows_max <= 0 or bytes_max <= 0
        if self._cramped:
            return False
        asked_at = time.monotonic()
        taken, full = ranges_of(self._lanes.taken), room.full_topics()
        self._cramped = bool(full)
        if full:
            rows = await lease.fetch(TAKE_PAST, taken, rows_max, bytes_max, full)
        else:
            rows = await lease.fetch(TAKE, taken, rows_max, bytes_max)
        self._answered(asked_at)
        if rows:
            fault_point("relay.selected")
        self.oldest_seen = self._lanes.oldest() or (rows[0]["created_at"] if rows else None)
        for row in rows:
            topic, key = row["aggregatetype"], row["aggregateid"]
            if (topic, key) in self._lanes.blocked:
                if await self._still_parked(lease, topic, key, row["position"]):
                    continue
                # What was put back since we read comes before this row: that, this row and the rest are read again.
                return True
            self._lanes.add(Row(row["position"], topic, key, row["headers"], row["payload"], row["created_at"]))
        if full:
            # Each topic gave its share of the limit: whether that was all is seen by asking again.
            return bool(rows)
        return len(rows) == rows_max or sum(len(row["payload"]) for row in rows) >= bytes_max

    async def _still_parked(
        self, lease: asyncpg.Connection[asyncpg.Record], topic: str, key: str, position: int
    ) -> bool:
        if (topic, key) in self._lanes.refused_keys():
            return True
        if await lease.execute(PARK_BEHIND, topic, key, position) != "INSERT 0 0":
            return True
        self._lanes.blocked.discard((topic, key))
        return False


async def _forget(lease: asyncpg.Connection[asyncpg.Record], acknowledged: list[int]) -> None:
    # With a full disk the lease is kept: giving it up would send the same rows again and again.
    while True:
        try:
            await lease.execute(FORGET, acknowledged)
        except AT_FAULT as error:
            if lease.is_closed():
                raise
            log.warning("relay_cannot_delete", error_type=type(error).__name__, rows=len(acknowledged))
            await asyncio.sleep(FULL_SECONDS)
        else:
            return
