"""Members of a group that lose their partitions, stop, or are told to end in the middle of a batch: one effect each."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from chassis import watch
from chassis.clock import SystemClock
from chassis.consumer import Processor, Subscription
from chassis.db import Database, Tx
from chassis.health import Health
from chassis.ids import new_id
from chassis.kafka import build_broker
from chassis.outbox import Doorbell
from chassis.records import Delivery, Source
from chassis.settings import ServiceSettings
from chassis.subscribe import subscribe
from chassis.testing.consumer_process import EFFECTS, effect
from chassis.testing.events import received, source_of_event, submitted
from chassis.testing.kafka import create_topic
from chassis.testing.processes import process
from maillage_contracts import ReferralReceived, ReferralSubmitted

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.fault, pytest.mark.long]

CONSUMER = "chassis.testing.consumer_process"


@pytest.fixture
async def dsn(database: Callable[[str | None], Awaitable[str]]) -> str:
    return await database("chassis")


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    opened = Database(dsn, size=6, application="test")
    async with opened.transaction() as tx:
        await tx.execute(EFFECTS)
    yield opened
    await opened.close()


def stories(count: int) -> list[Source]:
    referrals = [new_id() for _ in range(count)]
    return [source_of_event(submitted(r)) for r in referrals] + [
        source_of_event(received(r, version)) for version in (2, 3) for r in referrals
    ]


async def publish(bootstrap: str, topic: str, sources: list[Source]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    await producer.start()
    futures = [await producer.send(topic, s.value, key=s.key, headers=list(s.headers)) for s in sources]
    await asyncio.gather(*futures)
    await producer.stop()


async def until(true: Callable[[], Awaitable[Any]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.1)


async def effects(db: Database) -> list[Any]:
    async with db.connection() as connection:
        return list(await connection.fetch("SELECT event_id, subject, version FROM effects ORDER BY n"))


async def all_done(db: Database, sources: list[Source]) -> None:
    async def enough() -> bool:
        return len(await effects(db)) >= len(sources)

    await until(enough)


async def assert_once_and_in_order(db: Database, sources: list[Source]) -> None:
    found = await effects(db)
    assert len(found) == len(sources) == len({row["event_id"] for row in found})
    versions: dict[UUID, list[int]] = {}
    for row in found:
        versions.setdefault(row["subject"], []).append(row["version"])
    assert all(seen == [1, 2, 3] for seen in versions.values())
    async with db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM dead_letters") == 0


async def acknowledged(bootstrap: str, topic: str) -> int:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    group = f"testing-{topic}"
    future = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group]
    found = await asyncio.to_thread(future.result, 10)
    return sum(max(0, p.offset) for p in found.topic_partitions if p.topic == topic)


async def members(bootstrap: str, topic: str) -> int:
    """How many members hold partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    group = f"testing-{topic}"
    future = admin.describe_consumer_groups([group])[group]
    described = await asyncio.to_thread(future.result, 10)
    return sum(bool(member.assignment.topic_partitions) for member in described.members)


class Member:
    """A consumer in this process, whose first batch may be held back after its effects."""

    def __init__(self) -> None:
        self.inside = asyncio.Event()
        self.go_on = asyncio.Event()

    async def handle(self, tx: Tx, delivery: Delivery, fetched: Any) -> None:
        await effect(tx, delivery, fetched)
        self.inside.set()
        await self.go_on.wait()


@asynccontextmanager
async def joined(member: Member, instance: str, dsn: str, bootstrap: str, topic: str) -> AsyncIterator[None]:
    settings = ServiceSettings(
        stack="test", http_port=0, database_dsn=SecretStr(dsn), kafka_bootstrap=bootstrap, instance=instance
    )
    database = Database(dsn, size=2, application=f"member-{instance}")
    handlers: dict[Any, Any] = {ReferralSubmitted: member.handle, ReferralReceived: member.handle}
    processor = Processor("testing", Subscription(topic, one=handlers), database, SystemClock(), Doorbell())
    broker = build_broker(settings, "testing")
    subscribe(broker, processor, instance=instance)
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()
        await database.close()


async def test_a_batch_that_still_runs_when_its_partition_is_revoked_has_no_second_effect(
    dsn: str, db: Database, kafka_server: Any
) -> None:
    bootstrap = kafka_server.bootstrap
    topic = await create_topic(bootstrap, partitions=2)
    sources, slow, quick = stories(50), Member(), Member()
    quick.go_on.set()
    await publish(bootstrap, topic, sources)

    async with joined(slow, "0", dsn, bootstrap, topic):
        await slow.inside.wait()
        async with joined(quick, "1", dsn, bootstrap, topic):

            async def shared() -> bool:
                return await members(bootstrap, topic) == 2

            # The slow batch holds records of both partitions; one of them belongs to the other member now.
            await until(shared)
            slow.go_on.set()
            await all_done(db, sources)
            more = stories(10)
            await publish(bootstrap, topic, more)
            await all_done(db, sources + more)

            async def everything() -> bool:
                return await acknowledged(bootstrap, topic) == len(sources + more)

            await until(everything)

    await assert_once_and_in_order(db, sources + more)


async def test_sigterm_in_the_middle_of_a_batch_acknowledges_nothing_of_it(
    dsn: str, db: Database, kafka_server: Any
) -> None:
    bootstrap = kafka_server.bootstrap
    topic, sources = await create_topic(bootstrap, partitions=1), stories(20)
    await publish(bootstrap, topic, sources)

    async with holding_effects(dsn):
        async with process(CONSUMER, topic, dsn=dsn, bootstrap=bootstrap) as consumer:
            await until(lambda: blocked(db))
            consumer.terminate()
            assert await asyncio.wait_for(consumer.wait(), 8) == 0
        assert await acknowledged(bootstrap, topic) == 0

    async with process(CONSUMER, topic, dsn=dsn, bootstrap=bootstrap):
        await all_done(db, sources)
    await assert_once_and_in_order(db, sources)


@asynccontextmanager
async def holding_effects(dsn: str) -> AsyncIterator[None]:
    """Let nobody write an effect, from a session that the limits of services do not end."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE effects IN SHARE MODE")
            yield
    finally:
        await connection.close()


async def blocked(db: Database) -> bool:
    async with db.connection() as connection:
        sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'effects'::regclass"
        return bool(await connection.fetchval(sql))


@pytest.mark.timeout(180)
async def test_a_consumer_that_wakes_after_its_session_has_no_second_effect(
    dsn: str, db: Database, kafka_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped inside its transaction, in the middle of a statement: its claims are freed by the others' watch."""
    monkeypatch.setattr(watch, "IDLE_IN_TRANSACTION_TIMEOUT_MS", 4_000)
    watching = asyncio.create_task(watch.watch_database(Health("test"), db, db))
    bootstrap = kafka_server.bootstrap
    topic, sources = await create_topic(bootstrap, partitions=1), stories(20)
    await publish(bootstrap, topic, sources)
    session = {"MAILLAGE_TEST_SESSION_MS": "6000"}

    async with process(CONSUMER, topic, dsn=dsn, bootstrap=bootstrap, MAILLAGE_INSTANCE="0", **session) as zombie:
        async with holding_effects(dsn):
            await until(lambda: blocked(db))
            zombie.send_signal(signal.SIGSTOP)
        stopped_at = time.monotonic()
        async with process(CONSUMER, topic, dsn=dsn, bootstrap=bootstrap, MAILLAGE_INSTANCE="1", **session):
            await all_done(db, sources)
            took = time.monotonic() - stopped_at
            zombie.send_signal(signal.SIGCONT)
            more = stories(10)
            await publish(bootstrap, topic, more)
            await all_done(db, sources + more)

            async def everything() -> bool:
                return await acknowledged(bootstrap, topic) == len(sources + more)

            await until(everything)

    watching.cancel()
    await assert_once_and_in_order(db, sources + more)
    print(f"taken over after {took:.1f} s")  # noqa: T201  # for the reader
