"""What the measures stand on: servers, databases and topics of their own, and processes against them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition
from confluent_kafka.admin import AdminClient
from tests.load.arms.effects import TABLE
from tests.load.processes import Arm, arm
from tests.load.records import encoded_records
from tests.load.servers import Servers

from chassis.testing.kafka import create_topic
from maillage.testing.databases import DatabaseFactory
from maillage_contracts import TOPICS

PARTITIONS = TOPICS[0].partitions
"""As every internal topic."""

READ_SECONDS = 120.0
FILL_AT_ONCE = 5_000
READ_BACK_MAX = 200_000
"""Of larger topics the records are counted, not read back: that would take longer than what is measured."""

DELETE_SECONDS = 20.0


class WrongCount(Exception):
    """An arm lost an event or handled one twice: its figures mean nothing, and the run ends."""


class Rig:
    """Makes what an arm needs, and checks what it left."""

    def __init__(self, servers: Servers, databases: DatabaseFactory) -> None:
        self.servers = servers
        self._databases = databases
        self._lock = asyncio.Lock()

    @property
    def bootstrap(self) -> str:
        """Kafka's address for services."""
        return self.servers.kafka.bootstrap

    @property
    def folder(self) -> Path:
        """Where logs and keys go."""
        return self.servers.folder

    @asynccontextmanager
    async def database(self, package: str = "chassis") -> AsyncIterator[str]:
        """Give a database with a package's schema, and the table of effects; dropped with the block."""
        dsn = await self._databases.create(package, self._lock)
        connection = await asyncpg.connect(dsn)
        await connection.execute(TABLE)
        await connection.close()
        try:
            yield dsn
        finally:
            await self._databases.drop(dsn)

    @asynccontextmanager
    async def topic(self) -> AsyncIterator[str]:
        """Give an empty topic; deleted with the block."""
        name = await create_topic(self.bootstrap, PARTITIONS)
        try:
            yield name
        finally:
            await self.delete_topics([name])

    async def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics, if they exist."""
        # Kept until the answers are there: they end with the client.
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for future in admin.delete_topics(list(names)).values():
            await asyncio.to_thread(future.exception, DELETE_SECONDS)

    @asynccontextmanager
    async def filled_topic(self, count: int) -> AsyncIterator[str]:
        """Give a topic that holds `count` events."""
        async with self.topic() as name:
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", max_batch_size=256 * 1024)
            await producer.start()
            try:
                records = encoded_records(count)
                while group := list(islice(records, FILL_AT_ONCE)):
                    sent = [await producer.send(name, value, key=key, headers=headers) for key, headers, value in group]
                    await asyncio.gather(*sent)
            finally:
                await producer.stop()
            yield name

    def arm(self, module: str, **config: Any) -> AbstractAsyncContextManager[Arm]:
        """Run an arm against these servers."""
        return arm(self.folder, module, {"bootstrap": self.bootstrap, **config})

    async def expect_in_topic(self, topic: str, count: int) -> None:
        """Raise WrongCount unless `topic` holds `count` events, each once; of a large one, that many records."""
        if count > READ_BACK_MAX:
            found = await self.records_in(topic)
            if found != count:
                raise WrongCount(f"{topic}: {found} records, {count} expected")
            return
        ids = await self._ids_in(topic)
        if len(ids) != count or len(set(ids)) != count:
            raise WrongCount(f"{topic}: {len(ids)} records, {len(set(ids))} events, {count} expected")

    async def expect_effects(self, dsn: str, count: int) -> None:
        """Raise WrongCount unless the table of effects holds `count` events, each once."""
        connection = await asyncpg.connect(dsn)
        try:
            rows, events = await connection.fetchrow("SELECT count(*), count(DISTINCT event_id) FROM effects") or (0, 0)
        finally:
            await connection.close()
        if rows != count or events != count:
            raise WrongCount(f"{rows} effects, {events} events, {count} expected")

    async def caught_up(self, group: str, topic: str) -> None:
        """Return once a group of readers has nothing left to read of `topic`."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await consumer.start()
        await admin.start()
        try:
            ends = await consumer.end_offsets(await _partitions_of(consumer, topic))
            async with asyncio.timeout(READ_SECONDS):
                while True:
                    committed = await admin.list_consumer_group_offsets(group)
                    if all(
                        partition in committed and committed[partition].offset >= end
                        for partition, end in ends.items()
                        if end
                    ):
                        return
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()
            await consumer.stop()

    async def records_in(self, topic: str) -> int:
        """Return how many records a topic holds, where nothing was deleted yet."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            return sum((await consumer.end_offsets(await _partitions_of(consumer, topic))).values())
        finally:
            await consumer.stop()

    async def _ids_in(self, topic: str) -> list[bytes]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            partitions = await _partitions_of(consumer, topic)
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            ids: list[bytes] = []
            async with asyncio.timeout(READ_SECONDS):
                while len(ids) < sum(ends.values()):
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        ids += [dict(record.headers)["ce_id"] for record in records]
            return ids
        finally:
            await consumer.stop()


async def _partitions_of(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    # A consumer without a subscription learns of topics one by one.
    await consumer._client.set_topics([topic])
    return [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
