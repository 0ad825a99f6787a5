"""Who may send, and how much waits in memory: on real PostgreSQL, whatever stops, and however long Kafka is away."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from chassis.db import Database
from chassis.ids import new_id
from chassis.lanes import Lanes, Row
from chassis.outbox import Doorbell, OutboxRow, append
from chassis.producers import T
from chassis.relay import LEASE_SESSION, RELAY_LOCK, Relay
from chassis.testing.kafka import create_topic, read_until
from chassis.testing.processes import process
from chassis.testing.producers import Acknowledging

pytestmark = pytest.mark.postgres

HANDOVER_SECONDS_MAX = 15.0
"""Three times what is promised, for a machine that does other things; without the settings it would be minutes."""
RELAY_BYTES_MAX = 32 * 1024 * 1024
RELAY = "chassis.testing.relay_process"

HOLDER = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND ((classid::bigint << 32) | objid::bigint) = $1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
async def dsn(database: Callable[[str | None], Awaitable[str]]) -> str:
    return await database("chassis")


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    opened = Database(dsn, size=4, application="test")
    yield opened
    await opened.close()


async def until(true: Callable[[], Awaitable[Any]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.05)


async def holder(db: Database) -> int | None:
    async with db.connection() as connection:
        found: int | None = await connection.fetchval(HOLDER, RELAY_LOCK)
        return found


async def count(db: Database) -> int:
    async with db.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM outbox"))


def row(topic: str, key: str, value: str) -> OutboxRow:
    return OutboxRow(new_id(), topic, key, "test", '{"ce_id":"x"}', value.encode())


@pytest.mark.fault
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_lease_is_handed_over_in_seconds(dsn: str, db: Database, how: signal.Signals) -> None:
    async with process(RELAY, dsn=dsn, bootstrap="127.0.0.1:1") as first:
        await until(lambda: holder(db))
        before = await holder(db)
        async with process(RELAY, dsn=dsn, bootstrap="127.0.0.1:1"):
            await until(lambda: waits_for_lease(db))
            started = time.monotonic()
            first.send_signal(how)

            async def handed_over() -> bool:
                return await holder(db) not in (None, before)

            await until(handed_over)
            took = time.monotonic() - started

    assert took <= HANDOVER_SECONDS_MAX


async def waits_for_lease(db: Database) -> bool:
    async with db.connection() as connection:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"
        return int(await connection.fetchval(sessions, "relay")) >= 2


STOPPED_IN_MID_ANSWER = """
import asyncio, sys
from chassis.db import Database
from chassis.relay import LEASE_SESSION, RELAY_LOCK

async def main():
    lease = await Database(sys.argv[1], size=1, application="stopped").connect(**LEASE_SESSION)
    await lease.execute("SELECT pg_advisory_lock($1)" .replace("$1", str(RELAY_LOCK)))
    while True:
        await lease.fetch("SELECT repeat('x', 100000) FROM generate_series(1, 1000)")

asyncio.run(main())
"""


@pytest.mark.fault
async def test_a_holder_stopped_in_the_middle_of_an_answer_loses_the_lease(dsn: str, db: Database) -> None:
    assert "tcp_user_timeout" in LEASE_SESSION
    stopped = await asyncio.create_subprocess_exec(sys.executable, "-c", STOPPED_IN_MID_ANSWER, dsn)
    try:
        await until(lambda: holder(db))
        # It reads a hundred megabytes over and over: whenever it stops, the server is sending.
        await asyncio.sleep(0.5)
        started = time.monotonic()
        stopped.send_signal(signal.SIGSTOP)

        async def free() -> bool:
            return await holder(db) is None

        await until(free)
        assert time.monotonic() - started <= HANDOVER_SECONDS_MAX
    finally:
        stopped.kill()
        await stopped.wait()


class Nobody:
    """No broker answers, ever."""

    async def get(self) -> AIOKafkaProducer:
        await asyncio.Event().wait()
        raise AssertionError

    async def replace(self, broken: AIOKafkaProducer) -> None:
        return None

    async def ask(self, producer: AIOKafkaProducer, work: Coroutine[Any, Any, T]) -> T:
        return await work


FILL = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT gen_random_uuid(), $1, n::text, 'test', '{}', convert_to(repeat('x', $3), 'UTF8')
FROM generate_series(1, $2) AS n
"""


@pytest.fixture
async def stuck(db: Database) -> AsyncIterator[Lanes]:
    """What a relay holds in memory while no broker answers."""
    doorbell = Doorbell()
    lanes = Lanes(Nobody(), doorbell.wake)
    running = asyncio.create_task(Relay(db, lanes, doorbell).run())
    yield lanes
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    lanes.abandon()


async def test_memory_is_bounded_in_bytes_while_kafka_is_away(db: Database, stuck: Lanes) -> None:
    async with db.transaction() as tx:
        for n in range(6):
            await tx.execute(FILL, f"test-large-{n}", 60, 400_000)
    seen = [-1]

    async def settled() -> bool:
        seen.append(len(stuck.taken))
        return seen[-1] > 0 and len(seen) > 40 and len(set(seen[-20:])) == 1

    await until(settled)

    assert sum(r.size for r in stuck.taken.values()) <= RELAY_BYTES_MAX + 400_000
    assert len({r.topic for r in stuck.taken.values()}) > 3


async def test_however_many_topics_do_not_drain_the_next_one_finds_room(db: Database, stuck: Lanes) -> None:
    async with db.transaction() as tx:
        for n in range(6):
            await tx.execute(FILL, f"test-stuck-{n}", 2_000, 10)
        await append(tx, row("test-behind-them", "k", "finds room"))

    async def found() -> bool:
        return any(r.topic == "test-behind-them" for r in stuck.taken.values())

    await until(found)


async def test_a_process_that_wakes_after_its_lease_hands_nothing_to_kafka() -> None:
    counting = Acknowledging()
    lanes = Lanes(counting, lambda: None)
    lanes.lease_until = time.monotonic() - 1
    lanes.add(Row(1, "test", "k", "{}", b"x", datetime.now(UTC)))
    await asyncio.sleep(0.2)
    assert counting.batches == 0

    lanes.lease_until = time.monotonic() + 60
    async with asyncio.timeout(10):
        while not lanes.collect():
            await asyncio.sleep(0.01)
    assert counting.batches == 1


CANNOT_DELETE = """
CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER disk_full BEFORE DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION disk_full();
"""


async def test_a_full_disk_keeps_the_lease_and_repeats_nothing(dsn: str, db: Database, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap, partitions=1)
    async with db.transaction() as tx:
        await tx.execute(CANNOT_DELETE)
        await append(tx, *(row(topic, "k", str(n)) for n in range(20)))

    async with process(RELAY, dsn=dsn, bootstrap=kafka_server.bootstrap):
        await read_until(kafka_server.bootstrap, topic, lambda found: len(found) >= 20)
        before = await holder(db)
        # Long enough for two tries, and for a lease that were not kept alive to be lost.
        await asyncio.sleep(3.5)
        assert await holder(db) == before
        async with db.transaction() as tx:
            await tx.execute("DROP TRIGGER disk_full ON outbox")

        async def emptied() -> bool:
            return await count(db) == 0

        await until(emptied)
        records = await read_until(kafka_server.bootstrap, topic, lambda found: len(found) >= 20)

    assert [r.value for r in records] == [str(n).encode() for n in range(20)]


async def test_the_largest_event_that_is_accepted_is_also_sent(dsn: str, db: Database, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap, partitions=1)
    async with db.transaction() as tx:
        await append(tx, row(topic, "k", "x" * 899_000), row(topic, "k", "after"))

    async with process(RELAY, dsn=dsn, bootstrap=kafka_server.bootstrap):
        records = await read_until(kafka_server.bootstrap, topic, lambda found: len(found) >= 2)

    assert [len(r.value or b"") for r in records] == [899_000, 5]
