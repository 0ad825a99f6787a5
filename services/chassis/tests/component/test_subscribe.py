"""Consuming from a real broker: whatever dies in mid-batch, every event has one effect, in order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from chassis.db import Database
from chassis.ids import new_id
from chassis.records import Source
from chassis.testing.consumer_process import EFFECTS
from chassis.testing.events import received, source_of_event, submitted
from chassis.testing.kafka import create_topic
from chassis.testing.processes import process

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]
CONSUMER = "chassis.testing.consumer_process"


@pytest.fixture
async def dsn(database: Callable[[str | None], Awaitable[str]]) -> str:
    return await database("chassis")


async def prepare(dsn: str) -> Database:
    db = Database(dsn, size=3, application="test")
    async with db.transaction() as tx:
        await tx.execute(EFFECTS)
    return db


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


async def effects(db: Database, expected: int, timeout_seconds: float = 40) -> list[tuple[UUID, UUID, int]]:
    async with asyncio.timeout(timeout_seconds):
        while True:
            async with db.connection() as connection:
                rows = await connection.fetch("SELECT event_id, subject, version FROM effects ORDER BY n")
            if len(rows) >= expected:
                return [(row["event_id"], row["subject"], row["version"]) for row in rows]
            await asyncio.sleep(0.1)


async def rolled_back(db: Database, count: int, timeout_seconds: float = 30) -> None:
    """Wait until the consumer has tried and failed a few times."""
    async with asyncio.timeout(timeout_seconds):
        while True:
            async with db.connection() as connection:
                sql = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"
                if await connection.fetchval(sql) >= count:
                    return
            await asyncio.sleep(0.1)


def assert_once_and_in_order(found: list[tuple[UUID, UUID, int]], sources: list[Source]) -> None:
    assert len(found) == len(sources) == len({event for event, _, _ in found})
    versions: dict[UUID, list[int]] = {}
    for _, subject, version in found:
        versions.setdefault(subject, []).append(version)
    assert all(seen == [1, 2, 3] for seen in versions.values())


async def lag(bootstrap: str, group: str, topic: str, total: int) -> int:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    future = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group]
    committed = await asyncio.to_thread(future.result, 10)
    committed_total: int = sum(max(0, p.offset) for p in committed.topic_partitions if p.topic == topic)
    return total - committed_total


@pytest.mark.parametrize("point", ["consumer.before_commit", "consumer.committed"])
async def test_nothing_is_lost_or_doubled_when_killed_in_mid_batch(dsn: str, kafka_server: Any, point: str) -> None:
    topic = await create_topic(kafka_server.bootstrap)
    db, sources = await prepare(dsn), stories(200)
    await publish(kafka_server.bootstrap, topic, sources)

    async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap, faults=point) as victim:
        assert await asyncio.wait_for(victim.wait(), 30) == -signal.SIGKILL
    async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap):
        found = await effects(db, len(sources))

    assert_once_and_in_order(found, sources)
    await db.close()


@pytest.mark.fault
async def test_nothing_is_lost_or_doubled_when_killed_at_random(dsn: str, kafka_server: Any) -> None:
    seed = int(os.environ.get("MAILLAGE_TEST_SEED", random.randrange(10**6)))
    print(f"seed {seed}")  # noqa: T201  # replays the same trial
    chance = random.Random(seed)
    topic = await create_topic(kafka_server.bootstrap)
    db, sources = await prepare(dsn), stories(700)
    publishing = asyncio.create_task(publish(kafka_server.bootstrap, topic, sources))

    for target in (50, 600, 1200):
        async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap) as victim:
            await effects(db, target)
            await asyncio.sleep(chance.uniform(0, 0.1))
            victim.kill()
    await publishing
    async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap):
        found = await effects(db, len(sources))

    assert_once_and_in_order(found, sources)
    await db.close()


async def test_sigterm_finishes_the_batch_and_commits_its_offset(dsn: str, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap)
    db, sources = await prepare(dsn), stories(100)
    first, rest = sources[:60], sources[60:]
    await publish(kafka_server.bootstrap, topic, first)

    # The first commit goes at once; every other one would come long after the test: only the end brings it.
    never = {"MAILLAGE_TEST_COMMIT_SECONDS": "600"}
    async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap, **never) as consumer:
        await effects(db, len(first))
        await publish(kafka_server.bootstrap, topic, rest)
        await effects(db, len(sources))
        assert await lag(kafka_server.bootstrap, f"testing-{topic}", topic, len(sources)) >= len(rest)
        consumer.terminate()
        assert await asyncio.wait_for(consumer.wait(), 8) == 0

    assert await lag(kafka_server.bootstrap, f"testing-{topic}", topic, len(sources)) == 0
    await db.close()


async def test_a_killed_member_takes_its_partitions_back_at_once(dsn: str, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap)
    db, first, second = await prepare(dsn), stories(5), stories(5)
    await publish(kafka_server.bootstrap, topic, first)
    # Static membership, not luck: a member that had to be missed first would be missed for longer than we wait.
    session = {"MAILLAGE_TEST_SESSION_MS": "120000"}
    async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap, **session) as victim:
        await effects(db, len(first))
        victim.kill()
    await publish(kafka_server.bootstrap, topic, second)

    async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap, **session):
        found = await effects(db, len(first) + len(second))

    assert_once_and_in_order(found, first + second)
    await db.close()


async def test_what_cannot_even_be_set_aside_is_waited_for_and_nothing_behind_it_is_lost(
    dsn: str, kafka_server: Any
) -> None:
    topic = await create_topic(kafka_server.bootstrap, partitions=1)
    db, sources = await prepare(dsn), stories(10)
    poison = replace(source_of_event(submitted()), value=b"{")
    async with db.transaction() as tx:
        await tx.execute("ALTER TABLE dead_letters RENAME TO elsewhere")
    await publish(kafka_server.bootstrap, topic, [*sources[:15], poison, *sources[15:]])

    async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap):
        await rolled_back(db, 2)
        async with db.transaction() as tx:
            assert await tx.fetchval("SELECT count(*) FROM effects") == 0
            await tx.execute("ALTER TABLE elsewhere RENAME TO dead_letters")
        found = await effects(db, len(sources))

    assert_once_and_in_order(found, sources)
    async with db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM dead_letters") == 1
    await db.close()


async def test_poison_on_the_wire_becomes_dead_letters_and_its_neighbours_pass(dsn: str, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap, partitions=1)
    db, sources = await prepare(dsn), stories(30)
    poison = [
        replace(source_of_event(submitted()), headers=[("ce_type", b"\xff\xfe"), ("ce_id", b"\x00")]),
        replace(source_of_event(submitted()), value=None),
        replace(source_of_event(submitted()), value=b"{"),
    ]
    mixed = [*sources[:20], *poison, *sources[20:]]
    await publish(kafka_server.bootstrap, topic, mixed)

    async with process(CONSUMER, topic, dsn=dsn, bootstrap=kafka_server.bootstrap):
        found = await effects(db, len(sources))

    assert_once_and_in_order(found, sources)
    async with db.connection() as connection:
        rows = await connection.fetch('SELECT "offset", state, value FROM dead_letters ORDER BY id')
    assert [(r["offset"], r["state"], r["value"]) for r in rows] == [
        (20 + n, "dead", p.value) for n, p in enumerate(poison)
    ]
    await db.close()
