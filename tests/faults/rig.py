"""What trials stand on: two servers, a nursery of processes, databases and topics of their own."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition
from tests.faults.children import Nursery, nursery
from tests.faults.proxy import Proxy, proxy
from tests.faults.wire import KafkaWire, PostgresWire

from chassis.testing.kafka import create_topic
from maillage.testing.databases import DatabaseFactory
from maillage.testing.servers import KafkaServer, PostgresServer
from maillage_contracts import TOPICS

PARTITIONS = 3
FOLDERS = itertools.count()
READ_SECONDS = 60.0
PATIENCE_SECONDS = 120.0
"""Of a trial for what is no part of its bound: the machine may be anybody's."""


def through(dsn: str, port: int) -> str:
    """Return the same address by another port."""
    parts = urlsplit(dsn)
    account = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{account}@127.0.0.1:{port}"))


@dataclass
class Rig:
    """Shared by every trial of a run."""

    postgres: PostgresServer
    kafka: KafkaServer
    databases: DatabaseFactory
    nursery: Nursery
    folder: Path
    replication: int = 1
    throw_away: bool = False
    """Whether the database server ends with the trial: nothing is dropped, and perhaps nobody would answer."""

    def __post_init__(self) -> None:
        self._lock = asyncio.Lock()
        self.http_lock = asyncio.Lock()
        """Trials of the API share its topic: one at a time."""

    def new_folder(self, name: str) -> Path:
        """Return a folder for a trial's logs and files."""
        made = self.folder / f"{next(FOLDERS)}-{name}"
        made.mkdir()
        return made

    @asynccontextmanager
    async def database(self, package: str) -> AsyncIterator[str]:
        """Give a database with a package's schema; dropped with the block."""
        dsn = await self.databases.create(package, self._lock)
        try:
            yield dsn
        finally:
            if not self.throw_away:
                await self.databases.drop(dsn)

    async def topic(self, partitions: int = PARTITIONS) -> str:
        """Create a topic of one's own, with the settings of those of the product."""
        return await create_topic(self.kafka.bootstrap, partitions, self.replication, TOPICS[0].config)

    async def kafka_proxy(self, stack: AsyncExitStack, chance: random.Random) -> Proxy:
        """Put a proxy before the broker, until `stack` ends."""
        there = int(self.kafka.bootstrap.rpartition(":")[2])
        return await stack.enter_async_context(proxy(there, lambda here: KafkaWire({there: here}), chance))

    async def postgres_proxy(self, stack: AsyncExitStack, chance: random.Random) -> Proxy:
        """Put a proxy before the database, until `stack` ends."""
        there = urlsplit(self.postgres.admin_dsn).port or 5432
        return await stack.enter_async_context(proxy(there, lambda _: PostgresWire(), chance))


@asynccontextmanager
async def rig_on(postgres: PostgresServer, kafka: KafkaServer, folder: Path) -> AsyncIterator[Rig]:
    """Give a rig on running servers."""
    databases = DatabaseFactory(postgres.admin_dsn)
    async with nursery() as children:
        try:
            yield Rig(postgres, kafka, databases, children, folder)
        finally:
            if postgres.process is None:
                await databases.drop_all()


async def read_topic(
    bootstrap: str, topic: str, since: dict[int, int] | None = None
) -> list[ConsumerRecord[bytes, bytes]]:
    """Return a topic's records as it is now, each partition in its order; from these offsets on, if given."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50)
    await consumer.start()
    try:
        partitions = await _partitions_of(consumer, topic)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, (since or {}).get(partition.partition, 0))
        found: list[ConsumerRecord[bytes, bytes]] = []
        async with asyncio.timeout(READ_SECONDS):
            while [one for one in partitions if await consumer.position(one) < ends[one]]:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += records
        return found
    finally:
        await consumer.stop()


async def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """Return where each partition of a topic ends now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = await _partitions_of(consumer, topic)
        return {partition.partition: end for partition, end in (await consumer.end_offsets(partitions)).items()}
    finally:
        await consumer.stop()


async def _partitions_of(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    # A consumer without a subscription learns of topics one by one.
    await consumer._client.set_topics([topic])
    return [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]


async def until(true: Callable[[], bool], seconds: float) -> bool:
    """Return whether something became true within `seconds`, looking often."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True
