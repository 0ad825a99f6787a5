"""The relay on real PostgreSQL and Kafka: nothing lost, first occurrences in order, whatever dies in between."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from chassis.db import Database
from chassis.ids import new_id
from chassis.outbox import OutboxRow, append
from chassis.partitions import partition_of
from chassis.relay import unpark
from chassis.testing.kafka import create_topic, read_until
from chassis.testing.processes import process

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
async def dsn(database: Callable[[str | None], Awaitable[str]]) -> str:
    return await database("chassis")


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    opened = Database(dsn, size=20, application="test")
    yield opened
    await opened.close()


def row(topic: str, key: str, value: str) -> OutboxRow:
    return OutboxRow(new_id(), topic, key, "test", '{"ce_id":"x"}', value.encode())


async def write(db: Database, *rows: OutboxRow) -> None:
    async with db.transaction() as tx:
        await append(tx, *rows)


def relay(dsn: str, bootstrap: str, faults: str = "") -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    return process("chassis.testing.relay_process", dsn=dsn, bootstrap=bootstrap, faults=faults)


async def emptied(db: Database, timeout_seconds: float = 30) -> None:
    async with asyncio.timeout(timeout_seconds):
        while True:
            async with db.connection() as connection:
                if await connection.fetchval("SELECT count(*) FROM outbox") == 0:
                    return
            await asyncio.sleep(0.05)


async def newest_position(db: Database) -> int:
    async with db.connection() as connection:
        return int(await connection.fetchval("SELECT coalesce(max(position), 0) FROM outbox"))


async def oldest_position(db: Database) -> int:
    async with db.connection() as connection:
        return int(await connection.fetchval("SELECT coalesce(min(position), 0) FROM outbox"))


def first_occurrences(records: Iterable[ConsumerRecord[bytes, bytes]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for record in records:
        key, value = (record.key or b"").decode(), (record.value or b"").decode()
        if value not in found[key]:
            found[key].append(value)
    return found


def all_values(records: Iterable[ConsumerRecord[bytes, bytes]]) -> set[str]:
    return {(r.value or b"").decode() for r in records}


async def test_rows_leave_in_order_under_their_key_and_are_deleted(dsn: str, db: Database, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap)
    expected = {f"k{k}": [f"{k}-{n}" for n in range(40)] for k in range(10)}
    for n in range(40):
        await write(db, *(row(topic, key, values[n]) for key, values in expected.items()))

    async with relay(dsn, kafka_server.bootstrap):
        records = await read_until(kafka_server.bootstrap, topic, lambda found: len(all_values(found)) == 400)
        await emptied(db)

    assert first_occurrences(records) == expected
    assert all(r.partition == partition_of((r.key or b"").decode(), 3) for r in records)


async def test_nothing_is_lost_when_killed_between_acknowledgement_and_delete(
    dsn: str, db: Database, kafka_server: Any
) -> None:
    topic = await create_topic(kafka_server.bootstrap)
    expected = {"a": [f"a{n}" for n in range(30)], "b": [f"b{n}" for n in range(30)]}
    await write(db, *(row(topic, key, value) for key, values in expected.items() for value in values))

    async with relay(dsn, kafka_server.bootstrap, faults="relay.acknowledged") as process:
        assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    async with relay(dsn, kafka_server.bootstrap):
        await emptied(db)
        records = await read_until(kafka_server.bootstrap, topic, lambda found: len(found) > 60)

    assert first_occurrences(records) == expected


@pytest.mark.fault
async def test_nothing_is_lost_or_swapped_when_killed_at_random(dsn: str, db: Database, kafka_server: Any) -> None:
    seed = int(os.environ.get("MAILLAGE_TEST_SEED", random.randrange(10**6)))
    print(f"seed {seed}")  # noqa: T201  # replays the same trial
    chance = random.Random(seed)
    topic = await create_topic(kafka_server.bootstrap)
    expected: dict[str, list[str]] = {f"k{k}": [] for k in range(8)}
    killed = asyncio.Event()

    async def writer() -> None:
        while not killed.is_set():
            n = sum(map(len, expected.values()))
            keys = chance.choices(list(expected), k=20)
            rows = [row(topic, key, f"{key}-{n + i}") for i, key in enumerate(keys)]
            for made in rows:
                expected[made.key].append(made.payload.decode())
            await write(db, *rows)
            # A pace, not a wait: what matters is that writing goes on while relays die, not how large a backlog gets.
            await asyncio.sleep(0.02)

    async def killer() -> None:
        for _ in range(4):
            async with relay(dsn, kafka_server.bootstrap) as victim:
                before = await newest_position(db)
                async with asyncio.timeout(20):
                    while await oldest_position(db) <= before:
                        await asyncio.sleep(0.01)
                await asyncio.sleep(chance.uniform(0, 0.3))
                victim.kill()
        killed.set()

    await asyncio.gather(writer(), killer())
    async with relay(dsn, kafka_server.bootstrap):
        await emptied(db)
        total = sum(map(len, expected.values()))
        records = await read_until(kafka_server.bootstrap, topic, lambda found: len(all_values(found)) == total)

    assert first_occurrences(records) == {key: values for key, values in expected.items() if values}


async def test_no_event_is_skipped_when_sixteen_writers_hold_their_transactions(
    dsn: str, db: Database, kafka_server: Any
) -> None:
    topic = await create_topic(kafka_server.bootstrap)
    chance = random.Random(16)

    async def writer(n: int) -> None:
        for i in range(40):
            async with db.transaction() as tx:
                await append(tx, row(topic, f"w{n}", f"{n}-{i}"))
                # Holding the transaction open is the point: later positions commit before this one.
                await asyncio.sleep(chance.uniform(0, 0.03))
            async with db.connection() as connection:
                await connection.execute("NOTIFY outbox")

    async with relay(dsn, kafka_server.bootstrap):
        await write(db, row(topic, "first", "the relay is at work"))
        await emptied(db)
        await asyncio.gather(*(writer(n) for n in range(16)))
        records = await read_until(kafka_server.bootstrap, topic, lambda found: len(all_values(found)) == 641)

    found = first_occurrences(records)
    assert [found[f"w{n}"] for n in range(16)] == [[f"{n}-{i}" for i in range(40)] for n in range(16)]


async def test_a_record_refused_for_good_parks_its_key_only(dsn: str, db: Database, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap, partitions=1, config={"max.message.bytes": "2000"})
    await write(
        db,
        row(topic, "big", "before"),
        row(topic, "big", "x" * 5000),
        row(topic, "small", "neighbour 1"),
        row(topic, "big", "behind"),
        row(topic, "small", "neighbour 2"),
    )

    async with relay(dsn, kafka_server.bootstrap):
        await emptied(db)
        await write(db, row(topic, "big", "later"), row(topic, "small", "neighbour 3"))
        await emptied(db)
        wanted = {"before", "neighbour 1", "neighbour 2", "neighbour 3"}
        await read_until(kafka_server.bootstrap, topic, lambda found: all_values(found) == wanted)
        async with db.transaction() as tx:
            parked = await tx.fetch("SELECT length(payload) AS size, cause FROM outbox_parked ORDER BY position")
            assert [r["size"] for r in parked] == [5000, 6, 5]
            assert "TooLarge" in parked[0]["cause"]
            await tx.execute("UPDATE outbox_parked SET payload = 'shorter' WHERE length(payload) = 5000")
        await unpark(db, topic, "big")
        records = await read_until(kafka_server.bootstrap, topic, lambda found: len(all_values(found)) == 7)

    assert first_occurrences(records)["big"] == ["before", "shorter", "behind", "later"]


async def test_a_key_put_back_while_others_are_stuck_is_sent(dsn: str, db: Database, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap, partitions=1, config={"max.message.bytes": "2000"})
    await write(db, row(topic, "big", "x" * 5000), row(topic, "big", "behind"), row("test-not-there", "k", "stuck"))

    async with relay(dsn, kafka_server.bootstrap):
        async with asyncio.timeout(20):
            while True:
                async with db.connection() as connection:
                    if await connection.fetchval("SELECT count(*) FROM outbox_parked") == 2:
                        break
                await asyncio.sleep(0.05)
        async with db.transaction() as tx:
            await tx.execute("UPDATE outbox_parked SET payload = 'shorter' WHERE length(payload) = 5000")
        await unpark(db, topic, "big")
        records = await read_until(kafka_server.bootstrap, topic, lambda found: len(all_values(found)) == 2)

    assert first_occurrences(records) == {"big": ["shorter", "behind"]}


async def test_a_stopped_relay_hands_over_and_wakes_up_harmless(dsn: str, db: Database, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap)
    async with relay(dsn, kafka_server.bootstrap) as first:
        await write(db, row(topic, "k", "0"))
        await emptied(db)
        first.send_signal(signal.SIGSTOP)
        await write(db, *(row(topic, "k", str(n)) for n in range(1, 20)))
        async with relay(dsn, kafka_server.bootstrap):
            await emptied(db, timeout_seconds=15)
            first.send_signal(signal.SIGCONT)
            await write(db, *(row(topic, "k", str(n)) for n in range(20, 40)))
            await emptied(db)

    records = await read_until(kafka_server.bootstrap, topic, lambda found: len(all_values(found)) == 40)
    assert first_occurrences(records) == {"k": [str(n) for n in range(40)]}


async def test_one_topic_that_does_not_exist_holds_up_no_other(dsn: str, db: Database, kafka_server: Any) -> None:
    topic = await create_topic(kafka_server.bootstrap)
    await write(db, row("test-does-not-exist", "k", "lost?"), row(topic, "k", "goes"))

    async with relay(dsn, kafka_server.bootstrap):
        await read_until(kafka_server.bootstrap, topic, lambda found: all_values(found) == {"goes"})

    async with db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox WHERE aggregatetype <> $1", topic) == 1
